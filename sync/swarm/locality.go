package swarm

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// farKept is how many of the peers that pieces are exchanged with are on other networks,
	// when there are enough on this one: by them comes what nobody here has.
	farKept = 3
	// farPatience is how long nothing may come until a device asks a far peer for a piece
	// that is another one's to fetch.
	farPatience = 2 * time.Second
	// idleAfter is how long a peer on this network may bring nothing that nobody here has,
	// while there is something to fetch, until its turn is passed over: it may have no link
	// to anybody who has the file. It ends when it brings something.
	idleAfter = 2 * farPatience
	// lanSlow is how long a peer on this network may take to answer and still be preferred
	// to a far one that delivers more.
	lanSlow = 2 * time.Second
)

// PeerPlaced says whether a peer is on this device's own network. It may come before the
// peer joins; of one that nothing was said of it is not known, and taken as far.
type PeerPlaced struct {
	Peer ident.DeviceID
	Lan  bool
}

func (PeerPlaced) event() {}

// peerPlaced takes in where a peer is.
func (c *Core) peerPlaced(e PeerPlaced) {
	if e.Lan {
		c.lan[e.Peer] = true
	} else {
		delete(c.lan, e.Peer)
	}
	if s := c.source(e.Peer); s != nil && s.lan != e.Lan {
		s.lan = e.Lan
		c.stirFar()
		if !s.near {
			c.seat(s)
		}
	}
}

// seat begins to exchange pieces with a peer if there is room, or if it takes the place of
// one of the others: mostly they are on this network, some are not.
func (c *Core) seat(s *source) {
	lans, fars := 0, 0
	for _, o := range c.peers {
		if o.near && o.lan {
			lans++
		} else if o.near {
			fars++
		}
	}
	switch {
	case s.banned:
		return
	case lans+fars < c.nearMost:
	case s.lan && fars > farKept:
		c.recede(c.someone(func(o *source) bool { return o.near && !o.lan }))
	case !s.lan && fars < farKept && lans > 1:
		c.recede(c.someone(func(o *source) bool { return o.near && o.lan }))
	default:
		return
	}
	c.approach(s)
}

// someone returns one of the peers that fit, by chance; nil when none does.
func (c *Core) someone(fits func(*source) bool) *source {
	var those []*source
	for _, o := range c.peers {
		if fits(o) {
			those = append(those, o)
		}
	}
	if len(those) == 0 {
		return nil
	}
	return those[c.rand.IntN(len(those))]
}

// recede ends the exchange of pieces with a peer; what it holds stays known.
func (c *Core) recede(s *source) {
	c.takeBack(s)
	for _, w := range c.sortedWants() {
		if h := w.holders[s.peer]; h != nil && w.placed {
			c.spread(s, w, h, false)
		}
	}
	s.near = false
}

// leftToLan reports whether a piece is not to be asked of a far peer: somebody on this
// network has it, or is the one to fetch it for all who are here. So one copy of a file
// comes from far, and not one for each device.
func (c *Core) leftToLan(s *source, class, slot int) bool {
	if s.lan {
		return false
	}
	if c.lanHolds(s, class, slot) {
		return true
	}
	if c.impatient {
		return false
	}
	w := c.open[class].owner[slot]
	index := slot - w.first
	mine := turnOf(c.self, w.pieces[index].ID)
	for _, o := range c.peers {
		if o.lan && o.near && !o.banned && !o.idle && turnOf(o.peer, w.pieces[index].ID) > mine &&
			slices.Contains(c.interest[w.content], o.peer) {
			return true
		}
	}
	return false
}

// lanHolds reports whether a peer on this network holds a piece that could be asked of a far
// one. A peer that has stalled does not count, nor one that is slow where the other is not.
func (c *Core) lanHolds(s *source, class, slot int) bool {
	if s.lan {
		return false
	}
	for _, o := range c.peers {
		if o.lan && o.near && !o.banned && o.holds[class].has(slot) && o.pause.Since(c.now) <= busyPause &&
			!(o.latency > lanSlow && o.rate < s.rate) && o.avoid[avoided{class, slot}] <= c.now {
			return true
		}
	}
	return false
}

// farFull reports whether enough is on its way from far peers while there are others here:
// what all of those ask for ahead would come more than once. It grows with what comes.
func (c *Core) farFull() bool {
	var bytes int64
	var rate float64
	pieces, lan := 0, false
	for _, s := range c.peers {
		if s.lan {
			lan = lan || s.near
			continue
		}
		bytes, pieces, rate = bytes+s.bytes, pieces+s.pieces, rate+s.rate
	}
	return lan && pieces > 0 && float64(bytes) >= rate*queueTime.Seconds()
}

// turnOf orders the devices of a network for a piece: the one with the highest number
// fetches it. Each piece has another order, which all of them reckon alike.
func turnOf(device ident.DeviceID, piece ident.ChunkID) uint64 {
	x := binary.BigEndian.Uint64(device[:]) ^ binary.BigEndian.Uint64(piece[:])
	for _, k := range [...]uint64{0xbf58476d1ce4e5b9, 0x94d049bb133111eb} { // of splitmix64
		x = (x ^ x>>30) * k
	}
	return x ^ x>>31
}

// stirFar lets far peers be asked again, because what is left to this network has changed.
func (c *Core) stirFar() {
	for _, s := range c.peers {
		if !s.lan {
			s.dry = false
		}
	}
}

// farDue is when far peers are asked whatever the turn, because nothing has come.
func (c *Core) farDue() step.Instant {
	if len(c.open[0].order)+len(c.open[1].order) == 0 || !c.mixed() {
		return step.Never
	}
	return max(c.cameAt, c.farAsked).Add(farPatience)
}

// mixed reports whether pieces are exchanged with peers here and elsewhere.
func (c *Core) mixed() bool {
	here := slices.ContainsFunc(c.peers, func(s *source) bool { return s.near && s.lan })
	return here && slices.ContainsFunc(c.peers, func(s *source) bool { return s.near && !s.lan })
}

// askFar asks each far peer that rests for one piece, whoever's turn it is, when nothing has
// come for a while: whose turn it is may not be able to.
func (c *Core) askFar() {
	if c.farDue() > c.now {
		return
	}
	for _, o := range c.peers {
		if o.lan && !o.idle && max(o.brought, c.lackSince).Add(idleAfter) <= c.now {
			o.idle = true
			c.stirFar()
		}
	}
	c.farAsked, c.impatient = c.now, true
	defer func() { c.impatient = false }()
	for _, s := range c.peers {
		if s.lan || s.pieces > 0 || !c.hasRoom(s) {
			continue
		}
		if w, index := c.pick(s); w != nil {
			c.open[w.class].shut(w.first + int(index))
			item := c.askFor(s, w, index)
			c.emit(AskPieces{Peer: s.peer, Items: []wire.PieceAsk{item}})
		}
	}
}

// noteBrought notes that a peer on this network tells of a piece: one that nobody else here
// has it fetched from elsewhere, and so takes its turn.
func (c *Core) noteBrought(s *source, w *want, i int) {
	if !s.lan || s.brought == c.now || !w.placed || w.have[i] {
		return
	}
	for _, o := range c.peers {
		if o != s && o.lan && o.near && o.holds[w.class].has(w.first+i) {
			return
		}
	}
	s.brought, s.idle = c.now, false
}
