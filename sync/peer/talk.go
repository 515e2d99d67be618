package peer

import (
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// hear takes in one message. Before the peer has joined, only Join and Refuse mean
// anything: they may cross our own Join.
func (c *Core) hear(m wire.Message, told uint64) {
	if c.stage == paused {
		if _, join := m.(wire.Join); join {
			c.say(wire.Refuse{Folder: c.folder, Reason: wire.FolderPaused})
		}
		return
	}
	switch m := m.(type) {
	case wire.Join:
		c.heardJoin(m)
		return
	case wire.Refuse:
		c.heardRefuse(m)
		return
	}
	if c.stage != joined {
		return
	}
	switch m := m.(type) {
	case wire.State:
		c.heardState(m, told)
	case wire.DeletesHeld:
		c.holds = m.Names
	case wire.Replicas:
		if !c.cast.TheyRead {
			c.takeReplicas(m.Replicas)
		}
	case wire.Horizon:
		c.heardHorizon(m)
	case wire.Checked:
		if !c.cast.TheyRead { // a reader has no say in what is deleted
			c.emit(TakeChecked{m.Ranges})
		}
	case wire.Rows:
		c.heardRows(m)
	case wire.RowsTaken:
		c.heardTaken(m)
	case wire.AskPieces:
		c.heardAsks(m)
	case wire.AskRecipes:
		c.heardRecipeAsks(m)
	case wire.AskParts, wire.AskGone, wire.AskEntries, wire.AskDeleted:
		c.emit(Repair{m})
	case wire.Parts, wire.Found:
		c.noteFound(m)
		c.emit(Repair{m}) // a reader's are taken as far as they prove what a writer signed
	case wire.SignedRoot:
		c.heardSigned(m)
	case wire.AskTrash:
		if c.asks < asksMax { // else the asker gives up after a while
			c.asks++
			c.emit(ServeTrash{m.Ticket})
		}
	case wire.AskNames:
		if c.asks < asksMax { // else the asker gives up after a while
			c.asks++
			c.emit(ServeNames{m})
		}
	case wire.NamesFound:
		c.emit(NamesTold{m})
	case wire.TrashHeld:
		c.emit(TrashTold{m})
	case wire.Prospect, wire.ProspectEnded:
		if !c.cast.TheyRead { // what a reader reads is nothing that others will want
			c.emit(Content{m})
		}
	default:
		c.emit(Content{m})
	}
}

// heardJoin begins, or begins anew, to stream our log from where the peer stands.
func (c *Core) heardJoin(m wire.Join) {
	switch {
	case c.stage == closed:
		return
	case m.Replica == c.ours.Replica:
		c.say(wire.Refuse{Folder: c.folder, Reason: wire.CloneFound})
		c.stage, c.reason = refused, wire.CloneFound
		return
	case c.stage == joined || c.stage == refused:
		if c.stage == joined {
			c.emit(PeerLeft{})
		}
		if m.Answers == 0 {
			// The peer began anew and may never hear our last Join. One that has heard any
			// will hear the last too: to join again would cross with it, without end.
			c.heard, c.stage = m.Call, closed
			c.emit(Renew{m})
			return
		}
		c.batches, c.loading = nil, false
	}
	c.heard = m.Call
	if m.TookLog == c.ours.Log && m.TookSeq > c.ours.Head && !c.cast.TheyRead {
		c.rolledBack()
		return
	}
	c.stage, c.log = joined, m.Log
	c.theyTook = tree.Cursor{Log: m.TookLog, Seq: m.TookSeq}
	c.metHorizon, c.collected = false, nil
	c.theirs, c.tookUs, c.holds = wire.State{Head: m.Head, Root: m.Root}, false, 0
	c.resume(m)
	c.takeReplicas(c.believed(m))
	if !c.cast.TheyRead {
		c.emit(TakeStanding{Log: m.Log, Head: m.Head, Root: m.Root})
	}
	c.emit(PeerJoined{})
	c.sayChecked()
	c.stateOld, c.stateDue = true, c.now
	c.noteSigned()
	if len(c.learnt) > 0 {
		c.learntDue = c.now // since our Join was said
	}
}

// resume finds out from where our log goes on for the peer. Where the peer does not know our
// log, it looks for what it lacks by itself, and tells from where it goes on then.
func (c *Core) resume(m wire.Join) {
	c.sent, c.told = c.ours.Head, c.ours.Head
	c.repairing = !c.cast.WeRead && m.TookLog != c.ours.Log
	if !c.repairing && !c.cast.WeRead {
		c.sent, c.told = m.TookSeq, m.TookSeq
	}
}

func (c *Core) heardRefuse(m wire.Refuse) {
	if c.stage == joined {
		c.emit(PeerLeft{})
	}
	if c.stage != closed {
		c.stage, c.reason = refused, m.Reason
	}
}

// heardState takes in how the peer stands. The first State of a conversation was said before
// the peer had heard anything in it, so it cannot know of what we have told nobody else: an
// index that was put back may have used the same numbers again already.
func (c *Core) heardState(m wire.State, told uint64) {
	if c.cast.TheyRead {
		c.theirs, c.tookUs = m, true
		c.emit(TakeHeard{Knowledge: m.Knowledge})
		return
	}
	if c.tookUs {
		told = c.ours.Counter
	}
	if m.Knowledge.Of(c.ours.Replica) > min(told, c.ours.Counter) {
		c.rolledBack()
		return
	}
	if m.Root != c.theirs.Root {
		c.auditDue = step.Never
	}
	c.theirs, c.tookUs = m, true
	c.emit(TakeKnowledge{Log: c.log, Head: m.Head, Knowledge: m.Knowledge})
}

// rolledBack: the peer remembers writes of ours, or rows, that we do not. Our index was
// rolled back; writing on would give the same number to two different writes.
func (c *Core) rolledBack() {
	c.refuse(wire.CloneFound)
	c.emit(RolledBack{})
}

func (c *Core) heardRows(m wire.Rows) {
	if c.cast.TheyRead {
		return // it may have been a writer when it said so
	}
	if m.Log != c.log || m.After > m.Upto || len(m.Has) != len(m.Entries) {
		c.drop(fmt.Sprintf("rows of log %v after %d up to %d do not fit log %v", m.Log, m.After, m.Upto, c.log))
		return
	}
	c.noteEcho(m.Entries)
	c.emit(TakeRows{m})
}

// noteEcho remembers which records the peer holds, until it would be sent those entries.
func (c *Core) noteEcho(entries []tree.Entry) {
	if len(c.echo)+len(entries) > echoMax {
		clear(c.echo)
	}
	if len(c.foundAs)+len(entries) > echoMax {
		clear(c.foundAs)
	}
	for i := range entries {
		e := &entries[i]
		c.echo[e.ID] = tree.Digest(e)
		if e.Live() && e.Content.IsNull() {
			c.foundAs[hashOf(e.Place.Name)] = e.ID
		}
	}
}

// hashOf shortens a name. Of two with one hash a delete is told in vain.
func hashOf(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}

// heardTaken opens the window. A peer that stands behind what it was sent has met a gap:
// it is sent again from there.
func (c *Core) heardTaken(m wire.RowsTaken) {
	if c.cast.WeRead || m.Log != c.ours.Log || m.Upto > c.ours.Head {
		return
	}
	if c.repairing {
		c.repairing, c.sent, c.told = false, m.Upto, m.Upto
		return
	}
	if m.Upto > c.sent {
		c.sent, c.told = m.Upto, m.Upto
	}
	if len(c.batches) > 0 && m.Upto < c.batches[0].after {
		c.batches, c.sent, c.told = nil, m.Upto, m.Upto
		return
	}
	for len(c.batches) > 0 && c.batches[0].upto <= m.Upto {
		c.batches = c.batches[1:]
	}
}

func (c *Core) heardAsks(m wire.AskPieces) {
	room := max(0, asksMax-c.asks)
	served := m.Items[:min(room, len(m.Items))]
	for _, item := range m.Items[len(served):] {
		c.say(wire.NoPiece{Ticket: item.Ticket, Reason: wire.Busy})
	}
	if len(served) > 0 {
		c.asks += len(served)
		c.emit(ServePieces{served})
	}
}

// heardRecipeAsks lets questions for recipes through within the same limit as pieces; of
// the others the peer hears that they are not here, and asks somebody else.
func (c *Core) heardRecipeAsks(m wire.AskRecipes) {
	room := max(0, asksMax-c.asks)
	served := m.Contents[:min(room, len(m.Contents))]
	if rest := m.Contents[len(served):]; len(rest) > 0 {
		parts := make([]wire.RecipePart, len(rest))
		for i := range rest {
			parts[i].Content = rest[i]
		}
		c.say(wire.Recipes{Folder: c.folder, Parts: parts})
	}
	if len(served) > 0 {
		c.asks += len(served)
		c.emit(ServeRecipes{served})
	}
}

// stand notes how we stand, to be told soon.
func (c *Core) stand(s Standing) {
	c.ours.Signed = s.Signed
	c.noteSigned()
	if s.Head == c.ours.Head && s.Root == c.ours.Root && s.Scanning == c.ours.Scanning &&
		s.NeedFiles == c.ours.NeedFiles && s.Needs == c.ours.Needs && s.NeedBytes == c.ours.NeedBytes {
		c.ours = s
		return
	}
	if s.Root != c.ours.Root {
		c.auditDue = step.Never
	}
	c.ours = s
	if c.cast.WeRead {
		c.sent, c.told = s.Head, s.Head // our log is not told
	}
	if c.stage == joined && !c.stateOld {
		c.stateOld = true
		c.stateDue = max(c.now, c.stateSent.Add(statePause))
	}
}

// learn gathers replicas to tell the peer of, but for those it has just told us of itself.
func (c *Core) learn(replicas []tree.Replica) {
	if c.stage != joined && c.stage != joining {
		return
	}
	for _, r := range replicas {
		if !slices.ContainsFunc(c.toldUs, func(h tree.Replica) bool { return h.ID == r.ID }) {
			c.learnt = append(c.learnt, r)
			c.learntDue = max(c.now, c.learntSent.Add(statePause))
		}
	}
}

// sayLearnt tells of replicas, before anything of what they wrote.
func (c *Core) sayLearnt() {
	for part := range slices.Chunk(c.learnt, wire.ReplicasMax) {
		c.say(wire.Replicas{Folder: c.folder, Replicas: part})
	}
	if len(c.learnt) > 0 {
		c.learntSent = c.now
	}
	c.learnt, c.learntDue = nil, step.Never
}

// learnChecked tells of more, unless the conversation will begin with all there is.
func (c *Core) learnChecked(ranges []tree.Range) {
	if c.stage == joined || c.stage == joining {
		c.checked = append(c.checked, ranges...)
		c.sayChecked()
	}
}

// sayChecked tells which writes are known to be meant, before the rows that hold them.
func (c *Core) sayChecked() {
	if c.stage != joined {
		return // it is told when the peer has joined
	}
	for part := range slices.Chunk(c.checked, wire.CheckedMax) {
		c.say(wire.Checked{Folder: c.folder, Ranges: part})
	}
	c.checked = nil
}

// believed returns the replicas of a Join that are taken: a reader speaks for itself alone.
func (c *Core) believed(m wire.Join) []tree.Replica {
	if !c.cast.TheyRead {
		return m.Replicas
	}
	for _, r := range m.Replicas {
		if r.ID == m.Replica {
			return []tree.Replica{{ID: r.ID, Device: c.peer, Name: r.Name}}
		}
	}
	return nil
}

// takeReplicas hands on what the peer told.
func (c *Core) takeReplicas(replicas []tree.Replica) {
	c.toldUs = replicas
	c.emit(TakeReplicas{replicas})
}

// pump sends what may be sent now: rows while the window is open, then how we stand.
func (c *Core) pump() {
	if c.stage != joined {
		c.stateDue, c.learntDue, c.auditDue, c.signedDue = step.Never, step.Never, step.Never, step.Never
		return
	}
	if c.mayTell() && !c.loading && c.sent < c.ours.Head && len(c.batches) < batchesMax {
		c.loading = true
		c.emit(LoadRows{After: c.sent, Limit: wire.RowsMax})
	}
	if c.learntDue <= c.now {
		c.sayLearnt()
	}
	if c.stateOld && c.stateDue <= c.now {
		c.sayState()
		c.wantSigned()
	}
	if c.signedDue <= c.now {
		c.saySigned()
	}
	c.wonder()
}

// sayState tells how we stand. Head is the number up to which the peer lacks nothing once
// it has taken in what it was sent.
func (c *Core) sayState() {
	head := c.ours.Head
	if c.sent == head {
		head = c.told
	}
	if held := uint64(c.ours.Held); held != c.held {
		c.say(wire.DeletesHeld{Folder: c.folder, Names: held})
		c.held = held
	}
	need := uint64(max(c.ours.NeedFiles, c.ours.Needs))
	c.say(wire.State{
		Folder: c.folder, Head: head, Root: c.ours.Root, Knowledge: c.ours.Knowledge,
		Scanning: c.ours.Scanning, NeedFiles: need, NeedBytes: uint64(c.ours.NeedBytes),
		Files: uint64(c.ours.Files), Bytes: uint64(c.ours.Bytes),
	})
	c.stateOld, c.stateDue, c.stateSent, c.stated = false, step.Never, c.now, head
}

// rowsLoaded sends what of a page of our log the peer does not know yet, in messages that
// fit a frame.
func (c *Core) rowsLoaded(e RowsLoaded) {
	c.loading = false
	if c.stage != joined || e.After != c.sent {
		return // the conversation moved on while the page was read
	}
	// Rows that became durable just now are told when we say that we stand there.
	for n := len(e.Rows); n > 0 && e.Rows[n-1].Seq > c.ours.Head; n-- {
		e.Rows = e.Rows[:n-1]
	}
	e.Upto = min(e.Upto, c.ours.Head)
	c.sent = e.Upto
	if len(e.Rows) == 0 {
		c.sent = c.ours.Head // every row after was replaced by one that is told already
	}
	rows := wire.Rows{Folder: c.folder, Log: c.ours.Log, After: c.told}
	size := 0
	flush := func(upto uint64) {
		rows.Upto = upto
		c.sayLearnt()
		c.say(rows)
		c.batches = append(c.batches, batch{c.told, upto})
		c.told = upto
		rows = wire.Rows{Folder: c.folder, Log: c.ours.Log, After: upto}
		size = 0
	}
	for i := range e.Rows {
		row := &e.Rows[i]
		if c.knows(&row.Entry) {
			continue
		}
		if rows.Entries == nil {
			rows.Entries = make([]tree.Entry, 0, min(len(e.Rows)-i, wire.RowsMax))
		}
		rows.Entries = append(rows.Entries, row.Entry)
		rows.Has = append(rows.Has, e.Has[i])
		c.scratch = tree.AppendEntry(c.scratch[:0], &row.Entry)
		if size += len(c.scratch); size >= frameBytes || len(rows.Entries) == wire.RowsMax {
			flush(row.Seq)
		}
	}
	if len(rows.Entries) > 0 {
		flush(e.Upto)
	}
	if c.sent == c.ours.Head && c.told < c.stated && !c.stateOld {
		// The State that was said meanwhile waits for rows that the peer knows already.
		c.stateOld, c.stateDue = true, max(c.now, c.stateSent.Add(statePause))
	}
}

// knows reports whether the peer need not be sent an entry: it sent the very record, or
// it knows every write in it and did not just show that it lacks a delete.
func (c *Core) knows(e *tree.Entry) bool {
	if digest, ok := c.echo[e.ID]; ok {
		delete(c.echo, e.ID)
		if digest == tree.Digest(e) {
			return true
		}
		if !e.Live() {
			// Its knowledge covers the delete, but it may have forgotten that since, as all
			// knew of it, and met the entry again in somebody's first scan.
			return false
		}
	}
	if found, ok := c.foundAs[hashOf(e.Place.Name)]; ok && found != e.ID && !e.Live() {
		return false // what it found may be what was deleted, in another directory of that name
	}
	if e.Place.IsNull() || e.Content.IsNull() || e.Attrs.IsNull() {
		return false
	}
	if e.IsConflict() {
		// Nobody wrote this record: it was derived when two writes met. Whoever took in the
		// same writes in another order has not derived it, and must hear of it.
		return false
	}
	return e.KnownBy(c.theirs.Knowledge)
}

// Equal reports whether the peer is verified equal: it told of the same root on this
// link, lacks nothing, and is not scanning.
func (c *Core) Equal() bool {
	return c.Connected() && c.tookUs && c.theirs.Root == c.ours.Root &&
		c.theirs.NeedFiles == 0 && !c.theirs.Scanning
}

// Connected reports whether the peer shares the folder with us on a link that is up.
func (c *Core) Connected() bool { return c.stage == joined }

// Refused returns why the peer, or we, refused; false when nobody did.
func (c *Core) Refused() (wire.RefuseReason, bool) { return c.reason, c.stage == refused }

// Theirs returns how the peer said it stands.
func (c *Core) Theirs() wire.State { return c.theirs }

// Holds returns of how many names the peer holds the deletes until a person has answered.
func (c *Core) Holds() uint64 { return c.holds }

// Peer returns whom the conversation is with.
func (c *Core) Peer() ident.DeviceID { return c.peer }
