package folder

import (
	"bytes"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// A reader's word on the tree counts nothing, but it can carry a writer's. Writers sign how
// they stand; a reader that holds exactly what was signed passes the signature on, and
// whoever hears of it lets the reader prove entry by entry what hashes up to it:
//
//	writer: a reader is told how it stands ──▶ SignRoot ──▶ told
//	reader: stands as was signed ──▶ held, over restarts ──▶ told to all
//	anyone: an offer with news ──▶ proof of the deleted ──▶ proof of the live ──▶ taken
//
// What was proven is the writer's log up to the row that was signed: its knowledge counts,
// and with the writer itself one goes on from there (docs/decisions/0040).

// SignedWanted: a reader has been told how this device stands, and wants it signed.
type SignedWanted struct{}

// RootSigned answers SignRoot.
type RootSigned struct{ Signed wire.SignedRoot }

// SignedHeard: a peer told of a signed root. Trusted is set when the signer may write.
type SignedHeard struct {
	From    ident.DeviceID
	Signed  wire.SignedRoot
	Trusted bool
	Wall    int64
}

// SignRoot asks for a signature, with this device's key and wall clock filled in.
type SignRoot struct{ Signed wire.SignedRoot }

// StandsSigned tells that Snapshot.Signed is another one.
type StandsSigned struct{}

// RolledBack tells that a writer has signed to know of writes of this replica that the
// replica does not remember; see the effect of the same name in package peer.
type RolledBack struct{ Told ident.DeviceID }

// AwayTooLong tells that a writer has signed to have forgotten deletes that this replica has
// not heard of.
type AwayTooLong struct{ Told ident.DeviceID }

func (SignedWanted) event()  {}
func (RootSigned) event()    {}
func (SignedHeard) event()   {}
func (SignRoot) effect()     {}
func (StandsSigned) effect() {}
func (RolledBack) effect()   {}
func (AwayTooLong) effect()  {}

const (
	// signPause keeps a folder that changes all the time to ten signatures a second: what is
	// told and not signed is stuck where it is when the writer goes.
	signPause = 100 * time.Millisecond
	// offerWait is how long an offer rests: a writer's log may bring the same sooner.
	offerWait = 500 * time.Millisecond
	// offerAgain is when an offer that could not be proven is tried anew; the wait doubles
	// up to offerMax. Who passes it on has moved on, and will say so, or lies.
	offerAgain = 2 * time.Second
	offerMax   = 10 * time.Minute
)

// signedKey is the note of what a reader holds.
const signedKey = "signed root"

// signing is what is known of signed roots.
type signing struct {
	gone   *summary.Tree // of the deleted entries in the index
	wanted bool          // a reader waits for a signature
	asked  bool          // one is being made
	last   step.Instant  // when the last one was asked for
	own    *wire.SignedRoot
	// heard are the newest of each signer, on a device that may only read; held is the one
	// that it stands as.
	heard  map[ident.DeviceID]*wire.SignedRoot
	held   *wire.SignedRoot
	noted  [64]byte                  // signature of the one that was held last, as a later run finds it
	offers map[ident.DeviceID]*offer // by who told
}

// offer is what a peer says it can prove.
type offer struct {
	signed *wire.SignedRoot
	due    step.Instant
	tries  int
}

func newSigning(gone *summary.Tree, notes []tree.Note) signing {
	s := signing{
		gone: gone, heard: map[ident.DeviceID]*wire.SignedRoot{}, offers: map[ident.DeviceID]*offer{},
		last: -step.Instant(signPause),
	}
	if gone == nil {
		s.gone = &summary.Tree{}
	}
	for _, n := range notes {
		if n.Key != signedKey {
			continue
		}
		// One that cannot be read is of another version of the program: a writer signs anew.
		if m, err := wire.Parse(n.Body); err == nil {
			if v, ok := m.(wire.SignedRoot); ok && v.Verify() {
				s.heard[v.Signer()], s.noted = &v, v.Sign
			}
		}
	}
	return s
}

func (c *Core) handleSigned(event Event) {
	switch e := event.(type) {
	case SignedWanted:
		c.signed.wanted = true
	case RootSigned:
		c.signed.asked, c.signed.own = false, &e.Signed
		c.emit(StandsSigned{})
	case SignedHeard:
		c.wall = e.Wall
		c.hearSigned(e)
	}
	c.signSoon()
}

// signSoon has signed how this device stands, when a reader wants it.
func (c *Core) signSoon() {
	s := &c.signed
	if !s.wanted || s.asked || c.reader {
		return
	}
	if due := s.last.Add(signPause); c.now < due {
		c.dueAt(due)
		return
	}
	s.wanted = false
	if s.own == nil || s.own.Head != c.stood.Head || !c.standsAs(s.own) || !s.own.Knowledge.CoversAll(c.stood.Knowledge) {
		s.asked, s.last = true, c.now
		c.emit(SignRoot{c.compose()})
	}
}

// compose says how this device stood when everything was last durable.
func (c *Core) compose() wire.SignedRoot {
	v := wire.SignedRoot{
		Folder: c.cfg.Folder, Log: c.stood.Log, Head: c.stood.Head, Root: c.stood.Root, Gone: c.stood.gone,
		Knowledge: c.stood.Knowledge, Collected: c.stood.Collected,
		Checked: c.Checked()[:min(len(c.checked.ranges), wire.CheckedMax)],
	}
	size := 0
	for _, d := range v.Knowledge {
		r, named := c.names[d.Replica]
		if size += wire.NameSize(&r); named && size <= wire.SignedNames && len(v.Replicas) < wire.ReplicasMax {
			v.Replicas = append(v.Replicas, r)
		}
	}
	return v
}

// standsAs reports whether this device holds, durably, what was signed: all of it, and
// nothing else.
func (c *Core) standsAs(v *wire.SignedRoot) bool {
	return v.Root == c.stood.Root && v.Gone == c.stood.gone && c.stood.Knowledge.CoversAll(v.Knowledge)
}

// holdSigned finds out, on a device that may only read, whether it stands as a writer has
// signed.
func (c *Core) holdSigned() {
	s := &c.signed
	if !c.reader {
		return
	}
	var best *wire.SignedRoot
	for _, v := range s.heard {
		if c.standsAs(v) && (best == nil || newer(v, best)) {
			best = v
		}
	}
	s.held = best
	if best == nil || best.Sign == s.noted {
		c.stood.Signed = best
		return
	}
	s.noted = best.Sign // told, and shown, when that is durable
	c.apply(tree.Batch{Notes: []tree.Note{{Key: signedKey, Body: wire.Append(nil, *best)}}})
}

// newer reports whether a was signed after b.
func newer(a, b *wire.SignedRoot) bool {
	if a.Log == b.Log && a.Head != b.Head {
		return a.Head > b.Head
	}
	if a.Wall != b.Wall {
		return a.Wall > b.Wall
	}
	return bytes.Compare(a.Sign[:], b.Sign[:]) > 0
}

// hearSigned takes note of a signed root.
func (c *Core) hearSigned(e SignedHeard) {
	v, signer := &e.Signed, e.Signed.Signer()
	if !e.Trusted || v.Log == c.state.Log {
		return
	}
	if was := c.signed.heard[signer]; was != nil && was.Sign == v.Sign {
		v = was // verified before
	} else if v.Folder != c.cfg.Folder || !v.Verify() {
		c.dropPeer(e.From, errUnsigned)
		return
	}
	if v.Knowledge.Of(c.state.Replica) > c.state.Counter {
		c.emit(RolledBack{Told: e.From})
		return
	}
	if was := c.signed.heard[signer]; c.reader && (was == nil || newer(v, was)) {
		c.signed.heard[signer] = v
		if !c.uncommitted {
			c.holdSigned()
		}
	}
	if was := c.signed.offers[e.From]; was == nil || was.signed.Sign != v.Sign {
		c.signed.offers[e.From] = &offer{signed: v, due: c.now.Add(offerWait)}
	}
	c.dueAt(c.signed.offers[e.From].due)
}

// offerSoon lets an offer be looked at again, after the log of its signer has brought more.
func (c *Core) offerSoon(from ident.DeviceID) {
	if o := c.signed.offers[from]; o != nil && o.tries == 0 {
		o.due = c.now.Add(offerWait)
		c.dueAt(o.due)
	}
}

// forgetSigner forgets what a device has signed that shares the folder no more.
func (s *signing) forgetSigner(d ident.DeviceID) {
	delete(s.heard, d)
	for from, o := range s.offers {
		if o.signed.Signer() == d {
			delete(s.offers, from)
		}
	}
}

// judgeOffers begins the proofs that are due.
func (c *Core) judgeOffers() {
	var due []ident.DeviceID
	for from, o := range c.signed.offers {
		if o.due <= c.now {
			due = append(due, from)
		} else {
			c.dueAt(o.due)
		}
	}
	slices.SortFunc(due, func(a, b ident.DeviceID) int { return bytes.Compare(a[:], b[:]) })
	for _, from := range due {
		o := c.signed.offers[from]
		o.due = step.Never
		if c.repairs[from] != nil {
			o.due = c.now.Add(offerWait)
			c.dueAt(o.due)
		} else if c.worthProving(from, o.signed) {
			o.due = c.now.Add(min(offerMax, offerAgain<<min(o.tries, 10)))
			o.tries++
			c.dueAt(o.due)
			c.prove(from, o.signed)
		}
	}
}

// worthProving reports whether there may be news in what was signed.
func (c *Core) worthProving(from ident.DeviceID, v *wire.SignedRoot) bool {
	others := func(d version.Dot) bool { return d.Replica != c.state.Replica }
	switch cursor := c.cursors[v.Signer()]; {
	case !v.Knowledge.CoversAll(c.state.Collected):
		return false // older than deletes that were forgotten here: they would come back
	case !c.state.Knowledge.CoversAll(v.Collected) && slices.ContainsFunc(c.state.Knowledge, others):
		c.emit(AwayTooLong{Told: from})
		return false
	case cursor.Log == v.Log && cursor.Seq >= v.Head:
		// All of it is here. A reader that has other deletes than the signer cannot pass it
		// on: the signer has forgotten some, or others have told of more.
		return c.reader && c.signed.held == nil && c.stood.Root == v.Root && c.stood.gone != v.Gone
	}
	return from != v.Signer() // whose log tells it
}

// prove begins to take in what was signed. Deletes come first: they hold the directories
// that are shown for what is still in them, and make room for names that are used again.
func (c *Core) prove(from ident.DeviceID, v *wire.SignedRoot) {
	r := c.newRepair(v.Log, v.Head)
	r.signed, r.listed = v, true
	r.gone, r.walk = summary.NewProof(c.signed.gone, v.Gone), summary.NewProof(c.cfg.Summary, v.Root)
	c.repairs[from] = r
	c.takeReplicas(v.Signer(), v.Replicas)
	c.hearChecked(v.Signer(), v.Checked)
	c.goOnProving(from, r)
}

// goOnProving asks for what is to be known next, or ends the proof.
func (c *Core) goOnProving(from ident.DeviceID, r *repair) {
	if r.gone != nil && len(r.lacking) < differMax {
		if prefixes := r.gone.Ask(wire.PartsMax); len(prefixes) > 0 {
			c.say(from, wire.AskGone{Folder: c.cfg.Folder, Repair: r.number, Prefixes: prefixes})
		}
	}
	if r.gone != nil && r.gone.Done() && len(r.lacking) == 0 && !r.asked {
		r.short = r.short || !r.gone.Whole()
		r.gone = nil
	}
	if r.gone == nil && r.walk != nil && len(r.lacking) < differMax {
		if prefixes := r.walk.Ask(wire.PartsMax); len(prefixes) > 0 {
			c.say(from, wire.AskParts{Folder: c.cfg.Folder, Repair: r.number, Prefixes: prefixes})
		}
	}
	if r.gone == nil && r.walk != nil && r.walk.Done() {
		r.short = r.short || !r.walk.Whole()
		r.walk = nil
	}
	if !r.asked && len(r.lacking) > 0 {
		n := min(len(r.lacking), wire.FindMax)
		r.expected = make(map[ident.EntryID]summary.Sum, n)
		ask := wire.AskEntries{Folder: c.cfg.Folder, Repair: r.number}
		for _, item := range r.lacking[:n] {
			r.expected[item.ID] = item.Digest
			ask.IDs = append(ask.IDs, item.ID)
		}
		r.asked, r.lacking = true, r.lacking[n:]
		c.say(from, ask)
	}
	if r.walk == nil && !r.asked {
		c.endProof(from, r)
	}
}

// takeProof takes in parts of the tree of a signed root.
func (c *Core) takeProof(from ident.DeviceID, r *repair, parts []summary.Part) {
	w := r.gone
	if w == nil {
		w = r.walk
	}
	if w == nil {
		c.dropPeer(from, errUnasked)
		return
	}
	lacking, err := w.Take(parts)
	if err != nil {
		c.dropPeer(from, err)
		return
	}
	r.lacking = append(r.lacking, lacking...)
	if extra := w.Extra(); r.gone != nil {
		r.extra = append(r.extra, extra...)
	}
	c.goOnProving(from, r)
}

// takeProven takes in the entries that are as the signed root demands.
func (c *Core) takeProven(from ident.DeviceID, r *repair, m *wire.Found) {
	for i := range m.Entries {
		e := &m.Entries[i]
		want, asked := r.expected[e.ID]
		if !asked {
			c.dropPeer(from, errUnasked)
			return
		}
		delete(r.expected, e.ID)
		if summary.ItemOf(e.ID, tree.Digest(e)).Digest != want {
			r.short = true // it has become another one since, or never was this one
			continue
		}
		c.clockHeard(e)
		c.join(*e, from.Short())
	}
	if m.Last {
		r.short = r.short || len(r.expected) > 0
		r.asked = false
		c.goOnProving(from, r)
	}
}

// endProof takes over what the signer knew, when all of it was proven.
func (c *Core) endProof(from ident.DeviceID, r *repair) {
	delete(c.repairs, from)
	v, signer := r.signed, r.signed.Signer()
	if r.short {
		return
	}
	c.tookAll(from)
	c.forgetGone(r.extra, v.Collected)
	cursor := c.cursors[signer]
	stands, joined := c.standing[signer]
	if (cursor.Log != v.Log || cursor.Seq < v.Head) && (!joined || stands.Log == v.Log) {
		cursor = tree.Cursor{Device: signer, Log: v.Log, Seq: v.Head}
		c.setCursor(cursor)
		if joined {
			c.tell(cursor)
		}
		c.applyKnowledge(signer, cursor)
	}
	c.state.Knowledge = c.state.Knowledge.Join(c.bounded(v.Knowledge))
	c.collect(v.Collected)
	c.knewAll()
	c.stateNew = true
}

// forgetGone forgets deletes that the signer of a root has forgotten: its tree does not hold
// them, and what it has collected covers them.
func (c *Core) forgetGone(ids []ident.EntryID, collected version.Vector) {
	var forgotten []ident.EntryID
	for _, id := range ids {
		row, ok := c.index.Entry(id)
		if ok && c.reader && row.Entry.KnownBy(collected) && c.unneeded(&row) {
			forgotten = append(forgotten, id)
		}
	}
	c.forgetDead(forgotten)
}
