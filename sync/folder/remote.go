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
			c.state.Knowledge = c.state.Knowledge.Join(c.bounded(h.knowledge))
			c.collect(c.horizon.lacking[from])
			c.stateNew = true
		}
	}
	c.pending[from] = rest
	c.knewAll()
	c.judgeAlone()
}

// collect takes over what somebody has forgotten, as far as it is known here: nobody
// forgets what he has not heard of.
func (c *Core) collect(forgotten version.Vector) {
	c.state.Collected = c.state.Collected.Join(c.state.Knowledge.Meet(forgotten))
}

// namelessMax is how many replicas without a name this device says it knows of. There are
// some when a device has made more of them than are named, and what others have collected
// must be known of these too; a peer that makes them up does not fill what this device
// tells.
const namelessMax = 4000

// bounded returns what a peer knows, but for nameless replicas beyond the bound. To know
// less than was heard is no lie.
func (c *Core) bounded(knowledge version.Vector) version.Vector {
	nameless := 0
	for _, d := range c.state.Knowledge {
		if _, named := c.names[d.Replica]; !named {
			nameless++
		}
	}
	out := make(version.Vector, 0, len(knowledge))
	for _, d := range knowledge {
		_, named := c.names[d.Replica]
		if !named && c.state.Knowledge.Of(d.Replica) == 0 {
			if nameless >= namelessMax {
				continue
			}
			nameless++
		}
		out = append(out, d)
	}
	return out
}

// strangersMax is how many replicas of devices that are no members, as of those that were
// once, are taken from one device while the agent runs.
const strangersMax = 1000

// replicasOfOne bounds the replicas of a device that are known by name. It is a new one only
// when it has lost its index or was away for too long: one that joins as ever new ones does
// not fill the list, which is bounded to what one Join can carry.
const replicasOfOne = 256

// takeReplicas remembers who made which replica. What was recorded first stands, so that
// conflict names are the same everywhere. What is beyond the limits is left out: its
// writes count, but nobody's name stands beside them.
func (c *Core) takeReplicas(from ident.DeviceID, replicas []tree.Replica) {
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
		if r.Device != from && r.Device != c.cfg.Device && !c.horizon.members[r.Device] {
			if c.strangers[from] >= strangersMax {
				continue
			}
			c.strangers[from]++
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
	if from != "" && from != derived && c.keptUntold(&old.Entry, &e) {
		bare := e
		bare.Content.Context = e.Content.Seen
		if _, losers, err = merge.Join(old.Entry, bare); err != nil {
			panic("bug: two records were of one kind a moment ago: " + err.Error())
		}
	}
	if from != "" && !c.allFit(&merged, losers) {
		c.noteTooLong(&e)
		return
	}
	stays := c.keepLosers(losers, &merged, &e, from)
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
		c.forgetDeleted(&old.Entry, &merged)
		c.forgetTold(&e, &merged)
		if stays != nil {
			b, _ := c.index.Base(e.ID)
			c.keepContent(&row, b, stays)
		}
	case now != told && !merged.Live():
		// The peer lacks a delete. It may have skipped our log when the roots were equal,
		// which say nothing of deletes: say it again under a new number.
		c.put(&old, merged, old.Need)
	}
}

// keepLosers records the entries that keep what lost where a record met what is recorded,
// and returns a content that is to stand after all, nil when there is none.
func (c *Core) keepLosers(losers []tree.Entry, now, told *tree.Entry, from string) (stays *tree.Content) {
	for i := range losers {
		loser := &losers[i]
		if c.reader {
			break // a writer keeps what lost, and tells of it
		}
		if c.foundUnderMove(loser, now) {
			stays = &loser.Content
			continue
		}
		found := from == "" && loser.Content.ID == told.Content.ID // by the look that is taken in now
		if !loser.Content.IsNull() || found || c.foundHere(loser, told) {
			c.join(*loser, derived)
		}
	}
	return stays
}

// keptUntold reports whether a record that a repair brought says of the content on this
// disk that it has lost where the two met, by somebody who had not seen it. The entry that
// keeps it there is newer than what the repair looks for, and may never be told, while here
// the file is replaced as soon as the repair is over. It is kept here too, under the same
// id: where that was deleted knowingly since, the delete stands.
func (c *Core) keptUntold(here, told *tree.Entry) bool {
	w, now := &here.Content, &told.Content
	if len(c.halfway) == 0 || c.reader || here.Kind == tree.Dir || w.Deleted || w.IsNull() || w.Dot == now.Dot ||
		now.Seen.Covers(w.Dot) || !now.Context.Covers(w.Dot) {
		return false
	}
	b, onDisk := c.index.Base(here.ID)
	return onDisk && b.Content == w.ID
}

// foundHere reports whether a content that a first scan found, and that has lost now, lies
// on this disk. Only there it is kept: nobody else can know that it was not replaced or
// deleted long ago where it was found, and that anybody still has it.
func (c *Core) foundHere(loser, told *tree.Entry) bool {
	b, onDisk := c.index.Base(told.ID)
	return onDisk && b.Content == loser.Content.ID
}

// foundUnderMove reports whether a content that a first scan found here loses to a delete by
// somebody who never had it, while the entry lives on because it was moved (rule R15). Then
// what lives on is what was moved, and not what was deleted: see keepContent.
func (c *Core) foundUnderMove(loser, now *tree.Entry) bool {
	w := &loser.Content
	return now.Content.Deleted && now.Live() && w.IsNull() && c.acts[now.ID] == nil &&
		!now.Content.Descends(w.ID) && c.foundHere(loser, now)
}

// forgetFound deletes the conflict entry, known or not, of a content that this device's
// first scan found and a person replaced or deleted here, when that write loses now: with
// it the last sign goes that nobody wants the found content any more. However often the
// file was written to here since, what was found is the oldest that it is known to come of.
func (c *Core) forgetFound(was, now *tree.Entry) {
	if c.reader {
		return // it never wrote; a record that says so is forged
	}
	w := &was.Content
	if w.Dot.Replica != c.state.Replica || len(w.Seen) != 1 || now.Content.Seen.Covers(w.Dot) || len(now.Content.Seen) == 0 {
		return
	}
	e := tree.Entry{Kind: was.Kind, Place: tree.Placement{Parent: was.ID}}
	switch oldest := len(w.Ancestors) - 1; {
	case w.Deleted && oldest < 0:
		e.Content.ID, e.Content.Size, e.Content.Target = w.ID, w.Size, w.Target
	case oldest < 0 || was.Kind == tree.Link: // whose bytes are its record
		return
	default:
		e.Content.ID = w.Ancestors[oldest] // its size is not known any more: see keepHere
	}
	found := e.Content.ID
	e.ID = ident.ConflictEntry(was.ID, 0, 0, found)
	if _, known := c.index.Entry(e.ID); !known && was.Kind != tree.Dir && now.Content.ID != found {
		c.join(c.deletion(&e), "")
	}
}

// forgetTold is forgetFound for who hears of such a delete, and kept the found content
// before, without ever having had it: the delete's author may hear of the record only when
// that has seen the delete, and then it says nothing of it any more.
func (c *Core) forgetTold(told, now *tree.Entry) {
	w := &told.Content
	if c.reader || told.Kind == tree.Dir || !w.Deleted || len(w.Seen) != 1 ||
		now.Content.Deleted || now.Content.Seen.Covers(w.Dot) {
		return
	}
	row, known := c.index.Entry(ident.ConflictEntry(told.ID, 0, 0, w.ID))
	kept := &row.Entry
	if !known || !kept.Live() || !kept.Content.IsNull() || !kept.Place.IsNull() {
		return // it is gone, or somebody has seen it
	}
	if _, onDisk := c.index.Base(kept.ID); !onDisk {
		c.join(c.deletion(kept), "")
	}
}

// forgetDeleted deletes the conflict entries, known or not, that others may keep of a
// content which a person deleted here, when that delete loses now to an edit by somebody
// who had not seen the content: the record says nothing of the delete any more, and whoever
// met the edit and the content without it kept the content (docs/decisions/0049). Whose
// write the content was is not in the delete, but it is among those its author had seen. Of
// these the ones that had lost are known here with the entries that keep them; the others
// were replaced knowingly.
func (c *Core) forgetDeleted(was, now *tree.Entry) {
	w := &was.Content
	if c.reader || was.Kind == tree.Dir || w.Dot.Replica != c.state.Replica || !w.Deleted ||
		w.Dot == now.Content.Dot || now.Content.Seen.Covers(w.Dot) {
		return
	}
	if len(c.halfway) > 0 {
		c.noteLostDelete(was)
		return
	}
	for _, dot := range w.Seen {
		if dot.Replica == c.state.Replica || now.Content.Seen.Covers(dot) {
			continue
		}
		kept := tree.Content{ID: w.ID, Size: w.Size, Target: w.Target, Context: version.Vector{dot}}
		kept.Version = version.Version{Dot: dot, Seen: kept.Context, Stamp: w.Stamp}
		e := tree.Entry{Kind: was.Kind, Place: tree.Placement{Parent: was.ID}, Content: kept}
		e.ID = keeperOf(was.ID, &kept)
		if row, known := c.index.Entry(e.ID); known {
			is := &row.Entry.Content
			if !row.Entry.Live() || is.Dot != dot || is.ID != w.ID {
				continue // it is gone, or written to since, or what had lost before
			}
			if _, onDisk := c.index.Base(e.ID); onDisk {
				continue // it was there to be deleted too: the content had been put back beside it
			}
			e = row.Entry
		}
		e = c.deletion(&e)
		e.Content.SawPlace = e.Content.SawPlace.With(dot) // it is placed where it is kept
		c.join(e, "")
	}
}

// outlived reports whether a conflict entry that another replica derived keeps a content
// that was knowingly replaced or deleted, before this was known where the entry was derived.
// Nobody wants it, and often nobody has its bytes any more.
//
// The writer of the content can tell, when it has written to the entry again since. Where
// the content that stands descends from it, or one that lost and is kept beside it was
// written by somebody who had seen it, everybody can tell; those who wrote to the entry do.
func (c *Core) outlived(e *tree.Entry) bool {
	of, rests := e.LostTo()
	if c.reader || !rests || !e.Live() || e.ID != keeperOf(of, &e.Content) {
		return false // what somebody has written to it since is no leftover
	}
	origin, ok := c.index.Entry(of)
	if !ok || !merge.Stands(&origin.Entry.Content, &e.Content) {
		return false // it has not lost here yet: what is recorded may be what it replaced
	}
	now, own := &origin.Entry.Content, c.state.Replica
	last, dot := now.Context.Of(own), e.Content.Dot
	return dot.Replica == own && last > dot.Counter || last > 0 &&
		(now.Descends(e.Content.ID) && !merge.PutsBack(&e.Content, now) || c.replacedBeside(of, e))
}

// replacedBeside reports whether what a conflict entry keeps was replaced by a write that
// has lost itself since, and is kept, or was, beside the same entry. To have seen it is not
// enough: what is kept beside a file has been seen by whoever edits that file. Nor does one
// that holds, or held, the very same content replace it: that one may have been ended
// because the content stood, before it lost here.
func (c *Core) replacedBeside(origin ident.EntryID, e *tree.Entry) bool {
	of := e.Content.Dot
	for _, row := range c.index.Placed(origin, "") {
		o := &row.Entry.Content
		if row.Entry.ID != e.ID && of != (version.Dot{}) && o.Dot != of && o.Seen.Covers(of) &&
			o.ID != e.Content.ID && o.Descends(e.Content.ID) && !merge.PutsBack(&e.Content, o) {
			return true
		}
	}
	return false
}

// keeperOf is the entry that keeps a content when that has lost in the given one.
func keeperOf(origin ident.EntryID, w *tree.Content) ident.EntryID {
	return ident.ConflictEntry(origin, w.Dot.Replica, w.Dot.Counter, w.ID)
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
	// Which move of a cycle is undone depends on when it was made: one that leaves a
	// directory where it is, and gives it another name, may change that.
	if row.Entry.Kind == tree.Dir && (moved || ended || was.Stamp != is.Stamp) {
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
	c.offerSoon(cursor.Device)
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
	c.holdSigned()
	c.signSoon()
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
