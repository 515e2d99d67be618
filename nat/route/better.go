package route

import (
	"net/netip"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
)

// byCall stands for a call among the addresses of a round.
var byCall netip.AddrPort

const (
	// waysMax is every address and a call.
	waysMax = addrsMax + 1
	// lookMin and lookMax bound how often a better link is looked for: the first time when
	// the storm of connecting is over, later as seldom as the network of a house changes
	// without our hearing of it.
	lookMin = 10 * time.Second
	lookMax = 10 * time.Minute
	// pingMapped replaces pingAfter on links through NATs. A mapping that is lost, because a
	// router started anew, is told by nobody, and to answer costs two small packets.
	pingMapped = 2 * time.Second
	// livelyFor is how long after it carried something besides pings a link to an address is
	// watched as closely: a pause in the middle of a transfer is felt.
	livelyFor = 10 * time.Second
	// suspectMin and suspectMax bound how long a link may leave a ping without an answer
	// before the other side is looked for anew, beside it: eight of its round trips, for
	// queues that were empty when they were measured. With pingMapped, the time of a call
	// and probeMin it keeps a pause below five seconds.
	suspectMin = time.Second
	suspectMax = 1500 * time.Millisecond
	// againBeside is how long after a search beside a link that may be dead the next one
	// begins, if neither has led anywhere. What was tried first may have had no network
	// yet, or nobody to carry a call.
	againBeside = time.Second
	// callFresh is how long a call usually takes at most.
	callFresh = 3 * time.Second
	// askOthersEvery bounds how often one link that fell silent makes all others be asked.
	askOthersEvery = time.Second
)

// callsLearned takes in whether calls are possible. That they are is worth an attempt.
func (c *Core) callsLearned(now step.Instant, e CallsLearned) {
	p := c.peers[e.Device]
	if p == nil || p.calls == e.Possible {
		return
	}
	p.calls = e.Possible
	switch {
	case !e.Possible:
		p.untried = slices.DeleteFunc(p.untried, func(a netip.AddrPort) bool { return a == byCall })
		c.finishRound(now, p)
		if len(p.addrs) == 0 && len(p.links) == 0 && len(p.inFlight) == 0 {
			c.redial(now, p, p.dialAt)
			c.tell(p, p.trouble.Reason)
		}
	case len(p.links) > 0:
		c.lookSoon(now, p)
	case p.dialing:
		p.untried = append(p.untried, byCall)
		p.dialAt = min(p.dialAt, now.Add(stagger))
	default:
		p.failures = 0
		c.redial(now, p, now)
	}
	c.arm(p)
}

// seek looks for another link beside the one in use: for any when that one may be dead,
// else for a better one.
func (c *Core) seek(now step.Instant, p *peer, any bool) {
	if !any {
		p.looks++
	}
	c.lookLater(now, p)
	p.beside = append(p.beside[:0], p.addrs...)
	p.besideAny, p.againAt = any, now.Add(againBeside)
	// One side's call is as good as the other's, so the leader makes it. Whether the other
	// side hears of a lost mapping nobody knows: then both call.
	if p.calls && (any || p.leads && p.current.kind == Relayed) {
		p.beside = slices.Insert(p.beside, min(1, len(p.beside)), byCall)
	}
	c.goOnBeside(now, p)
}

// goOnBeside tries the next way while a link is in use. They are tried one after another:
// were many links to come up at once, the other side would close some to make room.
func (c *Core) goOnBeside(now step.Instant, p *peer) {
	if p.besideAny && len(p.links) > 1 {
		p.beside = nil // this will do
	}
	for len(p.beside) > 0 && len(c.dials) < dialsMax && len(p.inFlight) < waysMax {
		way := p.beside[0]
		p.beside = p.beside[1:]
		if !slices.ContainsFunc(p.inFlight, func(d *dial) bool { return d.addr == way }) {
			c.try(now, p, way)
			break
		}
	}
	p.besideAt = now.Add(stagger)
}

// doubtful reports whether the link in use may be dead.
func (p *peer) doubtful() bool {
	return p.current != nil && (p.current.doubted || p.current.suspected)
}

// againDue is when to look anew for a link beside one that may be dead.
func (p *peer) againDue() step.Instant {
	if !p.doubtful() || len(p.beside) > 0 {
		return step.Never
	}
	return max(p.againAt, p.besideAt)
}

// seekAgain does what is due then, unless what may replace that link is there already.
func (c *Core) seekAgain(now step.Instant, p *peer) {
	if len(p.links) > 1 {
		p.againAt = now.Add(againBeside)
		return
	}
	c.seek(now, p, true)
}

// suspect looks for another link beside one that has fallen silent. What took it away has
// perhaps taken others, too, whose next ping is far; and by one of those a call may be
// carried.
func (c *Core) suspect(now step.Instant, l *link) {
	l.suspected = true
	c.seek(now, l.peer, true)
	if c.asked != 0 && now.Since(c.asked) < askOthersEvery {
		return
	}
	c.asked = now
	for _, p := range c.order {
		o := p.current
		if o == nil || o == l || o.kind >= Lan || o.pinged || now.Since(o.heard) < askOthersEvery {
			continue
		}
		c.ping(now, o)
		c.arm(p)
	}
}

// besideDue is when to try the next way beside the link in use.
func (p *peer) besideDue() step.Instant {
	if len(p.beside) == 0 {
		return step.Never
	}
	return p.besideAt
}

// lookLater reckons when to look for a better link than the one in use.
func (c *Core) lookLater(now step.Instant, p *peer) {
	p.betterAt = step.Never
	if p.current == nil || p.current.kind >= Direct {
		return
	}
	wait := lookMax
	if p.looks < 6 {
		wait = min(lookMin<<p.looks, lookMax)
	}
	p.betterAt = now.Add(wait/2 + c.spread(wait/2))
}

// lookSoon does so at once, as there is news.
func (c *Core) lookSoon(now step.Instant, p *peer) {
	p.looks = 0
	if p.current != nil && p.current.kind < Direct {
		p.betterAt = now
	}
}

// suspectAt is when a link that does not answer is suspected. On the local network what
// could be dialed instead is the same road.
func (l *link) suspectAt() step.Instant {
	if l.kind >= Lan || !l.pinged || l.suspected || l.heard > l.pingedAt {
		return step.Never
	}
	if l.rtt == 0 {
		return l.pingedAt.Add(suspectMax)
	}
	return l.pingedAt.Add(min(max(8*l.rtt, suspectMin), suspectMax))
}
