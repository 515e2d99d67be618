package swarm

import (
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// liesKept is how long it is remembered what a peer that left had sent: a new link makes
	// nobody honest, a new disk may.
	liesKept = time.Hour
	// liarsMax is of how many peers that is remembered.
	liarsMax = 1024
)

// liar is a peer that sent wrong pieces and is not here.
type liar struct {
	bad  int
	left step.Instant
}

// noteLies remembers what a peer that leaves has sent.
func (c *Core) noteLies(s *source) {
	if s.bad == 0 {
		return
	}
	if c.liars == nil {
		c.liars = map[ident.DeviceID]liar{}
	}
	if len(c.liars) < liarsMax {
		c.liars[s.peer] = liar{s.bad, c.now}
	}
}

// recallLies takes a peer that comes back for what it was.
func (c *Core) recallLies(s *source) {
	l, known := c.liars[s.peer]
	if !known {
		return
	}
	delete(c.liars, s.peer)
	if l.left.Add(liesKept) > c.now {
		s.bad, s.banned, s.banEnds = l.bad, l.bad >= badMax, l.left.Add(liesKept)
	}
}

// ban asks nothing more of a peer, and exchanges pieces with another one in its place.
func (c *Core) ban(s *source) {
	s.banned, s.banEnds = true, c.now.Add(liesKept)
	c.takeBack(s)
	for _, w := range c.sortedWants() {
		c.lose(w, s.peer)
		c.noMoreOf(w, s.peer)
	}
	if s.near {
		s.near = false
		c.widen()
	}
	c.emit(PeerBanned{Peer: s.peer, Reason: "it sent content that is not what it claims to be"})
}

// pardon tries peers again that were banned long ago, on a link that stayed up as well: it
// may be the only one that has what is lacking. The next wrong piece is one too many.
func (c *Core) pardon() {
	for _, s := range c.peers {
		if s.banned && s.banEnds <= c.now {
			s.banned, s.bad = false, badMax-1
			c.seat(s)
		}
	}
}
