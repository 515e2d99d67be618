//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// window is what may be on its way when an agent is killed: what it has asked for and not
// yet stored, twice as much for what waits in sockets and queues.
const window = 2 * 16 << 20

// underWay waits until so many bytes have come from another device.
func (a *agent) underWay(from *agent, bytes int64) {
	a.t.Helper()
	a.eventually(patience, "the transfer is under way", func() error {
		if got := a.traffic(from); got < bytes {
			return fmt.Errorf("%d bytes have come", got)
		}
		return nil
	})
}

// knowsOf waits until an agent knows of a file for sure, and may still need it: what comes
// before is not kept, or not all of it, when either side ends (decision 54).
func (a *agent) knowsOf(name string) {
	a.t.Helper()
	a.eventually(patience, "the file is known", func() error {
		if f := a.folder(); f.NeedBytes == 0 && !a.exists(name) {
			return errors.New("nothing is needed yet")
		}
		return nil
	})
}

func TestReceiverKilled(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	const size = 200 << 20
	a.drop("large", size)
	b.knowsOf("large")
	b.underWay(a, b.traffic(a)+(40<<20))
	b.kill()
	if b.exists("large") {
		t.Skip("the transfer was over before it could be interrupted")
	}
	a.put("made meanwhile", "while bert was dead")
	b.start()
	settle(a, b)
	// The sender has lived through both, so it has counted all that was sent.
	sent := int64(a.device(b).BytesOut)
	if most := int64(size + window + size/50); sent > most {
		t.Errorf("%d MiB were sent for a file of %d MiB", sent>>20, size>>20)
	}
	nothingStaged(t, b)
}

func TestSenderKilled(t *testing.T) {
	long(t)
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	const size = 200 << 20
	a.drop("large", size)
	b.knowsOf("large")
	b.underWay(a, 40<<20)
	a.kill()
	b.put("made meanwhile", "while anna was dead")
	a.start()
	settle(a, b)
	if got := b.traffic(a); got > size+window+size/50 {
		t.Errorf("%d MiB came for a file of %d MiB", got>>20, size>>20)
	}
}

// nothingStaged demands that no content is left behind in the private directory.
func nothingStaged(t *testing.T, a *agent) {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(a.root, ".shoal", "stage"))
	must(t, err)
	for _, f := range left {
		t.Errorf("%s has %s left in the stage", a.name, f.Name())
	}
}

func TestChangesWhileDown(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	for i := range 30 {
		a.put(fmt.Sprintf("d/%d", i), fmt.Sprint(i))
	}
	a.fill("d/sub/big", 3<<20)
	settle(a, b)
	b.stop()
	b.put("d/1", "edited while bert was down")
	b.remove("d/2")
	b.move("d/3", "three")
	b.move("d/sub", "moved sub")
	b.put("new/file", "new while bert was down")
	a.put("d/4", "edited while bert was down, by anna")
	a.remove("d/5")
	before := a.traffic(b)
	b.start()
	settle(a, b)
	for path, want := range map[string]string{
		"d/1": "edited while bert was down", "three": "3", "new/file": "new while bert was down",
		"d/4": "edited while bert was down, by anna",
	} {
		if got := a.read(path); got != want {
			t.Errorf("%s holds %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"d/2", "d/3", "d/5", "d/sub"} {
		if a.exists(path) {
			t.Errorf("%s is still there", path)
		}
	}
	if cost := a.traffic(b) - before; cost > 1<<20 {
		t.Errorf("moving a directory while the agent was down cost %d bytes", cost)
	}
	if f := a.folder(); f.Conflicts != 0 {
		t.Errorf("there are %d conflicts", f.Conflicts)
	}
}

func TestStopsSoonWhileSyncing(t *testing.T) {
	long(t)
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	a.drop("large", 80<<20)
	for i := range 800 {
		a.put(fmt.Sprintf("small/%d/%d", i%20, i), fmt.Sprint("small ", i))
	}
	b.underWay(a, 10<<20)
	begun := time.Now()
	b.stop() // fails beyond 5 s by itself
	t.Logf("bert stopped after %v", time.Since(begun))
	begun = time.Now()
	a.stop()
	t.Logf("anna stopped after %v", time.Since(begun))
	startAll(a, b)
	settle(a, b)
}

// TestKilledOftenWhileBusy kills both sides at odd moments while small files come in.
func TestKilledOftenWhileBusy(t *testing.T) {
	long(t)
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	for round := range 4 {
		for i := range 400 {
			a.put(fmt.Sprintf("%d/%d/%d", round, i%10, i), fmt.Sprintf("%d of round %d", i, round))
		}
		if round > 0 {
			a.move(fmt.Sprintf("%d", round-1), fmt.Sprintf("was %d", round-1))
			a.remove(fmt.Sprintf("was %d/3", round-1))
		}
		victim := []*agent{b, a}[round%2]
		other := []*agent{a, b}[round%2]
		goal := 60 * (round + 1)
		other.eventually(patience, "some files have come", func() error {
			v, err := tryPicture(filepath.Join(b.root, fmt.Sprint(round)))
			if err == nil && len(v) < goal {
				return errors.New("only few files")
			}
			return nil
		})
		victim.kill()
		victim.start()
	}
	settle(a, b)
	for _, who := range []*agent{a, b} {
		if f := who.folder(); f.Conflicts != 0 {
			t.Errorf("%s has %d conflicts: %q", who.name, f.Conflicts, picture(t, who.root).names())
		}
	}
	want := map[string]bool{}
	for round := range 4 {
		top := fmt.Sprint("was ", round)
		if round == 3 {
			top = "3"
		}
		for i := range 400 {
			if round == 3 || i%10 != 3 {
				want[top], want[fmt.Sprintf("%s/%d", top, i%10)] = true, true
				want[fmt.Sprintf("%s/%d/%d", top, i%10, i)] = true
			}
		}
	}
	for _, name := range picture(t, a.root).names() {
		if !want[name] {
			t.Errorf("%q should not be there", name)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing are %d names, such as %v", len(want), want)
	}
}

// TestSmallOvertakesLarge: whoever saves a note must not wait for a film to arrive.
func TestSmallOvertakesLarge(t *testing.T) {
	long(t)
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	const size = 200 << 20
	a.drop("film", size)
	b.underWay(a, 20<<20)
	a.put("note", "small")
	rescan(a)
	if b.exists("film") {
		t.Skip("the film had arrived before the note was seen")
	}
	b.eventually(patience, "the note arrives", func() error {
		if !b.exists("note") {
			return errors.New("it is missing")
		}
		return nil
	})
	if b.exists("film") {
		t.Error("the film was there before the note")
	}
	settle(a, b)
}
