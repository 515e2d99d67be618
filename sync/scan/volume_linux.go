package scan

import (
	"errors"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/internal/filestat"
	"github.com/shoal-sync/shoal/sync/tree"
)

// volume is the folder's top, held open. Every path is resolved below it by the kernel,
// without following a link anywhere, so that swapping a directory for a link while it is
// being looked at leads nowhere.
type volume struct {
	fd int
	// marks is set once a file was met that may only be read with a mark of when it was: it
	// is somebody else's.
	marks atomic.Bool
}

func openVolume(path string) (*volume, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	return &volume{fd: fd}, nil
}

func (v *volume) close() error { return unix.Close(v.fd) }

// open opens a path below the top.
func (v *volume) open(path string, flags int) (int, error) {
	if path == "" {
		path = "."
	}
	how := unix.OpenHow{
		Flags: uint64(flags | unix.O_NOFOLLOW | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS |
			unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := retry(func() (int, error) { return unix.Openat2(v.fd, path, &how) })
	switch err {
	case unix.ENOSYS, unix.EPERM, unix.EAGAIN, unix.ENAMETOOLONG:
		// An old kernel or a sandbox without this call, a rename meanwhile, or a path
		// beyond 4 KiB.
		return v.openStepwise(path, flags)
	}
	return fd, err
}

// openStepwise does the same, one directory at a time.
func (v *volume) openStepwise(path string, flags int) (int, error) {
	const step = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	at := v.fd
	for {
		name, rest, more := strings.Cut(path, "/")
		want := step
		if !more {
			want = flags | unix.O_NOFOLLOW | unix.O_CLOEXEC
		}
		fd, err := retry(func() (int, error) { return unix.Openat(at, name, want, 0) })
		if at != v.fd {
			err = errors.Join(err, unix.Close(at))
		}
		if err != nil || !more {
			return fd, err
		}
		at, path = fd, rest
	}
}

// look says what is at a path; a link is not followed.
func (v *volume) look(path string) (tree.Stat, error) {
	fd, err := v.open(path, unix.O_PATH)
	if err != nil {
		return tree.Stat{}, err
	}
	s, err := filestat.OfFD(fd)
	return s, errors.Join(err, unix.Close(fd))
}

// link reads a symbolic link.
func (v *volume) link(path string) (s tree.Stat, target string, err error) {
	fd, err := v.open(path, unix.O_PATH)
	if err != nil {
		return s, "", err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if s, err = filestat.OfFD(fd); err != nil || s.Kind != tree.Link {
		return s, "", err
	}
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", text)
	if err != nil {
		return s, "", err
	}
	return s, string(text[:n]), nil
}

// listing is an open directory.
type listing struct{ fd int }

func (v *volume) list(path string) (listing, error) {
	fd, err := v.open(path, unix.O_RDONLY|unix.O_DIRECTORY)
	return listing{fd}, err
}

// names returns the names in the directory, in no order. The buffer serves one walker.
func (l listing) names(buffer []byte) ([]string, error) {
	var names []string
	for {
		n, err := retry(func() (int, error) { return unix.ReadDirent(l.fd, buffer) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent(buffer[:n], -1, names)
	}
}

// look says what a name in the directory is, without resolving the path again.
func (l listing) look(name string) (tree.Stat, error) { return filestat.At(l.fd, name) }

func (l listing) close() error { return unix.Close(l.fd) }

// opened is a file being read.
type opened struct{ fd int }

// file opens a file. Should a pipe be there meanwhile, opening it does not wait. That it is
// read leaves no mark where that can be: a first look would write to each file's inode.
func (v *volume) file(path string) (opened, error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	if !v.marks.Load() {
		fd, err := v.open(path, flags|unix.O_NOATIME)
		if !errors.Is(err, unix.EPERM) {
			return opened{fd}, err
		}
		v.marks.Store(true)
	}
	fd, err := v.open(path, flags)
	return opened{fd}, err
}

// look says what was opened, and when anything about it changed last: that time cannot be
// set back by programs.
func (o opened) look() (s tree.Stat, changed int64, err error) { return filestat.Changed(o.fd) }

// read fills the buffer as far as the file goes.
func (o opened) read(buffer []byte) (n int, err error) {
	for n < len(buffer) {
		m, err := retry(func() (int, error) { return unix.Read(o.fd, buffer[n:]) })
		if err != nil {
			return n, err
		}
		if m == 0 {
			break
		}
		n += m
	}
	return n, nil
}

// skip goes on at an offset.
func (o opened) skip(offset int64) error {
	_, err := unix.Seek(o.fd, offset, unix.SEEK_SET)
	return err
}

// occupied returns how many bytes of the volume a file takes.
func (o opened) occupied() (int64, error) {
	var st unix.Stat_t
	err := unix.Fstat(o.fd, &st)
	return st.Blocks * 512, err
}

// nextWritten returns where the next range that was ever written begins, at or after the
// offset; the size when there is none. It leaves the place of reading somewhere.
func (o opened) nextWritten(offset, size int64) (int64, error) {
	at, err := unix.Seek(o.fd, offset, unix.SEEK_DATA)
	if err == unix.ENXIO {
		return size, nil
	}
	return at, err
}

func (o opened) close() error { return unix.Close(o.fd) }

// retry repeats a call that a signal interrupted; network file systems let that happen.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// isNoDirectory reports whether a path could not be followed because something on it is
// not a directory, or is a link.
func isNoDirectory(err error) bool {
	return errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}
