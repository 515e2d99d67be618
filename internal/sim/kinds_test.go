package sim

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/sync/tree"
)

// On a device that may only read, a file and a link of its own change places, the file is met
// there once more, and then the members move it. The link stays on the list of what is only there.
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
