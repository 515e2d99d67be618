package disk

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/shoal-sync/shoal/sync/tree"
)

// ReadChunkAt reads size bytes at an offset of an installed file, provided that it is the
// wanted one before and after; otherwise it fails with ErrChanged. The bytes are appended
// to buf[:0]. They have been true once, not verified now: the receiver does that.
func (f *Folder) ReadChunkAt(path string, want tree.Stat, at Range, buf []byte) ([]byte, error) {
	r := f.Reader()
	defer r.Close()
	return r.ReadChunkAt(path, want, at, buf)
}

// Reader is for many reads one after the other, of which those in one directory often follow
// one another: it holds the directory of the last one open. Whatever that is called by now,
// a file in it is looked at before its bytes are believed. It belongs to one goroutine.
type Reader struct {
	folder *Folder
	dir    *dir // nil when none is held
	path   string
}

// heldMoves is whether a directory that somebody holds open can be moved.
const heldMoves = runtime.GOOS != "windows"

// Reader returns a Reader, to be closed soon.
func (f *Folder) Reader() *Reader { return &Reader{folder: f} }

// Close gives back what the Reader holds. It may be used again.
func (r *Reader) Close() {
	if r.dir != nil {
		r.dir.release()
	}
	r.dir = nil
}

// ReadChunkAt is ReadChunkAt of the folder.
func (r *Reader) ReadChunkAt(path string, want tree.Stat, at Range, buf []byte) ([]byte, error) {
	if !heldMoves {
		defer r.Close()
	}
	file, err := r.open(path, want)
	if err != nil {
		return nil, err
	}
	defer file.close() // opened for reading, so closing has nothing to say
	if at.Size < 0 || at.Offset < 0 || at.Size > want.Size-at.Offset {
		return nil, fmt.Errorf("read %q: %d bytes at %d are beyond its end", path, at.Size, at.Offset)
	}
	buf = sized(buf, int(at.Size))
	if err := file.readAt(buf, at.Offset); err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	if seam := r.folder.seam; seam != nil {
		seam("read", path)
	}
	now, err := file.look()
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	if !now.SameContent(want) {
		return nil, fmt.Errorf("read %q: %w while it was read", path, ErrChanged)
	}
	return buf, nil
}

// Range is a part of a file, in bytes.
type Range struct{ Offset, Size int64 }

// openWanted opens a file of the folder that must be the one expected.
func (f *Folder) openWanted(path string, want tree.Stat) (*os.File, error) {
	r := f.Reader()
	defer r.Close()
	file, err := r.open(path, want)
	if err != nil {
		return nil, err
	}
	return file.handle(path)
}

func (r *Reader) open(path string, want tree.Stat) (bare, error) {
	name, err := r.enter(path)
	if err != nil {
		return bare{}, fmt.Errorf("open %q: %w (%w)", path, ErrChanged, err)
	}
	file, err := r.dir.openBare(name)
	if err != nil {
		if refusalOf(err) == tree.Missing {
			err = fmt.Errorf("%w (%w)", ErrChanged, err)
		}
		return bare{}, fmt.Errorf("open %q: %w", path, err)
	}
	now, err := file.look()
	if err == nil && !now.SameContent(want) {
		err = ErrChanged
	}
	if err != nil {
		return bare{}, errors.Join(fmt.Errorf("open %q: %w", path, err), file.close())
	}
	return file, nil
}

// enter holds the directory of a path open, and returns the last name of the path.
func (r *Reader) enter(path string) (string, error) {
	parent := path[:max(strings.LastIndexByte(path, '/'), 0)]
	if name := strings.TrimPrefix(path[len(parent):], "/"); r.dir != nil && parent == r.path && parent != "" {
		return name, checkName(name)
	}
	r.Close()
	dir, name, err := r.folder.parentOf(path)
	if err == nil {
		r.dir, r.path = dir, parent
	}
	return name, err
}
