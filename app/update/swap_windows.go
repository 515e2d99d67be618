package update

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// setAside renames a program: one that runs can be renamed, and neither deleted nor
// replaced. So the name is free for a moment.
func setAside(at string) error {
	if err := os.Remove(at + old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		// One that still runs from there, a window perhaps, gives up its name.
		if err := os.Rename(at+old, at+old+".older"); err != nil {
			return err
		}
	}
	return os.Rename(at, at+old)
}

// restore takes the new program away, which may run, and names the old one as it was.
func restore(at string) error {
	failed := at + ".failed"
	err := os.Remove(failed)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if moved := os.Rename(at, failed); moved != nil && !errors.Is(moved, fs.ErrNotExist) {
		err = errors.Join(err, moved)
	}
	return errors.Join(err, os.Rename(at+old, at))
}

// syncDir has nothing to do: NTFS journals renames.
func syncDir(string) error { return nil }

// lockName is a file that is there while somebody replaces the programs beside it.
const lockName = ".shoal-update"

// lockDir opens a file that nobody else can open meanwhile, and that goes when it is
// closed: a directory itself cannot be locked.
func lockDir(dir string) (*os.File, error) {
	const (
		deleteOnClose    = 0x04000000 // FILE_FLAG_DELETE_ON_CLOSE
		sharingViolation = syscall.Errno(32)
		deletePending    = syscall.Errno(303)
	)
	path, err := syscall.UTF16PtrFromString(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	handle, err := syscall.CreateFile(path, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS,
		syscall.FILE_ATTRIBUTE_NORMAL|deleteOnClose, 0)
	if errors.Is(err, sharingViolation) || errors.Is(err, deletePending) {
		return nil, ErrBusy
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(handle), filepath.Join(dir, lockName)), nil
}
