package folder

import (
	"errors"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// A peer's log tells what changed there since we last heard. Where it cannot be gone on
// with, because it is another log, because it ends before what we have taken in, or because
// the folders differ although everything was told, the difference itself is looked for:
//
//	walk the peer's summary ──▶ ask for what differs ──┐
//	                                                   ├──▶ go on with the log
//	ask for deletes ───────────────────────────────────┘
//
// The summary says nothing of deleted entries; those come by knowledge: each delete is a
// write of somebody, and the peer tells those that our knowledge does not cover. A peer's
// knowledge becomes ours only when both are done, so what we claim to know we do know
// (docs/decisions/0016).
type repair struct {
	// number is that of the questions about entries, number+1 of those about deletes.
	// Answers to others mean nothing any more.
	number uint64
	// log and head are where the peer's log goes on when all is found: what changed after
	// head is told by the log. Audit is set when the log goes on where it was.
	log   ident.LogID
	head  uint64
	audit bool
	few   bool // entries are asked for by name alone

	walk   *summary.Walk   // nil when it has come to its end
	first  bool            // the top of the peer's tree has not been told yet
	differ []ident.EntryID // found by the walk, to be asked for
	asked  bool            // the answer about entries is not complete
	// after is up to where in the peer's log deletes have been asked for; listed is set
	// when that was all.
	after       uint64
	askedDelete bool
	listed      bool

	// Of the proof of a signed root: the walk through its deleted entries, what was found
	// and is to be asked for, what is awaited, deletes that the signer does not hold, and
	// whether something did not hash up to the root.
	signed   *wire.SignedRoot
	gone     *summary.Walk
	lacking  []summary.Item
	expected map[ident.EntryID]summary.Sum
	extra    []ident.EntryID
	short    bool
}

// differMax is where a walk waits for what it has found to be fetched.
const differMax = 4 * wire.FindMax

func (c *Core) handleRepair(event Event) {
	switch e := event.(type) {
	case PeerStands:
		c.peerStands(e)
	case PeerLeft:
		delete(c.repairs, e.From)
		delete(c.standing, e.From)
		delete(c.pending, e.From)
		delete(c.signed.offers, e.From)
		c.knewAll()
	case AuditAsked:
		c.audit(e.From)
	case RepairHeard:
		c.hearRepair(e)
	case FoundEntries:
		c.tellFound(e)
	}
}

// peerStands looks whether the log of a peer that has joined can be gone on with.
func (c *Core) peerStands(e PeerStands) {
	delete(c.repairs, e.From)
	delete(c.horizon.heard, e.From) // it says again what it knows
	delete(c.horizon.lives, e.From)
	delete(c.horizon.readers, e.From)
	c.standing[e.From] = e
	cursor := c.cursors[e.From]
	if cursor.Log == e.Log && cursor.Seq <= e.Head {
		if e.Root == c.cfg.Summary.Root() {
			c.tookAll(e.From)
		}
		return
	}
	r := c.newRepair(e.Log, e.Head)
	if e.Root == c.cfg.Summary.Root() {
		r.walk = nil
	} else if c.cfg.Summary.Len() == 0 {
		c.takeWholeLog(e.From, e.Log)
		return
	}
	c.repairs[e.From] = r
	c.goOn(e.From, r)
}

func (c *Core) newRepair(log ident.LogID, head uint64) *repair {
	c.repairNumber += 2
	return &repair{
		number: c.repairNumber, log: log, head: head, first: true, walk: summary.NewWalk(c.cfg.Summary),
	}
}

// takeWholeLog asks for a peer's log from its beginning: cheaper than to find out that all
// of it is missing here.
func (c *Core) takeWholeLog(from ident.DeviceID, log ident.LogID) {
	cursor := tree.Cursor{Device: from, Log: log}
	c.setCursor(cursor)
	c.tell(cursor)
	c.applyKnowledge(from, cursor)
}

// audit looks for what is different although both have told everything: rows that one of
// us has lost, by whatever fault.
func (c *Core) audit(from ident.DeviceID) {
	cursor := c.cursors[from]
	stands, joined := c.standing[from] // a reader never does: what it tells is not taken in
	if c.repairs[from] != nil || !joined || stands.Log != cursor.Log {
		return
	}
	r := c.newRepair(cursor.Log, cursor.Seq)
	r.audit, r.listed = true, true
	c.repairs[from] = r
	c.goOn(from, r)
}

// goOn asks for what is to be known next, or ends the repair.
func (c *Core) goOn(from ident.DeviceID, r *repair) {
	if r.walk != nil && len(r.differ) < differMax {
		if prefixes := r.walk.Ask(wire.PartsMax); len(prefixes) > 0 {
			c.say(from, wire.AskParts{Folder: c.cfg.Folder, Repair: r.number, Prefixes: prefixes})
		}
		if r.walk.Done() {
			r.walk = nil
		}
	}
	if !r.asked && len(r.differ) > 0 {
		n := min(len(r.differ), wire.FindMax)
		c.say(from, wire.AskEntries{Folder: c.cfg.Folder, Repair: r.number, IDs: r.differ[:n:n]})
		r.asked, r.differ = true, r.differ[n:]
	}
	if !r.askedDelete && !r.listed {
		r.askedDelete = true
		c.say(from, wire.AskDeleted{
			Folder: c.cfg.Folder, Repair: r.number + 1, After: r.after, Knowledge: c.state.Knowledge,
		})
	}
	if r.walk == nil && !r.asked && r.listed {
		c.endRepair(from, r)
	}
}

func (c *Core) endRepair(from ident.DeviceID, r *repair) {
	delete(c.repairs, from)
	if !r.few {
		c.tookAll(from)
	}
	if r.audit {
		return
	}
	cursor := tree.Cursor{Device: from, Log: r.log, Seq: r.head}
	c.setCursor(cursor)
	c.tell(cursor)
	c.applyKnowledge(from, cursor)
}

// hearRepair takes in a question or an answer.
func (c *Core) hearRepair(e RepairHeard) {
	c.wall = e.Wall
	switch m := e.Message.(type) {
	case wire.AskParts:
		c.answerParts(e.From, m)
	case wire.AskGone:
		c.answerGone(e.From, m)
	case wire.AskEntries:
		c.answerEntries(e.From, m)
	case wire.AskDeleted:
		c.emit(LoadDeleted{To: e.From, Repair: m.Repair, After: m.After, Knowledge: m.Knowledge})
	case wire.Parts:
		if r := c.repairs[e.From]; r != nil && r.number == m.Repair {
			c.takeParts(e.From, r, m.Parts)
		}
	case wire.Found:
		if r := c.repairs[e.From]; r != nil {
			c.takeFound(e.From, r, &m)
		}
	default:
		panic("bug: folder core was handed a message that is not about a repair")
	}
}

var (
	errUnasked  = errors.New("it answered what was not asked")
	errUnsigned = errors.New("it passed on what nobody signed")
)

func (c *Core) takeParts(from ident.DeviceID, r *repair, parts []summary.Part) {
	if r.signed != nil {
		c.takeProof(from, r, parts)
		return
	}
	if r.walk == nil {
		c.dropPeer(from, errUnasked)
		return
	}
	if r.first && !r.audit && len(parts) > 0 && parts[0].Count > 2*uint64(c.cfg.Summary.Len()) {
		delete(c.repairs, from)
		c.takeWholeLog(from, r.log)
		return
	}
	r.first = false
	differ, err := r.walk.Take(parts)
	if err != nil {
		c.dropPeer(from, err)
		return
	}
	for _, item := range differ {
		r.differ = append(r.differ, item.ID)
	}
	c.goOn(from, r)
}

func (c *Core) takeFound(from ident.DeviceID, r *repair, m *wire.Found) {
	entries := m.Repair == r.number && r.asked
	deleted := m.Repair == r.number+1 && r.askedDelete
	if !entries && !deleted {
		return
	}
	if len(m.Entries) > 0 && !r.few {
		c.noteHalfway(from, m.Entries)
	}
	if r.signed != nil {
		c.takeProven(from, r, m)
		return
	}
	for i := range m.Entries {
		c.clockHeard(&m.Entries[i])
		c.join(m.Entries[i], from.Short())
	}
	switch {
	case !m.Last:
		return
	case entries:
		r.asked = false
	case m.After != 0 && m.After <= r.after:
		c.dropPeer(from, errUnasked) // it would be asked for ever
		return
	default:
		r.askedDelete, r.after, r.listed = false, m.After, m.After == 0
	}
	c.goOn(from, r)
}

func (c *Core) dropPeer(from ident.DeviceID, err error) {
	delete(c.repairs, from)
	c.emit(DropPeer{Peer: from, Reason: err.Error()})
}
