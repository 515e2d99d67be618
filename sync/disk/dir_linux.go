package disk

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/internal/filestat"
	"github.com/shoal-sync/shoal/sync/tree"
)

// noOpenat2 is set once the kernel, or what guards it, has refused openat2.
var noOpenat2 atomic.Bool

// walk opens the directory at a path below d, in one call where the kernel can: it then
// resolves the path without leaving d and without following any link.
func (d *dir) walk(path string) (*dir, error) {
	if noOpenat2.Load() {
		return d.walkEach(path)
	}
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := unix.Openat2(d.fd, path, &how)
	switch {
	case err == nil:
		return &dir{fd: fd, path: d.path + "/" + path}, nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		noOpenat2.Store(true)
		return d.walkEach(path)
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ENAMETOOLONG):
		// The kernel lost a race with a rename somewhere in the system, or the path is
		// longer than one call can have.
		return d.walkEach(path)
	}
	return nil, d.wrap("open directory", path, err)
}

func renameNew(fromFD int, from string, toFD int, to string) error {
	return unix.Renameat2(fromFD, from, toFD, to, unix.RENAME_NOREPLACE)
}

func exchange(fromFD int, from string, toFD int, to string) error {
	return unix.Renameat2(fromFD, from, toFD, to, unix.RENAME_EXCHANGE)
}

// fileTimes leaves the time of the last access alone.
func fileTimes(mtime int64) [2]unix.Timespec {
	return [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(mtime)}
}

// bothTimes is for drivers that change no time unless they are to change both: many of
// those that run as programs of their own (FUSE) do nothing then, and say that all is well.
func bothTimes(mtime int64) [2]unix.Timespec {
	return [2]unix.Timespec{{Nsec: unix.UTIME_NOW}, unix.NsecToTimespec(mtime)}
}

// setOpenTime sets the modification time of an open file, whatever its name is by now.
func (d *dir) setOpenTime(f *os.File, name string, mtime int64) error {
	if err := d.setTimes(f, name, fileTimes(mtime)); err != nil {
		return err
	}
	if now, err := filestat.OfHandle(f); err != nil || stored(now.Mtime, mtime) {
		return err
	}
	return d.setTimes(f, name, bothTimes(mtime))
}

func (d *dir) setTimes(f *os.File, name string, times [2]unix.Timespec) error {
	return d.wrap("set time of", name, retried(func() error {
		// The kernel takes a null path for "the file itself"; package unix has no call
		// for that.
		_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, f.Fd(), 0,
			uintptr(unsafe.Pointer(&times)), 0, 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	}))
}

// chmodVictim sets the permissions of a file that may not be opened, provided that it is the
// victim: the handle names it whatever has its name by then.
func (d *dir) chmodVictim(name string, mode uint32, victim tree.Stat) (now tree.Stat, err error) {
	fd, err := unix.Openat(d.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return now, d.wrap("open", name, err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if now, err = filestat.OfFD(fd); err != nil {
		return now, d.wrap("look at", name, err)
	}
	if !now.SameContent(victim) {
		return now, ErrChanged
	}
	return now, d.wrap("set permissions of", name, retried(func() error {
		return unix.Fchmodat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), mode, 0)
	}))
}

// syncVolume makes everything on the volume of d durable with one call. It also waits for
// what other programs wrote, so it is for batches only.
func (d *dir) syncVolume() error {
	return d.wrap("make durable", "", retried(func() error { return unix.Syncfs(d.fd) }))
}

const hasSyncVolume = true

// reserve claims the blocks of a range of a file. It reports false where the file system
// cannot.
func reserve(f *os.File, offset, size int64) (bool, error) {
	err := retried(func() error { return unix.Fallocate(int(f.Fd()), 0, offset, size) })
	if notOffered(err) {
		return false, nil
	}
	return err == nil, err
}

// writeZeros gives back the blocks of a range, which reads as zeros from then on.
func writeZeros(f *os.File, zeros []byte, offset int64) error {
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	err := retried(func() error {
		return unix.Fallocate(int(f.Fd()), mode, offset, int64(len(zeros)))
	})
	if notOffered(err) {
		_, err = f.WriteAt(zeros, offset)
	}
	return err
}

// startWriting lets the system begin to write out a range, so that the wait at the end is
// short. It is advice: a failure shows when the file is made durable.
func startWriting(f *os.File, offset, size int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, size, unix.SYNC_FILE_RANGE_WRITE)
}

// noMark opens a file without a mark of when it was read.
const noMark = unix.O_NOATIME

// How lseek is asked for what was written, and for what was not.
const (
	seekData = unix.SEEK_DATA
	seekHole = unix.SEEK_HOLE
)

// copyContent makes to, which is empty, hold what from holds, sharing the blocks where the
// file system can.
func copyContent(to, from *os.File, size int64) error {
	if unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil {
		return nil
	}
	return copyRanges(to, from, size)
}
