package powercut

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// sector is what a medium writes whole or not at all, in bytes.
const sector = 512

// key names an inode for as long as it is held open.
type key struct{ dev, ino uint64 }

// inode is a file, directory or link that was changed.
type inode struct {
	key   key
	hold  int // keeps the number from being used again
	kind  uint32
	saved []byte // what is durable of a file
	open  []write
	mode  uint32 // what is durable
	mtime unix.Timespec
	loose bool // mode or time have changed since
	// mapped is of a file that is written by way of memory: nothing is known of it.
	mapped bool
}

// write is a change of a file's bytes, not durable.
type write struct {
	at    int64
	bytes []byte
	size  int64 // the new length, when cut is set
	cut   bool
}

func (w write) apply(to []byte) []byte {
	if w.cut {
		return resized(to, w.size)
	}
	if end := w.at + int64(len(w.bytes)); end > int64(len(to)) {
		to = resized(to, end)
	}
	copy(to[w.at:], w.bytes)
	return to
}

func resized(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	known := len(b)
	b = slices.Grow(b, int(size)-known)[:size]
	clear(b[known:])
	return b
}

func apply(base []byte, writes []write) []byte {
	out := slices.Clone(base)
	for _, w := range writes {
		out = w.apply(out)
	}
	return out
}

// medium is what would be left without power.
type medium struct {
	inodes map[key]*inode
	names  []*change
	graves map[string]int // directory for removed files, by root
	random *rand.Rand
	buried int
}

func path(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

// meet returns the inode of a handle that is then the medium's. What is not known yet is
// durable as it is, unless it was just made.
func (m *medium) meet(hold int, fresh bool) (*inode, error) {
	var st unix.Stat_t
	if err := unix.Fstat(hold, &st); err != nil {
		return nil, errors.Join(err, unix.Close(hold))
	}
	k := key{st.Dev, st.Ino}
	if known := m.inodes[k]; known != nil {
		return known, unix.Close(hold)
	}
	n := &inode{key: k, hold: hold, kind: st.Mode & unix.S_IFMT, mode: st.Mode & 0o7777, mtime: st.Mtim}
	if n.kind == unix.S_IFREG && !fresh {
		var err error
		if n.saved, err = os.ReadFile(path(hold)); err != nil {
			return nil, err
		}
	}
	m.inodes[k] = n
	return n, nil
}

// synced notes that what is written of a file is durable, with its time and permissions
// unless only its bytes were asked for.
func (m *medium) synced(n *inode, only bool) error {
	for _, w := range n.open {
		n.saved = w.apply(n.saved)
	}
	n.open = nil
	if only {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(n.hold, &st); err != nil {
		return err
	}
	n.mode, n.mtime, n.loose = st.Mode&0o7777, st.Mtim, false
	return nil
}

// syncedAll is what syncfs does.
func (m *medium) syncedAll() error {
	m.names = nil
	for _, n := range m.inodes {
		if err := m.synced(n, false); err != nil {
			return err
		}
	}
	return nil
}

// lose takes from the files what was not durable, and returns how much it took.
func (m *medium) lose(chance float64) (lost int, err error) {
	keys := make([]key, 0, len(m.inodes))
	for k := range m.inodes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int { return int(int64(a.ino) - int64(b.ino)) })
	for _, k := range keys {
		n := m.inodes[k]
		took, err := m.loseOf(n, chance)
		if err != nil {
			return lost, err
		}
		lost += took
	}
	return lost, nil
}

func (m *medium) loseOf(n *inode, chance float64) (lost int, err error) {
	var now unix.Stat_t
	if err := unix.Fstat(n.hold, &now); err != nil || now.Nlink == 0 {
		return 0, err
	}
	if n.kind == unix.S_IFLNK {
		return 0, nil
	}
	if n.kind == unix.S_IFREG && !n.mapped {
		if err := m.agrees(n); err != nil {
			return 0, err
		}
		if lost, err = m.tear(n, chance); err != nil {
			return 0, err
		}
	}
	mode, mtime := now.Mode&0o7777, now.Mtim
	if n.loose && m.random.Float64() >= chance {
		mode, lost = n.mode, lost+1
	}
	if n.loose && n.kind == unix.S_IFREG && m.random.Float64() >= chance {
		mtime = n.mtime
	}
	if err := unix.Chmod(path(n.hold), mode); err != nil {
		return lost, err
	}
	if n.kind != unix.S_IFREG {
		return lost, nil
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, mtime}
	return lost, unix.UtimesNanoAt(unix.AT_FDCWD, path(n.hold), times, 0)
}

// agrees makes sure that no change of a file has been overlooked.
func (m *medium) agrees(n *inode) error {
	is, err := os.ReadFile(path(n.hold))
	if err != nil {
		return err
	}
	if want := apply(n.saved, n.open); string(is) != string(want) {
		name, _ := os.Readlink(path(n.hold))
		return fmt.Errorf("%s was changed unseen: it has %d bytes, %d are known", name, len(is), len(want))
	}
	return nil
}

// tear writes what is left of a file.
func (m *medium) tear(n *inode, chance float64) (lost int, err error) {
	if len(n.open) == 0 {
		return 0, nil
	}
	left := slices.Clone(n.saved)
	for _, w := range n.open {
		if w.cut {
			if m.random.Float64() < chance {
				left = w.apply(left)
			} else {
				lost++
			}
			continue
		}
		for from := int64(0); from < int64(len(w.bytes)); {
			to := min(int64(len(w.bytes)), (w.at+from)/sector*sector+sector-w.at)
			if m.random.Float64() < chance {
				left = write{at: w.at + from, bytes: w.bytes[from:to]}.apply(left)
			} else {
				lost++
			}
			from = to
		}
	}
	file, err := os.OpenFile(path(n.hold), os.O_RDWR, 0)
	if err != nil {
		return lost, err
	}
	_, err = file.WriteAt(left, 0)
	return lost, errors.Join(err, file.Truncate(int64(len(left))), file.Close())
}

// readAt reads what a call has just written.
func (n *inode) readAt(at, size int64) ([]byte, error) {
	file, err := os.Open(path(n.hold))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b := make([]byte, size)
	_, err = io.ReadFull(io.NewSectionReader(file, at, size), b)
	return b, err
}
