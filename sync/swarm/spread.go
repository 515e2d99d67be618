package swarm

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// lostLeast and lostMost bound how long a piece may be with whom it was given to, and
	// with nobody else, until it is given as one that nobody has: whoever got it gives
	// nothing. Between them it is lostTimes as long as pieces take to spread.
	lostLeast = 2 * time.Second
	lostMost  = 30 * time.Second
	lostTimes = 4
	// trustFirst is how many pieces that nobody else has a stranger gets before one of them
	// has spread. For each that does it gets two more, up to trustMost ahead. Whoever has
	// used up its trust gets trustAgain of them in chanceEvery.
	trustFirst = 4
	trustAgain = 1
	trustMost  = 64
	// watchMax is of how many contents it is watched how they spread, and watchPieces of how
	// many pieces of one: a peer may name pieces that do not exist.
	watchMax    = 64
	watchPieces = 1 << 20
)

// spread follows how contents that are whole here spread among those who ask for them. Only
// TitForTat needs it: a device that lacks nothing cannot see who gives anything to it, but
// it hears who has what, and so whose pieces others have got. What it gives to somebody who
// gives nothing is as good as not given, and nobody else can give it.
type spread struct {
	watches map[ident.ContentID]*watch
	gifts   []gift        // of which it is not known whether they spread, oldest first
	usual   time.Duration // how long they take to, smoothed; zero until the first
}

// watch is one content.
type watch struct {
	pieces []with
	hears  []ident.DeviceID // who was asked to tell what it has
}

// with is to whom a piece went.
type with struct {
	to     *asker // nil when it is with nobody
	at     step.Instant
	spread bool // others have it, too
	lost   bool // whoever got it seems not to give it
}

type gift struct {
	content ident.ContentID
	index   uint32
	at      step.Instant
}

// watchSpread begins to watch a content that a peer asks for, and asks that peer to tell
// what it has.
func (c *Core) watchSpread(a *asker, content ident.ContentID) {
	s := &c.uploads.spread
	if c.uploads.policy != TitForTat || c.wants[content] != nil {
		return
	}
	w := s.watches[content]
	if w == nil {
		if len(s.watches) >= watchMax {
			return
		}
		if s.watches == nil {
			s.watches = map[ident.ContentID]*watch{}
		}
		w = &watch{}
		s.watches[content] = w
	}
	if !slices.Contains(w.hears, a.peer) {
		w.hears = append(w.hears, a.peer)
		c.wantHave[a.peer] = append(c.wantHave[a.peer], content)
	}
}

// of returns where a piece of a watched content is; nil when it is not watched.
func (s *spread) of(content ident.ContentID, index uint32) *with {
	w := s.watches[content]
	if w == nil || index >= watchPieces {
		return nil
	}
	if more := int(index) + 1 - len(w.pieces); more > 0 {
		w.pieces = append(w.pieces, make([]with, more)...)
	}
	return &w.pieces[index]
}

// mayGive reports whether a peer may be given a piece: one that others have got, or any as
// long as it is trusted to pass on what nobody else has, or while nobody else waits.
func (u *uploads) mayGive(a *asker, item *wire.PieceAsk) bool {
	p := u.spread.of(item.Content, item.Index)
	return p == nil || p.spread || p.to == a && !p.lost || a.trust > 0 || !u.othersWait(a)
}

func (u *uploads) othersWait(a *asker) bool {
	return slices.ContainsFunc(u.peers, func(o *asker) bool { return o != a && len(o.queue) > 0 })
}

// gave notes that a piece goes to a peer.
func (s *spread) gave(a *asker, item *wire.PieceAsk, now step.Instant) {
	p := s.of(item.Content, item.Index)
	if p == nil || p.spread || p.to == a && !p.lost {
		return
	}
	*p = with{to: a, at: now}
	a.trust--
	s.gifts = append(s.gifts, gift{item.Content, item.Index, now})
}

// seen hears that a peer has pieces. What another one was given has spread, to the credit
// of that one. Who claims to have all proves nothing.
func (s *spread) seen(peer ident.DeviceID, item wire.HaveItem, now step.Instant) {
	w := s.watches[item.Content]
	if w == nil {
		return
	}
	for _, i := range item.Pieces {
		if int(i) >= len(w.pieces) {
			break
		}
		p := &w.pieces[i]
		if p.to == nil || p.spread || p.to.peer == peer {
			continue
		}
		p.spread = true
		p.to.gain++
		p.to.trust = min(trustMost, p.to.trust+2)
		took := now.Since(p.at)
		if s.usual == 0 {
			s.usual = took
		}
		s.usual += (took - s.usual) / 8
	}
}

// lostAfter is when a gift counts as lost.
func (s *spread) lostAfter() time.Duration {
	if s.usual == 0 {
		return (lostLeast + lostMost) / 4
	}
	return min(lostMost, max(lostLeast, lostTimes*s.usual))
}

// findLost lets pieces be given anew that went to somebody who has not passed them on.
func (u *uploads) findLost(now step.Instant) {
	s := &u.spread
	for len(s.gifts) > 0 {
		g := s.gifts[0]
		p := s.of(g.content, g.index)
		open := p != nil && !p.spread && !p.lost && p.at == g.at
		if open && g.at.Add(s.lostAfter()) > now {
			return
		}
		s.gifts = s.gifts[1:]
		if !open {
			continue
		}
		p.lost = true
		if t := u.given[g.content]; t != nil && int(g.index) < len(t.times) {
			t.times[g.index] = 0
		}
	}
}

// lostDue is when the oldest gift counts as lost.
func (s *spread) lostDue() step.Instant {
	if len(s.gifts) == 0 {
		return step.Never
	}
	return s.gifts[0].at.Add(s.lostAfter())
}

// leaves forgets a peer, and what nobody is left to tell of.
func (s *spread) leaves(a *asker) {
	for content, w := range s.watches {
		w.hears = slices.DeleteFunc(w.hears, func(p ident.DeviceID) bool { return p == a.peer })
		if len(w.hears) == 0 {
			delete(s.watches, content)
		}
	}
}
