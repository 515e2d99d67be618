package disk

import (
	"errors"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/shoal-sync/shoal/sync/tree"
)

var procReplaceFile = windows.NewLazySystemDLL("kernel32.dll").NewProc("ReplaceFileW")

// swap replaces a file, and gives what it replaced the name of what replaced it. Readers
// see one or the other. ReplaceFile needs a third name for that, which is the same that a
// replacement in steps uses, so a repair understands it.
func swap(from *dir, name string, to *dir, newName string) error {
	if is, err := to.look(newName); err != nil {
		return err
	} else if is.Kind != tree.File {
		return errNoSwap
	}
	old := name + oldSuffix
	paths := make([]*uint16, 3)
	for i, p := range []string{to.full(newName), from.full(name), from.full(old)} {
		wide, err := windows.UTF16PtrFromString(p)
		if err != nil {
			return err
		}
		paths[i] = wide
	}
	const ignoreMergeErrors = 2
	done, _, err := procReplaceFile.Call(uintptr(unsafe.Pointer(paths[0])),
		uintptr(unsafe.Pointer(paths[1])), uintptr(unsafe.Pointer(paths[2])),
		ignoreMergeErrors, 0, 0)
	if done == 0 {
		if errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED) ||
			errors.Is(err, windows.ERROR_NOT_SUPPORTED) {
			return errNoSwap
		}
		return &os.PathError{Op: "replace", Path: newName, Err: err}
	}
	return moveOver(from, old, from, name)
}

// full returns the path with the prefix that lifts the limit of 260 characters.
func (d *dir) full(name string) string {
	return `\\?\` + filepath.Join(d.root.Name(), filepath.FromSlash(d.join(name)))
}

// openToSync is how a file is opened to be made durable: Windows does so for those who may
// write to it only.
const openToSync = os.O_RDWR

// syncAttributes has nothing to do: NTFS logs times and attributes by itself.
func syncAttributes(*os.File) error { return nil }

// sync has nothing to do: NTFS logs its directories by itself.
func (d *dir) sync() error { return nil }

// volume returns how many bytes may still be written to the volume of d, and its size.
func (d *dir) volume() (free, size int64, err error) {
	wide, err := windows.UTF16PtrFromString(d.root.Name())
	if err != nil {
		return 0, 0, err
	}
	var mine, all uint64
	if err := windows.GetDiskFreeSpaceEx(wide, &mine, &all, nil); err != nil {
		return 0, 0, &os.PathError{Op: "ask the free space of", Path: d.path, Err: err}
	}
	return int64(mine), int64(all), nil
}

// lockFile takes the lock that keeps two programs from one folder. It lies far behind the
// end, so that the token stays readable.
func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	place := windows.Overlapped{OffsetHigh: 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &place)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrInUse
	}
	return err
}

func systemRefusal(err error) (tree.Refusal, bool) {
	for _, row := range []struct {
		err windows.Errno
		why tree.Refusal
	}{
		{windows.ERROR_DISK_FULL, tree.NoSpace},
		{windows.ERROR_HANDLE_DISK_FULL, tree.NoSpace},
		{windows.ERROR_SHARING_VIOLATION, tree.Denied},
		{windows.ERROR_LOCK_VIOLATION, tree.Denied},
		{windows.ERROR_WRITE_PROTECT, tree.Denied},
		{windows.ERROR_INVALID_NAME, tree.NameRefused},
		{windows.ERROR_FILENAME_EXCED_RANGE, tree.NameRefused},
		{windows.ERROR_DIR_NOT_EMPTY, tree.NotEmpty},
		{windows.ERROR_DIRECTORY, tree.Missing},
		{windows.ERROR_PRIVILEGE_NOT_HELD, tree.Unsupported},
		{windows.ERROR_NOT_SAME_DEVICE, tree.Unsupported},
	} {
		if errors.Is(err, row.err) {
			return row.why, true
		}
	}
	return tree.Done, false
}
