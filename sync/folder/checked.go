package folder

import (
	"bytes"
	"cmp"
	"encoding/gob"
	"fmt"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// A device whose brake is off, or that runs another program, may tell of a mass delete
// that nobody has looked at. So every replica says which of its writes its own brake has
// let pass, or a person approved; all members pass that on. Deletes that nobody has
// checked are carried out when they are few, and held here when they are many. One yes, on
// any device, makes them checked, and that is known everywhere soon after.

// CheckedHeard: a peer told which writes are known to be meant.
type CheckedHeard struct {
	From   ident.DeviceID
	Ranges []tree.Range
}

// CheckedLearnt tells which writes are newly known to be meant.
type CheckedLearnt struct{ Ranges []tree.Range }

func (CheckedHeard) event()   {}
func (CheckedLearnt) effect() {}

// checkedKey is the note of what is checked.
const checkedKey = "checked"

// uncheckedRest is how long no more unchecked deletes must come before they are counted.
const uncheckedRest = time.Second

// checked is what is known to be meant, and the deletes of others that are not.
type checked struct {
	ranges  []tree.Range           // by replica, then number; apart from one another
	news    []tree.Range           // to be told of
	told    map[ident.DeviceID]int // ranges that need room, by who told of them
	deleted bool                   // this replica has written a delete that it has not told to be checked
	skip    skipped

	doubted map[ident.EntryID]version.Dot // to be counted soon
	last    step.Instant                  // when the last of them came
	passed  map[ident.EntryID]version.Dot // counted, and few
	recent  window
}

// skipped says which own writes were made while the brake was off: nobody has checked them.
type skipped struct {
	Replica ident.ReplicaID
	Below   uint64 // their numbers are below this one
	Off     bool   // the brake is off still, and those to come are like them
}

// skipKey is the note of what is skipped.
const skipKey = "checked-skip"

// recallChecked takes up what an earlier run knew.
func (c *Core) recallChecked(notes []tree.Note) error {
	c.checked = checked{
		doubted: map[ident.EntryID]version.Dot{}, passed: map[ident.EntryID]version.Dot{},
		recent: window{span: brakeSpan}, told: map[ident.DeviceID]int{},
	}
	for _, n := range notes {
		var into any
		switch n.Key {
		case checkedKey:
			into = &c.checked.ranges
		case skipKey:
			into = &c.checked.skip
		default:
			continue
		}
		if err := gob.NewDecoder(bytes.NewReader(n.Body)).Decode(into); err != nil {
			return fmt.Errorf("read which deletes are known to be meant: %w", err)
		}
	}
	if c.checked.skip.Replica != c.state.Replica {
		c.checked.skip = skipped{Replica: c.state.Replica} // another one's numbers say nothing here
	}
	c.skipUnbraked()
	return nil
}

// skipUnbraked notes whether own writes pass a brake from now on, so that a restart, or a
// brake that is set while the agent does not run, makes none of the others look checked.
func (c *Core) skipUnbraked() {
	off := c.brake.set.Off
	if off == c.checked.skip.Off {
		return
	}
	c.checked.skip.Off = off
	if !off {
		c.checked.skip.Below = c.state.Counter + 1
	}
	c.noteChecked(skipKey, c.checked.skip)
}

func (c *Core) noteChecked(key string, what any) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(what); err != nil {
		panic("bug: what is checked cannot be encoded: " + err.Error())
	}
	c.apply(tree.Batch{Notes: []tree.Note{{Key: key, Body: body.Bytes()}}})
}

func (c *checked) covers(d version.Dot) bool {
	return slices.ContainsFunc(c.ranges, func(r tree.Range) bool {
		return r.Replica == d.Replica && r.From <= d.Counter && d.Counter <= r.To
	})
}

// add takes a range in and reports whether it says anything new.
func (c *checked) add(fresh tree.Range) bool {
	for _, r := range c.ranges {
		if r.Replica == fresh.Replica && r.From <= fresh.From && fresh.To <= r.To {
			return false
		}
	}
	all := append(slices.Clone(c.ranges), fresh)
	slices.SortFunc(all, func(a, b tree.Range) int {
		return cmp.Or(cmp.Compare(a.Replica, b.Replica), cmp.Compare(a.From, b.From))
	})
	out := all[:1:1]
	for _, r := range all[1:] {
		if last := &out[len(out)-1]; last.Replica == r.Replica && r.From <= last.To+1 {
			last.To = max(last.To, r.To)
		} else {
			out = append(out, r)
		}
	}
	c.ranges = out
	return true
}

// checkedMax bounds what is remembered of what others tell; what is beyond is not taken in,
// and deletes in it are counted like any others.
const checkedMax = 4000

// checkedFrom is how much of that one device may fill while the agent runs.
const checkedFrom = checkedMax / 4

// hearChecked takes in what others know to be meant, as far as there is room. What makes a
// known range longer needs none, and for one range of each replica there is always room.
func (c *Core) hearChecked(from ident.DeviceID, ranges []tree.Range) {
	var fresh []tree.Range
	for _, r := range ranges {
		was := c.checked.ranges
		switch {
		case !c.checked.add(r):
		case len(c.checked.ranges) <= len(was) || c.firstOf(r.Replica, was):
			fresh = append(fresh, r)
		case len(c.checked.ranges) > checkedMax || c.checked.told[from] >= checkedFrom:
			c.checked.ranges = was
		default:
			c.checked.told[from]++
			fresh = append(fresh, r)
		}
	}
	c.learnChecked(fresh)
}

// firstOf reports whether nothing is noted of a replica that is known.
func (c *Core) firstOf(replica ident.ReplicaID, noted []tree.Range) bool {
	_, known := c.names[replica]
	return known && !slices.ContainsFunc(noted, func(r tree.Range) bool { return r.Replica == replica })
}

// takeChecked takes in what is known to be meant here: the brake let it pass, or a person
// said yes. That is never too much.
func (c *Core) takeChecked(ranges []tree.Range) {
	var fresh []tree.Range
	for _, r := range ranges {
		if c.checked.add(r) {
			fresh = append(fresh, r)
		}
	}
	c.learnChecked(fresh)
}

// learnChecked notes what has become known to be meant, and lets go of what was held for
// the lack of it.
func (c *Core) learnChecked(fresh []tree.Range) {
	if len(fresh) == 0 {
		return
	}
	c.noteChecked(checkedKey, c.checked.ranges)
	c.checked.news = append(c.checked.news, fresh...)
	for _, id := range c.heldIDs("") {
		if h := c.held.entries[id]; h.From != (version.Dot{}) && c.checked.covers(h.From) {
			c.unhold(id)
			c.touch(id)
		}
	}
	for id, dot := range c.checked.doubted {
		if c.checked.covers(dot) {
			delete(c.checked.doubted, id)
			c.retry = append(c.retry, id)
		}
	}
	c.touchSorted()
}

// checkOwn tells that this replica's deletes have passed its brake.
func (c *Core) checkOwn() {
	if c.checked.deleted && !c.brake.set.Off {
		from := uint64(1)
		for _, r := range c.checked.ranges {
			if r.Replica == c.state.Replica {
				from = r.To + 1
			}
		}
		from = max(from, c.checked.skip.Below)
		if from <= c.state.Counter {
			c.takeChecked([]tree.Range{{Replica: c.state.Replica, From: from, To: c.state.Counter}})
		}
		c.checked.deleted = false
	}
	if len(c.checked.news) > 0 {
		c.emit(CheckedLearnt{Ranges: c.checked.news})
		c.checked.news = nil
	}
}

// Checked returns all that is known to be meant. It is not to be changed.
func (c *Core) Checked() []tree.Range { return slices.Clone(c.checked.ranges) }

// meant reports whether what an entry says need not be counted: it is no delete of a file by
// another device, or it is known to be meant.
func (c *Core) meant(e *tree.Entry) bool {
	dot := e.Content.Dot
	return e.Kind == tree.Dir || !e.Content.Deleted || dot.Replica == 0 || dot.Replica == c.state.Replica ||
		e.IsConflict() || c.brake.set.Off || c.checked.passed[e.ID] == dot || c.checked.covers(dot)
}

// unchecked reports whether a delete that is to be carried out here has to wait: nobody has
// checked it, and it is not known yet how many there are.
func (c *Core) unchecked(row *tree.Row) bool {
	dot := row.Entry.Content.Dot
	if c.meant(&row.Entry) {
		return false
	}
	if c.checked.doubted[row.Entry.ID] != dot {
		c.checked.doubted[row.Entry.ID] = dot
		c.checked.last = c.now
	}
	c.setNeed(row, true)
	c.dueAt(c.checked.last.Add(uncheckedRest))
	return true
}

// judgeUnchecked counts the deletes of others that nobody has checked, once no more come.
func (c *Core) judgeUnchecked() {
	if len(c.checked.doubted) == 0 {
		return
	}
	if due := c.checked.last.Add(uncheckedRest); c.now < due {
		c.dueAt(due)
		return
	}
	ids := make([]ident.EntryID, 0, len(c.checked.doubted))
	for id := range c.checked.doubted {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b ident.EntryID) int { return slices.Compare(a[:], b[:]) })
	ids = slices.DeleteFunc(ids, func(id ident.EntryID) bool {
		row, ok := c.index.Entry(id)
		_, onDisk := c.index.Base(id)
		return !ok || !onDisk || row.Entry.Live() || row.Entry.Content.Dot != c.checked.doubted[id]
	})
	n := int64(len(ids))
	sum := n + c.checked.recent.count(c.now)
	c.checked.recent.add(c.now, n)
	if sum <= c.brake.set.limit(c.totals.Files+sum) {
		// Few, so they are told to be checked: who hears of them later, together with others
		// or in a folder that is smaller by then, need not count them again.
		var ranges []tree.Range
		for _, id := range ids {
			dot := c.checked.doubted[id]
			c.checked.passed[id] = dot
			ranges = append(ranges, tree.Range{Replica: dot.Replica, From: dot.Counter, To: dot.Counter})
			c.touch(id)
		}
		clear(c.checked.doubted)
		c.hearChecked(c.cfg.Device, joinRanges(ranges))
		return
	}
	c.holdUnchecked(ids)
	clear(c.checked.doubted)
}

// holdUnchecked keeps deletes of others from being carried out here. What is held is on
// disk, and deleted by the records.
func (c *Core) holdUnchecked(ids []ident.EntryID) {
	batch, files := c.openBatch(), 0
	for _, id := range ids {
		b, onDisk := c.index.Base(id)
		row, ok := c.index.Entry(id)
		if !onDisk || !ok || len(c.held.entries) >= heldMax {
			continue // it stays marked Need, and is counted again after the next start
		}
		files++
		c.noteHeld(id, &held{
			Path: c.basePath(&b), Weight: weight{1, sizeOf(&b.Stat)}, Batch: batch, At: c.wall,
			From: c.checked.doubted[id],
		})
		c.settled(&row)
		c.touch(b.Parent)
	}
	c.heldNotice(int64(files), "another device deleted many files at once, and nobody has checked that")
}

// keptBelow reports whether the first thing in a directory waits for a person.
func (c *Core) keptBelow(dir ident.EntryID, depth int) bool {
	below := c.index.BaseChildren(dir, "", 1)
	if len(below) == 0 || depth > pathMax {
		return false
	}
	if h := c.held.entries[below[0].Entry]; h != nil {
		return h.From != (version.Dot{})
	}
	return below[0].Stat.Kind == tree.Dir && c.keptBelow(below[0].Entry, depth+1)
}

// answerUnchecked carries out what a person decided about deletes of others. A yes is told
// to everybody; a no brings the entries back to life, for everybody.
func (c *Core) answerUnchecked(ids []ident.EntryID, approve bool) {
	var ranges []tree.Range
	for _, id := range ids {
		h := c.held.entries[id]
		if approve {
			ranges = append(ranges, tree.Range{Replica: h.From.Replica, From: h.From.Counter, To: h.From.Counter})
			continue
		}
		c.unhold(id)
		c.revive(id)
	}
	c.takeChecked(joinRanges(ranges))
}

// joinRanges makes runs of numbers one range each.
func joinRanges(ranges []tree.Range) []tree.Range {
	var all checked
	for _, r := range ranges {
		all.add(r)
	}
	return all.ranges
}

// revive writes that a deleted entry holds what is on disk here.
func (c *Core) revive(id ident.EntryID) {
	row, ok := c.index.Entry(id)
	b, onDisk := c.index.Base(id)
	if !ok || !onDisk || row.Entry.Live() {
		c.touch(id)
		return
	}
	if c.reader {
		c.list(&tree.Finding{Path: c.basePath(&b), Stat: b.Stat, Content: b.Content, Racy: b.Racy})
		c.clearBase(id) // what a reader keeps, it keeps as its own
		c.touch(id)
		return
	}
	e := row.Entry.Clone()
	v := c.nextVersion(e.Content.Context)
	e.Content = tree.Content{
		Version: v, Context: v.Seen, ID: b.Content, Size: sizeOf(&b.Stat), Target: e.Content.Target,
		SawPlace: e.Content.SawPlace, Ancestors: replaced(&row.Entry.Content, row.Entry.Content.ID),
	}
	b.SawContent = v.Seen
	c.setBase(b)
	c.writeLocal(e)
	c.touch(id)
}
