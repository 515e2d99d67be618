package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// saves lets a person save something new under a name, also while the agent is not running.
func (d *device) saves(path string) {
	w := d.world
	d.witness().save(d, path, w.contents.some())
	d.disk.save(path, w.contents.all[w.witness.order[len(w.witness.order)-1]])
	d.noteUnseen(path)
}

// What was deleted here before anybody else had it does not come back when a change
// elsewhere undoes the held delete: it is held again, for the person to answer, and nobody
// wants it for ever after the yes. Nor does anybody want the copy of a lost edit.
func TestUndoneDeleteOfWhatNobodyHas(t *testing.T) {
	w := braked(t, 3)
	if f := tracer(t); f != nil {
		w.trace.full = f
	}
	a, b := w.devices[0], w.devices[1]
	var both string
	for _, path := range a.files() {
		if strings.HasPrefix(path, "d1/") {
			both = path
		}
	}
	for _, d := range w.devices[1:] {
		d.crash()
	}
	a.saves("d1/own.txt")
	a.saves(both)
	w.run(5 * time.Second)
	a.wipe(0, "d0", "d1", "d2", "d3", "d4", "d5")
	w.run(20 * time.Second)
	if a.heldFiles() == 0 {
		t.Fatal("nothing is held")
	}
	b.saves(both)
	for _, d := range w.devices[1:] {
		d.start()
	}
	w.run(30 * time.Second)
	if a.disk.at(both) == nil || a.disk.at("d1/own.txt") != nil {
		t.Fatal("the directory that was changed elsewhere has not come back")
	}
	for _, m := range b.core.Snapshot().Members {
		if m.Device == a.id && m.Equal {
			t.Error("b says that a is equal while deletes are held there")
		}
	}
	for _, l := range w.witness.files {
		l.contested = true // one directory has come back
	}
	held := a.heldFiles()
	a.answer(true)
	w.calm(t)
	if held == 0 || a.disk.at("d0") != nil || b.disk.at("d0") != nil || b.disk.at("d1/own.txt") != nil {
		t.Errorf("%d files were held; the yes was not carried out", held)
	}
}

// What comes back unasked and is not fetched yet when the others go is not deleted either:
// nobody has said yes.
func TestUndoneDeleteAlone(t *testing.T) {
	w := braked(t, 2)
	a, b := w.devices[0], w.devices[1]
	for i := range 40 {
		a.saves(fmt.Sprint("d1/new", i))
	}
	w.calm(t)
	before := len(b.files())
	a.wipe(0, "d0", "d1", "d2", "d3", "d4", "d5")
	w.run(20 * time.Second)
	var changed string
	for _, path := range b.files() {
		if strings.HasPrefix(path, "d1/") {
			changed = path
		}
	}
	b.saves(changed)
	for i := 0; a.disk.at("d1") == nil && i < 1000; i++ {
		w.run(10 * time.Millisecond)
	}
	if a.disk.at("d1") == nil {
		t.Fatal("the directory that was changed elsewhere has not come back")
	}
	b.crash()
	w.run(2 * time.Minute)
	b.start()
	w.run(time.Minute)
	if n := len(b.files()); n != before {
		t.Errorf("b has %d files of %d; nobody has said yes", n, before)
	}
}
