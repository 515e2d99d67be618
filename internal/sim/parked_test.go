package sim

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/sync/names"
)

// closely runs a world until something is so, and not much longer.
func (w *World) closely(t *testing.T, is func() bool) {
	t.Helper()
	for range 60_000 {
		if is() {
			return
		}
		w.run(time.Millisecond)
	}
	t.Fatal("it does not come to that")
}

func (d *device) moves(from, to string) {
	d.witness().move(d, from, to)
	d.disk.rename(from, to)
	d.noteUnseen(from)
	d.noteUnseen(to)
}

// What a reader's person has made, deep in a directory that waits in the parking place while
// the agent is not running, is told of when the directory is back.
func TestLocalChangesInADirectoryThatWasParked(t *testing.T) {
	o := Calm(1)
	o.Name, o.Founded, o.Nodes, o.Readers, o.People, o.Files, o.Busy = "parked", true, 2, 1, 0, 0, 0
	w := newWorld(o)
	a, b := w.devices[0], w.devices[1]
	for _, d := range w.devices {
		d.start()
	}
	for _, dir := range []string{"x", "x/in", "y", "y/in"} {
		a.disk.mkdir(dir)
	}
	a.saves("x/in/theirs")
	a.saves("y/in/theirs")
	w.until(t, time.Minute, func() bool { return w.same(true) })
	for _, dir := range []string{"x", "y"} {
		b.saves(dir + "/in/mine in " + dir)
	}
	locals := func() int { return b.core.Snapshot().Folder.Locals }
	w.closely(t, func() bool { return locals() == 2 })
	a.moves("x", "z")
	a.moves("y", "x")
	a.moves("z", "y")
	parked := func() bool { return len(b.disk.parked.names()) > 0 }
	w.closely(t, parked)
	b.crash()
	b.start()
	w.closely(t, func() bool { return !parked() && b.core.Snapshot().Folder.Totals.Needs == 0 })
	w.run(10 * time.Second)
	if b.disk.at("x/in/mine in y") == nil || b.disk.at("y/in/mine in x") == nil {
		t.Fatalf("what is here only is gone: %v", b.files())
	}
	if locals() != 2 {
		t.Errorf("it tells of %d changes, of %v", locals(), b.files())
	}
}

// A directory moves into one that cannot be shown, and has been emptied for that; it is
// about to go when a person moves it to where it can be shown. What was in it comes back.
func TestOutOfADirectoryThatCannotBeShown(t *testing.T) {
	o := Calm(1)
	o.Nodes, o.People, o.Files, o.Busy = 2, 0, 0, 0
	w := newWorld(o)
	a, b := w.devices[0], w.devices[1]
	b.disk.rules = names.Volume{TextOnly: true}
	for _, d := range w.devices {
		d.start()
	}
	for _, dir := range []string{"x", "x/in", "y"} {
		a.disk.mkdir(dir)
	}
	a.saves("x/in/file")
	w.calm(t)
	a.moves("x", "\xff")
	w.closely(t, func() bool { return b.disk.at("x/in") != nil && b.disk.at("x/in/file") == nil })
	b.moves("x/in", "y/in")
	w.calm(t)
	if a.disk.at("y/in/file") == nil {
		t.Fatalf("it is another story: a shows %v", a.files())
	}
	if b.disk.at("y/in/file") == nil {
		t.Errorf("what was in the directory has not come back: b shows %v", b.files())
	}
}
