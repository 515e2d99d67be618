//go:build !windows

package update

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// setAside gives a program a second name, so that there is no moment without one.
func setAside(at string) error {
	if err := os.Remove(at + old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(at, at+old); err != nil {
		return os.Rename(at, at+old) // a volume without second names
	}
	return nil
}

func restore(at string) error { return os.Rename(at+old, at) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockDir locks a directory itself, so that no file need stay in it.
func lockDir(dir string) (*os.File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return d, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			err = ErrBusy
		default: // NFS locks nothing that is not open for writing
			err = errors.Join(errNoLocks, err)
		}
		return nil, errors.Join(err, d.Close())
	}
}
