package merge

import (
	"cmp"
	"maps"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// value is what one act wrote to one register of one entry. Who had seen it follows from
// the acts; vectors and contexts are not looked at.
type value struct {
	act       int
	entry     ident.EntryID
	kind      tree.Kind
	ofContent bool // else of the placement
	null      bool
	stamp     version.Stamp
	// Of a content:
	content ident.ContentID
	deleted bool
	from    []ident.ContentID // what it replaced, knowingly, newest first
	// Of a placement:
	parent, wasParent ident.EntryID
	name, wasName     string
}

// valuesOf lists what a write wrote: what it holds under a dot above the given one, or
// under none.
func valuesOf(e *tree.Entry, above version.Dot, act int) (out []value) {
	v := value{act: act, entry: e.ID, kind: e.Kind}
	own := func(dot version.Dot) bool {
		return dot.IsNull() || dot.Replica == above.Replica && dot.Counter > above.Counter
	}
	found := e.Content.IsNull() && e.Place.IsNull()
	if own(e.Content.Dot) && e.Content.IsNull() == found {
		c := v
		c.ofContent, c.null, c.stamp = true, found, e.Content.Stamp
		c.content, c.deleted, c.from = e.Content.ID, e.Content.Deleted, e.Content.Ancestors
		out = append(out, c)
	}
	if own(e.Place.Dot) && e.Place.IsNull() == found {
		p := v
		p.null, p.stamp = found, e.Place.Stamp
		p.parent, p.name = e.Place.Parent, e.Place.Name
		p.wasParent, p.wasName = e.Place.WasParent, e.Place.WasName
		out = append(out, p)
	}
	return out
}

// oracle knows all that was ever written, and says what is to be seen, by brute force.
type oracle struct {
	acts    []*act
	entries map[ident.EntryID]*believed
}

// believed is what the oracle thinks of an entry.
type believed struct {
	id      ident.EntryID
	kind    tree.Kind
	values  []value
	content value // the one that stands, whether it was deleted or not
	place   value
	deleted bool
	live    bool // not deleted, or moved by somebody whom no delete knew
	beside  bool // a kept loser that nobody has moved
}

func newOracle(acts []*act) *oracle {
	o := &oracle{acts: acts, entries: map[ident.EntryID]*believed{}}
	for _, a := range acts {
		for _, v := range a.values {
			b := o.entries[v.entry]
			if b == nil {
				b = &believed{id: v.entry, kind: v.kind}
				o.entries[v.entry] = b
			}
			b.values = append(b.values, v)
		}
	}
	for id, b := range o.entries {
		whole := slices.ContainsFunc(b.values, func(v value) bool { return v.ofContent && !v.deleted }) &&
			slices.ContainsFunc(b.values, func(v value) bool { return !v.ofContent })
		if !whole {
			delete(o.entries, id) // acts on a kept loser: keep says the rest
			continue
		}
		o.decide(b)
	}
	return o
}

// saw reports whether the author of one value knew another. Null contents that are equal
// are one value, whoever found them.
func (o *oracle) saw(later, earlier *value) bool {
	if earlier.null && earlier.ofContent && (later.content == earlier.content || slices.Contains(later.from, earlier.content)) {
		return true
	}
	return later.act == earlier.act || o.acts[later.act].past>>earlier.act&1 == 1
}

// decide: the content with the highest stamp stands, whoever deleted others; it is deleted
// when somebody who knew it did so, or when nobody wrote it: what anybody did stands against
// what was only found. The placement with the highest stamp stands, and saves
// the entry when nobody who deleted anything of it knew of that placement.
func (o *oracle) decide(b *believed) {
	var best, at *value
	for i := range b.values {
		v := &b.values[i]
		switch {
		case v.ofContent && !v.deleted && (best == nil || above(v, best)):
			best = v
		case !v.ofContent && (at == nil || above(v, at)):
			at = v
		}
	}
	b.content, b.place = *best, *at
	known := at.null
	b.deleted = false
	for i := range b.values {
		if v := &b.values[i]; v.ofContent && v.deleted {
			if best.null && !b.deleted {
				b.content = *v
			}
			b.deleted = b.deleted || best.null || o.saw(v, best)
			known = known || o.saw(v, at)
		}
	}
	b.live = !b.deleted || !known
}

// above orders values of one register. Of contents nobody wrote the lower id is above.
func above(a, b *value) bool {
	if a.null && b.null {
		return slices.Compare(a.content[:], b.content[:]) < 0
	}
	return a.stamp.Compare(b.stamp) > 0
}

// mayKeep says why there must be no conflict entry like this one; empty when there may.
func (o *oracle) mayKeep(e *tree.Entry) string {
	lost := o.loserOf(e)
	if lost == nil {
		return "nobody wrote what it keeps"
	}
	if origin := o.entries[lost.entry]; origin != nil && !origin.deleted && origin.content.content == lost.content {
		return "it stands where it was written"
	}
	for i := range o.acts {
		for j := range o.acts[i].values {
			v := &o.acts[i].values[j]
			if v.entry == lost.entry && v.ofContent && (!o.saw(v, lost) && !o.saw(lost, v) || v.null && lost.null) {
				return ""
			}
		}
	}
	return "nothing was written that had not seen it"
}

// loserOf finds the write that a conflict entry keeps: the one that its id is made of.
func (o *oracle) loserOf(e *tree.Entry) *value {
	for i := range o.acts {
		for j := range o.acts[i].values {
			v := &o.acts[i].values[j]
			if !v.ofContent {
				continue
			}
			for _, r := range o.acts[i].records {
				counter := r.Content.Dot
				if r.ID == v.entry && e.ID == ident.ConflictEntry(v.entry, counter.Replica, counter.Counter, v.content) {
					return v
				}
			}
		}
	}
	return nil
}

// keep adds a conflict entry that there is: what it lost, beside what it lost to, then all
// that people did to it.
func (o *oracle) keep(e *tree.Entry) {
	lost := o.loserOf(e)
	b := &believed{id: e.ID, kind: lost.kind}
	content := *lost
	content.entry = e.ID
	b.values = append(b.values, content, value{
		act: lost.act, entry: e.ID, kind: lost.kind, null: lost.null, stamp: lost.stamp, parent: lost.entry,
	})
	for _, a := range o.acts {
		for _, v := range a.values {
			if v.entry == e.ID {
				b.values = append(b.values, v)
			}
		}
	}
	o.decide(b)
	b.beside = b.place.name == ""
	o.entries[e.ID] = b
}

// replaced reports whether somebody who saw a content replaced or deleted it.
func (o *oracle) replaced(c ident.ContentID) bool {
	return slices.ContainsFunc(o.acts, func(a *act) bool { return a.knew[c] })
}

// gone reports whether a content that only one act wrote was replaced by somebody who had
// seen everything that was ever done to its entry before, and all else was done knowing so.
// Of found contents Join alone cannot tell; package folder sees to those (outlived).
func (o *oracle) gone(written int, v *value) bool {
	for i, a := range o.acts {
		if !a.knew[v.content] || v.null {
			continue
		}
		alone := true
		for j, other := range o.acts {
			touches := slices.ContainsFunc(other.values, func(w value) bool {
				copied := o.entries[w.entry] != nil && o.entries[w.entry].content.content == v.content
				return w.entry == v.entry || w.content == v.content && w.ofContent || copied
			})
			if j != i && touches && a.past>>j&1 == 0 && other.past>>i&1 == 0 {
				alone = false
			}
			if j != written && slices.ContainsFunc(other.values, func(w value) bool {
				return w.ofContent && w.content == v.content && !w.deleted
			}) {
				return false // it was written twice
			}
		}
		if alone {
			return true
		}
	}
	return false
}

// all are the entries the oracle believes in, by id.
func (o *oracle) all() []*believed {
	return slices.SortedFunc(maps.Values(o.entries), func(a, b *believed) int {
		return slices.Compare(a.id[:], b.id[:])
	})
}

// olderPlace orders those that would have one name: who comes first keeps it.
func olderPlace(a, b *believed) int {
	return cmp.Or(
		-boolOrder(a.kind == tree.Dir, b.kind == tree.Dir),
		boolOrder(a.place.null, b.place.null),
		a.place.stamp.Compare(b.place.stamp),
		slices.Compare(a.id[:], b.id[:]),
	)
}
