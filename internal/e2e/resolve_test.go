//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// conflict is what scripts read of a conflict.
type conflict struct {
	Path   string `json:"path"`
	Copy   string `json:"copy"`
	Device string `json:"device"`
	Mine   string `json:"mine"`
	Size   int    `json:"size"`
}

func (a *agent) conflicts() (out []conflict) {
	a.t.Helper()
	must(a.t, json.Unmarshal([]byte(a.command("conflicts", "list", "--json").done(a.t).out), &out))
	return out
}

// why asks about a path until the answer is the state and has the words.
func (a *agent) why(path, state string, words ...string) {
	a.t.Helper()
	a.eventually(patience, "why "+path, func() error {
		var got struct {
			State string
			Lines []string
		}
		if err := json.Unmarshal(a.command("why", path).done(a.t).out, &got); err != nil {
			return err
		}
		if text := strings.Join(got.Lines, "\n"); got.State != state || !containsAll(text, words) {
			return fmt.Errorf("%s, want %s with %q: %s", got.State, state, words, text)
		}
		return nil
	})
}

// TestConflictsAreResolved ends conflicts in every way, of both kinds: one file changed on
// both sides, and one name made on both sides.
func TestConflictsAreResolved(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	names := []string{"mine.txt", "theirs.txt", "both.txt"}
	for _, name := range names {
		a.put(name, "the first "+name)
	}
	settle(a, b)
	change := func(who *agent) func() {
		return func() {
			for _, name := range names {
				who.put(name, who.name+" wrote "+name)
			}
			who.put("made apart.txt", who.name+" made this")
			must(t, os.Symlink(who.name, who.at("link")))
		}
	}
	apart(a, b, change(a), change(b))
	found := a.conflicts()
	if f := a.folder(); len(found) != 5 || f.Conflicts != 5 || f.State != "needs-you" {
		t.Fatalf("%d conflicts are listed, %d counted, state %s: %+v", len(found), f.Conflicts, f.State, found)
	}
	for _, c := range found {
		if c.Device != "anna" && c.Device != "bert" || (c.Mine == "copy") != (c.Device == "anna") || c.Size <= 0 {
			t.Errorf("%+v", c)
		}
	}
	a.why(a.at(found[0].Copy), "conflict", "lost")
	a.why(a.at(found[0].Path), "conflict", found[0].Copy)
	a.command("conflicts", "resolve", a.at("mine.txt"), "--keep", "mine").done(t)
	a.command("conflicts", "resolve", a.at("theirs.txt"), "--keep", "theirs").done(t)
	a.command("conflicts", "resolve", a.at("both.txt"), "--keep", "both").done(t)
	// What is listed can be given, wherever one stands.
	b.standing(t.TempDir(), commandTime, "conflicts", "resolve", "made apart.txt", "--keep", "mine").done(t)
	b.command("conflicts", "resolve", b.at("link"), "--keep", "theirs").done(t)
	settle(a, b)
	for _, who := range []*agent{a, b} {
		who.eventually(patience, "nothing is in conflict", func() error {
			if f := who.folder(); f.Conflicts != 0 || f.State != "up-to-date" {
				return fmt.Errorf("%d conflicts, state %s", f.Conflicts, f.State)
			}
			return nil
		})
		for name, want := range map[string]string{
			"mine.txt": "anna wrote mine.txt", "theirs.txt": "bert wrote theirs.txt", "made apart.txt": "bert made this",
		} {
			if got := who.read(name); got != want {
				t.Errorf("%s: %s holds %q, want %q", who.name, name, got, want)
			}
		}
		if target, err := os.Readlink(who.at("link")); target != "anna" {
			t.Errorf("%s: the link leads to %q, %v", who.name, target, err)
		}
	}
	kept := map[string]bool{}
	for _, name := range picture(t, a.root).names() {
		if strings.HasPrefix(name, "both") {
			kept[a.read(name)] = true
		}
	}
	if len(kept) != 2 || !kept["anna wrote both.txt"] || !kept["bert wrote both.txt"] {
		t.Errorf("of both.txt are kept %v", kept)
	}
	if r := a.command("conflicts", "resolve", a.at("mine.txt"), "--keep", "mine"); r.code != 1 {
		t.Errorf("a conflict that is no more was resolved: %d", r.code)
	}
}

// TestWhy asks about paths in every state that can be made at will.
func TestWhy(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("file", "the same")
	a.put(".shoalignore", "*.tmp\n")
	settle(a, b)
	a.put("x.tmp", "left alone")
	a.why(a.at("x.tmp"), "ignored", "line 1 of .shoalignore", "*.tmp")
	a.why(a.at("file"), "up-to-date", "bert")
	a.why(a.root, "up-to-date")
	a.why(a.at(".shoal/stage"), "private")
	a.why(a.at("never was"), "unknown")
	a.why(filepath.Dir(a.home), "no-folder", "folder list")
	a.remove("x.tmp")
	a.remove("file")
	settle(a, b)
	b.why(b.at("file"), "deleted", "trash")
	b.stop()
	a.put("alone", "new")
	rescan(a)
	a.why(a.at("alone"), "waiting", "bert (not connected)")
	a.command("folder", "set", "work", "brake", "1").done(t)
	a.put("also", "new")
	rescan(a)
	a.atOnce(func() {
		a.remove("alone")
		a.remove("also")
	})
	a.eventually(patience, "the deletes are held", func() error {
		if f := a.folder(); f.Held != 2 {
			return fmt.Errorf("%d are", f.Held)
		}
		return nil
	})
	a.why(a.at("also"), "held", "shoal held approve work")
}
