package sim

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/sync/names"
)

// Two people move two directories into one another, so that one is shown where it was
// before. A file has that name by now, but for its case: the directory waits where one
// excludes the other, and comes when the file goes.
func TestOutOfACycleBesideAFile(t *testing.T) {
	o := Calm(7)
	o.Nodes, o.People, o.Files, o.Busy = 2, 0, 0, 0
	w := newWorld(o)
	if f := tracer(t); f != nil {
		w.trace.full = f
	}
	a, b := w.devices[0], w.devices[1]
	b.disk.rules = names.Volume{Case: names.CaseASCII}
	for _, d := range w.devices {
		d.start()
	}
	a.disk.mkdir("x")
	a.disk.mkdir("y")
	a.saves("x/in x")
	a.saves("y/in y")
	w.calm(t)
	move := func(d *device, from, to string) {
		d.witness().move(d, from, to)
		d.disk.rename(from, to)
		d.noteUnseen(from)
		d.noteUnseen(to)
	}
	w.links[0].cut()
	move(a, "x", "y/x")
	a.saves("Y~") // keeps its place when the name is taken below
	w.run(5 * time.Second)
	move(b, "y", "x/y")
	w.run(5 * time.Second)
	move(a, "Y~", "Y")
	w.run(5 * time.Second)
	w.links[0].raise()
	w.calm(t)
	if a.disk.at("Y") == nil || a.disk.at("y/x/in x") == nil {
		t.Fatalf("it is another story: a shows %v", a.files())
	}
	if b.disk.at("y/x") != nil {
		t.Fatalf("b shows %v", b.files())
	}
	b.crash() // and forgets who was ever in the directory
	b.start()
	w.calm(t)
	a.witness().remove(a, "Y")
	a.disk.remove("Y")
	a.noteUnseen("Y")
	w.calm(t)
	if b.disk.at("y/x/in x") == nil || b.disk.at("y/in y") == nil {
		t.Errorf("the directory has not come back where its name is free: b shows %v", b.files())
	}
}
