package folder

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Snapshot is how the folder stands: what peers are told and people see.
type Snapshot struct {
	Replica   ident.ReplicaID
	Log       ident.LogID
	Head      uint64 // newest number that is durable, and may be told
	Counter   uint64
	Root      [32]byte
	gone      [32]byte // the same of deleted entries
	Knowledge version.Vector
	Collected version.Vector // see tree.State
	Lives     tree.Lives     // see tree.State
	Scanning  bool
	Totals    tree.Totals
	Locals    int   // names changed here, on a device that may only read
	Blocked   int64 // entries that this volume cannot show; not among the needs
	Held      int64 // names whose deletes wait for a person; not among the needs
	// Signed is how a writer has signed to stand: this device, or, when it may only read,
	// one as which it stands exactly. Nil when there is none.
	Signed *wire.SignedRoot
	Broken string // why the folder cannot be read, empty when it can
}

// Snapshot returns how the folder stood when everything was last durable: all of it goes
// together. To tell of knowledge that rests on rows not yet told would be a lie.
func (c *Core) Snapshot() Snapshot {
	s := c.stood
	s.Scanning, s.Broken = c.scanning || c.brake.waiting, c.unread[""].Reason
	s.Locals = len(c.locals)
	if c.uncommitted { // what was a local change may be needed by now, and that is not told yet
		s.Locals = max(s.Locals, c.stood.Locals)
	}
	if !c.reader {
		s.Signed = c.signed.own
	}
	return s
}

// stand takes note of how the folder stands, at a moment when everything is durable.
func (c *Core) stand() {
	c.stood = Snapshot{
		Replica: c.state.Replica, Log: c.state.Log, Head: c.state.Head, Counter: c.state.Counter,
		Root: c.cfg.Summary.Root(), gone: c.signed.gone.Root(), Knowledge: c.state.Knowledge, Totals: c.totals,
		Collected: c.state.Collected, Lives: c.state.Lives,
		Locals: len(c.locals), Blocked: c.blockedTotals.Needs, Held: int64(len(c.held.entries)),
	}
	if held := c.signed.held; held != nil && c.standsAs(held) {
		c.stood.Signed = held
	}
	c.stood.Totals.Conflicts = int64(len(c.Conflicts()))
	c.stood.Totals.Needs -= c.blockedTotals.Needs
	c.stood.Totals.NeedFiles -= c.blockedTotals.NeedFiles
	c.stood.Totals.NeedBytes -= c.blockedTotals.NeedBytes
}

// Durable reports whether everything recorded so far has been committed.
func (c *Core) Durable() bool { return !c.uncommitted }

// Cursor returns how much of a peer's log has been taken in.
func (c *Core) Cursor(peer ident.DeviceID) tree.Cursor { return c.cursors[peer] }

// Replicas returns every known replica of the folder, by id.
func (c *Core) Replicas() []tree.Replica {
	out := make([]tree.Replica, 0, len(c.names))
	for _, r := range c.names {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b tree.Replica) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Troubles returns up to limit troubles a person should know of, by path. Comes tells of a
// content whether somebody connected holds it by now: then it is missed no more.
func (c *Core) Troubles(limit int, comes func(ident.ContentID) bool) []Trouble {
	var out []Trouble
	for id, t := range c.troubles {
		if row, ok := c.index.Entry(id); t.Kind == ContentMissing && ok && comes(row.Entry.Content.ID) {
			continue
		}
		if t.Kind != ChangedMeanwhile || t.tries >= patience {
			out = append(out, *t)
			if n := c.below[id]; n > 0 {
				out[len(out)-1].Reason += fmt.Sprintf(" (with it wait %d entries that lie in it)", n)
			}
		}
	}
	for _, t := range c.unread {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Trouble) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Reason, b.Reason))
	})
	out = out[:min(len(out), limit)]
	return append(out, c.localTroubles(limit-len(out))...)
}

// touchSorted queues the entries collected for a retry in order of id, so that the order
// of a map is never seen.
func (c *Core) touchSorted() {
	slices.SortFunc(c.retry, func(a, b ident.EntryID) int { return slices.Compare(a[:], b[:]) })
	for _, id := range c.retry {
		c.touch(id)
	}
	c.retry = c.retry[:0]
}
