//go:build unix

package e2e

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var conflictName = regexp.MustCompile(
	`^(.*) \(conflict, (anna|bert), \d{4}-\d\d-\d\d \d\d-\d\d-\d\d\)( \d+)?(\.[^.]*)?$`)

// apart lets each side change things while the other does not run, and brings them together.
func apart(a, b *agent, onA, onB func()) {
	a.t.Helper()
	b.stop()
	onA()
	rescan(a)
	a.stop()
	b.start()
	onB()
	rescan(b)
	a.start()
	a.connected(b)
	b.connected(a)
	settle(a, b)
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	for _, name := range []string{"doc.txt", "deleted by a", "deleted by b", "moved", "same edit", "noext"} {
		a.put(name, "the first "+name)
	}
	a.put("dir/gone/file", "kept by an edit")
	settle(a, b)
	apart(a, b, func() {
		a.put("doc.txt", "anna wrote this")
		a.remove("deleted by a")
		a.put("deleted by b", "anna edited what bert deleted")
		a.move("moved", "moved by anna")
		a.put("same edit", "both wrote this")
		a.put("new on both", "equal content")
		a.put("noext", "anna's noext")
		a.remove("dir")
	}, func() {
		b.put("doc.txt", "bert wrote that")
		b.put("deleted by a", "bert edited what anna deleted")
		b.remove("deleted by b")
		b.put("moved", "edited by bert, moved by anna")
		b.put("same edit", "both wrote this")
		b.put("new on both", "equal content")
		b.put("noext", "bert's noext")
		b.put("dir/gone/file", "bert edited below what anna deleted")
	})
	want := map[string]string{
		"deleted by a": "bert edited what anna deleted", "deleted by b": "anna edited what bert deleted",
		"moved by anna": "edited by bert, moved by anna", "same edit": "both wrote this",
		"new on both": "equal content", "dir/gone/file": "bert edited below what anna deleted",
	}
	for name, body := range want {
		if got := a.read(name); got != body {
			t.Errorf("%s holds %q, want %q", name, got, body)
		}
	}
	keptBoth(t, a, "doc.txt", "anna wrote this", "bert wrote that")
	keptBoth(t, a, "noext", "anna's noext", "bert's noext")
	var copies []string
	for _, name := range picture(t, a.root).names() {
		if strings.Contains(name, "(conflict") {
			copies = append(copies, name)
		}
	}
	if len(copies) != 2 {
		t.Errorf("there are %d conflict copies: %q", len(copies), copies)
	}
	for _, who := range []*agent{a, b} {
		if f := who.folder(); f.Conflicts != 2 || f.State != "needs-you" {
			t.Errorf("%s says %d conflicts, state %s", who.name, f.Conflicts, f.State)
		}
	}
	// Deleting the copies settles the matter.
	for _, name := range copies {
		b.remove(name)
	}
	settle(a, b)
	for _, who := range []*agent{a, b} {
		if f := who.folder(); f.Conflicts != 0 || f.State != "up-to-date" {
			t.Errorf("%s says %d conflicts, state %s, after they were settled", who.name, f.Conflicts, f.State)
		}
	}
}

// TestNewOnBothSides lets both sides make files of one name while they are apart.
func TestNewOnBothSides(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	settle(a, b)
	make := func(who *agent) func() {
		return func() {
			who.put("different.txt", "by "+who.name)
			who.put("dir/different.txt", "also by "+who.name)
			who.put("dir/same", "same")
			who.put("dir/of "+who.name, who.name)
			if who == a {
				who.put("file or dir", "a file")
			} else {
				who.put("file or dir/inside", "a directory")
			}
		}
	}
	apart(a, b, make(a), make(b))
	keptBoth(t, a, "different.txt", "by anna", "by bert")
	if got := a.read("file or dir/inside"); got != "a directory" {
		t.Errorf("inside the directory is %q", got)
	}
	// the root: 2 of different.txt, dir, the directory and the file kept beside it; in dir:
	// 2 of different.txt, same, one of each side; and the file inside.
	if n := len(picture(t, a.root)); n != 11 {
		t.Errorf("%d names: %q", n, picture(t, a.root).names())
	}
	// The one that bears the conflict name can be given another.
	for _, name := range picture(t, a.root).names() {
		if strings.HasPrefix(name, "different (conflict") {
			a.move(name, "renamed.txt")
		}
	}
	settle(a, b)
	if !b.exists("renamed.txt") {
		t.Error("the renamed copy did not arrive")
	}
}

// keptBoth demands that both contents are there, one of them under a conflict name.
func keptBoth(t *testing.T, a *agent, name string, bodies ...string) {
	t.Helper()
	stem, ext, _ := strings.Cut(name, ".txt")
	found := []string{a.read(name)}
	for _, other := range picture(t, a.root).names() {
		if !strings.HasPrefix(other, stem+" (conflict") {
			continue
		}
		m := conflictName.FindStringSubmatch(other)
		if m == nil || m[1] != stem || (strings.HasSuffix(name, ".txt") && m[4] != ".txt") || ext != "" {
			t.Errorf("the conflict name %q is not of the promised form", other)
			continue
		}
		body := a.read(other)
		if writer := strings.ToLower(m[2]); !strings.Contains(body, writer) {
			t.Errorf("%q holds %q", other, body)
		}
		found = append(found, body)
	}
	slices.Sort(found)
	slices.Sort(bodies)
	if !slices.Equal(found, bodies) {
		t.Errorf("of %s are kept %q, want %q", name, found, bodies)
	}
}

// TestConflictsOfStrangers lets two devices meet for the first time with trees that agree
// in part.
func TestConflictsOfStrangers(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	old := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, who := range []*agent{a, b} {
		who.put("same/deep/file", "same")
		who.put("same name.txt", "different: "+who.name)
		who.put("only "+who.name, who.name)
	}
	must(t, os.Chtimes(a.at("same/deep/file"), old, old))
	startAll(a, b)
	keep(a, b)
	rescan(a, b)
	link(a, b)
	share(a, b)
	settle(a, b)
	keptBoth(t, a, "same name.txt", "different: anna", "different: bert")
	if n := len(picture(t, a.root)); n != 7 {
		t.Errorf("%d names: %q", n, picture(t, a.root).names())
	}
}

// TestConflictWhileConnected edits the same files on both sides in one moment, again and
// again; whatever loses must be kept.
func TestConflictWhileConnected(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("hot", "0")
	settle(a, b)
	for _, round := range []string{"one", "two", "three"} {
		b.atOnce(func() { // else anna's may be there before, and bert's is a change of it
			a.put("hot", "anna "+round)
			b.put("hot", "bert "+round)
		})
		settle(a, b)
		var all []string
		for _, name := range picture(t, a.root).names() {
			all = append(all, a.read(name))
		}
		for _, who := range []string{"anna ", "bert "} {
			if !slices.Contains(all, who+round) {
				t.Errorf("%q is lost; there are %q", who+round, all)
			}
		}
	}
}
