package sim

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/sync/tree"
)

// Something moves to where a reader's person has made something of their own: that is kept
// under another name, and is no obstacle for ever.
func TestMoveOverWhatIsHereOnly(t *testing.T) {
	for _, moved := range []string{"file", "dir"} {
		for _, own := range []tree.Kind{tree.File, tree.Dir, tree.Link} {
			o := Calm(1)
			o.Name, o.Founded, o.Nodes, o.Readers, o.People, o.Files, o.Busy = "in the way", true, 2, 1, 0, 0, 0
			w := newWorld(o)
			a, b := w.devices[0], w.devices[1]
			for _, d := range w.devices {
				d.start()
			}
			a.disk.mkdir("dir")
			a.saves("dir/in")
			a.saves("file")
			w.until(t, time.Minute, func() bool { return w.same(true) })
			switch own {
			case tree.File:
				b.saves("to")
			case tree.Dir:
				b.disk.mkdir("to")
				b.saves("to/mine")
			case tree.Link:
				b.disk.link("to", "anywhere")
			}
			w.closely(t, func() bool { return b.core.Snapshot().Folder.Locals > 0 })
			a.moves(moved, "to")
			w.run(30 * time.Second)
			is := b.disk.at("to")
			if is == nil || is.kind != a.disk.at("to").kind || is.contentID() != a.disk.at("to").contentID() ||
				b.disk.at(moved) != nil || b.core.Snapshot().Folder.Totals.Needs > 0 {
				t.Errorf("%s did not move over a %v: %v", moved, own, b.files())
			}
			kept := 0
			b.disk.walk(func(_ string, f *file) {
				if f.kind == own {
					kept++
				}
			})
			a.disk.walk(func(_ string, f *file) {
				if f.kind == own {
					kept--
				}
			})
			if kept != 1 {
				t.Errorf("the reader's own %v is gone: %v", own, b.files())
			}
		}
	}
}
