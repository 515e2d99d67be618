package sim

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/sync/tree"
)

// A directory and a file of another directory change places, and the looks at the two names
// come one after the other. Both are moved on the other devices; nothing is deleted and
// found anew.
func TestADirectoryAndAFileThatChangePlacesAreMoved(t *testing.T) {
	for seed := range uint64(8) {
		w := family(t, seed)
		a, b := w.devices[0], w.devices[1]
		for _, dir := range []string{"x", "x/dir"} {
			a.disk.mkdir(dir)
			a.noteUnseen(dir)
		}
		for _, name := range []string{"f", "x/dir/in"} {
			c := w.contents.small(1000)
			a.witness().save(a, name, c)
			a.disk.save(name, c)
			a.noteUnseen(name)
		}
		w.rest()
		was := map[string]tree.FileID{
			"x/dir": b.disk.at("f").id, "f": b.disk.at("x/dir").id, "f/in": b.disk.at("x/dir/in").id,
		}
		pause := time.Duration(seed) * 15 * time.Millisecond
		a.moves("x/dir", "x/t")
		w.run(pause)
		a.moves("f", "x/dir")
		w.run(pause)
		a.moves("x/t", "f")
		w.rest()
		w.sound(t)
		for path, id := range was {
			if f := b.disk.at(path); f == nil || f.id != id {
				t.Errorf("seed %d: %q is not what it was before it moved: %v", seed, path, b.files())
			}
		}
	}
}

// On a device that may only read, a file and a link of its own change places, the file is
// met there once more, and then the members move it. The link stays on the list of what is
// only there.
func TestALinkInThePlaceOfAFileStaysOnTheList(t *testing.T) {
	o := Calm(1)
	o.Name, o.Founded, o.Nodes, o.Readers, o.People, o.Files, o.Busy = "kinds", true, 2, 1, 0, 0, 0
	w := newWorld(o)
	a, b := w.devices[0], w.devices[1]
	for _, d := range w.devices {
		d.start()
	}
	a.disk.mkdir("d")
	a.saves("d/file")
	w.until(t, time.Minute, func() bool { return w.same(true) })
	b.disk.link("link", "notes")
	b.noteUnseen("link")
	w.run(10 * time.Second)
	b.moves("d/file", "swap")
	b.moves("link", "d/file")
	b.moves("swap", "link")
	locals := func() int { return b.core.Snapshot().Folder.Locals }
	w.closely(t, func() bool { return locals() == 2 })
	w.run(10 * time.Second)
	b.disk.touch("link")
	w.run(10 * time.Second)
	a.moves("d/file", "d/moved")
	w.run(30 * time.Second)
	if f := b.disk.at("d/file"); f == nil || f.kind != tree.Link {
		t.Fatalf("it is another story: b shows %v", b.files())
	}
	if locals() != 2 {
		t.Errorf("it tells of %d changes, of %v", locals(), b.files())
	}
}
