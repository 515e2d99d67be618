package folder

import (
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// A held delete is undone without an answer when somebody else changes what is in it:
// everything that was deleted together is wanted again (held.go). What this replica had
// written itself shortly before may have reached nobody, and its bytes are gone with the
// delete: everybody would want it for ever, as itself or, where another write has won, as
// the copy that keeps the loser. So the writer remembers what was undone, and where no
// connected device has such a content its delete is held again, for the person to answer
// after all. It is never written down unasked: who has the content may only be away. The
// same becomes of what a person wanted back who rejected a held delete; it is looked for
// again when a device comes.

// BroughtBack is the detail of a notice that a held delete was undone.
const BroughtBack = "brought back, for it was changed elsewhere"

const (
	undoneKey   = "undone/"
	rejectedKey = "rejected/"
	// undoneMax bounds what is remembered, 100 bytes each. What is beyond is told as content
	// that no connected device has.
	undoneMax = 10000
)

// recallUndone takes up what an earlier run remembered.
func (c *Core) recallUndone(notes []tree.Note) {
	c.undone, c.rejected = map[ident.EntryID]bool{}, map[ident.EntryID]bool{}
	for _, n := range notes {
		if id, ours := strings.CutPrefix(n.Key, rejectedKey); ours && len(id) == len(ident.EntryID{}) {
			c.rejected[ident.EntryID([]byte(id))] = true
		}
		if id, ours := strings.CutPrefix(n.Key, undoneKey); ours && len(id) == len(ident.EntryID{}) {
			c.undone[ident.EntryID([]byte(id))] = true
		}
	}
}

// loserID returns the id of the entry that would keep what a replica has written to an
// entry, if that lost.
func loserID(e *tree.Entry) ident.EntryID {
	w := &e.Content
	return ident.ConflictEntry(e.ID, w.Dot.Replica, w.Dot.Counter, w.ID)
}

// undo forgets that held names were on disk, with what is below them, and remembers what of
// it this replica has written.
func (c *Core) undo(id ident.EntryID) {
	c.eachBelow(id, 0, func(b tree.Base) {
		row, ok := c.index.Entry(b.Entry)
		own := version.Dot{Replica: c.state.Replica, Counter: b.SawContent.Of(c.state.Replica)}
		stands := ok && row.Entry.Content.ID == b.Content // another write may have won by now
		if !ok || row.Entry.Kind != tree.File || own.Counter == 0 || len(c.undone) >= undoneMax ||
			stands && row.Entry.Content.Dot != own {
			return
		}
		loser := ident.ConflictEntry(b.Entry, own.Replica, own.Counter, b.Content)
		c.undone[loser] = true
		c.apply(tree.Batch{Notes: []tree.Note{{Key: undoneKey + string(loser[:]), Body: []byte{1}}}})
	})
	if b, onDisk := c.index.Base(id); onDisk {
		c.emit(Notice{Kind: RemoteChange, Path: c.basePath(&b), Detail: BroughtBack})
	}
	c.bringBack(id)
}

// reject brings back what a person does not want deleted, and remembers that.
func (c *Core) reject(id ident.EntryID) {
	if len(c.rejected) >= undoneMax {
		c.sweepRejected()
	}
	c.eachBelow(id, 0, func(b tree.Base) {
		if b.Stat.Kind == tree.File && len(c.rejected) < undoneMax {
			c.rejected[b.Entry] = true
			c.apply(tree.Batch{Notes: []tree.Note{{Key: rejectedKey + string(b.Entry[:]), Body: []byte{1}}}})
		}
	})
	c.bringBack(id)
}

// sweepRejected forgets what has ended otherwise.
func (c *Core) sweepRejected() {
	for id := range c.rejected {
		if row, ok := c.index.Entry(id); !ok || !row.Entry.Live() {
			c.forgetRejected(id)
		}
	}
}

func (c *Core) forgetRejected(id ident.EntryID) {
	if c.rejected[id] {
		delete(c.rejected, id)
		c.apply(tree.Batch{Notes: []tree.Note{{Key: rejectedKey + string(id[:])}}})
	}
}

// retryLost looks again for what no connected device had: another one has come.
func (c *Core) retryLost() {
	for _, id := range c.heldIDs("") {
		if h := c.held.entries[id]; h.Lost && !h.Approved {
			c.bringBack(id)
		}
	}
}

// eachBelow calls f for what is on disk as an entry, and for all below it.
func (c *Core) eachBelow(id ident.EntryID, depth int, f func(tree.Base)) {
	const page = 256
	if b, onDisk := c.index.Base(id); onDisk {
		f(b)
	}
	for after := ""; depth < pathMax; {
		below := c.index.BaseChildren(id, after, page)
		for _, b := range below {
			after = b.Name
			c.eachBelow(b.Entry, depth+1, f)
		}
		if len(below) < page {
			return
		}
	}
}

// returned forgets that a content was done without: it is on disk again.
func (c *Core) returned(b *tree.Base) {
	if len(c.undone)+len(c.rejected) == 0 {
		return
	}
	if row, ok := c.index.Entry(b.Entry); ok && row.Entry.Content.ID == b.Content {
		c.forgetUndone(loserID(&row.Entry))
		c.forgetUndone(b.Entry)
		c.forgetRejected(b.Entry)
	}
}

func (c *Core) forgetUndone(loser ident.EntryID) {
	if c.undone[loser] {
		delete(c.undone, loser)
		c.apply(tree.Batch{Notes: []tree.Note{{Key: undoneKey + string(loser[:])}}})
	}
}

// stayedGone decides about an entry that no connected device has the content of, when a
// person had deleted that here: the delete was undone, its bytes did not come back.
func (c *Core) stayedGone(row *tree.Row) bool {
	e := &row.Entry
	if c.reader || !e.Live() || c.acts[e.ID] != nil {
		return false
	}
	own := e.Content.Dot.Replica == c.state.Replica && (c.undone[e.ID] || c.undone[loserID(e)])
	return (own || c.rejected[e.ID]) && c.holdAgain(row)
}

// holdAgain holds the delete of a file that was undone in vain. Its directory must be here,
// and nothing else in its place.
func (c *Core) holdAgain(row *tree.Row) bool {
	e, shown := &row.Entry, c.view.Of(row)
	if _, onDisk := c.index.Base(e.ID); onDisk || !shown.Visible || shown.Twin != (ident.EntryID{}) {
		return false
	}
	if _, here := c.index.Base(shown.Parent); !here && !shown.Parent.IsRoot() ||
		len(c.index.BaseAt(shown.Parent, shown.Name)) > 0 || len(c.held.entries) >= heldMax {
		return false
	}
	b := tree.Base{
		Entry: e.ID, Parent: shown.Parent, Name: shown.Name, Content: e.Content.ID,
		Stat: tree.Stat{Kind: tree.File, Size: e.Content.Size, Mode: e.Attrs.Mode, Mtime: e.Attrs.Mtime},
	}
	sawAll(&b, e)
	rejected := c.rejected[e.ID]
	b = c.setBase(b)
	if rejected { // it is not here, whatever the base says for the hold
		c.rejected[e.ID] = true
		c.apply(tree.Batch{Notes: []tree.Note{{Key: rejectedKey + string(e.ID[:]), Body: []byte{1}}}})
	}
	c.noteHeld(e.ID, &held{
		Path: c.basePath(&b), Weight: weight{1, e.Content.Size}, Batch: c.openBatch(), At: c.wall,
		seen: true, // by the look that may not be over yet
		Lost: true,
	})
	c.settled(row)
	c.heldNotice(1, "what was deleted here is on no connected device any more")
	return true
}
