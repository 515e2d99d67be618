package folder

import (
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// The record of a deleted entry is kept until nobody needs to hear of it any more: when
// every member knows of it, or when it is so old that whoever does not has to join anew.
// Its writes are then covered by the collected vector. A replica whose knowledge does not
// cover that may hold, as live, what was deleted and forgotten (docs/decisions/0017).

const (
	// collectEvery is how often it is looked for records to forget.
	collectEvery = 10 * time.Minute
	// collectPage is how many deleted entries are looked at in one event: some milliseconds.
	collectPage = 256
	// keepMax is how long a delete is kept for members that are away.
	keepMax = 400 * 24 * time.Hour
)

// horizon is what is known of who has heard of which deletes.
type horizon struct {
	members map[ident.DeviceID]bool
	// heard is what each member that was met in this life knew last.
	heard map[ident.DeviceID]version.Vector
	// lacking is what peers have forgotten and we had not heard of. It is ours too when we
	// know what they know.
	lacking map[ident.DeviceID]version.Vector

	lives   map[ident.DeviceID]uint64 // of peers that have joined
	readers map[ident.DeviceID]bool   // members met in this life that only read

	alone step.Instant // since when this device alone remembers some write; else never

	due     step.Instant
	after   uint64         // how far the present look has come
	looking bool           // a page is being loaded
	stable  version.Vector // what everybody knew when the last look began
	day     int64          // when that was, in days since 1970
}

func newHorizon() horizon {
	return horizon{
		members: map[ident.DeviceID]bool{}, heard: map[ident.DeviceID]version.Vector{},
		lacking: map[ident.DeviceID]version.Vector{}, lives: map[ident.DeviceID]uint64{},
		readers: map[ident.DeviceID]bool{}, due: step.Never, alone: step.Never,
	}
}

func (c *Core) handleHorizon(event Event) {
	switch e := event.(type) {
	case HorizonHeard:
		c.horizon.lives[e.From] = e.Life
		delete(c.horizon.lacking, e.From)
		if !c.state.Knowledge.CoversAll(e.Collected) {
			c.horizon.lacking[e.From] = e.Collected
		}
	case MemberAdded:
		c.horizon.members[e.Device] = true
	case MemberRemoved:
		delete(c.horizon.members, e.Device)
		delete(c.horizon.heard, e.Device)
		delete(c.horizon.readers, e.Device)
		c.signed.forgetSigner(e.Device)
		c.endHalfway(e.Device) // it tells no more
		c.collectSoon()
	case ReaderHeard:
		c.horizon.readers[e.Device] = true
		c.heardOf(e.Device, e.Knowledge)
	case DeadLoaded:
		c.deadLoaded(e)
	}
}

// heardOf notes what a member knows, durably, of the folder, once all it told before is
// recorded here.
func (c *Core) heardOf(member ident.DeviceID, knowledge version.Vector) {
	c.horizon.heard[member] = knowledge
	c.collectSoon()
}

func (c *Core) collectSoon() {
	if c.horizon.due != step.Never || c.horizon.looking {
		return
	}
	every := c.cfg.Collect
	if every == 0 {
		every = collectEvery
	}
	c.horizon.due = c.now.Add(every)
}

// known returns what every member knows. Nothing, while one was not met in this life, or
// while it is not known who they are.
func (c *Core) known() version.Vector {
	if len(c.horizon.members) == 0 {
		return nil
	}
	out := c.state.Knowledge
	for member := range c.horizon.members {
		out = out.Meet(c.horizon.heard[member])
	}
	return out
}

const dayMillis = 24 * 3600 * 1000

// beginCollecting looks through the deleted entries, unless nothing can have changed since
// it was last done: nobody has heard of more, and it is still the same day.
func (c *Core) beginCollecting() {
	h := &c.horizon
	h.due = step.Never
	stable, day := c.known(), c.today()/dayMillis
	if h.looking || c.scanning || stable.Equal(h.stable) && day == h.day {
		c.collectAgain()
		return
	}
	h.stable, h.day, h.after, h.looking = stable, day, 0, true
	c.emit(LoadDead{Limit: collectPage})
}

// collectAgain plans the next look: the days pass without anybody being heard of.
func (c *Core) collectAgain() {
	if len(c.horizon.heard) > 0 {
		c.collectSoon()
	}
}

func (c *Core) deadLoaded(e DeadLoaded) {
	c.wall = e.Wall
	var forgotten []ident.EntryID
	for i := range e.Rows {
		c.horizon.after = e.Rows[i].Seq
		row, ok := c.index.Entry(e.Rows[i].Entry.ID) // as it is by now
		if ok && c.forgettable(&row) {
			forgotten = append(forgotten, row.Entry.ID)
		}
	}
	c.forgetDead(forgotten)
	if c.horizon.looking = !e.End; !e.End {
		c.emit(LoadDead{After: c.horizon.after, Limit: collectPage})
		return
	}
	c.collectAgain()
}

// forgetDead forgets deleted entries; their writes are collected.
func (c *Core) forgetDead(ids []ident.EntryID) {
	if len(ids) == 0 {
		return
	}
	for _, id := range ids {
		row, _ := c.index.Entry(id)
		for _, seen := range []version.Vector{row.Entry.Place.Context, row.Entry.Content.Context, row.Entry.Attrs.Context} {
			c.state.Collected = c.state.Collected.Join(seen)
		}
		delete(c.troubles, id)
		c.unblock(id)
		c.signed.gone.Remove(id)
	}
	c.stateNew = true
	c.forget()
	c.apply(tree.Batch{Forgotten: ids})
}

// forgettable reports whether a deleted entry is one that nobody needs to hear of, and that
// nothing here depends on. A reader keeps what the writers keep, to hold what they signed:
// it forgets with them (see forgetGone), and what is older than anybody keeps.
func (c *Core) forgettable(row *tree.Row) bool {
	if row.Entry.Live() {
		return false
	}
	if row.Died == 0 {
		dated := *row
		dated.Died = c.today()
		c.apply(tree.Batch{Rows: []tree.Row{dated}})
		row.Died = dated.Died
	}
	old := c.today()-row.Died > keepMax.Milliseconds()
	return (old || !c.reader && row.Entry.KnownBy(c.horizon.stable)) && c.unneeded(row)
}

// unneeded reports whether nothing here depends on a deleted entry: what is in it or kept
// beside it, what it stands for (rule R11), what is under way.
func (c *Core) unneeded(row *tree.Row) bool {
	e := &row.Entry
	if e.Live() || row.Need || c.acts[e.ID] != nil || c.queued[e.ID] {
		return false
	}
	if _, onDisk := c.index.Base(e.ID); onDisk || len(c.index.Children(e.ID, ident.EntryID{}, 1)) > 0 {
		return false
	}
	for _, dir := range c.view.Twins(e.Place.Parent) {
		for _, o := range c.index.Placed(dir, e.Place.Name) {
			if o.Entry.ID != e.ID && o.Entry.Live() && o.Entry.Content.IsNull() {
				return false // it may be what this one was, found by somebody's first scan
			}
		}
	}
	return true
}
