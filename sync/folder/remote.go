package folder

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// heard is a peer's knowledge that holds once its log has been taken in up to head.
type heard struct {
	log       ident.LogID
	head      uint64
	knowledge version.Vector
}

// pendingMax bounds the knowledge statements waiting for a peer's rows.
const pendingMax = 64

// takeRows joins a peer's rows and remembers how far its log has been taken in. A gap is
// never passed over: rows that do not follow on are left out, the peer sends them again.
func (c *Core) takeRows(e RowsReceived) {
	cursor := c.cursors[e.From]
	if cursor.Log != e.Log {
		cursor = tree.Cursor{Device: e.From, Log: e.Log}
	}
	if e.After > cursor.Seq {
		c.tell(cursor)
		return
	}
	for i := range e.Entries {
		c.clockHeard(&e.Entries[i])
		c.join(e.Entries[i], e.From.Short())
	}
	if e.Upto > cursor.Seq {
		cursor.Seq = e.Upto
		c.setCursor(cursor)
	}
	c.tell(cursor)
	c.applyKnowledge(e.From, cursor)
}

// takeKnowledge notes what a peer knows, to hold once its rows are here.
func (c *Core) takeKnowledge(e KnowledgeHeard) {
	c.wall = e.Wall
	waiting := append(c.pending[e.From], heard{e.Log, e.Head, e.Knowledge})
	if len(waiting) > pendingMax {
		waiting = waiting[len(waiting)-pendingMax:]
	}
	c.pending[e.From] = waiting
	c.applyKnowledge(e.From, c.cursors[e.From])
}

func (c *Core) applyKnowledge(from ident.DeviceID, cursor tree.Cursor) {
	rest := c.pending[from][:0]
	for _, h := range c.pending[from] {
		if h.log != cursor.Log || h.head > cursor.Seq {
			rest = append(rest, h)
			continue
		}
		c.heardOf(from, h.knowledge)
		if !c.state.Knowledge.CoversAll(h.knowledge) {
			c.state.Knowledge = c.state.Knowledge.Join(h.knowledge)
			c.state.Collected = c.state.Collected.Join(c.horizon.lacking[from])
			c.stateNew = true
		}
	}
	c.pending[from] = rest
}

// replicasOfOne bounds the replicas of a device that are known by name. It is a new one only
// when it has lost its index or was away for too long: one that joins as ever new ones does
// not fill the list, which is bounded to what one Join can carry.
const replicasOfOne = 256

// takeReplicas remembers who made which replica. What was recorded first stands, so that
// conflict names are the same everywhere. What is beyond the limits is left out: its
// writes count, but nobody's name stands beside them.
func (c *Core) takeReplicas(replicas []tree.Replica) {
	var fresh []tree.Replica
	of := map[ident.DeviceID]int{}
	for _, r := range c.names {
		of[r.Device]++
	}
	for _, r := range replicas {
		_, known := c.names[r.ID]
		if known || r.ID == 0 || len(c.names) >= wire.ReplicasMax || of[r.Device] >= replicasOfOne {
			continue
		}
		c.names[r.ID] = r
		of[r.Device]++
		fresh = append(fresh, r)
	}
	if len(fresh) > 0 {
		c.apply(tree.Batch{Replicas: fresh})
		c.emit(ReplicasLearnt{Replicas: fresh})
	}
}

// clockHeard lets our clock follow the stamps of others, unless theirs is far ahead.
func (c *Core) clockHeard(e *tree.Entry) {
	for _, s := range []version.Stamp{e.Place.Stamp, e.Content.Stamp, e.Attrs.Stamp} {
		if c.clock.Last < s.Time && c.clock.Heard(s.Time, c.wall) {
			c.stateNew = true
		}
	}
}

// derived says that a record came of a join here: it keeps what lost.
const derived = "conflict"

// join takes one record in: joined with what is recorded, and with the entries that keep
// what lost. From is empty for a write of this device.
func (c *Core) join(e tree.Entry, from string) {
	if e.ID.IsRoot() || e.Place.Parent == e.ID {
		c.note(e.ID, Trouble{Kind: Forged, Reason: "a peer sent an entry that cannot exist"})
		return
	}
	old, known := c.index.Entry(e.ID)
	if !known {
		if from != "" && !c.fits(&e) {
			c.noteTooLong(&e)
			return
		}
		if from != "" && from != derived && c.outlived(&e) {
			e = c.deletion(&e)
		}
		row := c.put(nil, e, from != "")
		if from != "" {
			c.touch(e.ID)
		}
		c.touchAround(&row.Entry)
		c.touchInside(&row.Entry, 0)
		return
	}
	was, told := tree.Digest(&old.Entry), tree.Digest(&e)
	if was == told {
		return
	}
	merged, losers, err := merge.Join(old.Entry, e)
	if err != nil {
		c.note(e.ID, Trouble{Kind: Forged, Reason: "a peer sent another kind of entry under a known id"})
		return
	}
	if from != "" && !c.allFit(&merged, losers) {
		c.noteTooLong(&e)
		return
	}
	for _, loser := range losers {
		if c.reader {
			break // a writer keeps what lost, and tells of it
		}
		if from == "" || !loser.Content.IsNull() || c.foundHere(&loser, &e) {
			c.join(loser, derived)
		}
	}
	// The record that has seen both comes after what is kept: who hears of it knows that.
	switch now := tree.Digest(&merged); {
	case now != was:
		guests := c.parting(&old.Entry, &merged)
		row := c.put(&old, merged, old.Need)
		c.joined(&old, &row)
		for _, id := range guests {
			c.touch(id)
		}
		c.forgetFound(&old.Entry, &merged)
	case now != told && !merged.Live():
		// The peer lacks a delete. It may have skipped our log when the roots were equal,
		// which say nothing of deletes: say it again under a new number.
		c.put(&old, merged, old.Need)
	}
}

// foundHere reports whether a content that a first scan found, and that has lost now, lies
// on this disk. Only there it is kept: nobody else can know that it was not replaced or
// deleted long ago where it was found, and that anybody still has it.
func (c *Core) foundHere(loser, told *tree.Entry) bool {
	b, onDisk := c.index.Base(told.ID)
	return onDisk && b.Content == loser.Content.ID
}

// forgetFound deletes the conflict entry, known or not, of a content that this device's
// first scan found and a person replaced or deleted here, when that write loses now: with
// it the last sign goes that nobody wants the found content any more.
func (c *Core) forgetFound(was, now *tree.Entry) {
	if c.reader {
		return // it never wrote; a record that says so is forged
	}
	w := &was.Content
	if w.Dot.Replica != c.state.Replica || len(w.Seen) != 1 || now.Content.Seen.Covers(w.Dot) || len(now.Content.Seen) == 0 {
		return
	}
	e := tree.Entry{Kind: was.Kind, Place: tree.Placement{Parent: was.ID}}
	switch {
	case w.Deleted:
		e.Content.ID, e.Content.Size, e.Content.Target = w.ID, w.Size, w.Target
	case len(w.Ancestors) == 0 || was.Kind == tree.Link: // whose bytes are its record
		return
	default:
		e.Content.ID = w.Ancestors[0] // its size is not known any more: see keepHere
	}
	found := e.Content.ID
	e.ID = ident.ConflictEntry(was.ID, 0, 0, found)
	if _, known := c.index.Entry(e.ID); !known && was.Kind != tree.Dir && now.Content.ID != found {
		c.join(c.deletion(&e), "")
	}
}

// outlived reports whether a conflict entry that another replica derived keeps a content
// that was knowingly replaced or deleted, before this was known where the entry was derived.
// Nobody wants it, and often nobody has its bytes any more.
//
// The writer of the content can tell, when it has written to the entry again since. Where
// the content that stands descends from it everybody can tell; those who wrote to the
// entry do.
func (c *Core) outlived(e *tree.Entry) bool {
	if c.reader || !e.IsConflict() || !e.Live() {
		return false
	}
	origin, ok := c.index.Entry(e.Place.Parent)
	if !ok || origin.Entry.Content.Dot == e.Content.Dot {
		return false // it has not lost here yet
	}
	now, own := &origin.Entry.Content, c.state.Replica
	last, of := now.Context.Of(own), e.Content.Dot
	return of.Replica == own && last > of.Counter || last > 0 && now.Descends(e.Content.ID)
}

// deletion is the record of an entry with its content deleted by this replica, which saw
// all that is in it.
func (c *Core) deletion(e *tree.Entry) tree.Entry {
	out := e.Clone()
	v := c.nextVersion(e.Content.Context)
	out.Content.Version, out.Content.Context = v, v.Seen
	out.Content.Deleted, out.Content.SawPlace = true, e.Place.Context
	c.checked.deleted = true
	merge.Rank(&out, e)
	return out
}

// joined plans what a changed record may change on disk.
func (c *Core) joined(old, row *tree.Row) {
	was, is := &old.Entry.Place, &row.Entry.Place
	if was.Parent != is.Parent || was.Name != is.Name {
		c.touchAround(&old.Entry)
	}
	moved, ended := was.Parent != is.Parent, old.Entry.Live() != row.Entry.Live()
	if row.Entry.Kind == tree.Dir && (moved || ended) {
		c.touchCycle(row.Entry.ID, was.Parent)
		c.touchCycle(row.Entry.ID, is.Parent)
	}
	c.touch(row.Entry.ID)
	c.touchAround(&row.Entry)
	if moved || ended || was.Name != is.Name {
		c.touchInside(&row.Entry, 0)
	}
	c.wake(row.Entry.ID)
}

// setCursor remembers how much of a peer's log has been taken in.
func (c *Core) setCursor(cursor tree.Cursor) {
	cursor.Life = c.horizon.lives[cursor.Device]
	c.cursors[cursor.Device] = cursor
	c.apply(tree.Batch{Cursors: []tree.Cursor{cursor}})
}

// tell orders that a peer be told how far its log has been taken in, once that is durable.
func (c *Core) tell(cursor tree.Cursor) {
	for i := range c.taken {
		if c.taken[i].From == cursor.Device {
			c.taken[i] = RowsTaken{cursor.Device, cursor.Log, cursor.Seq}
			return
		}
	}
	c.taken = append(c.taken, RowsTaken{cursor.Device, cursor.Log, cursor.Seq})
}

// committed lets go of what had to wait until it was durable.
func (c *Core) committed() {
	c.uncommitted = false
	c.stand()
	c.giveOrders()
	c.giveAnswers()
	c.tellTaken()
	if len(c.placed) > 0 {
		c.emit(ContentsHeld{c.placed})
		c.placed = nil
	}
}

func (c *Core) tellTaken() {
	for _, t := range c.taken {
		c.emit(t)
	}
	c.taken = c.taken[:0]
}
