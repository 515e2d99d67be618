//go:build !linux

package scan

import (
	"errors"
	"io"
	"math"
	"os"
	"path"
	"syscall"

	"github.com/shoal-sync/shoal/internal/filestat"
	"github.com/shoal-sync/shoal/sync/tree"
)

// volume is the folder's top, held open. Paths cannot leave it, though on these systems a
// directory that is swapped for a link to another place in the same folder is followed;
// the looks before and after reading then disagree, and the name is looked at again.
type volume struct{ root *os.Root }

func openVolume(path string) (*volume, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &volume{root}, nil
}

func (v *volume) close() error { return v.root.Close() }

func orTop(path string) string {
	if path == "" {
		return "."
	}
	return path
}

// look says what is at a path; a link is not followed.
func (v *volume) look(path string) (tree.Stat, error) {
	info, err := v.root.Lstat(orTop(path))
	if err != nil {
		return tree.Stat{}, err
	}
	return filestat.Of(info), nil
}

// link reads a symbolic link.
func (v *volume) link(path string) (s tree.Stat, target string, err error) {
	if s, err = v.look(path); err != nil || s.Kind != tree.Link {
		return s, "", err
	}
	target, err = v.root.Readlink(path)
	return s, target, err
}

// listing is an open directory.
type listing struct {
	volume *volume
	path   string
	file   *os.File
}

func (v *volume) list(path string) (listing, error) {
	f, err := v.root.Open(orTop(path))
	return listing{v, path, f}, err
}

// names returns the names in the directory, in no order.
func (l listing) names([]byte) ([]string, error) { return l.file.Readdirnames(-1) }

// look says what a name in the directory is.
func (l listing) look(name string) (tree.Stat, error) {
	return l.volume.look(path.Join(l.path, name))
}

func (l listing) close() error { return l.file.Close() }

// opened is a file being read.
type opened struct{ file *os.File }

// file opens a file. Should a pipe be there meanwhile, opening it does not wait.
func (v *volume) file(path string) (opened, error) {
	f, err := v.root.OpenFile(path, os.O_RDONLY|doNotWait, 0)
	return opened{f}, err
}

// look says what was opened. Where programs can set a file's time back without leaving a
// trace that is a gap, and it stays one.
func (o opened) look() (s tree.Stat, changed int64, err error) {
	s, err = filestat.OfHandle(o.file)
	return s, 0, err
}

// read fills the buffer as far as the file goes.
func (o opened) read(buffer []byte) (int, error) {
	n, err := io.ReadFull(o.file, buffer)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}

// skip goes on at an offset.
func (o opened) skip(offset int64) error {
	_, err := o.file.Seek(offset, io.SeekStart)
	return err
}

// occupied and nextWritten know of no holes: everything is read.
func (o opened) occupied() (int64, error) { return math.MaxInt64, nil }

func (o opened) nextWritten(offset, _ int64) (int64, error) { return offset, nil }

func (o opened) close() error { return o.file.Close() }

// isNoDirectory reports whether a path could not be followed because something on it is
// not a directory, or is a link.
func isNoDirectory(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}
