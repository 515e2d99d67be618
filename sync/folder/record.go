package folder

import (
	"encoding/binary"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// nextVersion begins a write by this replica to a register of which its author had seen
// the given context.
func (c *Core) nextVersion(seen version.Vector) version.Version {
	if c.reader {
		panic("bug: a device that may only read makes a version")
	}
	c.state.Counter++
	c.stateNew = true
	dot := version.Dot{Replica: c.state.Replica, Counter: c.state.Counter}
	c.state.Knowledge = c.state.Knowledge.With(dot)
	return version.Version{
		Dot:   dot,
		Seen:  seen.With(dot),
		Stamp: version.Stamp{Time: c.clock.Next(c.wall), Replica: c.state.Replica},
	}
}

// apply changes the index; the change is durable once Committed has been heard.
func (c *Core) apply(b tree.Batch) {
	c.index.Apply(b)
	c.uncommitted = true
}

// lent is where a batch of one lies while it is applied.
type lent struct {
	row  [1]tree.Row
	base [1]tree.Base
}

// applyRow is apply for one row, as nearly all batches are. An index keeps no list of a
// batch.
func (c *Core) applyRow(row tree.Row) {
	c.lent.row[0] = row
	c.apply(tree.Batch{Rows: c.lent.row[:]})
	c.lent.row[0] = tree.Row{}
}

// applyBase is applyRow for what is on disk.
func (c *Core) applyBase(b tree.Base) {
	c.lent.base[0] = b
	c.apply(tree.Batch{Placed: c.lent.base[:]})
	c.lent.base[0] = tree.Base{}
}

// put records an entry, new or changed, under the next number of the log.
func (c *Core) put(old *tree.Row, e tree.Entry, need bool) tree.Row {
	c.state.Head++
	c.stateNew = true
	row := tree.Row{Entry: e, Seq: c.state.Head, Need: need}
	switch {
	case e.Live():
	case old != nil && !old.Entry.Live():
		row.Died = old.Died
	default:
		row.Died = c.today()
	}
	c.overcome(e.ID)
	c.recount(old, &row)
	c.noteRecorded(&e)
	is, was := c.cfg.Summary, c.signed.gone
	if !e.Live() {
		is, was = was, is
	}
	is.Set(e.ID, tree.Digest(&e))
	was.Remove(e.ID)
	groups := c.groupsOf(old, &e)
	if e.Kind == tree.Dir || old != nil && !e.Live() || c.insideDead(&e) ||
		old != nil && old.Entry.Place.Parent != e.Place.Parent && c.insideDead(&old.Entry) {
		c.forget()
	}
	c.alike.add(e.Place.Parent, e.Place.Name, e.ID)
	c.applyRow(row)
	c.regrouped(groups)
	return row
}

// today is the wall clock in unix milliseconds. One that was set back, or lost its battery,
// is not believed: it was later than that when we, or those we heard of, last wrote.
func (c *Core) today() int64 { return max(c.wall, c.clock.Last.UnixMilli()) }

// insideDead reports whether the record may change how a deleted directory appears (R12).
func (c *Core) insideDead(e *tree.Entry) bool {
	if e.Place.Parent.IsRoot() {
		return false
	}
	parent, ok := c.index.Entry(e.Place.Parent)
	return ok && !parent.Entry.Live()
}

// setNeed marks whether the disk shows what the view wants of the entry. It is no change
// of the entry, so the row keeps its number.
func (c *Core) setNeed(row *tree.Row, need bool) {
	if row.Need == need {
		return
	}
	changed := *row
	changed.Need = need
	c.recount(row, &changed)
	c.applyRow(changed)
	row.Need = need
}

// recount keeps the totals in step with a replaced row.
func (c *Core) recount(old, row *tree.Row) {
	if old != nil {
		c.count(old, -1)
	}
	c.count(row, 1)
}

func (c *Core) count(row *tree.Row, sign int64) {
	if row.Need {
		c.totals.Needs += sign
	}
	if !row.Entry.Live() {
		return
	}
	if row.Entry.ShowsConflict() {
		c.totals.Conflicts += sign
	}
	if row.Entry.Kind != tree.File {
		return
	}
	c.totals.Files += sign
	c.totals.Bytes += sign * row.Entry.Content.Size
	if row.Need {
		c.totals.NeedFiles += sign
		c.totals.NeedBytes += sign * row.Entry.Content.Size
	}
}

// setBase records what is on disk for an entry, with what its author has thereby seen.
func (c *Core) setBase(b tree.Base) tree.Base {
	c.state.Rev++
	c.stateNew = true
	b.Rev = c.state.Rev
	c.overcome(b.Entry)
	c.unhold(b.Entry)
	c.returned(&b)
	c.alike.add(b.Parent, b.Name, b.Entry)
	if b.Stat.Kind == tree.Dir {
		c.fit.Forget() // what is on disk has a place
	}
	c.applyBase(b)
	return b
}

// overcome forgets an entry's trouble, whatever it was, because it was about another record
// or another file, and has the entry planned anew.
func (c *Core) overcome(id ident.EntryID) {
	b, was := c.unblock(id)
	if was && b.kind == tree.Dir {
		c.freeWith(id, b.under)
	}
	if was || c.troubles[id] != nil {
		delete(c.troubles, id)
		c.touch(id)
	}
}

// clearBase records that nothing is on disk for an entry.
func (c *Core) clearBase(id ident.EntryID) {
	c.overcome(id)
	c.unhold(id)
	delete(c.checked.passed, id)
	c.fit.Forget()
	c.apply(tree.Batch{Cleared: []ident.EntryID{id}})
	c.wake(id)
}

// sawAll notes in a base row that the disk shows the entry as recorded.
func sawAll(b *tree.Base, e *tree.Entry) {
	b.SawPlace, b.SawContent, b.SawAttrs = e.Place.Context, e.Content.Context, e.Attrs.Context
}

// saveState records the numbers that must not be given out twice.
func (c *Core) saveState() {
	if !c.stateNew {
		return
	}
	c.state.Clock = uint64(c.clock.Last)
	state := c.state
	c.apply(tree.Batch{State: &state})
	c.stateNew = false
}

// newID draws an id for a new entry.
func (c *Core) newID() (id ident.EntryID) {
	binary.BigEndian.PutUint64(id[:8], c.cfg.Rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], c.cfg.Rand.Uint64())
	return id
}
