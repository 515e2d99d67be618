package folder

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// A log tells of the entry that keeps a losing content before it tells of the record that
// has seen both (docs/decisions/0012). A repair tells in any order: of a file on this disk
// that has lost, the record may be here, and the entry that is to keep its content may not.
// Whoever replaces the file then, throws the last copy away. So from the first answer of a
// repair on such files stay as they are, over restarts, until all that this peer holds has
// been taken in, or all writes that its answers told of are known from others: whoever knows
// them without gaps has that entry too. Another peer's repair that ends says nothing of it
// (docs/decisions/0074).

// halfway is what peers have told in any order, and not all of: the writes in it, by peer.
type halfway map[ident.DeviceID]version.Vector

const (
	halfwayKey = "halfway/"
	// bareKey is what earlier versions noted, whoever it was about. It ends with the first
	// peer of whom all is taken in.
	bareKey = "halfway"
)

// recallHalfway takes up what an earlier run noted.
func (c *Core) recallHalfway(notes []tree.Note) error {
	c.halfway = halfway{}
	for _, n := range notes {
		id, ours := strings.CutPrefix(n.Key, halfwayKey)
		if n.Key == bareKey {
			id, ours = string(make([]byte, len(ident.DeviceID{}))), true
		}
		if !ours {
			continue
		}
		var told version.Vector
		if n.Key != bareKey {
			if err := gob.NewDecoder(bytes.NewReader(n.Body)).Decode(&told); err != nil || len(id) != len(ident.DeviceID{}) {
				return fmt.Errorf("read of whom only a part was taken in: %w", err)
			}
		}
		c.halfway[ident.DeviceID([]byte(id))] = told
	}
	return nil
}

// noteHalfway notes that part of what a peer holds has been taken in, in any order.
func (c *Core) noteHalfway(from ident.DeviceID, entries []tree.Entry) {
	was, is := c.halfway[from]
	told := was
	for i := range entries {
		for _, writes := range []version.Vector{
			entries[i].Place.Context, entries[i].Content.Context, entries[i].Attrs.Context,
		} {
			told = c.alsoTold(told, writes)
		}
	}
	if is && told.Equal(was) {
		return
	}
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(told); err != nil {
		panic("bug: a vector cannot be encoded: " + err.Error())
	}
	c.halfway[from] = told
	c.apply(tree.Batch{Notes: []tree.Note{{Key: halfwayKey + string(from[:]), Body: body.Bytes()}}})
}

// toldMax is how many replicas a note names. A folder has far fewer; who names more than
// that makes them up, and only all that it holds ends the note.
const toldMax = 10000

// alsoTold adds writes to those that were told of.
func (c *Core) alsoTold(told, writes version.Vector) version.Vector {
	endless := version.Dot{Replica: c.state.Replica, Counter: 1<<64 - 1} // is never known
	if told.Covers(endless) || told.CoversAll(writes) {
		return told
	}
	if told = told.Join(writes); len(told) > toldMax {
		return version.Vector{endless}
	}
	return told
}

// tookAll notes that all a peer holds has been taken in.
func (c *Core) tookAll(from ident.DeviceID) {
	if len(c.halfway) == 0 || c.repairs[from] != nil {
		return
	}
	c.endHalfway(from)
	if len(c.repairs) == 0 {
		c.endHalfway(ident.DeviceID{})
	}
}

// knewAll ends what was noted of peers whose writes are all known by now, or that are no
// members: a crash may have come before the note ended with their removal. While one of them
// is being asked it goes on telling.
func (c *Core) knewAll() {
	var known []ident.DeviceID
	for from, told := range c.halfway {
		removed := len(c.horizon.members) > 0 && !c.horizon.members[from]
		if from != (ident.DeviceID{}) && c.repairs[from] == nil && (removed || c.state.Knowledge.CoversAll(told)) {
			known = append(known, from)
		}
	}
	slices.SortFunc(known, func(a, b ident.DeviceID) int { return bytes.Compare(a[:], b[:]) })
	for _, from := range known {
		c.endHalfway(from)
	}
}

func (c *Core) endHalfway(from ident.DeviceID) {
	if _, is := c.halfway[from]; !is {
		return
	}
	delete(c.halfway, from)
	key := halfwayKey + string(from[:])
	if from == (ident.DeviceID{}) {
		key = bareKey
	}
	c.apply(tree.Batch{Notes: []tree.Note{{Key: key}}})
	if len(c.halfway) > 0 {
		return
	}
	c.endCopies()
	if c.waited != step.Never {
		c.waited = c.now
		c.dueAt(c.now)
	}
}

// mayKeep holds the replacement or removal of a file back while the entry that keeps its
// content may still come. Whose write the content was is not in the base row, but it is
// among those that had been seen when it was put there.
func (c *Core) mayKeep(row *tree.Row, base *tree.Base) bool {
	if len(c.halfway) == 0 || c.reader {
		return false
	}
	origin, ok := c.index.Entry(base.Entry)
	if !ok || origin.Entry.Content.Descends(base.Content) {
		return false
	}
	for _, dot := range base.SawContent {
		keeper := ident.ConflictEntry(base.Entry, dot.Replica, dot.Counter, base.Content)
		if _, known := c.index.Entry(keeper); !known {
			c.await(row, keeper)
			return true
		}
	}
	return false
}

// A delete of this replica that loses while something was told in any order: which copies it
// ends (see forgetDeleted) is known when all is.
const (
	lostDeleteKey = "lostdelete/"
	// lostDeletesMax bounds those that are remembered, 200 bytes each. The copies of more
	// wait for a person to give them up (docs/decisions/0051).
	lostDeletesMax = 10000
)

// recallLostDeletes takes up what an earlier run noted.
func (c *Core) recallLostDeletes(notes []tree.Note) error {
	c.lostDeletes = map[ident.EntryID]tree.Content{}
	for _, n := range notes {
		id, ours := strings.CutPrefix(n.Key, lostDeleteKey)
		if !ours {
			continue
		}
		e, err := tree.ParseEntry(n.Body)
		if err != nil || len(id) != len(ident.EntryID{}) {
			return fmt.Errorf("read which copies of deleted files are to end: %w", err)
		}
		c.lostDeletes[ident.EntryID([]byte(id))] = e.Content
	}
	return nil
}

func (c *Core) noteLostDelete(was *tree.Entry) {
	if _, is := c.lostDeletes[was.ID]; !is && len(c.lostDeletes) >= lostDeletesMax {
		return
	}
	c.lostDeletes[was.ID] = was.Content
	c.apply(tree.Batch{Notes: []tree.Note{{Key: lostDeleteKey + string(was.ID[:]), Body: tree.AppendEntry(nil, was)}}})
}

// endCopies ends the copies of what was deleted here, by deletes that lost meanwhile.
func (c *Core) endCopies() {
	var ids []ident.EntryID
	for id := range c.lostDeletes {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b ident.EntryID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		if row, known := c.index.Entry(id); known {
			was := row.Entry.Clone()
			was.Content = c.lostDeletes[id]
			c.forgetDeleted(&was, &row.Entry)
		}
		delete(c.lostDeletes, id)
		c.apply(tree.Batch{Notes: []tree.Note{{Key: lostDeleteKey + string(id[:])}}})
	}
}
