package swarm

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// smallMax is up to where a content goes before larger ones, so that whoever saves a
	// note need not wait for a film. Beyond it a content has a good part of a second to
	// itself on common links.
	smallMax = 1 << 20
	// givenPause is how long a piece that its holder gives to another one first is not
	// asked of it again. That other one will have it before.
	// reliefMax is how much a peer that would rest is given that was asked of others.
	reliefMax  = 2
	givenPause = 700 * time.Millisecond
)

// ask is a piece on its way.
type ask struct {
	want   *want
	index  uint32
	from   *source
	size   int64
	at     step.Instant
	ticket uint64
	over   bool            // it came, or was taken back
	relief *source         // whom it would be asked of if the one asked left it
	spared int             // how often it was overdue with nobody else to ask
	late   ident.ContentID // the part whose piece it was, if a content has taken it over
}

// askPieces fills the windows of all peers, the emptiest first, each with the rarest of
// the pieces that it holds.
func (c *Core) askPieces() {
	if len(c.wants) == 0 {
		return
	}
	var batches map[*source][]wire.PieceAsk
	for {
		s := c.emptiest()
		if s == nil {
			break
		}
		w, index := c.pick(s)
		if w == nil {
			s.dry = true
			c.relieve(s)
			continue
		}
		c.open[w.class].shut(w.first + int(index))
		if batches == nil {
			batches = map[*source][]wire.PieceAsk{}
		}
		batches[s] = append(batches[s], c.askFor(s, w, index))
	}
	c.sendAsks(batches)
}

func (c *Core) sendAsks(batches map[*source][]wire.PieceAsk) {
	if len(batches) == 0 {
		return
	}
	for _, s := range c.peers {
		for items := range slices.Chunk(batches[s], wire.AskMax) {
			c.emit(AskPieces{Peer: s.peer, Items: items})
		}
	}
}

// emptiest returns the peer with the largest part of its window free, nil when none has
// room or may hold what is open.
func (c *Core) emptiest() *source {
	var best *source
	var least float64
	for _, s := range c.peers {
		if s.dry || !c.hasRoom(s) {
			continue
		}
		if fill := float64(s.bytes) / float64(s.window); best == nil || fill < least {
			best, least = s, fill
		}
	}
	return best
}

// pick returns the piece to ask a peer for: of small contents before others, the one that
// fewest hold; from a lone peer the first of the content that was wanted first.
func (c *Core) pick(s *source) (*want, uint32) {
	if c.lone() || c.inOrder {
		return c.nextInOrder(s)
	}
	for class := range c.open {
		p := &c.open[class]
		from := 0
		if !s.lan && len(p.order) > 0 && c.mixed() {
			from = c.rand.IntN(len(p.order)) // what is rarest there all here would ask for
		}
		slot := p.rarest(from, func(slot int) bool {
			return s.holds[class].has(slot) && (len(s.avoid) == 0 || s.avoid[avoided{class, slot}] <= c.now) &&
				!c.leftToLan(s, class, slot) && !p.owner[slot].rests()
		})
		if slot >= 0 {
			w := p.owner[slot]
			return w, uint32(slot - w.first)
		}
	}
	return nil, 0
}

func (c *Core) nextInOrder(s *source) (*want, uint32) {
	for class := range c.open {
		p := &c.open[class]
		if len(p.order) == 0 {
			continue
		}
		q := c.queue[class]
		for len(q) > 0 && !c.hasOpen(q[0]) {
			q[0].queued = false
			q = q[1:]
		}
		c.queue[class] = q
		for _, w := range q {
			if w.holders[s.peer] == nil || w.rests() || !c.hasOpen(w) {
				continue
			}
			for i := w.cursor; i < len(w.pieces); i++ {
				if p.isOpen(w.first+i) && s.holds[class].has(w.first+i) && !c.leftToLan(s, class, w.first+i) {
					return w, uint32(i)
				}
			}
		}
	}
	return nil, 0
}

// relieve asks the peer of which most is asked to leave a piece to one that has nothing
// else to give and would rest. It does when it has not begun with the piece, so that no
// byte is sent twice. What was asked last it has hardly begun with.
func (c *Core) relieve(s *source) {
	if c.lone() {
		return
	}
	var tickets map[*source][]uint64
	for s.pieces+s.awaits < reliefMax {
		a := c.spare(s)
		if a == nil {
			break
		}
		a.relief = s
		a.from.yields++
		s.awaits++
		if tickets == nil {
			tickets = map[*source][]uint64{}
		}
		tickets[a.from] = append(tickets[a.from], a.ticket)
	}
	for _, o := range c.peers {
		if len(tickets[o]) > 0 {
			c.emit(YieldPieces{Peer: o.peer, Tickets: tickets[o]})
		}
	}
}

// spare returns the newest ask, for a piece that a peer holds too, of the peer of which
// most is asked; nil for none.
func (c *Core) spare(s *source) *ask {
	var best *ask
	for _, o := range c.peers {
		if o == s || !spares(o, s) || best != nil && o.pieces <= best.from.pieces {
			continue
		}
		for i := len(o.asks) - 1; i >= 0; i-- {
			a := o.asks[i]
			if !a.over && a.relief == nil && s.holds[a.want.class].has(a.want.first+int(a.index)) &&
				!c.lanHolds(s, a.want.class, a.want.first+int(a.index)) {
				best = a
				break
			}
		}
	}
	return best
}

// spares reports whether a peer may be asked to leave a piece to another one: when it is
// still asked for more than that one is afterwards. The only piece that it is asked for may
// wait behind what others ask of it, and goes to one that answers sooner. Neither ever goes
// back, or pieces would go to and fro. One that has never answered may never answer to this.
func spares(from, to *source) bool {
	left, there := from.pieces-from.yields, to.pieces+to.awaits
	sooner := to.latency > 0 && to.latency < from.latency
	return from.latency > 0 && (left > there+1 || left == 1 && there == 0 && sooner)
}

// hasOpen reports whether a content has open pieces, and moves its cursor to the first.
func (c *Core) hasOpen(w *want) bool {
	if !w.placed {
		return false
	}
	p := &c.open[w.class]
	for w.cursor < len(w.pieces) && !p.isOpen(w.first+w.cursor) {
		w.cursor++
	}
	return w.cursor < len(w.pieces)
}

// askFor notes that a peer is asked for a piece.
func (c *Core) askFor(s *source, w *want, index uint32) wire.PieceAsk {
	chunk := w.pieces[index]
	if s.pieces == 0 {
		s.lastCame, s.overdue = c.now, c.now.Add(overdueLeast)
		if s.counted == 0 {
			s.since = c.now
		}
	}
	c.ticket++
	a := &ask{want: w, index: index, from: s, size: int64(chunk.Size), at: c.now, ticket: c.ticket}
	c.asks[c.ticket] = a
	s.asks = append(s.asks, a)
	w.asking++
	w.asked[index]++
	s.bytes += a.size
	s.pieces++
	c.limit.Take(c.now, int(chunk.Size))
	return wire.PieceAsk{
		Ticket: c.ticket, Content: w.content, Index: index, Chunk: chunk.ID, Size: chunk.Size,
	}
}

// endAsk ends an ask that was answered or is taken back.
func (c *Core) endAsk(ticket uint64) *ask {
	a := c.asks[ticket]
	delete(c.asks, ticket)
	a.over = true
	c.prospects.came(a)
	if a.relief != nil {
		a.from.yields--
		a.relief.awaits--
		a.relief.dry = false
	}
	a.from.bytes -= a.size
	a.from.pieces--
	a.want.asking--
	a.want.asked[a.index]--
	s := a.from
	if len(s.asks) > 2*s.pieces+16 {
		s.asks = slices.DeleteFunc(s.asks, func(a *ask) bool { return a.over })
	}
	for len(s.asks) > 0 && s.asks[0].over {
		s.asks = s.asks[1:] // the first is the oldest that waits
	}
	return a
}

// cancel takes asks of a peer back; nobody else being asked for their pieces, these are
// open again.
func (c *Core) cancel(s *source, which func(*ask) bool) {
	var tickets []uint64
	for _, a := range s.asks {
		if !a.over && which(a) {
			tickets = append(tickets, a.ticket)
		}
	}
	for _, t := range tickets {
		a := c.endAsk(t)
		c.reopen(a.want, a.index)
	}
	if len(tickets) > 0 {
		c.emit(CancelPieces{Peer: s.peer, Tickets: tickets})
	}
}

// takeBack takes all asks of a peer back.
func (c *Core) takeBack(s *source) { c.cancel(s, func(*ask) bool { return true }) }

func (c *Core) reopen(w *want, index uint32) {
	if c.wants[w.content] != w || w.have[index] || w.asked[index] > 0 {
		return
	}
	c.open[w.class].open(w.first + int(index))
	w.cursor = min(w.cursor, int(index))
	c.enqueue(w)
	for _, s := range c.peers {
		if s.holds[w.class].has(w.first + int(index)) {
			s.dry = false
		}
	}
	c.noteAlone(w)
}

// pieceStored notes a piece that came.
func (c *Core) pieceStored(ticket uint64) {
	if c.asks[ticket] == nil {
		return // taken back meanwhile; the piece is in the stage all the same
	}
	a := c.endAsk(ticket)
	a.from.lastCame, c.cameAt = c.now, c.now
	a.from.delivered += a.size
	a.from.trouble.stalls = 0
	c.measure(a.from, a)
	w := a.want
	if c.wants[w.content] != w || w.have[a.index] {
		return
	}
	w.have[a.index], w.denied = true, false
	w.left--
	if w.asked[a.index] > 0 {
		for _, s := range c.peers {
			c.cancel(s, func(o *ask) bool { return o.want == w && o.index == a.index })
		}
	}
	c.noteFresh(w, a.index)
	if w.left == 0 {
		c.complete(w)
		return
	}
	c.noteAlone(w)
}

// pieceBad asks another peer for a piece; a peer that lies twice is asked nothing more.
func (c *Core) pieceBad(e PieceBad) {
	if c.asks[e.Ticket] == nil {
		return
	}
	a := c.endAsk(e.Ticket)
	if e.Ours {
		c.fail(a.want.content, diskCause(e.Full), e.Reason)
		return
	}
	c.blame(a.from.peer)
	c.lose(a.want, a.from.peer)
	c.reopen(a.want, a.index)
}

func (c *Core) blame(peer ident.DeviceID) {
	s := c.source(peer)
	if s == nil {
		return
	}
	if s.bad++; s.bad >= badMax && !s.banned {
		c.ban(s)
	}
}

// noPiece asks another peer, or the same later when it was only busy.
func (c *Core) noPiece(s *source, m wire.NoPiece) {
	a := c.asks[m.Ticket]
	if a == nil || a.from != s {
		return
	}
	c.endAsk(m.Ticket)
	s.lastCame = c.now
	switch m.Reason {
	case wire.Busy:
		s.pause, s.trouble.busy = c.now.Add(busyPause), s.trouble.busy+1
	case wire.Yielded, wire.Given: // it would have the piece asked of it again and again
		c.shun(s, a, c.now.Add(givenPause))
	default:
		s.trouble.lacked++
		c.lose(a.want, s.peer)
		c.reopen(a.want, a.index)
		a.want.denied = a.want.denied || c.alone(a.want)
		return
	}
	c.reopen(a.want, a.index)
}

// flushQuestions sends what is to be asked of each peer besides pieces.
func (c *Core) flushQuestions() {
	if len(c.wantHave)+len(c.wantRecipe) == 0 {
		return
	}
	for _, s := range c.peers {
		for contents := range slices.Chunk(c.wantHave[s.peer], wire.HaveMax) {
			c.emit(Send{s.peer, wire.WantHave{Folder: c.folder, Contents: slices.Clone(contents)}})
		}
		for contents := range slices.Chunk(c.wantRecipe[s.peer], wire.AskMax) {
			c.emit(Send{s.peer, wire.AskRecipes{Folder: c.folder, Contents: slices.Clone(contents)}})
		}
		delete(c.wantHave, s.peer)
		delete(c.wantRecipe, s.peer)
	}
}
