package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The names below a home.
const (
	fileName     = "config.json"
	settingsName = "config.conf"
	keysName     = "keys"
	keyName      = "device.key"
	lockName     = "lock"
)

// Home is the directory that holds one user's state. It is only open to that user.
type Home struct{ dir string }

// DefaultHome returns where the state of the present user lives unless told otherwise.
func DefaultHome() (string, error) {
	dir, err := stateDir()
	if err != nil {
		return "", fmt.Errorf("find a place for shoal's state: %w; name one with --home", err)
	}
	return filepath.Join(dir, "shoal"), nil
}

// DefaultName returns what this device is called unless told otherwise.
func DefaultName() string {
	name, err := os.Hostname()
	if err == nil {
		name, _, _ = strings.Cut(name, ".")
		if CheckName(name) == nil {
			return name
		}
	}
	return "device"
}

// OpenHome makes dir ready to hold state and closes it to other users. A directory that
// others can look into is only taken when it holds nothing yet or is a home already:
// closing any other one could lock people out of their own files.
func OpenHome(dir string) (*Home, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("home %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the home: %w", err)
	}
	if err := closeToOthers(dir); err != nil {
		return nil, fmt.Errorf("home %s: %w", dir, err)
	}
	return &Home{dir: dir}, nil
}

// Dir returns the absolute path of the home.
func (h *Home) Dir() string { return h.dir }

// IndexDir returns the directory for databases, which exists when it returns.
func (h *Home) IndexDir() (string, error) {
	dir := filepath.Join(h.dir, "index")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of the index: %w", err)
	}
	return dir, nil
}

// writeDurably puts data in place of the file at path at once or not at all, and only
// returns when a power cut cannot take it back.
func writeDurably(path string, data []byte) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(temp.Name())))
		}
	}()
	_, err = temp.Write(data)
	if err == nil {
		err = temp.Sync()
	}
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
