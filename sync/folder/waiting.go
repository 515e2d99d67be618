package folder

import (
	"bytes"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

// waitMax is how long an entry waits for another one before it is looked at again: what it
// waits for can come about in other ways than by the other one, and a record that is on its
// way in a log is here sooner.
const waitMax = 5 * time.Second

func (c *Core) waitAgain() {
	if c.waited == step.Never {
		c.waited = c.now.Add(waitMax)
	}
	c.dueAt(c.waited)
}

// meetWaiting plans all entries that wait for others, and asks for the records of those
// that are not known. Most are on their way. A directory that was deleted is not told again
// by those who believe that we know it, and we have forgotten it: who lost an index may
// have found something in it since (docs/decisions/0043).
func (c *Core) meetWaiting() {
	if c.waited > c.now {
		c.dueAt(c.waited)
		return
	}
	c.waited = step.Never
	var lacking []ident.EntryID
	for id, other := range c.waitsOn {
		c.retry = append(c.retry, id)
		if _, known := c.index.Entry(other); !known && !slices.Contains(lacking, other) {
			lacking = append(lacking, other)
		}
	}
	c.touchSorted()
	slices.SortFunc(lacking, func(a, b ident.EntryID) int { return bytes.Compare(a[:], b[:]) })
	lacking = lacking[:min(len(lacking), wire.FindMax)]
	c.countInVain(lacking)
	c.askFor(lacking)
}

// lookMin and lookMax bound how long entries may be needed with nothing under way before
// all of them are planned again, each time after twice as long. What can be done for an
// entry is noted when something changes for it. Should such a note be missing, the folder
// must not stand still until the next start.
const (
	lookMin = 20 * time.Second
	lookMax = 10 * time.Minute
)

// needSoon notes when to plan needed entries again, while there are any.
func (c *Core) needSoon() {
	switch {
	case c.totals.Needs <= c.blockedTotals.Needs:
		c.lookAt, c.looked = step.Never, lookMin
	case c.lookAt == step.Never:
		c.lookAt = c.now.Add(c.looked)
	}
	c.dueAt(c.lookAt)
}

// meetNeeds plans needed entries again when it is time and nothing else is done.
func (c *Core) meetNeeds() {
	if c.lookAt > c.now {
		return
	}
	c.lookAt = step.Never
	if len(c.acts)+len(c.queue) == 0 {
		c.looked = min(2*c.looked, lookMax)
		c.needs.rewind()
	}
}

// askFor asks all who are connected for records, wire.FindMax at most, that are not here.
func (c *Core) askFor(ids []ident.EntryID) {
	if len(ids) == 0 {
		return
	}
	for _, from := range c.standingDevices() {
		cursor := c.cursors[from]
		if c.repairs[from] != nil || c.standing[from].Log != cursor.Log {
			continue
		}
		r := c.newRepair(cursor.Log, cursor.Seq)
		r.walk, r.audit, r.few, r.listed, r.differ = nil, true, true, true, slices.Clone(ids)
		c.repairs[from] = r
		c.goOn(from, r)
	}
}

// standingDevices returns the peers that have joined, in order.
func (c *Core) standingDevices() []ident.DeviceID {
	out := make([]ident.DeviceID, 0, len(c.standing))
	for d := range c.standing {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b ident.DeviceID) int { return bytes.Compare(a[:], b[:]) })
	return out
}
