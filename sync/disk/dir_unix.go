//go:build linux || darwin

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/internal/filestat"
	"github.com/shoal-sync/shoal/sync/tree"
)

// dir is an open directory. Every name is used relative to it, and no call follows a link
// of that name, so whatever happens to the path above it, an operation lands where the
// walk ended.
type dir struct {
	fd   int
	path string // below the top, with a slash before each name; only for messages
}

// openTop opens the directory at a path of the operating system. Links on the way are
// followed: the person who chose the path may keep the folder behind one.
func openTop(path string) (*dir, error) {
	var fd int
	err := retried(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &dir{fd: fd}, nil
}

func (d *dir) close() error { return unix.Close(d.fd) }

func (d *dir) wrap(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: strings.TrimPrefix(d.path+"/"+name, "/"), Err: err}
}

// sub opens a directory of d. A link in its place is an error.
func (d *dir) sub(name string) (*dir, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	var fd int
	err := retried(func() (err error) {
		fd, err = unix.Openat(d.fd, name, flags, 0)
		return err
	})
	if err != nil {
		return nil, d.wrap("open directory", name, err)
	}
	return &dir{fd: fd, path: d.path + "/" + name}, nil
}

// walkEach opens a path below d one component after the other.
func (d *dir) walkEach(path string) (*dir, error) {
	at := d
	for part := range strings.SplitSeq(path, "/") {
		next, err := at.sub(part)
		if at != d {
			err = errors.Join(err, at.close())
		}
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

func (d *dir) look(name string) (tree.Stat, error) {
	s, err := filestat.At(d.fd, name)
	if err != nil {
		return s, d.wrap("look at", name, err)
	}
	return s, nil
}

// lookSelf looks at the directory itself.
func (d *dir) lookSelf() (tree.Stat, error) { return filestat.OfFD(d.fd) }

// open opens a file. It does not wait for the other end of a pipe that somebody put in
// the file's place.
func (d *dir) open(name string, flags int) (*os.File, error) {
	file, err := d.openFlags(name, flags)
	if err != nil {
		return nil, err
	}
	return file.handle(name)
}

func (d *dir) openFlags(name string, flags int) (bare, error) {
	var fd int
	err := retried(func() (err error) {
		fd, err = unix.Openat(d.fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK,
			privateMode)
		return err
	})
	return bare{fd}, d.wrap("open", name, err)
}

// bare is an open file, by its number alone: what package os does for each that it opens
// took as long as a small one takes to be read.
type bare struct{ fd int }

// openBare opens a file for reading, as open does, and leaves no mark of that where it can:
// in files of others it may not.
func (d *dir) openBare(name string) (bare, error) {
	file, err := d.openFlags(name, os.O_RDONLY|noMark)
	if noMark != 0 && errors.Is(err, unix.EPERM) {
		return d.openFlags(name, os.O_RDONLY)
	}
	return file, err
}

// handle hands the file over to package os, whatever comes of that.
func (b bare) handle(name string) (*os.File, error) {
	// Regular files never wait for readiness: without the flag the runtime does not ask.
	if err := unix.SetNonblock(b.fd, false); err != nil {
		return nil, errors.Join(&fs.PathError{Op: "open", Path: name, Err: err}, b.close())
	}
	return os.NewFile(uintptr(b.fd), name), nil
}

func (b bare) look() (tree.Stat, error) { return filestat.OfFD(b.fd) }

func (b bare) close() error { return unix.Close(b.fd) }

// readAt fills the buffer from an offset on, as far as the file goes.
func (b bare) readAt(buf []byte, offset int64) error {
	for len(buf) > 0 {
		var n int
		err := retried(func() (err error) { n, err = unix.Pread(b.fd, buf, offset); return err })
		if err != nil {
			return err
		}
		if n == 0 {
			return nil // it was cut short: the look afterwards says so
		}
		buf, offset = buf[n:], offset+int64(n)
	}
	return nil
}

// writeNew makes a file that must not exist yet and fills it.
func (d *dir) writeNew(name string, content []byte) error {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	var fd int
	err := retried(func() (err error) {
		fd, err = unix.Openat(d.fd, name, flags, privateMode)
		return err
	})
	if err != nil {
		return d.wrap("create", name, err)
	}
	for len(content) > 0 && err == nil {
		var n int
		err = retried(func() (err error) { n, err = unix.Write(fd, content); return err })
		content = content[max(n, 0):]
	}
	if err = errors.Join(err, unix.Close(fd)); err != nil {
		return errors.Join(d.wrap("write", name, err), d.unlink(name))
	}
	return nil
}

func (d *dir) mkdir(name string, mode uint32) error {
	return d.wrap("make directory", name, retried(func() error {
		return unix.Mkdirat(d.fd, name, mode)
	}))
}

func (d *dir) symlink(target, name string) error {
	return d.wrap("make link", name, retried(func() error {
		return unix.Symlinkat(target, d.fd, name)
	}))
}

func (d *dir) unlink(name string) error {
	return d.wrap("remove", name, retried(func() error {
		return unix.Unlinkat(d.fd, name, 0)
	}))
}

func (d *dir) rmdir(name string) error {
	return d.wrap("remove directory", name, retried(func() error {
		return unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR)
	}))
}

// chmod sets the permission bits of what is no link.
func (d *dir) chmod(name string, mode uint32) error {
	return d.wrap("set permissions of", name, retried(func() error {
		return unix.Fchmodat(d.fd, name, mode, unix.AT_SYMLINK_NOFOLLOW)
	}))
}

// chmodPrivate is chmod for files in the private directory, where no foreign link can lie:
// older kernels cannot set permissions by name without following links.
func (d *dir) chmodPrivate(name string, mode uint32) error {
	return d.wrap("set permissions of", name, retried(func() error {
		return unix.Fchmodat(d.fd, name, mode, 0)
	}))
}

// setTime sets the modification time of a file or link and returns how it looks then.
func (d *dir) setTime(name string, mtime int64) (tree.Stat, error) {
	set := func(times [2]unix.Timespec) error {
		return d.wrap("set time of", name, retried(func() error {
			return unix.UtimesNanoAt(d.fd, name, times[:], unix.AT_SYMLINK_NOFOLLOW)
		}))
	}
	if err := set(fileTimes(mtime)); err != nil {
		return tree.Stat{}, err
	}
	if now, err := d.look(name); err != nil || stored(now.Mtime, mtime) {
		return now, err
	}
	if err := set(bothTimes(mtime)); err != nil {
		return tree.Stat{}, err
	}
	return d.look(name)
}

// names lists the directory.
func (d *dir) names() ([]string, error) {
	var fd int
	err := retried(func() (err error) {
		fd, err = unix.Openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, d.wrap("list", "", err)
	}
	f := os.NewFile(uintptr(fd), d.path)
	names, err := f.Readdirnames(-1)
	return names, errors.Join(err, f.Close())
}

// openToSync is how a file is opened to be made durable.
const openToSync = os.O_RDONLY

func syncAttributes(f *os.File) error { return f.Sync() }

func (d *dir) sync() error {
	if err := retried(func() error { return unix.Fsync(d.fd) }); err != nil {
		return d.wrap("make durable", "", err)
	}
	return nil
}

// moveOver renames a file over whatever file has the new name.
func moveOver(from *dir, name string, to *dir, newName string) error {
	return to.wrap("rename to", newName, retried(func() error {
		return unix.Renameat(from.fd, name, to.fd, newName)
	}))
}

// hardLink gives a file a second name, which must not exist.
func hardLink(from *dir, name string, to *dir, newName string) error {
	return to.wrap("link to", newName, retried(func() error {
		return unix.Linkat(from.fd, name, to.fd, newName, 0)
	}))
}

// moveNew renames, and fails with fs.ErrExist when the new name is taken.
func moveNew(from *dir, name string, to *dir, newName string) error {
	err := retried(func() error { return renameNew(from.fd, name, to.fd, newName) })
	if !notOffered(err) {
		return to.wrap("rename to", newName, err)
	}
	s, err := from.look(name)
	if err != nil {
		return err
	}
	if s.Kind == tree.Dir {
		return moveDirNew(from, name, to, newName)
	}
	switch err := hardLink(from, name, to, newName); {
	case err == nil:
		return from.unlink(name)
	case !notOffered(err) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EMLINK):
		return err
	}
	return moveFileNew(from, name, to, newName)
}

// moveFileNew is moveNew where the system has no second names either, as on FAT: the new
// name is taken first, so that nothing that is put there meanwhile is replaced unseen.
func moveFileNew(from *dir, name string, to *dir, newName string) error {
	if err := to.writeNew(newName, nil); err != nil {
		return err
	}
	if err := moveOver(from, name, to, newName); err != nil {
		return errors.Join(err, to.unlink(newName))
	}
	return nil
}

// moveDirNew is moveNew for directories where the system cannot do it in one step. A plain
// rename replaces nothing but an empty directory, so at worst one of those is lost.
func moveDirNew(from *dir, name string, to *dir, newName string) error {
	if _, err := to.look(newName); err == nil {
		return to.wrap("rename to", newName, unix.EEXIST)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return moveOver(from, name, to, newName)
}

// swap exchanges two names in one step: whoever reads sees one or the other. It fails with
// errNoSwap where the file system cannot.
func swap(from *dir, name string, to *dir, newName string) error {
	err := retried(func() error { return exchange(from.fd, name, to.fd, newName) })
	if notOffered(err) {
		return errNoSwap
	}
	return to.wrap("exchange", newName, err)
}

// notOffered reports whether the file system, not the names, is why a rename with flags
// failed.
func notOffered(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) ||
		errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EOPNOTSUPP)
}

// volume returns how many bytes may still be written to the volume of d, and its size.
func (d *dir) volume() (free, size int64, err error) {
	var st unix.Statfs_t
	if err := retried(func() error { return unix.Fstatfs(d.fd, &st) }); err != nil {
		return 0, 0, d.wrap("ask the free space of", "", err)
	}
	block := int64(st.Bsize)
	return int64(st.Bavail) * block, int64(st.Blocks) * block, nil
}

// lockFile takes the lock that keeps two programs from one folder. It goes with the
// handle.
func lockFile(f *os.File) error {
	err := retried(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrInUse
	}
	if notOffered(err) {
		return nil // A file system without locks cannot be guarded.
	}
	return err
}

// retried repeats a call that a signal interrupted.
func retried(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// refusalOf translates what the system said.
func refusalOf(err error) tree.Refusal {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, ErrNoSpace):
		return tree.NoSpace
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS):
		return tree.Denied
	case errors.Is(err, unix.ENAMETOOLONG), errors.Is(err, unix.EILSEQ),
		errors.Is(err, unix.EINVAL), errors.Is(err, tree.ErrBadName):
		return tree.NameRefused
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return tree.Missing
	case errors.Is(err, unix.ENOTEMPTY):
		return tree.NotEmpty
	case errors.Is(err, unix.EEXIST):
		return tree.Occupied
	case errors.Is(err, unix.EXDEV), errors.Is(err, errNoSwap):
		return tree.Unsupported
	}
	return tree.OtherFailure
}

// explain adds what a person cannot guess from the system's words.
func explain(err error) string {
	switch {
	case errors.Is(err, unix.EXDEV):
		return fmt.Sprintf("%v: another volume is mounted inside the folder; share it as a "+
			"folder of its own", err)
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return fmt.Sprintf("%v: a directory on the way is no directory any more", err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Sprintf("%v: give this user the right to write in that directory", err)
	case errors.Is(err, unix.EROFS):
		return fmt.Sprintf("%v: mount the volume writable", err)
	}
	return err.Error()
}
