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

// ErrHeld reports that another process holds the lock.
var ErrHeld = errors.New("held by another process")

// heldBy is ErrHeld in words for a person.
type heldBy struct {
	home   string
	holder int // 0 when it is not known
}

func (h heldBy) Error() string {
	if h.holder == 0 {
		return fmt.Sprintf("home %s is in use by another process", h.home)
	}
	return fmt.Sprintf("home %s is in use by process %d", h.home, h.holder)
}

// Holder is the number of the process that an ErrHeld is about, 0 when it is not known.
func Holder(err error) int {
	var held heldBy
	errors.As(err, &held)
	return held.holder
}

func (heldBy) Is(target error) bool { return target == ErrHeld }

// Lock is the right to run an agent in a home. The system takes it back when the process
// ends in whatever way, so it never outlives its holder.
type Lock struct{ file *os.File }

// Lock takes the home for this process. It fails at once when another one has it, and
// says which.
func (h *Home) Lock() (*Lock, error) { return h.lock(lockName) }

// LockRole is Lock for a part of the program of which there is one in a home, such as the
// window. It fails with ErrHeld when another process plays the role.
func (h *Home) LockRole(role string) (*Lock, error) { return h.lock(role + ".lock") }

func (h *Home) lock(name string) (*Lock, error) {
	file, err := os.OpenFile(filepath.Join(h.dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the home: %w", err)
	}
	if err := lockFile(file); err != nil {
		holder := holderOf(file)
		_ = file.Close() // nothing was written
		if errors.Is(err, ErrHeld) {
			return nil, heldBy{h.dir, holder}
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

func holderOf(file *os.File) int {
	const pidMax = 20 // digits of the longest number
	text, err := io.ReadAll(io.NewSectionReader(file, 0, pidMax))
	if err != nil {
		return 0
	}
	pid, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 31)
	if err != nil {
		return 0 // it has just taken the lock and not written yet
	}
	return int(pid)
}
