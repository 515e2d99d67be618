package swarm

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// slotsLeast is how many pieces are being read and sent at once at least, so that the
	// uplink does not rest while one receiver does.
	slotsLeast = 3
	// handTime is how much more is handed to the links, as a time at the present rate. What
	// is handed over cannot be overtaken by what matters more.
	handTime = 60 * time.Millisecond
	// handMost and handLeast bound the same by bytes; small files are found and read many
	// at a time.
	handMost  = 16 << 20
	handLeast = 128 << 10
	// lookMax is how many of a peer's asks are compared when the next one is chosen.
	lookMax = 64
	// slowAfter is how long a receiver may take for a piece before its slot is given to
	// somebody else as well.
	slowAfter = 2 * time.Second
	// slowTimes is how many times as long as the quickest a receiver may take for its
	// pieces, and slowLeast how long, to be counted as slow from the first one on.
	slowTimes = 4
	slowLeast = 250 * time.Millisecond
	// givenMax is of how many contents it is remembered how often each piece was given, and
	// givenBytesMax for how many pieces: a peer may name pieces that do not exist.
	givenMax      = 65536
	givenBytesMax = 16 << 20
	// handAlone is how much is handed to the link of a peer while nobody else asks: another
	// one who comes to ask waits until that is sent.
	handAlone = 8 << 20
)

// uploads is what peers have asked of this device and have not been given. While one peer
// asks, it is given all at once. When several do, this decides: a piece that was never
// given goes first, then the one that fewest are known to hold, then the peer that has
// waited longest. So the only holder of a content sends each piece once before it repeats
// any, and what is new in a swarm spreads at once.
type uploads struct {
	policy    Policy
	choked    step.Instant // when it was chosen last who is served
	lucky     *asker       // who is served by chance
	luckyTill step.Instant
	peers     []*asker
	inHand    int64 // bytes with the links, but for those of slow receivers
	pieces    int
	turn      uint64
	stirred   bool // something happened that may let one more piece go out

	spread spread

	lately lately
	given  map[ident.ContentID]*given
	order  []ident.ContentID // of given, oldest first

	givenBytes int // of the counts in given

	rate    float64 // bytes a second that go out
	counted int64
	since   step.Instant
}

// given is how often each piece of a content was promised to a peer, at most 255.
type given struct {
	times  []uint8
	passed bool // of a content of one piece: this device has it from others
}

func (g *given) of(i uint32) uint8 {
	if int(i) < len(g.times) {
		return g.times[i]
	}
	return 0
}

// promise counts that a piece of a content is promised to a peer.
func (u *uploads) promise(content ident.ContentID, i uint32) {
	g := u.givenOf(content)
	if more := int(i) + 1 - len(g.times); more > 0 {
		g.times = append(g.times, make([]uint8, more)...)
		u.givenBytes += more
	}
	g.times[i] = min(254, g.times[i]) + 1
	for u.givenBytes > givenBytesMax && u.order[0] != content {
		u.forgetGiven()
	}
}

func (u *uploads) forgetGiven() {
	u.givenBytes -= len(u.given[u.order[0]].times)
	delete(u.given, u.order[0])
	u.order = u.order[1:]
}

// asker is a peer with open asks.
type asker struct {
	peer  ident.DeviceID
	queue []wire.PieceAsk
	hand  []handed // given to its link, oldest first
	bytes int64    // of them
	slow  bool
	took  time.Duration // from when its link is handed a piece to when that is sent, smoothed
	turn  uint64        // when it was served last
	sent  int64         // bytes it was sent
	kept  float64       // part of the small files given to it of late that it passed on to nobody

	open       bool  // it is served; with TitForTat only
	tookBefore int64 // sent when it was chosen last who is served
	gaveBefore int64 // what it had delivered then
	gain       int64 // pieces given to it that others have got since then
	trust      int   // how many more that nobody else has it is given
}

// handed is a piece that is being sent.
type handed struct {
	size int64
	at   step.Instant
}

func (u *uploads) of(peer ident.DeviceID) *asker {
	for _, a := range u.peers {
		if a.peer == peer {
			return a
		}
	}
	return nil
}

// asksLeave forgets what a peer has asked for.
func (c *Core) asksLeave(peer ident.DeviceID) {
	u := &c.uploads
	a := u.of(peer)
	if a == nil {
		return
	}
	u.stirred = true
	u.spread.leaves(a)
	if len(a.queue) > 0 {
		c.emit(AsksEnded{Peer: peer, Count: len(a.queue)})
	}
	u.release(a)
	if u.lucky == a {
		u.lucky = nil
	}
	u.peers = slices.DeleteFunc(u.peers, func(o *asker) bool { return o == a })
}

// release takes what a receiver has in hand out of the reckoning.
func (u *uploads) release(a *asker) {
	if !a.slow {
		u.inHand -= a.bytes
		u.pieces -= len(a.hand)
	}
}

// piecesAsked takes in what a peer asks for. A piece that was promised to another is
// refused while there are enough that were not: the asker takes one of those instead, and
// that one later from whoever got it.
func (c *Core) piecesAsked(e PiecesAsked) {
	u := &c.uploads
	a := u.of(e.Peer)
	if a == nil {
		a = &asker{peer: e.Peer, trust: trustFirst}
		u.peers = append(u.peers, a)
		slices.SortFunc(u.peers, func(x, y *asker) int { return slices.Compare(x.peer[:], y.peer[:]) })
	}
	u.stirred = true
	refused := 0
	mayHave := u.mayHave(a)
	for _, item := range e.Items {
		if !mayHave {
			c.emit(Send{e.Peer, wire.NoPiece{Ticket: item.Ticket, Reason: wire.Busy}})
			refused++
			continue
		}
		c.watchSpread(a, item.Content)
		g := u.givenOf(item.Content)
		if g.of(item.Index) > 0 && c.wants[item.Content] == nil && u.manyFresh() ||
			!u.mayGive(a, &item) || c.leftToOthers(&item, e.Peer) {
			c.emit(Send{e.Peer, wire.NoPiece{Ticket: item.Ticket, Reason: wire.Given}})
			refused++
			continue
		}
		u.promise(item.Content, item.Index)
		c.noteGiven(&item, e.Peer)
		u.spread.gave(a, &item, c.now)
		a.queue = append(a.queue, item)
	}
	if refused > 0 {
		c.emit(AsksEnded{Peer: e.Peer, Count: refused})
	}
}

// manyFresh reports whether enough pieces wait that were promised to one peer only.
func (u *uploads) manyFresh() bool {
	n := 0
	for _, a := range u.peers {
		for _, item := range a.queue[:min(len(a.queue), lookMax)] {
			if u.givenOf(item.Content).of(item.Index) == 1 {
				if n++; n > slotsLeast {
					return true
				}
			}
		}
	}
	return false
}

func (u *uploads) givenOf(content ident.ContentID) *given {
	g := u.given[content]
	if g == nil {
		if len(u.order) >= givenMax {
			u.forgetGiven()
		}
		g = &given{}
		u.given[content] = g
		u.order = append(u.order, content)
	}
	return g
}

// serveNext hands pieces to the links while there is room.
func (c *Core) serveNext() {
	u := &c.uploads
	if !u.stirred {
		return
	}
	u.stirred = false
	for {
		active, waiting := 0, 0
		for _, a := range u.peers {
			if len(a.queue)+len(a.hand) > 0 {
				active++
			}
			waiting += len(a.queue)
		}
		if waiting == 0 {
			return
		}
		if active == 1 && u.policy == FairShare {
			c.serveLone()
			return
		}
		if !u.hasRoom() {
			return
		}
		a, at := c.nextToServe()
		if a == nil {
			return
		}
		item := a.queue[at]
		a.queue = slices.Delete(a.queue, at, at+1)
		c.serve(a, []wire.PieceAsk{item})
	}
}

func (u *uploads) hasRoom() bool {
	return u.pieces < slotsLeast || u.inHand < min(handMost, max(handLeast, int64(u.rate*handTime.Seconds())))
}

// serveLone gives the only peer that asks what it asks for, in its order.
func (c *Core) serveLone() {
	for _, a := range c.uploads.peers {
		n, bytes := 0, a.bytes
		for n < len(a.queue) && bytes < handAlone {
			bytes += int64(a.queue[n].Size)
			n++
		}
		if n > 0 {
			items := a.queue[:n:n]
			a.queue = a.queue[n:]
			c.serve(a, items)
		}
	}
}

func (c *Core) serve(a *asker, items []wire.PieceAsk) {
	u := &c.uploads
	if len(a.hand) == 0 {
		a.slow = u.isSlow(a)
	}
	for _, item := range items {
		a.hand = append(a.hand, handed{int64(item.Size), c.now})
		a.bytes += int64(item.Size)
		if !a.slow {
			u.inHand += int64(item.Size)
			u.pieces++
		}
	}
	u.turn++
	a.turn = u.turn
	if u.counted == 0 && u.pieces == len(items) {
		u.since = c.now // nothing was being sent
	}
	c.emit(Serve{Peer: a.peer, Items: items})
}

// isSlow reports whether a receiver takes far longer than others do. What it has in hand is
// not counted then: it is its own link that is full, and not this device's.
func (u *uploads) isSlow(a *asker) bool {
	if a.took < slowLeast {
		return false
	}
	return slices.ContainsFunc(u.peers, func(o *asker) bool { return o.took > 0 && slowTimes*o.took < a.took })
}

// nextToServe chooses the ask to answer next; nil when whoever asks has enough in hand.
// First comes what was promised to nobody else. For the rest peers take turns: a peer that
// has fallen behind asks for what many hold, and would otherwise never be served.
func (c *Core) nextToServe() (*asker, int) {
	u := &c.uploads
	var best *asker
	var at, bestRank int
	for _, a := range u.peers {
		if len(a.queue) == 0 || len(a.hand) > 1 && a.bytes > u.inHand/2 || a.slow && len(a.hand) > 0 {
			continue
		}
		i, rank := c.rarestAsked(a)
		if !u.chosen(a) {
			rank += unchosen
		}
		if best == nil || class(rank) < class(bestRank) || class(rank) == class(bestRank) && a.turn < best.turn {
			best, at, bestRank = a, i, rank
		}
	}
	return best, at
}

// unchosen is more than any rank.
const unchosen = 1 << 20

// class is what goes before a peer's turn: whether it is chosen, then whether what it asks
// for was promised to nobody else.
func class(rank int) int {
	switch {
	case rank < 2:
		return 0
	case rank < unchosen:
		return 1
	}
	return 2
}

// rarestAsked returns which of a peer's asks matters most to the others, and how much.
func (c *Core) rarestAsked(a *asker) (at, least int) {
	for i := range a.queue[:min(len(a.queue), lookMax)] {
		if rank := c.rank(&a.queue[i]); i == 0 || rank < least {
			at, least = i, rank
		}
	}
	return at, least
}

// rank is lower the more it matters that a piece goes out.
func (c *Core) rank(item *wire.PieceAsk) int {
	times := int(c.uploads.givenOf(item.Content).of(item.Index))
	if w := c.wants[item.Content]; w != nil && w.placed && int(item.Index) < len(w.pieces) {
		return times + int(c.open[w.class].count[w.first+int(item.Index)])
	}
	return times
}

// piecesServed notes that a link is done with pieces.
func (c *Core) piecesServed(e PiecesServed) {
	u := &c.uploads
	a := u.of(e.Peer)
	if a == nil {
		return
	}
	u.stirred = true
	for range min(e.Count, len(a.hand)) {
		size, took := a.hand[0].size, c.now.Since(a.hand[0].at)
		if a.took == 0 {
			a.took = took
		}
		a.took += (took - a.took) / 4
		a.hand = a.hand[1:]
		a.bytes -= size
		a.sent += size
		u.counted += size
		if !a.slow {
			u.inHand -= size
			u.pieces--
		}
	}
	if passed := c.now.Since(u.since); passed >= measureTime {
		rate := float64(u.counted) / passed.Seconds()
		if u.rate == 0 {
			u.rate = rate
		}
		u.rate += (rate - u.rate) / 2
		u.counted, u.since = 0, c.now
	}
	if len(a.hand) == 0 && len(a.queue) == 0 {
		a.hand, a.queue = nil, nil
	}
}

// asksCanceled forgets asks that a peer takes back.
func (c *Core) asksCanceled(e AsksCanceled) {
	if n := len(c.withdraw(e.Peer, e.Tickets)); n > 0 {
		c.emit(AsksEnded{Peer: e.Peer, Count: n})
	}
}

// yield leaves to others what a peer can have from them, unless a link has it already.
func (c *Core) yield(s *source, tickets []uint64) {
	left := c.withdraw(s.peer, tickets)
	for _, t := range left {
		c.emit(Send{s.peer, wire.NoPiece{Ticket: t, Reason: wire.Yielded}})
	}
	if len(left) > 0 {
		c.emit(AsksEnded{Peer: s.peer, Count: len(left)})
	}
}

// withdraw takes asks out of a peer's queue and returns their tickets.
func (c *Core) withdraw(peer ident.DeviceID, tickets []uint64) (left []uint64) {
	a := c.uploads.of(peer)
	if a == nil || len(a.queue) == 0 {
		return nil
	}
	c.uploads.stirred = true
	named := make(map[uint64]bool, len(tickets))
	for _, t := range tickets {
		named[t] = true
	}
	a.queue = slices.DeleteFunc(slices.Clone(a.queue), func(item wire.PieceAsk) bool {
		if !named[item.Ticket] {
			return false
		}
		if g := c.uploads.givenOf(item.Content); g.of(item.Index) > 0 {
			g.times[item.Index]--
		}
		left = append(left, item.Ticket)
		return true
	})
	return left
}

// noteSlow gives the slots of receivers that take too long to others.
func (c *Core) noteSlow() {
	u := &c.uploads
	for _, a := range u.peers {
		if len(a.hand) > 0 && !a.slow && a.hand[0].at.Add(slowAfter) <= c.now {
			u.release(a)
			a.slow, u.stirred = true, true
		}
	}
}

// slowDue is when a receiver that is being served has taken too long.
func (u *uploads) slowDue() step.Instant {
	at := step.Never
	for _, a := range u.peers {
		if len(a.hand) > 0 && !a.slow {
			at = min(at, a.hand[0].at.Add(slowAfter))
		}
	}
	return at
}
