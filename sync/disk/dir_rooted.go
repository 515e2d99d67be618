//go:build !linux && !darwin

package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/internal/filestat"
	"github.com/shoal-sync/shoal/sync/tree"
)

// dir is a directory of a folder, on systems where names are not used relative to an open
// directory by package unix. The os.Root keeps every operation inside the folder; that no
// directory on the way is a link is looked at when it is opened.
type dir struct {
	root *os.Root
	path string // below the root; "." is the root
	owns bool   // it closes the root
}

func openTop(name string) (*dir, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &dir{root: root, path: ".", owns: true}, nil
}

func (d *dir) close() error {
	if !d.owns {
		return nil
	}
	return d.root.Close()
}

func (d *dir) join(name string) string { return path.Join(d.path, name) }

func (d *dir) wrap(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.join(name), Err: err}
}

func (d *dir) sub(name string) (*dir, error) {
	info, err := d.root.Lstat(d.join(name))
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, d.wrap("open directory", name, errNoDir)
	}
	return &dir{root: d.root, path: d.join(name)}, nil
}

// errNoDir reports that a directory on the way to a name is none.
var errNoDir = errors.New("not a directory")

// walk opens the directory at a path below d.
func (d *dir) walk(name string) (*dir, error) {
	at := d
	for part := range strings.SplitSeq(name, "/") {
		next, err := at.sub(part)
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

func (d *dir) look(name string) (tree.Stat, error) {
	info, err := d.root.Lstat(d.join(name))
	if err != nil {
		return tree.Stat{}, err
	}
	return filestat.Of(info), nil
}

func (d *dir) lookSelf() (tree.Stat, error) { return d.look(".") }

func (d *dir) open(name string, flags int) (*os.File, error) {
	if info, err := d.root.Lstat(d.join(name)); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, d.wrap("open", name, errNoDir)
	}
	return d.root.OpenFile(d.join(name), flags, privateMode)
}

// bare is an open file.
type bare struct{ file *os.File }

func (d *dir) openBare(name string) (bare, error) {
	file, err := d.open(name, os.O_RDONLY)
	return bare{file}, err
}

func (b bare) handle(string) (*os.File, error) { return b.file, nil }

func (b bare) look() (tree.Stat, error) { return filestat.OfHandle(b.file) }

func (b bare) close() error { return b.file.Close() }

// readAt fills the buffer from an offset on, as far as the file goes.
func (b bare) readAt(buf []byte, offset int64) error {
	if _, err := b.file.ReadAt(buf, offset); err != io.EOF {
		return err
	}
	return nil // when it was cut short, the look afterwards says so
}

func (d *dir) writeNew(name string, content []byte) error {
	file, err := d.root.OpenFile(d.join(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateMode)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, d.unlink(name))
	}
	return nil
}

func (d *dir) mkdir(name string, mode uint32) error {
	return d.root.Mkdir(d.join(name), fs.FileMode(mode).Perm())
}

func (d *dir) symlink(target, name string) error { return d.root.Symlink(target, d.join(name)) }

func (d *dir) unlink(name string) error { return d.root.Remove(d.join(name)) }

func (d *dir) rmdir(name string) error { return d.root.Remove(d.join(name)) }

func (d *dir) chmod(name string, mode uint32) error {
	return d.root.Chmod(d.join(name), fs.FileMode(mode).Perm())
}

func (d *dir) chmodPrivate(name string, mode uint32) error { return d.chmod(name, mode) }

// setTime leaves links alone: the portable call would set the time of what they point to.
// How the file looks then is left to whoever asks.
func (d *dir) setTime(name string, mtime int64) (tree.Stat, error) {
	info, err := d.root.Lstat(d.join(name))
	if err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return tree.Stat{}, err
	}
	at := time.Unix(0, mtime)
	return tree.Stat{}, d.root.Chtimes(d.join(name), at, at)
}

func (d *dir) setOpenTime(_ *os.File, name string, mtime int64) error {
	_, err := d.setTime(name, mtime)
	return err
}

func (d *dir) names() ([]string, error) {
	file, err := d.root.Open(d.path)
	if err != nil {
		return nil, err
	}
	names, err := file.Readdirnames(-1)
	return names, errors.Join(err, file.Close())
}

// moveOver renames a file over whatever file has the new name.
func moveOver(from *dir, name string, to *dir, newName string) error {
	return from.root.Rename(from.join(name), to.join(newName))
}

// hardLink gives a file a second name, which must not exist.
func hardLink(from *dir, name string, to *dir, newName string) error {
	return from.root.Link(from.join(name), to.join(newName))
}

// moveNew renames, and fails with fs.ErrExist when the new name is taken. A file gets its
// new name before it loses the old one; a directory cannot, but replaces nothing either.
func moveNew(from *dir, name string, to *dir, newName string) error {
	is, err := from.look(name)
	if err != nil {
		return err
	}
	if is.Kind == tree.File && hardLink(from, name, to, newName) == nil {
		return from.unlink(name)
	}
	if _, err := to.look(newName); err == nil {
		return &fs.PathError{Op: "rename to", Path: to.join(newName), Err: fs.ErrExist}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return moveOver(from, name, to, newName)
}

// syncVolume is not offered here: see hasSyncVolume.
func (d *dir) syncVolume() error { return errNoSwap }

const hasSyncVolume = false

// reserve is left to the file system.
func reserve(*os.File, int64, int64) (bool, error) { return false, nil }

// writeZeros writes them: whatever lay there must not show through.
func writeZeros(f *os.File, zeros []byte, offset int64) error {
	_, err := f.WriteAt(zeros, offset)
	return err
}

func startWriting(*os.File, int64, int64) {}

// nextWritten knows of no holes: everything is read and hashed.
func nextWritten(_ *os.File, offset, _ int64) int64 { return offset }

// nextHole and occupied know of none, either.
func nextHole(_ *os.File, _, size int64) int64 { return size }

func occupied(f *os.File) (int64, error) {
	is, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return is.Size(), nil
}

func copyContent(to, from *os.File, size int64) error { return copyRanges(to, from, size) }

// refusalOf translates what the system said.
func refusalOf(err error) tree.Refusal {
	switch {
	case err == nil:
		return tree.OtherFailure
	case errors.Is(err, ErrNoSpace):
		return tree.NoSpace
	case errors.Is(err, tree.ErrBadName):
		return tree.NameRefused
	case errors.Is(err, errNoSwap):
		return tree.Unsupported
	}
	if why, known := systemRefusal(err); known {
		return why
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return tree.Denied
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNoDir):
		return tree.Missing
	case errors.Is(err, fs.ErrExist):
		return tree.Occupied
	}
	return tree.OtherFailure
}

// explain adds what a person cannot guess from the system's words.
func explain(err error) string {
	switch {
	case errors.Is(err, errNoDir):
		return err.Error() + ": a directory on the way is no directory any more"
	case errors.Is(err, fs.ErrPermission):
		return err.Error() + ": close programs that use it, and give this user the right to " +
			"write in that directory"
	}
	return err.Error()
}
