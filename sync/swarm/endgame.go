package swarm

import (
	"time"

	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// endGameEvery is how often it is looked at whether the last pieces are worth asking of
	// more than one peer.
	endGameEvery = 100 * time.Millisecond
	// endGameAfter is how long a piece must have been on its way for that, at least.
	endGameAfter = 300 * time.Millisecond
	// askersMax is how many peers are asked for one piece at once.
	askersMax = 4
)

// inEndGame reports whether every piece that is still lacking has been asked for, and there
// is somebody else to ask.
func (c *Core) inEndGame() bool {
	return len(c.asks) > 0 && len(c.peers) > 1 && len(c.open[smallClass].order)+len(c.open[largeClass].order) == 0
}

func (c *Core) endGameDue() step.Instant {
	if !c.inEndGame() {
		return step.Never
	}
	return max(c.endGameAt, c.oldestAsk().Add(endGameAfter))
}

func (c *Core) oldestAsk() step.Instant {
	at := step.Never
	for _, s := range c.peers {
		for _, a := range s.asks {
			if !a.over {
				at = min(at, a.at)
				break
			}
		}
	}
	return at
}

// endGame asks peers that have nothing else to do for pieces that others are slow to
// deliver. Whichever comes first counts, and the other asks are taken back: one slow peer
// at the end costs its share and not everybody's patience.
func (c *Core) endGame() {
	if !c.inEndGame() || c.endGameAt > c.now {
		return
	}
	c.endGameAt = c.now.Add(endGameEvery)
	batches := map[*source][]wire.PieceAsk{}
	for _, s := range c.peers {
		if s.pieces > 0 || !c.hasRoom(s) {
			continue
		}
		if a := c.slowest(s); a != nil {
			batches[s] = append(batches[s], c.askFor(s, a.want, a.index))
		}
	}
	c.sendAsks(batches)
}

// slowest returns the ask that others have been owing longest of those that a peer can
// answer too, nil when none has waited for as long as that peer would take.
func (c *Core) slowest(s *source) *ask {
	after := max(endGameAfter, 2*s.latency)
	var oldest *ask
	for _, o := range c.peers {
		if o == s {
			continue
		}
		for _, a := range o.asks {
			if a.over || a.at.Add(after) > c.now || oldest != nil && oldest.at <= a.at {
				continue
			}
			w := a.want
			if a.at.Add(stallLeast) > c.now && c.lanHolds(s, w.class, w.first+int(a.index)) {
				continue // it comes from nearer
			}
			if w.asked[a.index] < askersMax && s.holds[w.class].has(w.first+int(a.index)) && !c.asksOf(s, a) {
				oldest = a
			}
		}
	}
	return oldest
}

// asksOf reports whether a peer is asked for the piece of an ask too.
func (c *Core) asksOf(s *source, a *ask) bool {
	for _, o := range s.asks {
		if !o.over && o.want == a.want && o.index == a.index {
			return true
		}
	}
	return false
}
