//go:build !linux && !darwin && !windows

package disk

import (
	"errors"
	"os"
	"syscall"

	"github.com/shoal-sync/shoal/sync/tree"
)

// swap is not offered here; files are replaced in steps.
func swap(*dir, string, *dir, string) error { return errNoSwap }

// openToSync is how a file is opened to be made durable.
const openToSync = os.O_RDONLY

func syncAttributes(f *os.File) error { return f.Sync() }

func (d *dir) sync() error {
	file, err := d.root.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// volume is not asked here: writing finds out, and the trash grows to what it is told.
func (d *dir) volume() (free, size int64, err error) { return 1 << 62, 1 << 40, nil }

// lockFile is not offered here: the program's own lock on its settings has to do.
func lockFile(*os.File) error { return nil }

func systemRefusal(err error) (tree.Refusal, bool) {
	for _, row := range []struct {
		err syscall.Errno
		why tree.Refusal
	}{
		{syscall.ENOSPC, tree.NoSpace},
		{syscall.EROFS, tree.Denied},
		{syscall.ENAMETOOLONG, tree.NameRefused},
		{syscall.EINVAL, tree.NameRefused},
		{syscall.ENOTDIR, tree.Missing},
		{syscall.ENOTEMPTY, tree.NotEmpty},
		{syscall.EXDEV, tree.Unsupported},
	} {
		if errors.Is(err, row.err) {
			return row.why, true
		}
	}
	return tree.Done, false
}
