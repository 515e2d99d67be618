package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// errHeld reports that another process holds the lock.
var errHeld = errors.New("held by another process")

// Lock is the right to run an agent in a home. The system takes it back when the process
// ends in whatever way, so it never outlives its holder.
type Lock struct{ file *os.File }

// Lock takes the home for this process. It fails at once when another one has it, and
// says which.
func (h *Home) Lock() (*Lock, error) {
	file, err := os.OpenFile(filepath.Join(h.dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the home: %w", err)
	}
	if err := lockFile(file); err != nil {
		holder := holderOf(file)
		_ = file.Close() // nothing was written
		if errors.Is(err, errHeld) {
			return nil, fmt.Errorf("home %s is in use by %s", h.dir, holder)
		}
		return nil, fmt.Errorf("lock the home %s: %w", h.dir, err)
	}
	err = file.Truncate(0)
	if err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the home %s: %w", h.dir, err), file.Close())
	}
	return &Lock{file}, nil
}

// Release gives the home back.
func (l *Lock) Release() error { return l.file.Close() }

func holderOf(file *os.File) string {
	const pidMax = 20 // digits of the longest number
	text, err := io.ReadAll(io.NewSectionReader(file, 0, pidMax))
	if err != nil {
		return "another process"
	}
	pid, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 63)
	if err != nil {
		return "another process" // it has just taken the lock and not written yet
	}
	return "process " + strconv.FormatUint(pid, 10)
}
