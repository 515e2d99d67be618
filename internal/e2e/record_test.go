//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/shoal-sync/shoal/internal/sim"
)

// TestRecordAndReplay: what two agents record of a story with edits, moves, deletes,
// conflicts, a restart and a power cut, the same machines do again when they are told it in
// another process.
func TestRecordAndReplay(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	dir := t.TempDir()
	files := map[*agent]string{a: filepath.Join(dir, "anna.recording"), b: filepath.Join(dir, "bert.recording")}
	for who, file := range files {
		who.flags = append(who.flags, "--record", file)
	}
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	a.put("dir/one", "of anna")
	a.put("dir/two", "of anna")
	a.fill("dir/large", 3<<20)
	b.put("other", "of bert")
	b.put(".shoal/ignore", "*.tmp\n")
	b.put("left.tmp", "stays here")
	settle(a, b)
	a.put("dir/one", "edited")
	b.move("dir/two", "moved")
	a.remove("other")
	settle(a, b)
	b.move("dir", "renamed")
	settle(a, b)
	apart(a, b, func() { a.put("moved", "by anna") }, func() { b.put("moved", "by bert") })
	a.kill()
	b.move("renamed", "dir")
	a.start()
	settle(a, b)
	b.command("trash", "list", shared).done(t)
	a.stop()
	b.stop()
	for who, path := range files {
		file, err := os.Open(path)
		must(t, err)
		played, err := sim.Replay(file)
		must(t, err)
		must(t, file.Close())
		runs := map[*agent]int{a: 3, b: 2}[who]
		if !played.Same() || played.Runs != runs || played.Machines != 2*runs || played.Events < 100 || played.Effects < 100 {
			t.Errorf("%s, want %d runs of two machines:\n%s", who.name, runs, played)
		}
		t.Logf("%s: %s", who.name, played)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("others may read %s: %v, %v", path, info.Mode(), err)
		}
	}
}
