package swarm

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Policy is by what right peers are served.
type Policy uint8

// The policies. Members of a folder trust each other, so that all of them have a FairShare.
// TitForTat is for folders shared with strangers: of those who ask four are served, the
// three that give most, and one by chance, who may so show what it gives. It is BEP 3's
// choking; a device that lacks nothing serves those whose pieces others get soonest.
const (
	FairShare Policy = iota
	TitForTat
)

const (
	openMax     = 4
	chokeEvery  = 10 * time.Second
	chanceEvery = 30 * time.Second
)

// mayHave reports whether a peer may wait to be served at the moment. Until it is first
// chosen who is, those are who ask first. As long as fewer ask than are chosen, others may:
// they get what would else go to nobody.
func (u *uploads) mayHave(a *asker) bool {
	if u.chosen(a) {
		return true
	}
	waiting := 0
	for _, o := range u.peers {
		if o != a && len(o.queue)+len(o.hand) > 0 {
			waiting++
		}
	}
	a.open = u.choked == 0 && waiting < openMax
	return waiting < openMax
}

// chosen reports whether a peer has a right to be served before others.
func (u *uploads) chosen(a *asker) bool { return u.policy == FairShare || a.open }

// chokeDue is when it is chosen again who is served.
func (u *uploads) chokeDue() step.Instant {
	if u.policy == FairShare || len(u.peers) == 0 {
		return step.Never
	}
	return u.choked.Add(chokeEvery)
}

// choke chooses who is served for the next while, and tells the others to ask later.
func (c *Core) choke() {
	u := &c.uploads
	if u.chokeDue() > c.now {
		return
	}
	u.choked, u.stirred = c.now, true
	ranked := slices.Clone(u.peers)
	worth := func(a *asker) int64 {
		if s := c.source(a.peer); s != nil && len(c.wants) > 0 {
			return s.delivered - a.gaveBefore
		}
		if len(u.spread.watches) > 0 {
			return a.gain
		}
		return a.sent - a.tookBefore
	}
	slices.SortStableFunc(ranked, func(x, y *asker) int {
		return int(min(1, max(-1, worth(y)-worth(x))))
	})
	if u.lucky == nil || u.luckyTill <= c.now || slices.Index(ranked, u.lucky) < openMax-1 {
		u.lucky, u.luckyTill = nil, c.now.Add(chanceEvery)
		for _, a := range u.peers {
			a.trust = max(a.trust, trustAgain)
		}
		if rest := ranked[min(len(ranked), openMax-1):]; len(rest) > 0 {
			u.lucky = rest[c.rand.IntN(len(rest))]
		}
	}
	for i, a := range ranked {
		a.open = i < openMax-1 || a == u.lucky
		a.tookBefore, a.gain = a.sent, 0
		if s := c.source(a.peer); s != nil {
			a.gaveBefore = s.delivered
		}
		if !a.open {
			c.sendAway(a)
		}
	}
}

// sendAway lets a peer that is not served now ask others.
func (c *Core) sendAway(a *asker) {
	if len(a.queue) == 0 {
		return
	}
	for _, item := range a.queue {
		c.emit(Send{a.peer, wire.NoPiece{Ticket: item.Ticket, Reason: wire.Busy}})
		if g := c.uploads.givenOf(item.Content); g.of(item.Index) > 0 {
			g.times[item.Index]--
		}
	}
	c.emit(AsksEnded{Peer: a.peer, Count: len(a.queue)})
	a.queue = nil
}
