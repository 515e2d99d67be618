package sim

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Bytes that differ from the base are damage only while the base is what was compared, and
// its time tells of every edit: else a look must tell whether a person wrote them.
func TestRotIsNoEdit(t *testing.T) {
	for _, c := range []struct {
		name  string
		older uint64 // by how much the base has moved on
		racy  bool
		rot   bool
	}{
		{name: "the base stands", rot: true},
		{name: "the base has moved on", older: 1},
		{name: "just written", racy: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries := grove(1)
			k := filled(t, openMemory(t), entries)
			e := &entries[len(entries)-1]
			b, _ := k.index.Base(e.ID)
			b.Racy = c.racy
			k.index.Apply(tree.Batch{Placed: []tree.Base{b}})
			path := entries[0].Place.Name + "/" + entries[1].Place.Name + "/" + e.Place.Name
			k.do(folder.RotFound{Path: path, Rev: b.Rev - c.older, Content: ident.ContentID{7}})
			if rot := k.orders > 0; rot != c.rot {
				t.Errorf("the file is replaced: %v", rot)
			}
		})
	}
}

// A file that looks as it did when it was read, and holds something else, is thought to hold
// what others want to be copied from it. That no copy can be made of it shows what it is.
func TestACopyOfRotIsFetchedInstead(t *testing.T) {
	w := family(t, 5)
	a, b := w.devices[0], w.devices[1]
	const path, to = "old4.txt", "copy.txt"
	whole := a.disk.at(path).content
	other := w.contents.small(1)
	other.size = whole.size // as far as a look at the file can tell
	a.disk.at(path).content = other
	b.witness().share(b.disk.at(path))
	b.witness().save(b, to, whole)
	b.disk.save(to, whole)
	b.noteUnseen(to)
	w.run(time.Minute)
	w.sound(t)
	for _, at := range []string{path, to} {
		if f := a.disk.at(at); f == nil || f.content != whole {
			t.Errorf("%q is not what the others have: %v", at, f)
		}
	}
	if !a.disk.inTrash(other.id) {
		t.Error("what the file held is not in the trash")
	}
}
