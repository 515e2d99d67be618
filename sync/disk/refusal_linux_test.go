package disk

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/sync/tree"
)

func TestRefusals(t *testing.T) {
	for err, want := range map[error]tree.Refusal{
		unix.ENOSPC: tree.NoSpace, unix.EDQUOT: tree.NoSpace, ErrNoSpace: tree.NoSpace,
		unix.EACCES: tree.Denied, unix.EPERM: tree.Denied, unix.EROFS: tree.Denied,
		unix.ENAMETOOLONG: tree.NameRefused, unix.EILSEQ: tree.NameRefused,
		unix.EINVAL: tree.NameRefused, unix.ENOENT: tree.Missing, unix.ENOTDIR: tree.Missing,
		unix.ELOOP: tree.Missing, unix.EEXIST: tree.Occupied, unix.ENOTEMPTY: tree.NotEmpty,
		unix.EXDEV: tree.Unsupported, unix.EIO: tree.OtherFailure,
	} {
		wrapped := &os.PathError{Op: "x", Path: "y", Err: err}
		if got := refusalOf(wrapped); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
		if explain(wrapped) == "" {
			t.Errorf("%v: not explained", err)
		}
	}
}
