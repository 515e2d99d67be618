package node

import (
	"cmp"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// index is a tree.Index in memory: these tests look at what passes between cores, and a
// real index lies above this package.
type index struct {
	rows  map[ident.EntryID]tree.Row
	bases map[ident.EntryID]tree.Base
}

func newIndex() *index {
	return &index{rows: map[ident.EntryID]tree.Row{}, bases: map[ident.EntryID]tree.Base{}}
}

func (x *index) Apply(b tree.Batch) {
	for _, r := range b.Rows {
		x.rows[r.Entry.ID] = r
	}
	for _, id := range b.Cleared {
		delete(x.bases, id)
	}
	for _, p := range b.Placed {
		x.bases[p.Entry] = p
	}
}

func (x *index) Entry(id ident.EntryID) (tree.Row, bool) {
	r, ok := x.rows[id]
	return r, ok
}

func (x *index) Base(id ident.EntryID) (tree.Base, bool) {
	b, ok := x.bases[id]
	return b, ok
}

func (x *index) Placed(parent ident.EntryID, name string) []tree.Row {
	return x.rowsThat(func(r tree.Row) bool {
		return r.Entry.Place.Parent == parent && r.Entry.Place.Name == name
	})
}

func (x *index) Children(parent, after ident.EntryID, limit int) []tree.Row {
	out := x.rowsThat(func(r tree.Row) bool {
		return r.Entry.Place.Parent == parent && slices.Compare(r.Entry.ID[:], after[:]) > 0
	})
	return out[:min(len(out), limit)]
}

func (x *index) BaseAt(parent ident.EntryID, name string) []tree.Base {
	return x.basesThat(func(b tree.Base) bool { return b.Parent == parent && b.Name == name })
}

func (x *index) BaseChildren(parent ident.EntryID, after string, limit int) []tree.Base {
	out := x.basesThat(func(b tree.Base) bool { return b.Parent == parent && b.Name > after })
	return out[:min(len(out), limit)]
}

func (x *index) Holding(content ident.ContentID) (tree.Base, bool) {
	out := x.basesThat(func(b tree.Base) bool { return b.Content == content })
	if len(out) == 0 {
		return tree.Base{}, false
	}
	return out[0], true
}

func (x *index) rowsThat(fit func(tree.Row) bool) []tree.Row {
	var out []tree.Row
	for _, r := range x.rows {
		if fit(r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b tree.Row) int { return slices.Compare(a.Entry.ID[:], b.Entry.ID[:]) })
	return out
}

func (x *index) basesThat(fit func(tree.Base) bool) []tree.Base {
	var out []tree.Base
	for _, b := range x.bases {
		if fit(b) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b tree.Base) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.Entry[:], b.Entry[:]))
	})
	return out
}
