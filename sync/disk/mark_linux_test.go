package disk

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shoal-sync/shoal/internal/filestat"
)

// What others are given was read by this program and not by a person. A file of somebody
// else can be given as well, but not without a mark of that.
func TestServingLeavesNoMark(t *testing.T) {
	r := newReal(t, Limits{})
	path := filepath.Join(r.dir, "f")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(path, []byte("one"), 0o644))
	must(os.Chmod(r.dir, 0o755)) // for the other
	long := time.Now().Add(-48 * time.Hour).Truncate(time.Second)
	must(os.Chtimes(path, long, time.Now()))
	is, err := filestat.OfPath(path)
	must(err)
	read := func() {
		t.Helper()
		if got, err := r.ReadChunkAt("f", is, Range{0, 3}, nil); string(got) != "one" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
	read()
	var st unix.Stat_t
	must(unix.Stat(path, &st))
	if at := time.Unix(st.Atim.Unix()); !at.Equal(long) {
		t.Errorf("last read at %v, which was %v", at, long)
	}
	if os.Geteuid() != 0 {
		return // only root can be somebody else for a moment
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, err = unix.SetfsuidRetUid(65534)
	must(err)
	defer unix.SetfsuidRetUid(0)
	read()
}
