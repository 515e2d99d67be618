package filestat

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/sync/tree"
)

// Of converts what os.Lstat or a directory listing returned. Its FileID has no birth time
// and does not equal the one At gives: see the package comment.
func Of(info os.FileInfo) tree.Stat {
	s := portable(info)
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Links = uint32(sys.Nlink)
		s.File = identity(uint64(sys.Dev), sys.Ino, 0)
	}
	return s
}

// wanted is what a look needs; a file system that must ask a server may skip the rest.
const wanted = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_NLINK | unix.STATX_MTIME |
	unix.STATX_INO | unix.STATX_SIZE | unix.STATX_BTIME

// At looks at a name in an open directory, without following a link of that name. The
// error is the bare errno, so errors.Is(err, fs.ErrNotExist) works; the caller adds the
// path.
func At(dirfd int, name string) (tree.Stat, error) {
	return look(dirfd, name, unix.AT_SYMLINK_NOFOLLOW)
}

// OfPath looks at a path, without following a link that the path names.
func OfPath(path string) (tree.Stat, error) {
	s, err := look(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return s, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return s, nil
}

// OfHandle looks at what an open file or directory is.
func OfHandle(f *os.File) (tree.Stat, error) {
	var s tree.Stat
	conn, err := f.SyscallConn()
	if err != nil {
		return s, fmt.Errorf("stat %q: %w", f.Name(), err)
	}
	var inner error
	err = conn.Control(func(fd uintptr) { s, inner = OfFD(int(fd)) })
	if err == nil {
		err = inner
	}
	if err != nil {
		return s, fmt.Errorf("stat %q: %w", f.Name(), err)
	}
	return s, nil
}

// OfFD is OfHandle for a bare descriptor.
func OfFD(fd int) (tree.Stat, error) { return look(fd, "", unix.AT_EMPTY_PATH) }

// Changed is OfFD, and says when anything about the file changed last, in nanoseconds since
// 1970: programs cannot set that time back.
func Changed(fd int) (s tree.Stat, changed int64, err error) {
	var x unix.Statx_t
	if err := ask(fd, "", unix.AT_EMPTY_PATH, wanted|unix.STATX_CTIME, &x); err != nil {
		return s, 0, err
	}
	return fromStatx(&x), x.Ctime.Sec*1e9 + int64(x.Ctime.Nsec), nil
}

func look(dirfd int, name string, flags int) (tree.Stat, error) {
	var x unix.Statx_t
	if err := ask(dirfd, name, flags, wanted, &x); err != nil {
		return tree.Stat{}, err
	}
	return fromStatx(&x), nil
}

func ask(dirfd int, name string, flags, wanted int, x *unix.Statx_t) error {
	for {
		if err := unix.Statx(dirfd, name, flags, wanted, x); err != unix.EINTR {
			return err
		}
	}
}

func fromStatx(x *unix.Statx_t) tree.Stat {
	s := tree.Stat{
		Size:  int64(x.Size),
		Mtime: x.Mtime.Sec*1e9 + int64(x.Mtime.Nsec),
		Mode:  uint32(x.Mode) & 0o777,
		Links: x.Nlink,
	}
	switch x.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		s.Kind = tree.File
	case unix.S_IFDIR:
		s.Kind, s.Size, s.Mtime = tree.Dir, 0, 0
	case unix.S_IFLNK:
		s.Kind = tree.Link
	}
	var birth int64
	if x.Mask&unix.STATX_BTIME != 0 {
		birth = x.Btime.Sec*1e9 + int64(x.Btime.Nsec)
	}
	s.File = identity(unix.Mkdev(x.Dev_major, x.Dev_minor), x.Ino, birth)
	return s
}
