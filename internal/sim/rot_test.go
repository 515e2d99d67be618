package sim

import (
	"testing"

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
