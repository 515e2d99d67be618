//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// loseIndex deletes the database of an agent that does not run.
func (a *agent) loseIndex() {
	a.t.Helper()
	must(a.t, os.RemoveAll(filepath.Join(a.home, "index")))
}

func TestIndexLost(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	for i := range 40 {
		a.put(fmt.Sprintf("d%d/%d", i%4, i), fmt.Sprint("content ", i))
	}
	a.fill("big", 5<<20)
	a.fill("also big", 5<<20+1)
	settle(a, b)
	b.put("d1/1", "edited twice, 1")
	settle(a, b)
	a.put("d1/1", "edited twice, 2")
	b.remove("d2/2")
	settle(a, b)

	before := a.traffic(b) + b.traffic(a)
	want := picture(t, a.root)
	b.stop()
	b.loseIndex()
	b.start()
	settle(a, b)
	if diff := want.differs(picture(t, b.root)); diff != "" {
		t.Errorf("losing the index changed the folder:\n%s", diff)
	}
	if cost := a.traffic(b) + b.traffic(a) - before; cost > 1<<20 {
		t.Errorf("losing the index cost %d bytes of traffic", cost)
	}
	noConflicts(t, a, b)

	// Now the other side goes on meanwhile, without the one that loses its memory.
	b.stop()
	b.loseIndex()
	a.put("d1/5", "edited while bert lost its memory")
	a.remove("d3/3")
	a.put("d0/new", "new")
	rescan(a)
	b.start()
	settle(a, b)
	if got := b.read("d1/5"); got != "edited while bert lost its memory" {
		t.Errorf("an edit was reverted: %q", got)
	}
	if b.exists("d3/3") {
		t.Error("a deleted file came back")
	}
	noConflicts(t, a, b)
}

// TestBothIndexesLost deletes both databases, and edits on both sides before they meet.
func TestBothIndexesLost(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	for i := range 20 {
		a.put(fmt.Sprintf("d%d/%d", i%4, i), fmt.Sprint("content ", i))
	}
	settle(a, b)
	a.stop()
	b.stop()
	a.loseIndex()
	b.loseIndex()
	startAll(a, b)
	settle(a, b)
	noConflicts(t, a, b)
	a.put("d1/1", "edited after")
	b.remove("d2/2")
	settle(a, b)
	if got := b.read("d1/1"); got != "edited after" || a.exists("d2/2") {
		t.Errorf("changes after the loss do not arrive: %q", got)
	}
}

func noConflicts(t *testing.T, agents ...*agent) {
	t.Helper()
	for _, a := range agents {
		if f := a.folder(); f.Conflicts != 0 {
			t.Errorf("%s has %d conflicts: %q", a.name, f.Conflicts, picture(t, a.root).names())
		}
	}
}

// TestIndexPutBack puts an old copy of the database back, as a backup does (rule R16).
func TestIndexPutBack(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	for i := range 20 {
		a.put(fmt.Sprintf("d%d/%d", i%4, i), fmt.Sprint("content ", i))
	}
	settle(a, b)
	a.stop()
	index := filepath.Join(a.home, "index")
	must(t, os.CopyFS(filepath.Join(a.home, "backup"), os.DirFS(index)))
	a.start()
	a.put("d1/1", "edited after the backup")
	a.remove("d2/2")
	a.put("new", "made after the backup")
	settle(a, b)

	a.stop()
	a.loseIndex()
	must(t, os.Rename(filepath.Join(a.home, "backup"), index))
	b.put("d3/3", "edited by bert meanwhile")
	a.start()
	settle(a, b)
	for path, want := range map[string]string{
		"d3/3": "edited by bert meanwhile", "d1/1": "edited after the backup",
		"new": "made after the backup", "d0/0": "content 0",
	} {
		if got := b.read(path); got != want || a.read(path) != want {
			t.Errorf("%q holds %q and %q", path, a.read(path), got)
		}
	}
	if a.exists("d2/2") || b.exists("d2/2") {
		t.Error("a deleted file came back")
	}
	noConflicts(t, a, b)
	told := false
	for _, p := range a.folder().Problems {
		told = told || p.Kind == "renewed"
	}
	if !told {
		t.Errorf("people are not told: %+v", a.folder().Problems)
	}
}

// TestReconnectingIsCheap counts what TCP carries when two that are equal meet again: the
// handshake of TLS, and less than a kilobyte of what they say about the folder.
func TestReconnectingIsCheap(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	for i := range 500 {
		a.put(fmt.Sprintf("d%d/%d", i%20, i), fmt.Sprint("content ", i))
	}
	settle(a, b)
	before := b.traffic(a)
	a.stop()
	a.start()
	settle(a, b)
	if cost := b.traffic(a) - before; cost > 8<<10 {
		t.Errorf("meeting again cost %d bytes", cost)
	}
}
