package filestat

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/sync/tree"
)

// Of converts what os.Lstat or a directory listing returned.
func Of(info os.FileInfo) tree.Stat {
	s := portable(info)
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Links = uint32(sys.Nlink)
		birth := sys.Birthtimespec.Sec*1e9 + sys.Birthtimespec.Nsec
		s.File = identity(uint64(uint32(sys.Dev)), sys.Ino, birth)
	}
	return s
}

// At looks at a name in an open directory, without following a link of that name. The
// error is the bare errno, so errors.Is(err, fs.ErrNotExist) works; the caller adds the
// path.
func At(dirfd int, name string) (tree.Stat, error) {
	var st unix.Stat_t
	for {
		err := unix.Fstatat(dirfd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if err == nil {
			return fromStat(&st), nil
		}
		if err != unix.EINTR {
			return tree.Stat{}, err
		}
	}
}

// OfPath looks at a path, without following a link that the path names.
func OfPath(path string) (tree.Stat, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return tree.Stat{}, err
	}
	return Of(info), nil
}

// OfHandle looks at what an open file or directory is.
func OfHandle(f *os.File) (tree.Stat, error) {
	info, err := f.Stat()
	if err != nil {
		return tree.Stat{}, fmt.Errorf("stat %q: %w", f.Name(), err)
	}
	return Of(info), nil
}

// OfFD is OfHandle for a bare descriptor.
func OfFD(fd int) (tree.Stat, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return tree.Stat{}, err
	}
	return fromStat(&st), nil
}

func fromStat(st *unix.Stat_t) tree.Stat {
	s := tree.Stat{
		Size:  st.Size,
		Mtime: st.Mtim.Sec*1e9 + st.Mtim.Nsec,
		Mode:  uint32(st.Mode) & 0o777,
		Links: uint32(st.Nlink),
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		s.Kind = tree.File
	case unix.S_IFDIR:
		s.Kind, s.Size, s.Mtime = tree.Dir, 0, 0
	case unix.S_IFLNK:
		s.Kind = tree.Link
	}
	s.File = identity(uint64(uint32(st.Dev)), st.Ino, st.Btim.Sec*1e9+st.Btim.Nsec)
	return s
}
