//go:build unix

package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
)

// paused waits until the shared folder rests, with an end or without.
func (a *agent) paused(withEnd bool) {
	a.t.Helper()
	a.eventually(patience, "the folder rests", func() error {
		f := a.folder()
		if f.State != status.Paused || f.Paused == nil || f.Paused.Until.IsZero() == withEnd {
			return fmt.Errorf("its state is %s, rest %+v; want paused, with an end: %v", f.State, f.Paused, withEnd)
		}
		return nil
	})
}

// TestPause: nothing travels while a folder, a device or everything is paused; the pause
// outlives the agent; when it ends, what was missed comes.
func TestPause(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("before", "1")
	settle(a, b)

	a.command("pause", shared, "--for", "1h").done(t)
	a.paused(true)
	a.put("here", "2")
	b.put("there", "3")
	rescan(a, b)
	a.wait1("--timeout", "300ms").failed(t, 4, "paused")
	b.eventually(patience, "the other side says why", func() error {
		for _, p := range b.folder().Problems {
			if p.Kind == "member" && containsAll(p.Reason, []string{a.name, "paused"}) {
				return nil
			}
		}
		return fmt.Errorf("its problems are %+v", b.folder().Problems)
	})
	if b.exists("here") || a.exists("there") {
		t.Error("files travelled through a pause")
	}
	a.stop()
	a.start()
	a.connected(b)
	a.paused(true)
	a.wait1("--timeout", "300ms").failed(t, 4, "paused")
	if b.exists("here") || a.exists("there") {
		t.Error("a restart ended the pause")
	}
	a.command("resume", shared).done(t)
	settle(a, b)
	equal(a, b)

	b.command("pause", a.name).done(t)
	b.eventually(patience, "the device is paused", func() error {
		if d := b.device(a); d.Paused == nil || !d.Connected {
			return fmt.Errorf("it is shown as %+v", d)
		}
		return nil
	})
	a.put("again", "4")
	rescan(a, b)
	if b.exists("again") {
		t.Error("files came from a paused device")
	}
	b.command("pause").done(t)
	b.paused(false)
	b.command("resume").done(t)
	settle(a, b)
	equal(a, b)

	a.command("pause", "--for", "1h").done(t)
	a.paused(true)
	a.put("by itself", "5")
	a.command("pause", "--for", "700ms").done(t) // in its place
	settle(a, b)
	equal(a, b)
	a.command("pause", "nobody").failed(t, 1, "no folder or device", "nobody")
	a.command("resume", shared).failed(t, 1, "not paused")
}

// wait1 runs `shoal wait` with the given flags.
func (a *agent) wait1(flags ...string) answer {
	a.t.Helper()
	return a.command(append([]string{"wait"}, flags...)...)
}

// TestAMovedFolderIsFollowed: a person moves the directory elsewhere, says so, and nothing
// is taken for deleted.
func TestAMovedFolderIsFollowed(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("dir/file", "1")
	settle(a, b)
	a.command("device", "rename", b.name, "the other one").done(t)
	if got := a.device(b).Name; got != "the other one" {
		t.Errorf("the renamed device is called %q", got)
	}
	moved := a.root + " moved"
	must(t, os.Rename(a.root, moved))
	must(t, os.Mkdir(a.root, 0o755))
	a.command("folder", "set", shared, "path", a.root).failed(t, 1)
	a.command("folder", "set", shared, "path", "relative/nowhere").failed(t, 1, "does not exist")
	must(t, os.Remove(a.root))
	a.command("folder", "set", shared, "path", moved).done(t)
	a.root = moved
	a.command("folder", "set", shared, "name", " ").failed(t, 2, "empty")
	a.command("folder", "set", shared, "colour", "blue").failed(t, 2, "colour", "name", "path")
	a.put("dir/file", "2")
	settle(a, b)
	equal(a, b)
	a.command("folder", "set", shared, "name", "renamed").done(t)
	if f := a.status().Folders[0]; f.Name != "renamed" || f.Path != moved {
		t.Errorf("the folder is %q at %q", f.Name, f.Path)
	}
	a.command("folder", "set", "renamed", "name", shared).done(t)
}
