//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/volumetest"
)

// pairOn returns two running agents that share a folder; that of the second is on a file
// system with other rules for names.
func pairOn(t *testing.T, mount func(testing.TB) string) (a, b *agent) {
	t.Helper()
	a, b = newAgent(t, "anna"), newAgent(t, "bert")
	b.root = mount(t)
	t.Cleanup(func() { // before the volume goes
		if t.Failed() && b.process != nil {
			t.Logf("status of %s: %s", b.name, b.command("status").out)
		}
		b.stop()
	})
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	return a, b
}

// hold demands what files of an agent hold.
func (a *agent) hold(bodies map[string]string) {
	a.t.Helper()
	for name, body := range bodies {
		if got := a.read(name); got != body {
			a.t.Errorf("%s holds %q, want %q", name, got, body)
		}
	}
}

// respell renames to what may be the same name; os.Rename would find that it is taken.
func (a *agent) respell(from, to string) {
	a.t.Helper()
	must(a.t, syscall.Rename(a.at(from), a.at(to)))
}

// blockedNames lists the problems with names that the status tells of.
func (a *agent) blockedNames() map[string]status.Problem {
	a.t.Helper()
	out := map[string]status.Problem{}
	for _, p := range a.folder().Problems {
		if p.Kind == "name" || p.Kind == "kind" {
			out[p.Path] = p
		}
	}
	return out
}

// rested lets both sides look at their disks and come to rest; the trees may differ.
func rested(a, b *agent) {
	a.t.Helper()
	rescan(a, b)
	a.wait(b).done(a.t)
	b.wait(a).done(b.t)
}

// TestVolumeThatTakesNamesForOne keeps a folder of Linux in step with a memory card, where
// "a" and "A" are one name, some characters are refused, and there are no links and modes.
func TestVolumeThatTakesNamesForOne(t *testing.T) {
	t.Parallel()
	a, b := pairOn(t, volumetest.ExFAT)
	a.put("plain.txt", "plain")
	a.put("Docs/first.txt", "first")
	a.put("letter.txt", "older")
	rested(a, b)
	// What the card cannot show beside it, or at all.
	a.put("LETTER.txt", "newer")
	a.put("docs/second.txt", "second")
	a.put("what?.txt", "why")
	a.put("bytes \xff.txt", "no text")
	must(t, os.Symlink("plain.txt", a.at("link")))
	rested(a, b)
	b.hold(map[string]string{"plain.txt": "plain", "Docs/first.txt": "first", "letter.txt": "older"})
	names := picture(t, b.root).names()
	if len(names) != 4 {
		t.Errorf("the card shows %q", names)
	}
	f, blocked := b.folder(), b.blockedNames()
	if f.State != "needs-you" || f.NeedFiles != 0 || f.NeedBytes != 0 {
		t.Errorf("state %s, %d files and %d bytes needed", f.State, f.NeedFiles, f.NeedBytes)
	}
	for path, words := range map[string]string{
		"LETTER.txt": `beside "letter.txt"`, "docs": `beside "Docs"`, "what?.txt": "character ?",
		`bytes \xff.txt`: "Unicode", "link": "symbolic links",
	} {
		if p, told := blocked[path]; !told || !strings.Contains(p.Reason, words) {
			t.Errorf("of %s is told %+v, want %q", path, p, words)
		}
	}
	if len(blocked) != 5 {
		t.Errorf("told are %+v", blocked)
	}
	if p := blocked["docs"]; !strings.Contains(p.Reason, "1 entries") {
		t.Errorf("of docs is told %q, and not what waits with it", p.Reason)
	}
	if f := a.folder(); f.State != "up-to-date" {
		t.Errorf("the other side, which has everything, is %s: %+v", f.State, f.Problems)
	}

	// Each is put in its place as soon as nothing is in its way, also after a restart.
	b.stop()
	b.start()
	b.connected(a)
	a.move("LETTER.txt", "second letter.txt")
	a.move("docs", "more docs")
	a.move("what?.txt", "what.txt")
	a.remove("bytes \xff.txt")
	a.remove("link")
	rested(a, b)
	b.hold(map[string]string{
		"letter.txt": "older", "second letter.txt": "newer", "more docs/second.txt": "second", "what.txt": "why",
	})
	if left := b.blockedNames(); len(left) != 0 {
		t.Errorf("still told: %+v", left)
	}
	b.eventually(patience, "the card's folder is up to date", func() error {
		if f := b.folder(); f.State != "up-to-date" {
			return fmt.Errorf("state %s, problems %+v", f.State, f.Problems)
		}
		return nil
	})
}

// TestRenamesByCase renames to and fro where the two names are one.
func TestRenamesByCase(t *testing.T) {
	t.Parallel()
	a, b := pairOn(t, volumetest.ExFAT)
	a.fill("readme.txt", 100_000)
	a.put("Work/plan.txt", "plan")
	rested(a, b)
	before := a.traffic(b) + b.traffic(a)

	// On the card.
	b.respell("readme.txt", "README.txt")
	b.respell("Work", "WORK")
	rested(a, b)
	for _, name := range []string{"README.txt", "WORK/plan.txt"} {
		if !a.exists(name) {
			t.Errorf("%s did not arrive: %q", name, picture(t, a.root).names())
		}
	}
	// On the other side.
	a.move("README.txt", "ReadMe.txt")
	a.move("WORK", "work")
	rested(a, b)
	want := picture(t, a.root).names()
	if got := picture(t, b.root).names(); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the card shows %q, want %q", got, want)
	}
	if moved := a.traffic(b) + b.traffic(a) - before; moved > 50_000 {
		t.Errorf("renaming took %d bytes", moved)
	}
	if len(want) != 3 {
		t.Errorf("there are %q", want)
	}
	// Whoever saves under the other spelling writes to the same file.
	b.put("README.TXT", "rewritten")
	b.eventually(patience, "the driver shows it under the other spelling too", func() error {
		if b.read("ReadMe.txt") != "rewritten" {
			return errors.New("the old content")
		}
		return nil
	})
	rested(a, b)
	a.hold(map[string]string{"ReadMe.txt": "rewritten"})
}

// TestVolumeThatShowsOtherNames keeps in step with a volume that shows all names in lower
// case: that is nobody's rename.
func TestVolumeThatShowsOtherNames(t *testing.T) {
	t.Parallel()
	a, b := pairOn(t, volumetest.NTFS)
	a.put("Invoices/March.PDF", "march")
	a.put("nul.txt", "no device here")
	rested(a, b)
	if got := b.read("invoices/march.pdf"); got != "march" {
		t.Errorf("the file holds %q", got)
	}
	b.put("invoices/march.pdf", "march, paid")
	b.put("invoices/april.pdf", "april")
	rested(a, b)
	if got := a.read("Invoices/March.PDF"); got != "march, paid" {
		t.Errorf("the file holds %q", got)
	}
	if got := a.read("Invoices/april.pdf"); got != "april" {
		t.Errorf("the new file holds %q", got)
	}
	if p := b.blockedNames()["nul.txt"]; !strings.Contains(p.Reason, "device") {
		t.Errorf("told are %+v", b.blockedNames())
	}
	if n := len(picture(t, a.root).names()); n != 4 {
		t.Errorf("%d names: %q", n, picture(t, a.root).names())
	}
}
