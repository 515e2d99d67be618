package powercut

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// writing looks at the calls that write at a place in a file or change its length.
func (c call) writing() (after, error) {
	n, err := c.opened(c.args[0])
	if err != nil || n == nil || n.kind != unix.S_IFREG {
		return nil, err
	}
	return func(result int64) error {
		if result < 0 {
			return nil
		}
		w, err := c.written(n, result)
		if err != nil {
			return err
		}
		n.open, n.loose = append(n.open, w...), true
		return nil
	}, nil
}

// written says what a call that has been made has written.
func (c call) written(n *inode, result int64) ([]write, error) {
	a, at := c.args, int64(0)
	switch c.nr {
	case unix.SYS_FTRUNCATE:
		return []write{{cut: true, size: int64(a[1])}}, nil
	case unix.SYS_FALLOCATE:
		return n.allocated(int64(a[1]), int64(a[2]), int64(a[3]))
	case unix.SYS_PWRITE64, unix.SYS_PWRITEV, unix.SYS_PWRITEV2:
		at = int64(a[3])
	default:
		end, err := c.position(a[0])
		if err != nil {
			return nil, err
		}
		at = end - result
	}
	bytes, err := n.readAt(at, result)
	return []write{{at: at, bytes: bytes}}, err
}

// position returns where the next write of an open file goes.
func (c call) position(fd uint64) (at int64, err error) {
	info, err := os.ReadFile(c.proc(fmt.Sprintf("fdinfo/%d", int32(fd))))
	if err == nil {
		_, err = fmt.Sscanf(string(info), "pos: %d", &at)
	}
	return at, err
}

func (n *inode) allocated(mode, at, length int64) ([]write, error) {
	size := int64(len(apply(n.saved, n.open)))
	switch mode {
	case 0:
		if at+length <= size {
			return nil, nil
		}
		return []write{{cut: true, size: at + length}}, nil
	case unix.FALLOC_FL_KEEP_SIZE:
		return nil, nil
	case unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE:
		if at >= size {
			return nil, nil
		}
		return []write{{at: at, bytes: make([]byte, min(length, size-at))}}, nil
	}
	return nil, fmt.Errorf("fallocate in mode %d is not watched", mode)
}

// whole looks at the calls of which only the outcome can be seen: all of a file is taken
// for written.
func (c call) whole(fd uint64) (after, error) {
	n, err := c.opened(fd)
	if err != nil || n == nil || n.kind != unix.S_IFREG {
		return nil, err
	}
	return func(result int64) error {
		if result < 0 {
			return nil
		}
		all, err := os.ReadFile(path(n.hold))
		n.open = append(n.open, write{bytes: all}, write{cut: true, size: int64(len(all))})
		n.loose = true
		return err
	}, nil
}
