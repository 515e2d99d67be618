package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/tree"
)

// braked is a world at rest in which every device has the same 150 files below "d0", "d1"
// and beside them, of about 600.
func braked(t *testing.T, nodes int) *World {
	t.Helper()
	o := Calm(7)
	o.Name, o.Nodes, o.Files, o.Owners, o.Rounds, o.Approve = "brake", nodes, 600, 1, 1, false
	w := newWorld(o)
	for _, d := range w.devices {
		d.brake = o.Brake
	}
	w.furnish()
	for _, d := range w.devices {
		d.start()
	}
	w.calm(t)
	return w
}

func (w *World) calm(t *testing.T) {
	t.Helper()
	if w.rest(); w.failed != nil {
		t.Fatal(w.failed)
	}
}

// wipe lets a person delete what is named, with a pause after each.
func (d *device) wipe(pause time.Duration, paths ...string) {
	for i, path := range paths {
		d.world.after(time.Duration(i)*pause, func() {
			if d.disk.at(path) != nil {
				d.witness().remove(d, path)
				d.disk.remove(path)
				d.noteUnseen(path)
			}
		})
	}
	d.world.run(time.Duration(len(paths)) * pause)
}

func (d *device) files() (out []string) {
	d.disk.walk(func(path string, f *file) {
		if f.kind == tree.File {
			out = append(out, path)
		}
	})
	return out
}

func (d *device) heldFiles() (n int64) {
	for _, b := range d.core.Snapshot().Held {
		n += b.Files
	}
	return n
}

// heldNotes counts what is remembered of held deletes over a restart.
func (d *device) heldNotes() (n int) {
	for key := range d.index.kept.notes {
		if strings.HasPrefix(key, "held") {
			n++
		}
	}
	return n
}

func (d *device) answer(approve bool) {
	d.handle(folder.HeldAnswered{Approve: approve, Wall: d.wall() / 1e6})
}

// A mass delete is held where it happened, whether it is one directory, or file by file,
// fast or slow; what else happens flows on; and the person's answer is carried out
// everywhere, also after a restart.
func TestBrakeHoldsMassDeletes(t *testing.T) {
	everything := []string{"d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7"}
	for _, c := range []struct {
		name    string
		pause   time.Duration
		each    bool
		approve bool
		crash   bool
		escape  int // how many may be told before the storm is seen
	}{
		{name: "directories, approved", approve: true},
		{name: "directories, rejected"},
		{name: "file by file, fast, rejected", each: true, pause: time.Millisecond},
		{name: "file by file, 20 a second, approved", each: true, pause: 50 * time.Millisecond, approve: true, escape: 2},
		{name: "file by file, 4 a second, rejected", each: true, pause: 250 * time.Millisecond, escape: 12},
		{name: "restart, approved", approve: true, crash: true},
		{name: "restart, rejected", crash: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := braked(t, 3)
			a, b := w.devices[0], w.devices[1]
			before := len(b.files())
			gone := everything
			if c.each {
				gone = a.files()
			}
			a.wipe(c.pause, gone...)
			left := len(a.files())
			w.run(20 * time.Second)
			if c.crash {
				a.crash()
				w.run(time.Second)
				a.start()
				w.run(30 * time.Second)
			}
			if n := len(b.files()); n < before-c.escape {
				t.Fatalf("b has %d files of %d after a mass delete at a", n, before)
			}
			if n := int(a.heldFiles()); n < before-left-c.escape {
				t.Fatalf("%d files are held, %d were deleted", n, before-left)
			}
			b.witness().save(b, "new.txt", w.contents.some())
			b.disk.save("new.txt", w.contents.all[w.witness.order[len(w.witness.order)-1]])
			b.noteUnseen("new.txt")
			w.run(10 * time.Second)
			if a.disk.at("new.txt") == nil {
				t.Fatal("other changes do not flow while deletes are held")
			}
			a.answer(c.approve)
			if !c.approve {
				for _, l := range w.witness.files {
					l.contested = true // the delete is taken back
				}
			}
			w.calm(t)
			want := before - c.escape
			if c.approve {
				want = left + 1
			}
			if n := len(b.files()); n < want || c.approve && n > want {
				t.Errorf("b has %d files, want %d", n, want)
			}
			if a.heldFiles() != 0 || a.heldNotes() != 0 {
				t.Errorf("%d files are held after the answer, %d notes", a.heldFiles(), a.heldNotes())
			}
		})
	}
}

// Few deletes are told at once, and moves of many files are no deletes.
func TestBrakeLetsPass(t *testing.T) {
	w := braked(t, 2)
	a, b := w.devices[0], w.devices[1]
	name := a.files()[0]
	a.wipe(0, name)
	w.run(800 * time.Millisecond) // 20 ms, then 150 ms, then the way
	if b.disk.at(name) != nil {
		t.Error("a single delete has not arrived after 0.8 s")
	}
	a.disk.mkdir("moved")
	for i, path := range a.files() {
		a.witness().move(a, path, fmt.Sprintf("moved/%d", i))
		a.disk.rename(path, fmt.Sprintf("moved/%d", i))
	}
	w.run(20 * time.Second)
	if n := a.heldFiles(); n != 0 {
		t.Errorf("%d moved files are held", n)
	}
	w.calm(t)
	if b.disk.at("moved/7") == nil {
		t.Error("the moves have not arrived")
	}
}

// What is held comes back when somebody edits it elsewhere, and when the person here puts
// it back; the rest stays held.
func TestHeldAndChangedElsewhere(t *testing.T) {
	w := braked(t, 2)
	a, b := w.devices[0], w.devices[1]
	var gone []string
	for _, path := range a.files() {
		if len(gone) < 300 {
			gone = append(gone, path)
		}
	}
	kept := map[string]*content{}
	for _, path := range gone[:3] {
		kept[path] = a.disk.at(path).content
	}
	a.wipe(0, gone...)
	w.run(10 * time.Second)
	if n := a.heldFiles(); n != 300 {
		t.Fatalf("%d files are held", n)
	}
	edited, deleted := gone[10], gone[11]
	fresh := w.contents.edited(b.disk.at(edited).content)
	b.witness().save(b, edited, fresh)
	b.disk.save(edited, fresh)
	b.witness().remove(b, deleted)
	b.disk.remove(deleted)
	for path, c := range kept {
		a.witness().save(a, path, c)
		a.disk.save(path, c)
	}
	w.run(20 * time.Second)
	if is := a.disk.at(edited); is == nil || is.content != fresh {
		t.Error("a file that was edited elsewhere has not come back")
	}
	if n := a.heldFiles(); n != 295 {
		t.Errorf("%d files are held, want 295", n)
	}
	a.answer(true)
	w.calm(t)
	if n := len(b.files()); n != len(a.files()) || b.disk.at(gone[20]) != nil || b.disk.at(gone[0]) == nil {
		t.Errorf("after the yes a has %d files and b %d", len(a.files()), n)
	}
}

// What a look cannot meet, because the directory cannot be read, or its name is ignored, is
// not there again: it stays held.
func TestHeldAndNotLookedAt(t *testing.T) {
	w := braked(t, 2)
	a := w.devices[0]
	var gone []string
	unread := map[string]bool{}
	for _, path := range a.files() {
		if top, _, deep := strings.Cut(path, "/"); deep && len(gone) < 300 {
			gone = append(gone, path)
			unread[top] = true
		}
	}
	a.wipe(0, gone...)
	w.run(10 * time.Second)
	look := func(why string, meanwhile folder.Event) {
		a.handle(meanwhile)
		a.handle(folder.ScanEnded{Full: true})
		if n := a.heldFiles(); n != 300 {
			t.Fatalf("%s: %d files are held", why, n)
		}
	}
	var problems []tree.Finding
	for path := range unread {
		problems = append(problems, tree.Finding{Path: path, Problem: "no leave to read it"})
	}
	look("unreadable", folder.FindingsReported{Findings: problems, Wall: a.wall() / 1e6})
	patterns, err := ignore.Parse([]byte("/d*\n"))
	if err != nil {
		t.Fatal(err)
	}
	look("ignored", folder.PatternsChanged{Patterns: patterns})
}

// A directory that a file takes the place of is a mass delete, too.
func TestBrakeHoldsWhatIsReplaced(t *testing.T) {
	w := braked(t, 2)
	a, b := w.devices[0], w.devices[1]
	for _, path := range []string{"d1", "d2", "d3", "d4", "d5"} {
		a.disk.remove(path)
		a.disk.save(path, w.contents.some())
	}
	w.run(20 * time.Second)
	if len(b.files()) < 500 || a.heldFiles() == 0 {
		t.Fatalf("b has %d files, a holds %d", len(b.files()), a.heldFiles())
	}
}

// A mass delete that passed no brake where it happened is held by everybody who hears of
// it; one answer, on any device, is carried out everywhere, also where nobody was asked
// because the device was away.
func TestUncheckedDeletesAreHeldByOthers(t *testing.T) {
	for _, approve := range []bool{true, false} {
		t.Run(fmt.Sprint("approve ", approve), func(t *testing.T) {
			w := braked(t, 4)
			if f := tracer(t); f != nil {
				w.trace.full = f
			}
			a, b, c, away := w.devices[0], w.devices[1], w.devices[2], w.devices[3]
			away.crash()
			a.brake.Off = true
			a.handle(folder.BrakeSet{Brake: a.brake})
			before := len(b.files())
			a.wipe(0, "d1")
			w.run(15 * time.Second)
			few := before - len(b.files())
			if few == 0 || few != before-len(c.files()) {
				t.Fatalf("few unchecked deletes have not arrived: %d files are gone", few)
			}
			w.run(time.Minute)
			a.wipe(0, "d0", "d2", "d3", "d4", "d5")
			w.run(20 * time.Second)
			b.crash()
			w.run(time.Second)
			b.start()
			w.run(30 * time.Second)
			for _, d := range []*device{b, c} {
				if n := len(d.files()); n != before-few {
					t.Errorf("%s has %d files of %d after a mass delete that nobody has checked", d.name, n, before-few)
				}
				if n := d.heldFiles(); n < 200 {
					t.Errorf("%s holds %d deletes", d.name, n)
				}
				if s := d.core.Snapshot(); s.Folder.Totals.Needs != 0 {
					t.Errorf("%s still needs %d entries", d.name, s.Folder.Totals.Needs)
				}
			}
			left := len(a.files())
			if !approve {
				for _, l := range w.witness.files {
					l.contested = true // the delete is taken back
				}
			}
			b.answer(approve)
			away.start()
			w.calm(t)
			want := before - few
			if approve {
				want = left
			}
			for _, d := range w.devices {
				if n := len(d.files()); n != want || d.heldFiles() != 0 {
					t.Errorf("%s has %d files after the answer, want %d; %d are held", d.name, n, want, d.heldFiles())
				}
			}
		})
	}
}
