package powercut

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// watched are the calls that change files or make changes durable.
var watched = []uint32{
	unix.SYS_OPEN, unix.SYS_CREAT, unix.SYS_OPENAT,
	unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_PWRITE64, unix.SYS_PWRITEV, unix.SYS_PWRITEV2,
	unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE,
	unix.SYS_COPY_FILE_RANGE, unix.SYS_SENDFILE, unix.SYS_IOCTL,
	unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2,
	unix.SYS_LINK, unix.SYS_LINKAT, unix.SYS_SYMLINK, unix.SYS_SYMLINKAT,
	unix.SYS_UNLINK, unix.SYS_UNLINKAT, unix.SYS_RMDIR, unix.SYS_MKDIR, unix.SYS_MKDIRAT,
	unix.SYS_CHMOD, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_UTIMENSAT,
	unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNCFS,
}

// call is one call of the program, about to be made.
type call struct {
	t    *tracer
	tid  int
	nr   uint64
	args [6]uint64
}

// after is what is to be noted of a call that has been made.
type after func(result int64) error

// before looks at a call. It returns nil when that changes nothing that counts.
func (c call) before() (after, error) {
	a := c.args
	switch c.nr {
	case unix.SYS_OPEN:
		return c.opening(unix.AT_FDCWD, a[0], a[1])
	case unix.SYS_CREAT:
		return c.opening(unix.AT_FDCWD, a[0], unix.O_CREAT|unix.O_TRUNC)
	case unix.SYS_OPENAT:
		return c.opening(int32(a[0]), a[1], a[2])
	case unix.SYS_RENAME:
		return c.renaming(unix.AT_FDCWD, a[0], unix.AT_FDCWD, a[1], 0)
	case unix.SYS_RENAMEAT:
		return c.renaming(int32(a[0]), a[1], int32(a[2]), a[3], 0)
	case unix.SYS_RENAMEAT2:
		return c.renaming(int32(a[0]), a[1], int32(a[2]), a[3], a[4])
	case unix.SYS_LINK:
		return c.making(unix.AT_FDCWD, a[1], made)
	case unix.SYS_LINKAT:
		return c.making(int32(a[2]), a[3], made)
	case unix.SYS_SYMLINK:
		return c.making(unix.AT_FDCWD, a[1], made)
	case unix.SYS_SYMLINKAT:
		return c.making(int32(a[1]), a[2], made)
	case unix.SYS_MKDIR:
		return c.making(unix.AT_FDCWD, a[0], madeDir)
	case unix.SYS_MKDIRAT:
		return c.making(int32(a[0]), a[1], madeDir)
	case unix.SYS_UNLINK:
		return c.taking(unix.AT_FDCWD, a[0], taken)
	case unix.SYS_RMDIR:
		return c.taking(unix.AT_FDCWD, a[0], takenDir)
	case unix.SYS_UNLINKAT:
		if a[2]&unix.AT_REMOVEDIR != 0 {
			return c.taking(int32(a[0]), a[1], takenDir)
		}
		return c.taking(int32(a[0]), a[1], taken)
	case unix.SYS_TRUNCATE:
		return nil, errors.New("truncate by name is not watched")
	}
	return c.beforeOpen()
}

// beforeOpen is before, of calls that may be given an open file.
func (c call) beforeOpen() (after, error) {
	a := c.args
	switch c.nr {
	case unix.SYS_CHMOD:
		return c.attributes(c.named(unix.AT_FDCWD, a[0]))
	case unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2:
		return c.attributes(c.named(int32(a[0]), a[1]))
	case unix.SYS_FCHMOD:
		return c.attributes(c.opened(a[0]))
	case unix.SYS_UTIMENSAT:
		if a[1] == 0 {
			return c.attributes(c.opened(a[0]))
		}
		return c.attributes(c.named(int32(a[0]), a[1]))
	case unix.SYS_COPY_FILE_RANGE:
		return c.whole(a[2])
	case unix.SYS_SENDFILE:
		return c.whole(a[0])
	case unix.SYS_IOCTL:
		if a[1] != unix.FICLONE && a[1] != unix.FICLONERANGE {
			return nil, nil
		}
		return c.whole(a[0])
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNCFS:
		return c.syncing()
	}
	return c.writing()
}

func (c call) proc(rest string) string { return fmt.Sprintf("/proc/%d/%s", c.tid, rest) }

// text reads a string of the program.
func (c call) text(at uint64) (string, error) {
	var all []byte
	for len(all) < unix.PathMax {
		piece := make([]byte, 64-at%64) // pages end where such pieces end
		if _, err := unix.PtracePeekData(c.tid, uintptr(at), piece); err != nil {
			return "", err
		}
		if head, _, ended := strings.Cut(string(piece), "\x00"); ended {
			return string(all) + head, nil
		}
		all, at = append(all, piece...), at+uint64(len(piece))
	}
	return "", errors.New("a path without an end")
}

// root returns in which of the roots a path lies, "" when in none.
func (t *tracer) root(path string) string {
	for _, root := range t.roots {
		if path == root || strings.HasPrefix(path, root+"/") {
			return root
		}
	}
	return ""
}

// place returns where a name lies. Root is empty when that is of no concern.
func (c call) place(dirfd int32, at uint64) (p name, root string, err error) {
	text, err := c.text(at)
	if err != nil || text == "" {
		return p, "", err
	}
	if !filepath.IsAbs(text) {
		dir := c.proc("cwd")
		if dirfd != unix.AT_FDCWD {
			dir = c.proc(fmt.Sprintf("fd/%d", dirfd))
		}
		if dir, err = os.Readlink(dir); err != nil {
			return p, "", nil // the call will fail likewise
		}
		text = filepath.Join(dir, text)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(text))
	if err != nil {
		return p, "", nil
	}
	if root = c.t.root(dir); root == "" {
		return p, "", nil
	}
	hold, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return p, "", err
	}
	parent, err := c.t.medium.meet(hold, false)
	return name{parent, filepath.Base(text)}, root, err
}

// inodeAt returns what lies at a name, nil when nothing does.
func (c call) inodeAt(p name, fresh bool) (*inode, error) {
	hold, err := unix.Openat(p.dir.hold, p.name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n, err := c.t.medium.meet(hold, fresh)
	if n != nil && strings.HasSuffix(p.name, "-shm") {
		n.mapped = true
	}
	return n, err
}

func (c call) named(dirfd int32, at uint64) (*inode, error) {
	p, root, err := c.place(dirfd, at)
	if err != nil || root == "" {
		return nil, err
	}
	return c.inodeAt(p, false)
}

// opened returns the inode of an open file or directory of the roots, nil for others.
func (c call) opened(fd uint64) (*inode, error) {
	link := c.proc(fmt.Sprintf("fd/%d", int32(fd)))
	path, err := os.Readlink(link)
	if err != nil || c.t.root(path) == "" || strings.HasSuffix(path, "-shm") {
		return nil, nil
	}
	hold, err := unix.Open(link, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return c.t.medium.meet(hold, false)
}

func (c call) opening(dirfd int32, at, flags uint64) (after, error) {
	if flags&(unix.O_CREAT|unix.O_TRUNC) == 0 {
		return nil, nil
	}
	p, root, err := c.place(dirfd, at)
	if err != nil || root == "" {
		return nil, err
	}
	was, err := c.inodeAt(p, false)
	if err != nil || was != nil && (flags&unix.O_TRUNC == 0 || flags&unix.O_EXCL != 0) {
		return nil, err
	}
	return func(result int64) error {
		if result < 0 {
			return nil
		}
		if was != nil {
			was.open, was.loose = append(was.open, write{cut: true}), true
			return nil
		}
		return c.appeared(p, made)
	}, nil
}

// appeared notes a name that was not there before.
func (c call) appeared(p name, how act) error {
	n, err := c.inodeAt(p, true)
	if err != nil || n == nil {
		return err
	}
	c.t.medium.names = append(c.t.medium.names, &change{act: how, at: p, what: []key{n.key}})
	return nil
}

func (c call) making(dirfd int32, at uint64, how act) (after, error) {
	p, root, err := c.place(dirfd, at)
	if err != nil || root == "" {
		return nil, err
	}
	if c.nr == unix.SYS_LINK || c.nr == unix.SYS_LINKAT {
		from := int32(c.args[0])
		old := c.args[1]
		if c.nr == unix.SYS_LINK {
			from, old = unix.AT_FDCWD, c.args[0]
		}
		if _, err := c.named(from, old); err != nil {
			return nil, err // it is met as it is, before it has a second name
		}
	}
	return func(result int64) error {
		if result < 0 {
			return nil
		}
		return c.appeared(p, how)
	}, nil
}

func (c call) taking(dirfd int32, at uint64, how act) (after, error) {
	p, root, err := c.place(dirfd, at)
	if err != nil || root == "" {
		return nil, err
	}
	n, err := c.inodeAt(p, false)
	if err != nil || n == nil || (n.kind == unix.S_IFDIR) != (how == takenDir) {
		return nil, err
	}
	ch := &change{act: how, at: p, what: []key{n.key}, mode: n.mode}
	if how == taken {
		if ch.grave, ch.in, err = c.t.medium.bury(p, root); err != nil {
			return nil, err
		}
	}
	return c.changing(ch), nil
}

// changing notes a change of names once the call has made it. When the call fails, what was
// kept of the file that it was to take away is not needed.
func (c call) changing(ch *change) after {
	return func(result int64) error {
		switch {
		case result >= 0:
			c.t.medium.names = append(c.t.medium.names, ch)
		case ch.grave != "":
			return unix.Unlinkat(ch.in, ch.grave, 0)
		}
		return nil
	}
}

func (c call) renaming(fromFD int32, from uint64, toFD int32, to, flags uint64) (after, error) {
	p, root, err := c.place(fromFD, from)
	if err != nil || root == "" {
		return nil, err
	}
	q, other, err := c.place(toFD, to)
	if err != nil || other == "" {
		return nil, err
	}
	n, err := c.inodeAt(p, false)
	if err != nil || n == nil {
		return nil, err
	}
	over, err := c.inodeAt(q, false)
	if err != nil || over == n {
		return nil, err
	}
	ch := &change{act: moved, at: p, to: q, what: []key{n.key}}
	if over != nil {
		ch.what = append(ch.what, over.key)
	}
	switch {
	case flags&unix.RENAME_EXCHANGE != 0:
		ch.act = exchanged
	case flags&unix.RENAME_NOREPLACE == 0 && over != nil && over.kind != unix.S_IFDIR:
		if ch.grave, ch.in, err = c.t.medium.bury(q, other); err != nil {
			return nil, err
		}
	}
	return c.changing(ch), nil
}

func (c call) attributes(n *inode, err error) (after, error) {
	if err != nil || n == nil {
		return nil, err
	}
	return func(result int64) error {
		n.loose = n.loose || result >= 0
		return nil
	}, nil
}

func (c call) syncing() (after, error) {
	n, err := c.opened(c.args[0])
	if err != nil || n == nil {
		return nil, err
	}
	return func(result int64) error {
		switch {
		case result < 0:
			return nil
		case c.nr == unix.SYS_SYNCFS:
			return c.t.medium.syncedAll()
		case n.kind == unix.S_IFDIR:
			return c.t.medium.syncedDir(n)
		}
		return c.t.medium.synced(n, c.nr == unix.SYS_FDATASYNC)
	}, nil
}
