//go:build !windows

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// othersMask are the permissions of everybody but the owner.
const othersMask fs.FileMode = 0o077

func stateDir() (string, error) {
	if runtime.GOOS == "darwin" {
		return os.UserConfigDir()
	}
	// A relative XDG_STATE_HOME is to be ignored, says the XDG specification.
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state"), nil
}

func closeToOthers(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("it is not a directory")
	}
	if info.Mode()&othersMask == 0 {
		return nil
	}
	ours, err := taken(dir)
	if err != nil {
		return err
	}
	if !ours {
		return errors.New("it holds other things and other users can look into it: " +
			"choose a directory for shoal alone")
	}
	return os.Chmod(dir, info.Mode().Perm()&^othersMask)
}

// taken reports whether dir is a home already, or holds nothing.
func taken(dir string) (bool, error) {
	for _, name := range []string{fileName, settingsName, keysName} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return true, nil
		}
	}
	entries, err := os.ReadDir(dir)
	return len(entries) == 0, err
}

func checkKeyMode(info fs.FileInfo, path string) error {
	if info.Mode()&othersMask != 0 {
		return fmt.Errorf("other users can read it (mode %04o), so it may be known to "+
			"them: close it with `chmod 600 %s`, or remove it to become a new device",
			info.Mode().Perm(), path)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
