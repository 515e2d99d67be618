package sim

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// asked is a piece that this device waits for.
type asked struct {
	from *end
	item wire.PieceAsk
}

// arrival is a piece that came. Wrong is set when it holds other bytes than it should.
type arrival struct {
	ticket uint64
	wrong  bool
}

// carry does what the node ordered, as a host does: everything takes time, and the answer
// comes as an event.
func (d *device) carry(effects []node.FolderEffect) {
	for _, effect := range effects {
		d.world.trace.effect(d, effect)
		d.do(effect)
	}
}

func (d *device) do(effect node.FolderEffect) {
	switch f := effect.(type) {
	case node.SendTo:
		if e := d.ends[f.Device]; e != nil && !d.world.unanswerable(f.Message) {
			e.say(f.Message)
		}
	case folder.Execute:
		d.execute(f.Orders)
	case folder.RecallOrders:
		d.after(d.pause(), func() { d.recall(f.Orders) })
	case folder.LoadNeeds:
		d.after(d.pause(), func() {
			rows := d.index.live.needed(f.After, f.Limit)
			d.handle(folder.NeedsLoaded{Rows: rows, End: len(rows) < f.Limit})
		})
	case folder.LoadDead:
		d.after(d.pause(), func() { d.loadDead(f) })
	case folder.LoadDeleted:
		d.after(d.pause(), func() { d.loadDeleted(f) })
	case folder.DropContent:
		delete(d.disk.stages, f.Content)
	case folder.Notice:
		if f.Detail == folder.BroughtBack {
			d.witness().undone(d, f.Path)
		}
	case swarm.StandingTold, folder.PathTold, folder.ContentHere, folder.ContentLacking:
	case settle.ScanNames:
		d.beginLook(f.Ticket, f.Paths)
	case settle.ScanFolder:
		d.beginLook(f.Ticket, nil)
	case node.LoadRows:
		d.after(d.pause(), func() { d.loadRows(f) })
	case node.ServeRecipes:
		d.after(d.pause(), func() { d.serveRecipes(f) })
	default:
		d.doContent(effect)
	}
}

// recall says how orders ended that an earlier life had given, as far as the disk shows.
func (d *device) recall(orders []tree.Order) {
	outcomes := make([]tree.Outcome, len(orders))
	for i := range orders {
		o := &orders[i]
		outcomes[i] = tree.Outcome{Ticket: o.Ticket, Recalled: true, Refusal: tree.Changed}
		path := o.Path
		if o.Op == tree.Move {
			path = o.To
		}
		stat, there := d.disk.look(path)
		if tree.LooksDone(o, stat, there) {
			outcomes[i].Refusal, outcomes[i].Stat = tree.Done, stat
		} else if _, still := d.disk.look(o.Path); tree.LeftParking(o, still) {
			outcomes[i].Refusal, outcomes[i].Stat = tree.Done, *o.Victim
		} else if o.Op == tree.Move && !there && !still {
			outcomes[i].Refusal = tree.Missing
		}
	}
	d.handle(folder.OutcomesReported{Outcomes: outcomes})
}

func (d *device) doContent(effect node.FolderEffect) {
	switch f := effect.(type) {
	case swarm.AskPieces:
		d.askPieces(f)
	case swarm.CancelPieces:
		for _, t := range f.Tickets {
			delete(d.asks, t)
		}
		if e := d.ends[f.Peer]; e != nil {
			e.say(wire.CancelPieces{Tickets: f.Tickets})
		}
	case swarm.Serve:
		d.after(d.pause(), func() { d.serve(f) })
	case swarm.YieldPieces:
		if e := d.ends[f.Peer]; e != nil {
			e.say(wire.YieldPieces{Folder: d.world.folder, Tickets: f.Tickets})
		}
	case swarm.FindRecipe:
		d.after(d.pause(), func() {
			found := swarm.RecipeFound{Content: f.Content}
			if c := d.world.contents.all[f.Content]; c != nil && d.recipes[f.Content] {
				found.Recipe = c.recipe
			}
			d.handle(found)
		})
	case swarm.OpenStage:
		d.after(d.pause(), func() { d.openStage(f) })
	case swarm.CheckHaves:
		d.after(d.pause(), func() {
			here := make([]bool, len(f.Contents))
			for i, c := range f.Contents {
				here[i] = d.holds(c)
			}
			d.handle(swarm.HavesChecked{Peer: f.Peer, Contents: f.Contents, Here: here})
		})
	case swarm.PeerBanned:
		d.world.fail("nobody is banned for nothing", "%s bans %s: %s", d.name, f.Peer.Short(), f.Reason)
	case node.DropPeer:
		d.world.fail("nobody breaks the protocol", "%s drops %s: %s", d.name, f.Device.Short(), f.Reason)
	case node.RenewReplica:
		d.after(d.pause(), func() { d.renew(f.Why) })
	default:
		if !d.doProspect(effect) && !d.doMembers(effect) {
			d.world.fail("every effect is known", "%s orders %T", d.name, effect)
		}
	}
}

// pause is how long a host takes for a small thing.
func (d *device) pause() time.Duration { return d.world.between(0, d.world.options.Pause) }

// execute has orders carried out, after those given before. All that wait when the disk is
// free are one batch.
func (d *device) execute(orders []tree.Order) {
	d.world.orders += len(orders)
	d.waiting = append(d.waiting, orders...)
	if d.batch == nil {
		d.batch = &batch{disk: d.disk}
		d.after(d.pause(), d.nextBatch)
	}
}

func (d *device) nextBatch() {
	orders := d.waiting
	d.waiting, d.batch = nil, nil
	if len(orders) == 0 {
		return
	}
	for _, o := range orders {
		if o.Op == tree.InstallFile && o.Content == recipe.Empty {
			d.disk.stages[recipe.Empty] = &stage{whole: true} // nobody need be asked for no bytes
		}
	}
	d.batch = d.disk.begin(orders, d.world.contents.all)
	d.nextOrder()
}

// nextOrder lets orders take effect; other things may happen on the disk in between.
func (d *device) nextOrder() {
	b := d.batch
	for b.step() {
		if !d.world.options.Quiet && d.world.likely(0.5) {
			d.after(d.pause(), d.nextOrder)
			return
		}
	}
	d.after(d.pause(), func() {
		d.after(d.pause(), d.nextBatch)
		for i := range b.orders {
			if o := &b.orders[i]; b.outcomes[i].Refusal == tree.ContentGone && o.Copy != "" {
				d.after(d.pause(), func() { d.verifyHolder(o.Content) })
			}
		}
		d.handle(folder.OutcomesReported{Outcomes: b.outcomes})
	})
}

// verifyHolder reads the file that is said to hold a content, of which no copy could be
// made.
func (d *device) verifyHolder(c ident.ContentID) {
	path, base, ok := d.index.kept.holder(c, d.isThere)
	if !ok {
		return
	}
	if is := d.disk.at(path).contentID(); is != c {
		d.handle(folder.RotFound{Path: path, Rev: base.Rev, Content: is})
	}
}

// underWay is the look that goes on.
type underWay struct {
	*look
	ticket   step.Ticket
	began    step.Instant
	paths    []string
	findings []tree.Finding
}

// beginLook lets a look begin once everything recorded is committed: the scanner reads
// committed rows, and of a name that it has no row of, and that is gone, it says nothing.
func (d *device) beginLook(ticket step.Ticket, paths []string) {
	d.after(d.pause(), func() {
		begin := func() { d.startLook(&underWay{ticket: ticket, paths: paths}) }
		if d.index.dirty {
			d.onCommit = begin
		} else {
			begin()
		}
	})
}

func (d *device) startLook(u *underWay) {
	u.began = d.world.now
	u.look = d.disk.newLook(&d.index.kept, u.paths)
	u.look.found = func(f tree.Finding) { u.findings = append(u.findings, f) }
	u.look.recipes = func(c *content) { d.recipes[c.id] = true }
	u.look.reads, u.look.hasRead, u.look.readTime = d.tellReading, d.tellRead, d.readTime
	u.look.start(u.paths)
	d.look = u
	d.goOnLooking(u)
}

// goOnLooking does a part of a look, reports what it found now and then, and lets others
// have the disk in between.
func (d *device) goOnLooking(u *underWay) {
	var took time.Duration
	for {
		t, more := u.step()
		took += t
		if !more {
			d.after(took+d.pause(), func() { d.endLook(u) })
			return
		}
		if !d.world.options.Quiet && (u.reading != nil || d.world.likely(0.2)) {
			break
		}
	}
	d.after(took+d.pause()/10, func() {
		if d.world.likely(0.5) {
			d.report(u)
		}
		d.goOnLooking(u)
	})
}

func (d *device) report(u *underWay) {
	findings := u.findings
	if len(findings) > 0 {
		d.lastChange = d.world.now
	}
	u.findings = nil
	for part := range slices.Chunk(findings, 512) {
		d.handle(folder.FindingsReported{Findings: part, Wall: d.wall() / 1e6})
	}
}

func (d *device) endLook(u *underWay) {
	d.report(u)
	d.look = nil
	d.seen(u)
	d.handle(node.ScanFinished{Full: u.full, Names: u.paths, Look: settle.LookFinished{
		Ticket: u.ticket, Again: u.again, Racy: u.racy,
	}})
}

// loadRows reads a page of the log.
func (d *device) loadRows(f node.LoadRows) {
	rows := d.index.kept.since(f.After, f.Limit)
	page := peer.RowsLoaded{After: f.After, Upto: d.index.kept.state.Head, Rows: rows}
	if len(rows) == f.Limit {
		page.Upto = rows[len(rows)-1].Seq
	}
	for i := range rows {
		_, _, here := d.index.kept.holder(rows[i].Entry.Content.ID, nil)
		page.Has = append(page.Has, here)
	}
	d.handle(node.RowsLoaded{Device: f.Device, Page: page})
}

// holds reports whether a content is whole on this device.
func (d *device) holds(c ident.ContentID) bool {
	if s := d.disk.stages[c]; s != nil && s.whole || d.hasPart(c) {
		return true
	}
	_, _, ok := d.index.kept.holder(c, d.isThere)
	return ok || d.disk.inTrash(c)
}

func (d *device) askPieces(f swarm.AskPieces) {
	e := d.ends[f.Peer]
	for _, item := range f.Items {
		d.asks[item.Ticket] = asked{e, item}
	}
	for items := range slices.Chunk(f.Items, wire.AskMax) {
		e.say(wire.AskPieces{Folder: d.world.folder, Items: items})
	}
}

// loseAsks forgets what was asked on a connection that is gone.
func (d *device) loseAsks(e *end) {
	for t, a := range d.asks {
		if a.from == e {
			delete(d.asks, t)
		}
	}
}

// hear takes in a message; the host answers some itself.
func (d *device) hear(e *end, m wire.Message) {
	switch m := m.(type) {
	case wire.CancelPieces:
		for _, t := range m.Tickets {
			e.revoked[t] = true
		}
		d.handle(swarm.AsksCanceled{Peer: e.other.device.id, Tickets: m.Tickets})
		return
	case wire.NoPiece:
		if d.asks[m.Ticket].from != e {
			return
		}
		delete(d.asks, m.Ticket)
	}
	d.handle(node.MessageHeard{Device: e.other.device.id, Message: m, Wall: d.wall() / 1e6})
}

// shipmentMax is how much of an answer arrives at once.
const shipmentMax = 1 << 20

// serve answers asks for pieces.
func (d *device) serve(f swarm.Serve) {
	e := d.ends[f.Peer]
	var came []arrival
	var size int64
	standing := d.core.Standing()
	for _, item := range f.Items {
		if standing.Role(f.Peer) == members.None {
			e.say(wire.NoPiece{Ticket: item.Ticket, Reason: wire.NotAllowed})
			continue
		}
		if e.revoked[item.Ticket] {
			delete(e.revoked, item.Ticket)
			continue
		}
		wrong, there := d.readPiece(item)
		if !there {
			e.say(wire.NoPiece{Ticket: item.Ticket, Reason: wire.Gone})
			continue
		}
		came = append(came, arrival{item.Ticket, wrong})
		if size += int64(item.Size); size >= shipmentMax {
			e.ship(came, size)
			came, size = nil, 0
		}
	}
	if len(came) > 0 {
		e.ship(came, size)
	}
	number := e.number
	d.after(max(0, d.free.Since(d.world.now)), func() {
		if e.number == number {
			d.handle(node.PiecesServed{Device: f.Peer, Count: len(f.Items), Pieces: len(f.Items)})
		}
	})
}

// readPiece reads a piece as a host does: from the stage, or from a file that looks as it
// did when it was hashed. What looked the same and was changed so soon that its time does
// not show it is sent wrong, unless the index knows of that danger.
func (d *device) readPiece(item wire.PieceAsk) (wrong, there bool) {
	if there, known := d.readPart(item); known {
		return false, there
	}
	if s := d.disk.stages[item.Content]; s != nil &&
		(s.whole || int(item.Index) < len(s.have) && s.have[item.Index]) {
		return false, true
	}
	path, base, ok := d.index.kept.holder(item.Content, d.isThere)
	if !ok {
		return false, d.disk.inTrash(item.Content)
	}
	f := d.disk.at(path)
	wrong = f.contentID() != item.Content
	if wrong && base.Racy {
		return false, false
	}
	return wrong, true
}

// isThere reports whether a file is on disk as the index says; it is looked at again
// otherwise.
func (d *device) isThere(path string, b *tree.Base) bool {
	if f := d.disk.at(path); f != nil && f.stat().SameContent(b.Stat) {
		return true
	}
	d.after(d.pause(), func() { d.handle(settle.LookAsked{Paths: []string{path}, After: time.Second}) })
	return false
}

// store puts pieces that came into the stage.
func (d *device) store(e *end, came []arrival) {
	var stored []uint64
	for _, a := range came {
		ask, open := d.asks[a.ticket]
		if !open || ask.from != e {
			continue
		}
		delete(d.asks, a.ticket)
		if a.wrong || d.world.likely(d.world.options.Corrupt) {
			d.handle(swarm.PieceBad{Ticket: a.ticket})
			continue
		}
		d.put(ask.item)
		stored = append(stored, a.ticket)
	}
	if len(stored) == 0 {
		return
	}
	d.after(d.pause(), func() { d.handle(swarm.PiecesStored{Tickets: stored}) })
}

func (d *device) put(item wire.PieceAsk) {
	if d.putPart(item) {
		return
	}
	s := d.disk.stages[item.Content]
	if s == nil {
		// Only what is one piece comes without a stage that was opened for it.
		c := d.world.contents.all[item.Content]
		if len(c.recipe.Chunks) == 1 {
			d.disk.stages[item.Content] = &stage{size: c.size, whole: true}
		}
		return
	}
	if int(item.Index) < len(s.have) {
		s.have[item.Index] = true
		s.whole = !slices.Contains(s.have, false)
	}
}

// openStage makes ready for the pieces of a content, with those an old file holds.
func (d *device) openStage(f swarm.OpenStage) {
	d.recipes[f.Content] = true
	s := d.disk.stages[f.Content]
	if s == nil {
		s = &stage{size: f.Recipe.Size(), have: make([]bool, len(f.Recipe.Chunks))}
		d.disk.stages[f.Content] = s
	}
	if s.have == nil {
		s.have = make([]bool, len(f.Recipe.Chunks))
	}
	d.inherit(f, s)
	old := map[ident.ChunkID]bool{}
	if f.Old != nil {
		if is := d.disk.at(f.Old.Path); is != nil && is.kind == tree.File && is.stat().SameContent(f.Old.Stat) {
			for _, c := range is.content.recipe.Chunks {
				old[c.ID] = true
			}
		}
	}
	for i, c := range f.Recipe.Chunks {
		s.have[i] = s.have[i] || s.whole || old[c.ID] || d.disk.inTrash(f.Content)
	}
	s.whole = !slices.Contains(s.have, false)
	d.handle(swarm.StageOpened{Content: f.Content, Present: slices.Clone(s.have)})
}

// serveRecipes answers questions for recipes, now and then in several parts.
func (d *device) serveRecipes(f node.ServeRecipes) {
	e := d.ends[f.Device]
	var parts []wire.RecipePart
	for _, id := range f.Contents {
		c := d.world.contents.all[id]
		if c == nil || !d.recipes[id] {
			parts = append(parts, wire.RecipePart{Content: id})
			continue
		}
		parts = append(parts, d.split(c.recipe, id)...)
	}
	standing := d.core.Standing()
	for _, part := range parts {
		if standing.Role(f.Device) == members.None {
			break
		}
		e.say(wire.Recipes{Folder: d.world.folder, Parts: []wire.RecipePart{part}})
	}
	d.handle(node.PiecesServed{Device: f.Device, Count: len(f.Contents)})
}

func (d *device) split(r recipe.Recipe, id ident.ContentID) (parts []wire.RecipePart) {
	body := r.Append(nil)
	total, most := uint64(len(body)), len(body)
	if d.world.likely(0.3) {
		most = 1 + len(body)/2
	}
	for offset := uint64(0); len(body) > 0; {
		n := min(most, len(body))
		parts = append(parts, wire.RecipePart{Content: id, Total: total, Offset: offset, Body: body[:n]})
		body, offset = body[n:], offset+uint64(n)
	}
	return parts
}
