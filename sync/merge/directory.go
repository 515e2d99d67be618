package merge

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// chainMax bounds every walk towards the root: deeper trees exist on no system, so a
// longer chain is an attack.
const chainMax = 2048

// home is where an entry is shown, before it is settled who keeps a contested name.
type home struct {
	waiting bool // some directory above is not known here yet
	parent  ident.EntryID
	name    string
	// away is set when that is not where the entry is placed. Others of its name cannot
	// know of it, so it never takes a name from them and joins no directory.
	away bool
}

// dir works out, and remembers, how a directory appears, and before it those above it.
func (v *View) dir(row *tree.Row) folderView {
	if d, ok := v.dirs[row.Entry.ID]; ok {
		return d
	}
	c := v.climb(&row.Entry)
	below := c.chain[:len(c.chain)-len(c.cycle)]
	if len(c.cycle) > 0 {
		// The one whose move is undone hangs elsewhere, and the others from it. Here we
		// know: it is remembered before any other of its cycle.
		first := c.undone()
		for i := range c.cycle {
			v.remember(&c.cycle[(first-i+len(c.cycle))%len(c.cycle)])
		}
	}
	for i := len(below) - 1; i >= 0; i-- {
		v.remember(&below[i])
	}
	return v.dirs[row.Entry.ID]
}

func (v *View) remember(e *tree.Entry) {
	if _, ok := v.dirs[e.ID]; !ok {
		d := v.workOut(e)
		v.dirs[e.ID] = d
	}
}

func (v *View) workOut(e *tree.Entry) folderView {
	d := folderView{twins: []ident.EntryID{e.ID}}
	if !e.Live() && !v.liveBelow(e.ID, e.ID, 0) {
		return d
	}
	h := v.homeOf(e)
	if d.waiting = h.waiting; !d.waiting {
		d.visible, d.parent, d.name, d.away = true, h.parent, h.name, h.away
	}
	if h.away || h.name == "" {
		return d
	}
	// Directories of one name are one also while they wait for a record above them: when
	// that comes, nobody asks again what has become one below it meanwhile.
	for _, above := range v.twins(h.parent) {
		for _, o := range v.read.Placed(above, h.name) {
			if o.Entry.ID != e.ID && v.standsAsDir(&o.Entry) {
				d.twins = append(d.twins, o.Entry.ID)
			}
		}
	}
	slices.SortFunc(d.twins, func(a, b ident.EntryID) int { return bytes.Compare(a[:], b[:]) })
	return d
}

// standsAsDir reports whether an entry, placed in a directory that is remembered, is a
// directory that is shown there.
func (v *View) standsAsDir(e *tree.Entry) bool {
	if e.Kind != tree.Dir {
		return false
	}
	if d, ok := v.dirs[e.ID]; ok {
		return (d.visible || d.waiting) && !d.away
	}
	// Here we know that its move holds: else it would be remembered before its parent.
	return e.Live() || v.liveBelow(e.ID, e.ID, 0)
}

// liveBelow reports whether a deleted directory still holds something that lives: it is
// then shown, with that alone (R12). A kept loser rests below the file it lost to. Start
// is where the walk began: meeting it again closes a cycle.
func (v *View) liveBelow(id, start ident.EntryID, depth int) bool {
	const page = 64
	if depth > chainMax {
		return false
	}
	for after := (ident.EntryID{}); ; {
		rows := v.read.Children(id, after, page)
		for i := range rows {
			e := &rows[i].Entry
			if e.Live() || e.ID != start && v.liveBelow(e.ID, start, depth+1) {
				return true
			}
			after = e.ID
		}
		if len(rows) < page {
			return false
		}
	}
}

// homeOf returns the place of an entry, or another where moves made a cycle (R10) or the
// parent is no directory.
func (v *View) homeOf(e *tree.Entry) home {
	c := v.climb(e)
	switch {
	case c.forged:
		return home{parent: ident.Root, name: e.Place.Name, away: true}
	case len(c.cycle) == len(c.chain) && c.cycle[c.undone()].ID == e.ID:
		return v.fallBack(e, c.cycle)
	}
	waiting := c.waiting || e.Place.Name == "" // only a kept loser rests without a name
	return home{waiting: waiting, parent: e.Place.Parent, name: e.Place.Name}
}

// fallBack is where the entry whose move closed a cycle is shown: the place it had, or
// the root when that is in a cycle too or gone.
func (v *View) fallBack(e *tree.Entry, cycle []tree.Entry) home {
	top := home{parent: ident.Root, name: e.Place.Name, away: true}
	was := home{parent: e.Place.WasParent, name: e.Place.WasName, away: true}
	if was.name == "" {
		return top // it was never placed anywhere else
	}
	at := was.parent
	for range chainMax {
		if at.IsRoot() {
			return was
		}
		row, ok := v.read.Entry(at)
		in := slices.ContainsFunc(cycle, func(c tree.Entry) bool { return c.ID == at })
		if !ok || in || row.Entry.Kind != tree.Dir || !row.Entry.Live() {
			return top
		}
		at = row.Entry.Place.Parent
	}
	return top
}

// climbed is the way from an entry up to the root, or to a directory whose view is
// remembered.
type climbed struct {
	chain   []tree.Entry // the entries on the way, the first one included
	cycle   []tree.Entry // the end of chain, when the way leads back there
	waiting bool         // a directory on the way is not known here yet
	forged  bool         // what the first entry is placed in is no directory
}

func (v *View) climb(e *tree.Entry) climbed {
	c := climbed{chain: []tree.Entry{*e}}
	for at := e.Place.Parent; !at.IsRoot(); {
		for i := range c.chain {
			if c.chain[i].ID == at {
				c.cycle = c.chain[i:]
				return c
			}
		}
		if above, known := v.dirs[at]; known {
			c.waiting = above.waiting
			return c
		}
		row, ok := v.read.Entry(at)
		if !ok || len(c.chain) > chainMax {
			c.waiting = true
			return c
		}
		if row.Entry.Kind != tree.Dir {
			c.forged = len(c.chain) == 1
			return c
		}
		c.chain = append(c.chain, row.Entry)
		at = row.Entry.Place.Parent
	}
	return c
}

// undone is the one of a cycle whose placement does not hold: that with the highest stamp.
func (c *climbed) undone() (highest int) {
	for i := range c.cycle {
		a, b := &c.cycle[i], &c.cycle[highest]
		if cmp.Or(a.Place.Stamp.Compare(b.Place.Stamp), bytes.Compare(a.ID[:], b.ID[:])) > 0 {
			highest = i
		}
	}
	return highest
}
