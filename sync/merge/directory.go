package merge

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// chainMax bounds every walk towards the root: deeper trees exist on no system, so a
// longer chain is a cycle or an attack.
const chainMax = 2048

// dir works out, and remembers, how a directory appears.
func (v *View) dir(row *tree.Row) folderView {
	if d, ok := v.dirs[row.Entry.ID]; ok {
		return d
	}
	if len(v.dirs) >= dirsMax {
		v.Forget()
	}
	d := v.workOut(row)
	v.dirs[row.Entry.ID] = d
	return d
}

func (v *View) workOut(row *tree.Row) folderView {
	e := &row.Entry
	alone := []ident.EntryID{e.ID}
	if !e.Live() && !v.liveBelow(e.ID, 0) {
		return folderView{twins: alone}
	}
	parent, waiting := v.parentOf(e)
	if waiting {
		return folderView{waiting: true, twins: alone}
	}
	d := folderView{visible: true, parent: parent, name: e.Place.Name}
	for _, above := range v.Twins(parent) {
		for _, o := range v.read.Placed(above, d.name) {
			if o.Entry.ID == e.ID || o.Entry.Kind == tree.Dir && (o.Entry.Live() || v.liveBelow(o.Entry.ID, 0)) {
				d.twins = append(d.twins, o.Entry.ID)
			}
		}
	}
	if !slices.Contains(d.twins, e.ID) { // shown in the root, away from its placement
		d.twins = append(d.twins, e.ID)
	}
	slices.SortFunc(d.twins, func(a, b ident.EntryID) int { return slices.Compare(a[:], b[:]) })
	return d
}

// liveBelow reports whether a deleted directory still holds something that lives: it is
// then shown, with that alone (R12).
func (v *View) liveBelow(id ident.EntryID, depth int) bool {
	const page = 64
	if depth > chainMax {
		return false
	}
	for after := (ident.EntryID{}); ; {
		rows := v.read.Children(id, after, page)
		for i := range rows {
			e := &rows[i].Entry
			if e.Live() || v.liveBelow(e.ID, depth+1) {
				return true
			}
			after = e.ID
		}
		if len(rows) < page {
			return false
		}
	}
}

// parentOf returns the directory an entry is shown in: its placement's parent, unless
// moves made a cycle (R10) or the parent is no directory. Waiting: some directory above is
// not known here yet.
func (v *View) parentOf(e *tree.Entry) (parent ident.EntryID, waiting bool) {
	parent = e.Place.Parent
	if parent.IsRoot() {
		return parent, false
	}
	row, ok := v.read.Entry(parent)
	if !ok {
		return parent, true
	}
	if row.Entry.Kind != tree.Dir {
		return ident.Root, false // forged: only a directory can hold a name
	}
	if d, known := v.dirs[parent]; known {
		return parent, d.waiting
	}
	cycle, waiting := v.climb(e)
	if waiting {
		return parent, true
	}
	if len(cycle) == 0 || !slices.ContainsFunc(cycle, func(c tree.Entry) bool { return c.ID == e.ID }) {
		return parent, false
	}
	undone := slices.MaxFunc(cycle, func(a, b tree.Entry) int {
		if c := a.Place.Stamp.Compare(b.Place.Stamp); c != 0 {
			return c
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	if undone.ID != e.ID {
		return parent, false
	}
	return v.fallBack(e, cycle), false
}

// fallBack is where the entry whose move closed a cycle is shown: the place it had, or
// the root when that is in a cycle too or gone.
func (v *View) fallBack(e *tree.Entry, cycle []tree.Entry) ident.EntryID {
	was := e.Place.WasParent
	for depth, at := 0, was; depth < chainMax; depth++ {
		if at.IsRoot() {
			return was
		}
		row, ok := v.read.Entry(at)
		in := slices.ContainsFunc(cycle, func(c tree.Entry) bool { return c.ID == at })
		if !ok || in || row.Entry.Kind != tree.Dir || !row.Entry.Live() {
			return ident.Root
		}
		at = row.Entry.Place.Parent
	}
	return ident.Root
}

// climb follows placements upwards from e. It returns the entries of the cycle the chain
// ends in, if it does not reach the root.
func (v *View) climb(e *tree.Entry) (cycle []tree.Entry, waiting bool) {
	chain := []tree.Entry{*e}
	for at := e.Place.Parent; !at.IsRoot(); {
		for i := range chain {
			if chain[i].ID == at {
				return chain[i:], false
			}
		}
		row, ok := v.read.Entry(at)
		if !ok || len(chain) > chainMax {
			return nil, true
		}
		if row.Entry.Kind != tree.Dir {
			return nil, false
		}
		chain = append(chain, row.Entry)
		at = row.Entry.Place.Parent
	}
	return nil, false
}
