package folder

import (
	"bytes"
	"cmp"
	"encoding/gob"
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// A held delete is a name that is gone from disk while the records, and the base, say that
// it is there: nobody was told. It ends in one of four ways. A person approves it: the
// name is looked at once more and the delete written down. A person rejects it: the base
// forgets it, so that it is brought back like anything else that is wanted and not here;
// what no connected device has then is held again, for there is nothing to bring back.
// Somebody changes the entry elsewhere: then it is brought back as well. Or it comes back
// by itself.

// held is one name that is held, with all that was below it.
type held struct {
	Path   string
	Weight weight
	Batch  string
	At     int64 // unix milliseconds
	// Approved is set when a person has said yes and the last look is still to come.
	Approved bool
	// From is the write that deleted it, when another device did: then it is on disk here,
	// and deleted by the records.
	From version.Dot
	// Lost is set when no connected device had the content, after a person, or somebody's
	// change, had undone the delete: it waits for an answer once more.
	Lost bool

	seen   bool // the look that goes on found it gone again
	unsure bool // it met it, and could not be believed
}

// heldMax bounds the names held: 256 MiB at the longest usual paths. What is beyond is
// not written down either; the next full scan reports it again.
const heldMax = 1 << 18

// holding is all that is held, and the batch that is still growing.
type holding struct {
	entries map[ident.EntryID]*held
	batch   string
	told    bool // people know of the batch
	last    step.Instant
	list    []HeldBatch // what people see; nil when it is to be made anew
}

// HeldBatch is deletes that happened together and wait for a person.
type HeldBatch struct {
	ID       string
	At       int64 // unix milliseconds, when the first was noticed
	Files    int64
	Bytes    int64
	Paths    []string // some of them, by name
	Names    int      // how many there are
	Approved bool
	// By is the device that deleted; zero when it was done here.
	By ident.DeviceID
	// Lost is set when no connected device has some of the contents.
	Lost bool
}

// heldPaths is how many paths of a batch people are shown.
const heldPaths = 20

const heldKey = "held/"

// HeldAnswered: a person has decided about a batch of held deletes; about all of them when
// ID is empty.
type HeldAnswered struct {
	ID      string
	Approve bool
	Wall    int64 // unix milliseconds
}

// BrakeSet: a person has set the brake.
type BrakeSet struct{ Brake Brake }

func (HeldAnswered) event() {}
func (BrakeSet) event()     {}

// recallHeld takes up what an earlier run held.
func (c *Core) recallHeld(notes []tree.Note) error {
	for _, n := range notes {
		id, ours := strings.CutPrefix(n.Key, heldKey)
		if !ours {
			continue
		}
		var h held
		if err := gob.NewDecoder(bytes.NewReader(n.Body)).Decode(&h); err != nil || len(id) != len(ident.EntryID{}) {
			return fmt.Errorf("read which deletes wait for a person: %w", err)
		}
		c.held.entries[ident.EntryID([]byte(id))] = &h
	}
	return nil
}

func (c *Core) noteHeld(id ident.EntryID, h *held) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(h); err != nil {
		panic("bug: a held delete cannot be encoded: " + err.Error())
	}
	c.held.entries[id], c.held.list = h, nil
	c.apply(tree.Batch{Notes: []tree.Note{{Key: heldKey + string(id[:]), Body: body.Bytes()}}})
}

// unhold ends the hold of an entry, if there is one.
func (c *Core) unhold(id ident.EntryID) {
	if c.held.entries[id] == nil {
		return
	}
	delete(c.held.entries, id)
	c.held.list = nil
	c.apply(tree.Batch{Notes: []tree.Note{{Key: heldKey + string(id[:])}}})
}

// hold keeps deletes from being written down. Those within a minute are one batch.
func (c *Core) hold(gone []vanish) {
	c.openBatch()
	var sum weight
	for i := range gone {
		v := &gone[i]
		sum.add(v.weight)
		delete(c.vanished, v.base.Entry)
		h := held{Path: v.path, Weight: v.weight, Batch: c.held.batch, At: c.wall}
		same, _ := c.sharers(v.base)
		for j, b := range same {
			if len(c.held.entries) >= heldMax {
				break
			}
			if j > 0 {
				h.Weight = weight{} // counted with the first
			}
			one := h
			one.seen = true // by the look that may not be over yet
			c.noteHeld(b.Entry, &one)
		}
	}
	c.brake.kept.add(c.now, sum.Files)
	c.heldNotice(sum.Files, "many files were deleted at once")
}

// openBatch begins a batch unless the last one is still growing.
func (c *Core) openBatch() string {
	if c.held.batch == "" || c.now.Since(c.held.last) >= brakeSpan {
		c.held.batch, c.held.told = fmt.Sprintf("%08x", c.cfg.Rand.Uint32()), false
	}
	c.held.last = c.now
	return c.held.batch
}

// heldNotice tells people of a batch, once.
func (c *Core) heldNotice(files int64, why string) {
	if c.held.told {
		return
	}
	c.held.told = true
	c.emit(Notice{Kind: DeletesHeld, Detail: fmt.Sprintf("%s (%d until now): the deletes wait for a yes, batch %s",
		why, files, c.held.batch)})
}

// heldAbove returns the held entry that an entry is, or lies in on disk.
func (c *Core) heldAbove(id ident.EntryID) (ident.EntryID, bool) {
	if len(c.held.entries) == 0 {
		return id, false
	}
	for depth := 0; !id.IsRoot() && depth < pathMax; depth++ {
		if h := c.held.entries[id]; h != nil && h.From == (version.Dot{}) {
			return id, true
		}
		b, ok := c.index.Base(id)
		if !ok {
			return id, false
		}
		id = b.Parent
	}
	return id, false
}

// keptForAnswer reports whether a delete of another device waits for a person here.
func (c *Core) keptForAnswer(row *tree.Row) bool {
	h := c.held.entries[row.Entry.ID]
	if h == nil || h.From == (version.Dot{}) {
		return false
	}
	if row.Entry.Live() || row.Entry.Content.Dot != h.From {
		c.unhold(row.Entry.ID) // somebody has written to it since
		return false
	}
	return true
}

func (c *Core) isHeld(id ident.EntryID) bool {
	_, held := c.heldAbove(id)
	return held
}

// planHeld leaves what is held alone, unless the entry was changed elsewhere: then it, and
// all that went with it, is brought back. What was deleted elsewhere too needs no answer.
func (c *Core) planHeld(row *tree.Row, base *tree.Base) {
	top, ok := c.heldAbove(row.Entry.ID)
	switch {
	case !ok:
		panic("bug: an entry is planned as held that is not")
	case c.upToDate(base, &row.Entry):
		c.settled(row)
	case row.Entry.Live():
		c.undo(top)
	case len(c.index.BaseChildren(base.Entry, "", 1)) > 0:
		c.settled(row) // it is planned again when the last of them is gone
	default:
		path := c.basePath(base)
		c.clearBase(base.Entry)
		c.touch(base.Parent)
		c.settled(row)
		if top == row.Entry.ID {
			c.lookAgain(0, path) // something else may have taken the name
		}
	}
}

// bringBack forgets that a name, and all below it, was on disk, so that what is wanted of
// it is put there again.
func (c *Core) bringBack(id ident.EntryID) {
	const page = 256
	for {
		below := c.index.BaseChildren(id, "", page)
		if len(below) == 0 {
			break
		}
		for _, b := range below {
			c.bringBack(b.Entry)
		}
	}
	c.unhold(id)
	c.clearBase(id)
	c.touch(id)
}

// answerHeld carries out what a person decided.
func (c *Core) answerHeld(e HeldAnswered) {
	c.wall = e.Wall
	var paths []string
	var others []ident.EntryID
	for _, id := range c.heldIDs(e.ID) {
		h := c.held.entries[id]
		switch {
		case h == nil: // went with a directory
		case h.From != (version.Dot{}):
			others = append(others, id)
		case !e.Approve:
			c.reject(id)
		case !h.Approved:
			yes := *h
			yes.Approved, yes.seen = true, false
			if b, ok := c.index.Base(id); ok {
				yes.Path = c.basePath(&b) // a directory above may have another name by now
			}
			c.noteHeld(id, &yes)
			paths = append(paths, yes.Path)
		}
	}
	c.answerUnchecked(others, e.Approve)
	if e.ID == "" || e.ID == c.held.batch {
		c.held.batch = "" // what vanishes from now on is another matter
		c.brake.kept = window{span: brakeSpan}
	}
	if len(paths) > 0 {
		c.lookAgain(0, paths...)
	}
}

// heldIDs returns the held entries of a batch, or all, in order.
func (c *Core) heldIDs(batch string) (out []ident.EntryID) {
	for id, h := range c.held.entries {
		if batch == "" || h.Batch == batch {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b ident.EntryID) int { return slices.Compare(a[:], b[:]) })
	return out
}

// foundHeld notes that a look found a held name gone still.
func (c *Core) foundHeld(here []tree.Base) bool {
	any := false
	for _, b := range here {
		if h := c.held.entries[b.Entry]; h != nil && h.From == (version.Dot{}) {
			h.seen, any = true, true
		}
	}
	return any
}

// lookedAtHeld ends the holds that a look which is over has decided: an approved delete is
// written down, and what is there again is held no more.
func (c *Core) lookedAtHeld(e ScanEnded) {
	if len(c.held.entries) == 0 {
		return
	}
	looked := map[string]bool{}
	for _, path := range e.Names {
		looked[path] = true
	}
	var due []ident.EntryID
	for id, h := range c.held.entries {
		if h.From == (version.Dot{}) && (e.Full || looked[h.Path]) {
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(a, b ident.EntryID) int { return slices.Compare(a[:], b[:]) })
	var again []string
	for _, id := range due {
		h := c.held.entries[id]
		b, onDisk := c.index.Base(id)
		if h == nil || !onDisk {
			continue // it went with another
		}
		seen, unsure := h.seen, h.unsure
		h.seen, h.unsure = false, false
		switch {
		case seen && h.Approved:
			c.deleteGone(b, h.Path)
			c.forgetRejected(id)
			again = append(again, h.Path) // something else may have taken the name
		case !seen && !unsure && !c.goneAbove(b.Parent) && !c.unseeable(&b):
			c.unhold(id) // it is there again
		}
	}
	if len(again) > 0 {
		c.lookAgain(0, again...)
	}
}

// unseeable reports whether a look that is over cannot have met what is at a place: it is
// ignored, an order is at work there, or it, or a directory above, could not be read.
func (c *Core) unseeable(b *tree.Base) bool {
	path := c.basePath(b)
	if c.busy[path] > 0 || c.patterns.Len() > 0 && c.patterns.Match(path, b.Stat.Kind == tree.Dir).Ignored() {
		return true
	}
	for at := path; at != ""; at, _ = split(at) {
		if _, bad := c.unread[at]; bad {
			return true
		}
	}
	return false
}

// goneAbove reports whether a directory, or one above it, waits to be found gone: a look at
// a name in it tells of the directory instead.
func (c *Core) goneAbove(id ident.EntryID) bool {
	for depth := 0; !id.IsRoot() && depth < pathMax; depth++ {
		if _, gone := c.vanished[id]; gone || c.isHeld(id) {
			return true
		}
		b, ok := c.index.Base(id)
		if !ok {
			return true
		}
		id = b.Parent
	}
	return false
}

// Held returns the batches of held deletes, oldest first. It is not to be changed.
func (c *Core) Held() []HeldBatch {
	if c.held.list != nil || len(c.held.entries) == 0 {
		return c.held.list
	}
	at := map[string]int{}
	var list []HeldBatch
	for _, h := range c.held.entries {
		i, known := at[h.Batch]
		if !known {
			i = len(list)
			at[h.Batch] = i
			list = append(list, HeldBatch{ID: h.Batch, At: h.At})
		}
		b := &list[i]
		b.At = min(b.At, h.At)
		b.Files, b.Bytes = b.Files+h.Weight.Files, b.Bytes+h.Weight.Bytes
		b.Names++
		b.Approved, b.Lost = b.Approved || h.Approved, b.Lost || h.Lost
		if h.From != (version.Dot{}) {
			b.By = c.names[h.From.Replica].Device
		}
		if at, known := slices.BinarySearch(b.Paths, h.Path); !known && at < heldPaths {
			b.Paths = slices.Insert(b.Paths, at, h.Path)
			b.Paths = b.Paths[:min(len(b.Paths), heldPaths)]
		}
	}
	slices.SortFunc(list, func(a, b HeldBatch) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID))
	})
	c.held.list = list
	return list
}
