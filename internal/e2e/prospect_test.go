//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestProspect: a large file that is copied in takes as long as its bytes take on the link,
// and not twice: others fetch it while it is being written. What is there afterwards is the
// file, and nothing besides.
func TestProspect(t *testing.T) {
	long(t) // what comes within five seconds is counted
	t.Parallel()
	a, b := pair(t)
	a.fill("first", 1000)
	settle(a, b)
	const size, rate, blocks = 160_000_000, 20_000_000, 40
	a.command("config", "set", "limit_lan", "on").done(t)
	a.command("config", "set", "limit_up", fmt.Sprintf("%dMB/s", rate/1_000_000)).done(t)
	whole := noise(7, size)
	f, err := os.Create(a.at("film"))
	must(t, err)
	before, begun := b.traffic(a), time.Now()
	every := time.NewTicker(5 * time.Second / blocks)
	defer every.Stop()
	for i := range blocks {
		<-every.C
		_, err := f.Write(whole[i*size/blocks : (i+1)*size/blocks])
		must(t, err)
	}
	must(t, f.Close())
	staged := b.traffic(a) - before
	settle(a, b)
	took := time.Since(begun)
	t.Logf("%d bytes had come when the last was written; both equal %v after the first", staged, took)
	if b.read("film") != string(whole) {
		t.Error("the file is another one")
	}
	if staged < size/10 {
		t.Errorf("%d of %d bytes had come while the file was written", staged, size)
	}
	if cost := b.traffic(a) - before; cost > size*11/10 {
		t.Errorf("%d bytes cost %d", size, cost)
	}
}

// TestProspectOfWhatIsIgnored: what is told of a file that is being written has no name.
// A device with patterns of its own cannot know that it is to leave the file alone, so it
// waits for the name, and not a byte of what it ignores comes to it.
func TestProspectOfWhatIsIgnored(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("first", "is there")
	settle(a, b)
	own := filepath.Join(t.TempDir(), "own")
	must(t, os.WriteFile(own, []byte("film\n"), 0o600))
	b.command("folder", "ignore", shared, "--own", "--set", own).done(t)
	before := b.traffic(a)
	const blocks, block = 30, 3_000_000
	f, err := os.Create(a.at("film"))
	must(t, err)
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for i := range blocks {
		<-every.C
		_, err := f.Write(noise(uint64(i), block))
		must(t, err)
	}
	must(t, f.Close())
	a.put("second", "is told behind it")
	b.eventually(patience, "the folder goes on", func() error {
		if !b.exists("second") {
			return fmt.Errorf("the second file has not come")
		}
		return nil
	})
	if came := b.traffic(a) - before; came > block || b.exists("film") {
		t.Errorf("%d bytes came of a file that is ignored", came)
	}
}
