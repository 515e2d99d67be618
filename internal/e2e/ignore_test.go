//go:build unix

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestIgnore: what .shoalignore names stays where it is, on every device that obeys it.
func TestIgnore(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	a.put(".shoalignore", "# build output\n*.o\nbuild/\n!keep.o\n")
	a.put("main.c", "int main;")
	a.put("main.o", "object")
	a.put("keep.o", "kept object")
	a.put("build/out/program", "program")
	b.put("other.o", "bert's own object")
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	settleShared(a, b)
	holds(t, b, ".shoalignore", "keep.o", "main.c", "other.o")
	holds(t, a, ".shoalignore", "build", "build/out", "build/out/program", "keep.o", "main.c", "main.o")

	// Ignored names can change and go without anybody noticing.
	a.put("main.o", "another object")
	a.remove("build")
	b.put("build/log", "bert's log")
	a.put("util.c", "void util;")
	settleShared(a, b)
	holds(t, b, ".shoalignore", "build", "build/log", "keep.o", "main.c", "other.o", "util.c")

	// A file that was shared before it was ignored is frozen, not deleted.
	a.put(".shoalignore", "*.o\nbuild/\n*.c\n")
	settleShared(a, b)
	a.remove("main.c")
	b.put("util.c", "bert changes his")
	a.put("note.txt", "a note")
	settleShared(a, b)
	holds(t, b, ".shoalignore", "build", "build/log", "keep.o", "main.c", "note.txt", "other.o", "util.c")
	if got := a.read("util.c"); got != "void util;" {
		t.Errorf("an ignored file was changed to %q", got)
	}

	// Taken off the list, what each device has is merged: what one of them lacks comes back.
	b.put(".shoalignore", "*.o\n")
	settleShared(a, b)
	holds(t, b, ".shoalignore", "build", "build/log", "keep.o", "main.c", "note.txt", "other.o", "util.c")
	holds(t, a, ".shoalignore", "build", "build/log", "keep.o", "main.c", "main.o", "note.txt", "util.c")
	if got := a.read("util.c"); got != "bert changes his" {
		t.Errorf("util.c is %q after it was un-ignored", got)
	}
}

// TestUnignoredIsMerged: what lies under a name that was ignored by one device alone has
// nothing to do with what the others did to it meanwhile, also when the agent does not run
// while the patterns go.
func TestUnignoredIsMerged(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	for _, name := range []string{"changed by both", "changed by anna", "gone at bert", "gone at anna"} {
		a.put("d/"+name, "old")
	}
	settle(a, b)
	must(t, os.WriteFile(b.at(".shoal/ignore-local"), []byte("d/*\n"), 0o600))
	b.command("folder", "rescan", shared).done(t)
	a.put("d/changed by both", "anna's")
	b.put("d/changed by both", "bert's")
	a.put("d/changed by anna", "anna's alone")
	b.remove("d/gone at bert")
	a.remove("d/gone at anna")
	a.put("d/made by both", "the same")
	b.put("d/made by both", "the same")
	a.put("d/made apart", "anna's")
	b.put("d/made apart", "bert's")
	settleShared(a, b)
	b.stop()
	must(t, os.Remove(b.at(".shoal/ignore-local")))
	b.start()
	settle(a, b)
	for name, want := range map[string]string{
		"changed by both": "anna's", "changed by anna": "anna's alone", "gone at bert": "old",
		"made by both": "the same", "made apart": "anna's",
	} {
		if got := a.read("d/" + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	copies := 0
	for _, name := range picture(t, a.root).names() {
		if strings.Contains(name, "(conflict") {
			copies++
			if got := a.read(name); got != "bert's" {
				t.Errorf("%s is %q", name, got)
			}
		}
	}
	if copies != 2 || a.exists("d/gone at anna") {
		t.Errorf("%d conflict copies, want 2: %q", copies, picture(t, a.root).names())
	}
}

// TestPatternsComeFirst: who joins obeys the patterns before anything else comes, although
// what they name was shared long before.
func TestPatternsComeFirst(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	a.put("a.log", "a log")
	a.put("logs/b.log", "another")
	a.put("note", "a note")
	startAll(a)
	a.command("folder", "add", a.root, "--name", shared).done(t)
	a.command("folder", "rescan", shared).done(t)
	a.put(".shoalignore", "*.log\n")
	a.command("folder", "rescan", shared).done(t)
	b.start()
	keep(a, b)
	link(a, b)
	share(a, b)
	settleShared(a, b)
	holds(t, b, ".shoalignore", "logs", "note")
}

// TestPatternsAreHeld: patterns that would leave most of the folder alone wait for a yes on
// every device, and the old ones are obeyed, also after a new start.
func TestPatternsAreHeld(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put(".shoalignore", "*.tmp\n")
	for i := range 130 {
		a.put(fmt.Sprintf("docs/%d", i), "text")
	}
	a.put("note", "a note")
	settle(a, b)
	a.put(".shoalignore", "# a comment\n*.tmp\ndocs\n")
	held := func(x *agent) {
		t.Helper()
		x.eventually(patience, "the patterns are held", func() error {
			var list []struct {
				ID, Kind string
				Files    int
			}
			x.command("held", "list").done(t).into(t, &list)
			f := x.folder()
			if len(list) != 1 || list[0].Kind != "ignore" || list[0].Files != 130 || f.State != "needs-you" || f.Held != 130 {
				return fmt.Errorf("%+v, state %s, held %d", list, f.State, f.Held)
			}
			return nil
		})
	}
	held(a)
	held(b)
	a.stop()
	a.start()
	held(a)
	a.put("docs/1", "changed")
	b.eventually(patience, "the old patterns are obeyed", func() error {
		if got := b.read("docs/1"); got != "changed" {
			return fmt.Errorf("docs/1 is %q", got)
		}
		return nil
	})
	a.command("held", "reject", shared).done(t)
	settle(a, b)
	if got := b.read(".shoalignore"); got != "*.tmp\n" || len(b.held()) > 0 {
		t.Errorf("after a no the patterns are %q, held %+v", got, b.held())
	}
	b.put(".shoalignore", "*.tmp\ndocs\n")
	held(b)
	held(a)
	for _, x := range []*agent{a, b} {
		x.command("held", "approve", shared, x.held()[0].ID).done(t)
	}
	a.put("docs/2", "anna's alone")
	a.put("last", "for both")
	settleShared(a, b)
	if got := b.read("docs/2"); got != "text" || !b.exists("last") {
		t.Errorf("docs/2 is %q at bert, although it is ignored", got)
	}
}

// TestIgnoreLocal: a device's own patterns bind that device alone.
func TestIgnoreLocal(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	must(t, os.WriteFile(b.at(".shoal/ignore-local"), []byte("big/\n"), 0o600))
	b.command("folder", "rescan", shared).done(t)
	a.put("big/film", "a film")
	a.put("small", "a note")
	settleShared(a, b)
	holds(t, b, "small")
	must(t, os.Remove(b.at(".shoal/ignore-local")))
	b.command("folder", "rescan", shared).done(t)
	settle(a, b)
	holds(t, b, "big", "big/film", "small")
}

// TestBadPatterns: patterns that cannot be read leave the old ones in force.
func TestBadPatterns(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put(".shoalignore", "secret\n")
	settleShared(a, b)
	a.put("secret", "mine alone")
	a.put(".shoalignore", "sec\x00ret\n")
	a.put("open", "ours")
	settleShared(a, b)
	if b.exists("secret") {
		t.Error("a secret was shared when the patterns could not be read")
	}
	if p := a.folder().Problems; len(p) != 1 || p[0].Kind != "ignore" {
		t.Errorf("problems: %+v", p)
	}
}

// settleShared is settle for trees that differ in what is ignored. The second round lets
// patterns that came with the first take effect.
func settleShared(a, b *agent) {
	a.t.Helper()
	for range 2 {
		rescan(a, b)
		a.wait(b).done(a.t)
		b.wait(a).done(b.t)
	}
}

func holds(t *testing.T, a *agent, want ...string) {
	t.Helper()
	got := picture(t, a.root).names()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", a.name, got, want)
	}
}
