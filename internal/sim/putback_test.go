package sim

import (
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/sync/tree"
)

// A person puts back what had lost a conflict, and deletes that file later, but not the copy
// beside it. An edit by somebody who has seen neither brings the file back, and must not end
// the copy: nobody has deleted it.
func TestACopyOfWhatWasPutBackStays(t *testing.T) {
	w := family(t, 3)
	a, b, c := w.devices[0], w.devices[1], w.devices[2]
	const path = "old0.txt"
	w.away(c, true)
	w.away(a, true)
	a.write(path)
	lost := a.disk.at(path).content
	b.write(path)
	w.away(a, false)
	kept := ""
	b.disk.walk(func(at string, f *file) {
		if f.kind == tree.File && f.content == lost {
			kept = at
		}
	})
	if kept == "" || kept == path {
		t.Fatalf("the loser is kept at %q", kept)
	}
	b.witness().save(b, path, lost)
	b.disk.save(path, lost)
	b.noteUnseen(path)
	w.run(30e9)
	b.delete(path)
	w.run(30e9)
	if b.disk.at(kept) == nil || a.disk.at(path) != nil {
		t.Fatalf("before the edit: %v, %v", b.files(), a.files())
	}
	c.write(path)
	w.away(c, false)
	w.run(60e9)
	for _, d := range w.devices {
		if d.disk.at(path) == nil {
			t.Errorf("%s has not the edit", d.name)
		}
		if d.disk.at(kept) == nil {
			t.Errorf("%s has lost the copy at %q, which nobody deleted", d.name, kept)
		}
	}
}

// A person ends a conflict by copying the copy over its file and deleting it. That loses
// to an edit by somebody who has not seen it, and is kept as a copy. That the first copy is
// gone, which held the same, must not end the second one.
func TestWhatEndedAConflictIsKeptWhenItLoses(t *testing.T) {
	w := family(t, 3)
	a, b, c := w.devices[0], w.devices[1], w.devices[2]
	const path = "old0.txt"
	c.write(path)
	w.run(30e9)
	w.away(a, true)
	a.write(path)
	b.write(path)
	w.away(a, false)
	w.run(30e9)
	copied := ""
	b.disk.walk(func(at string, f *file) {
		if f.kind == tree.File && strings.Contains(at, tree.ConflictMark) {
			copied = at
		}
	})
	if copied == "" {
		t.Fatalf("nothing was kept: %v", b.files())
	}
	chosen := b.disk.at(copied).content
	w.away(a, true)
	w.away(c, true)
	b.witness().save(b, path, chosen)
	b.disk.save(path, chosen)
	b.noteUnseen(path)
	w.run(5e9)
	b.delete(copied)
	w.run(30e9)
	a.write(path)
	w.away(a, false)
	w.run(30e9)
	w.away(a, true) // b tells that the first copy ended before it tells of the second
	w.away(c, false)
	w.run(30e9)
	w.away(a, false)
	w.rest()
	w.sound(t)
	for _, d := range w.devices {
		shown := false
		d.disk.walk(func(_ string, f *file) { shown = shown || f.content == chosen })
		if !shown {
			t.Errorf("%s does not show what a person had chosen: %v", d.name, d.files())
		}
	}
}

// A person puts back what a file held at first, and that loses to an edit by somebody who
// has not seen it. Who wrote what it held at first was away meanwhile, and hears of the copy
// before the edit: the copy is no leftover of what was replaced then.
func TestWhatWasPutBackIsKeptBesideItsFirstWriter(t *testing.T) {
	w := family(t, 3)
	a, b, c := w.devices[0], w.devices[1], w.devices[2]
	const path = "old0.txt"
	a.write(path)
	w.run(30e9)
	first := a.disk.at(path).content
	w.away(a, true)
	b.write(path)
	w.run(30e9)
	w.away(c, true)
	b.witness().save(b, path, first)
	b.disk.save(path, first)
	b.noteUnseen(path)
	w.run(5e9)
	c.write(path)
	w.away(c, false)
	w.away(a, false)
	w.rest()
	w.sound(t)
	for _, d := range w.devices {
		if len(d.where(first)) != 1 {
			t.Errorf("%s shows what was put back at %v", d.name, d.where(first))
		}
	}
}
