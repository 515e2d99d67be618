//go:build unix

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// unharmed demands that an agent still has exactly the tree it had.
func (a *agent) unharmed(want view) {
	a.t.Helper()
	if diff := want.differs(picture(a.t, a.root)); diff != "" {
		a.t.Fatalf("the folder of %s has changed:\n%s", a.name, diff)
	}
}

// troubled waits until the folder says that a person must look at its root.
func (a *agent) troubled(words ...string) {
	a.t.Helper()
	a.eventually(patience, "the status says what is wrong with the folder", func() error {
		f := a.folder()
		if f.State != "needs-you" {
			return fmt.Errorf("state %s, problems %+v", f.State, f.Problems)
		}
		for _, p := range f.Problems {
			if p.Kind == "root" && containsAll(p.Reason, words) {
				return nil
			}
		}
		return fmt.Errorf("problems %+v do not say %q", f.Problems, words)
	})
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func rootPair(t *testing.T) (a, b *agent, want view) {
	a, b = pair(t)
	for i := range 20 {
		a.put(fmt.Sprintf("d%d/%d", i%3, i), fmt.Sprint(i))
	}
	settle(a, b)
	return a, b, picture(t, a.root)
}

// TestRootGoneWhileRunning takes the folder away under a running agent and puts an empty
// directory in its place, as an unmounted disk does.
func TestRootGoneWhileRunning(t *testing.T) {
	t.Parallel()
	a, b, want := rootPair(t)
	away := b.root + ".away"
	must(t, os.Rename(b.root, away))
	if got := b.command("folder", "rescan", shared); got.code != 1 {
		t.Errorf("%s: exit %d %s", got.command, got.code, got.errs)
	}
	b.troubled("put it back")
	a.unharmed(want)

	must(t, os.Mkdir(b.root, 0o755))
	b.command("folder", "rescan", shared)
	b.troubled()
	a.unharmed(want)
	a.put("made meanwhile", "must not go into the empty directory")
	rescan(a)
	b.command("folder", "rescan", shared)
	if v := picture(t, b.root); len(v) != 0 {
		t.Errorf("something was written into the place of the folder: %q", v.names())
	}
	a.command("wait", "--folder", shared, "--timeout", "300ms").failed(t, 4)

	must(t, os.Remove(b.root))
	must(t, os.Rename(away, b.root))
	b.stop()
	b.start()
	settle(a, b)
	want["made meanwhile"] = picture(t, a.root)["made meanwhile"]
	a.unharmed(want)
	b.unharmed(want)
}

// TestRootComesBack puts the folder back under the same running agent.
func TestRootComesBack(t *testing.T) {
	t.Parallel()
	a, b, want := rootPair(t)
	away := b.root + ".away"
	must(t, os.Rename(b.root, away))
	b.command("folder", "rescan", shared)
	b.troubled()
	must(t, os.Rename(away, b.root))
	b.command("folder", "rescan", shared).done(t)
	settle(a, b)
	a.unharmed(want)
	b.put("written after", "the folder came back")
	settle(a, b)
}

// TestRootGoneWhileStopped starts an agent whose folder is missing, empty, or another one.
func TestRootGoneWhileStopped(t *testing.T) {
	t.Parallel()
	a, b, want := rootPair(t)
	away := b.root + ".away"
	b.stop()
	must(t, os.Rename(b.root, away))
	b.start()
	b.troubled("mount or restore it")
	b.connected(a)
	a.unharmed(want)
	b.stop()

	must(t, os.Mkdir(b.root, 0o755))
	b.start()
	b.troubled("mount or restore it")
	if b.exists(".shoal") {
		t.Error("the empty directory was taken for the folder")
	}
	a.unharmed(want)
	b.stop()

	// A copy of the folder has the token of the original; another folder has its own.
	must(t, os.Remove(b.root))
	c := newAgent(t, "carl")
	c.start()
	keep(c)
	c.stop()
	must(t, os.CopyFS(b.root, os.DirFS(c.root)))
	b.start()
	b.troubled("another folder")
	a.unharmed(want)
	b.stop()

	// Put back under the running agent it goes on.
	must(t, os.RemoveAll(b.root))
	b.start()
	b.troubled("it goes on by itself")
	must(t, os.Rename(away, b.root))
	b.command("folder", "rescan", shared).done(t)
	settle(a, b)
	a.unharmed(want)
	b.unharmed(want)
}

// TestRootEmptied removes everything at once. That is what a person may mean, so it
// travels; what was there can be found in the other side's trash.
func TestRootEmptied(t *testing.T) {
	t.Parallel()
	a, b, _ := rootPair(t)
	b.remove("d0")
	b.remove("d1")
	b.remove("d2")
	settle(a, b)
	if v := picture(t, a.root); len(v) != 0 {
		t.Errorf("left are %q", v.names())
	}
	// With the private directory gone too it is not the folder any more.
	a.put("new", "content")
	settle(a, b)
	want := picture(t, a.root)
	must(t, os.RemoveAll(b.root))
	must(t, os.Mkdir(b.root, 0o755))
	b.command("folder", "rescan", shared)
	b.troubled()
	a.unharmed(want)
}
