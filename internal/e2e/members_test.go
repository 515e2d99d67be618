//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestUnshareAndRemove(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("file", "one")
	settle(a, b)
	a.command("folder", "unshare", shared, "bert").done(t)
	a.put("file", "two")
	a.put("secret", "not for bert any more")
	b.put("from bert", "anna does not want this")
	rescan(a, b)
	b.eventually(patience, "bert learns that he is no member", func() error {
		for _, p := range b.folder().Problems {
			if strings.Contains(p.Reason, "anna does not share this folder") {
				return nil
			}
		}
		return fmt.Errorf("problems are %+v", b.folder().Problems)
	})
	if f := b.folder(); f.State == "up-to-date" {
		t.Errorf("bert's folder is %s", f.State)
	}
	if b.exists("secret") || b.read("file") != "one" || a.exists("from bert") {
		t.Error("something was exchanged after the membership ended")
	}
	if !a.device(b).Connected {
		t.Error("the link ended with the membership")
	}
	// Shared again, everything is made up for.
	a.command("folder", "share", shared, "bert").done(t)
	settle(a, b)
	if b.read("secret") == "" || a.read("from bert") == "" {
		t.Error("the changes in between are lost")
	}

	a.command("device", "remove", "bert").done(t)
	b.eventually(patience, "bert is turned away", func() error {
		if d := b.device(a); d.Connected || !strings.Contains(d.LastProblem, "does not trust this device") {
			return fmt.Errorf("connected %v, %q", d.Connected, d.LastProblem)
		}
		return nil
	})
	a.put("file", "three")
	rescan(a)
	b.command("wait", "--folder", shared, "--timeout", "500ms").failed(t, 4, "anna does not share this folder")
	if b.read("file") != "two" {
		t.Error("a removed device has got news")
	}
	link(a, b)
	share(a, b)
	settle(a, b)
}

// TestMembershipFlickers ends and renews memberships on both sides at once, many times:
// whatever crosses on the way, the two must find together, and then be calm.
func TestMembershipFlickers(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("file", "content")
	settle(a, b)
	for range 8 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.command("folder", "unshare", shared, "anna")
			b.command("folder", "share", shared, "anna")
		}()
		a.command("folder", "unshare", shared, "bert")
		a.command("folder", "share", shared, "bert")
		<-done
	}
	a.put("after", "all that")
	settle(a, b)
	calm(t, a, b)
}

// calm demands that two agents with nothing to do say next to nothing to each other.
func calm(t *testing.T, a, b *agent) {
	t.Helper()
	var least int64 = 1 << 62
	before := a.traffic(b) + b.traffic(a)
	for range 4 { // what was under way may still come to rest
		_ = poll(300*time.Millisecond, func() error { return errors.New("let the time pass") })
		now := a.traffic(b) + b.traffic(a)
		least = min(least, now-before)
		before = now
	}
	if least > 4096 {
		t.Errorf("%d bytes travel in 0.3 s although nothing happens", least)
	}
}

// TestFolderRemoved stops keeping a folder in the middle of a transfer, on either side,
// and takes it up again as another replica.
func TestFolderRemoved(t *testing.T) {
	long(t)
	t.Parallel()
	a, b := pair(t)
	a.put("file", "content")
	settle(a, b)
	id := a.folder().ID.String()
	a.drop("large", 60<<20)
	b.underWay(a, 5<<20)
	a.command("folder", "remove", shared).done(t)
	b.eventually(patience, "bert learns that anna has no such folder", func() error {
		if f := b.folder(); f.Members[0].Connected {
			return fmt.Errorf("the member is still taken for connected; state %s", f.State)
		}
		return nil
	})
	if !a.exists("file") || !a.exists("large") {
		t.Error("files are gone with the folder")
	}
	if left, err := filepath.Glob(filepath.Join(a.home, "index", "*")); err != nil || len(left) != 0 {
		t.Errorf("left of the index: %q, %v", left, err)
	}
	a.command("folder", "add", a.root, "--name", shared, "--id", id).done(t)
	a.command("folder", "share", shared, "bert").done(t)
	settle(a, b)
	noConflicts(t, a, b)
	if _, err := os.Stat(a.at("large")); err != nil {
		t.Error(err)
	}
	b.drop("large two", 40<<20)
	a.underWay(b, 5<<20)
	a.command("folder", "remove", shared).done(t)
	a.command("folder", "add", a.root, "--name", shared, "--id", id).done(t)
	a.command("folder", "share", shared, "bert").done(t)
	settle(a, b)
	noConflicts(t, a, b)
	calm(t, a, b)
}
