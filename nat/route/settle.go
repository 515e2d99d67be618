package route

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
)

// linkUp takes in a new link: the leader decides about it, the follower waits.
func (c *Core) linkUp(now step.Instant, e LinkUp) {
	if d := c.dials[e.Ticket]; d != nil {
		c.forgetDial(d)
		defer c.arm(d.peer)
	}
	p := c.peers[e.Device]
	if p == nil {
		c.do(CloseLink{e.Link, "the device is not trusted"})
		return
	}
	if c.links[e.Link] != nil {
		panic("bug: two links have one id")
	}
	l := &link{
		id: e.Link, peer: p, addr: e.Addr, incoming: e.Incoming, kind: e.Kind,
		up: now, heard: now, settleBy: now.Add(settleWait),
	}
	c.links[l.id] = l
	p.links = append(p.links, l)
	p.dialing, p.untried, p.dialAt = false, nil, step.Never
	switch {
	case !p.leads:
		c.makeRoom(p)
	case p.current == nil:
		c.take(now, l)
	case l.kind > p.current.kind:
		c.end(p.current, "a better link is there")
		c.takeAmong(now, l)
	case !l.incoming && !p.current.doubted && !p.current.suspected:
		// Two of our own dials came through; the other side takes up neither by itself.
		c.end(l, "another link is in use")
	default:
		c.makeRoom(p)
		c.doubt(now, p)
	}
	c.arm(p)
}

// makeRoom ends the oldest link that is not in use when there are too many.
func (c *Core) makeRoom(p *peer) {
	if len(p.links) <= linksMax {
		return
	}
	at := slices.IndexFunc(p.links, func(l *link) bool { return l != p.current })
	c.end(p.links[at], "too many links to one device")
}

// take puts a link in use. The ping goes out before whoever hears of PeerConnected can say
// anything: by it the follower knows the link.
func (c *Core) take(now step.Instant, l *link) {
	l.peer.current = l
	l.peer.trouble = Trouble{}
	l.peer.beside = nil
	c.lookLater(now, l.peer)
	c.ping(now, l)
	c.do(PeerConnected{l.peer.device, l.id})
}

// doubt makes the leader ask whether its link still reaches the other side, because the
// other side has opened another one or pleads for it.
func (c *Core) doubt(now step.Instant, p *peer) {
	if p.probing {
		return
	}
	l := p.current
	patience := probeMax
	switch {
	case l.rtt > 0:
		patience = min(max(4*l.rtt, probeMin), probeMax)
	case p.doubtful():
		patience = suspectMin // the newcomer came about after what we doubt it for
	}
	if l.pinged && now.Since(l.pingedAt) >= patience {
		c.giveWay(now, p)
		return
	}
	// A new ping: the answer to an older one may have left before the other side lost it.
	c.ping(now, l)
	p.probing, p.probeNonce, p.probeBy = true, l.nonce, now.Add(patience)
}

// giveWay replaces the leader's silent link by the newest of the others.
func (c *Core) giveWay(now step.Instant, p *peer) {
	p.probing = false
	if len(p.links) < 2 {
		return // the other one has ended meanwhile
	}
	c.leave(now, p.current, "it fell silent, and the other side called again")
}

func (c *Core) pingHeard(now step.Instant, e PingHeard) {
	l := c.links[e.Link]
	if l == nil {
		return
	}
	p := l.peer
	l.hear(now)
	c.do(SendPong{l.id, e.Nonce})
	stale := e.Nonce < p.told && p.told-e.Nonce < runNonces
	if !stale {
		p.told = e.Nonce
	}
	switch {
	case l == p.current:
	case p.leads && p.current != nil:
		c.doubt(now, p)
	case !p.leads && !stale:
		if old := p.current; old != nil {
			const reason = "the other side moved to another link"
			c.end(old, reason)
		}
		c.take(now, l)
	}
	c.arm(p)
}

func (c *Core) pongHeard(now step.Instant, e PongHeard) {
	l := c.links[e.Link]
	if l == nil {
		return
	}
	p := l.peer
	l.hear(now)
	if l.pinged && e.Nonce == l.nonce {
		l.pinged, l.doubted = false, false // each change is followed by a ping of its own
		l.rtt = max(now.Since(l.pingedAt), 1)
		if l == p.current && p.besideAny {
			p.beside = nil // it is alive
		}
	}
	if p.probing && l == p.current && e.Nonce == p.probeNonce {
		p.probing = false
		for _, spare := range slices.Clone(p.links) {
			if spare != l {
				c.end(spare, "another link is in use and answers")
			}
		}
	}
	c.arm(p)
}

// end forgets a link and orders it to be closed. If it was in use, that is over first.
func (c *Core) end(l *link, reason string) {
	c.remove(l, reason)
	c.do(CloseLink{l.id, reason})
}

func (c *Core) remove(l *link, reason string) {
	delete(c.links, l.id)
	p := l.peer
	p.links = slices.DeleteFunc(p.links, func(other *link) bool { return other == l })
	if p.current == l {
		p.current, p.probing = nil, false
		c.do(PeerLost{p.device, l.id, reason})
	}
}

// leave ends a link and goes on without it.
func (c *Core) leave(now step.Instant, l *link, reason string) {
	used := l.peer.current == l
	c.end(l, reason)
	c.goOn(now, l, used, reason)
}

// lose takes in that a link has ended and goes on without it.
func (c *Core) lose(now step.Instant, l *link, reason string) {
	used := l.peer.current == l
	c.remove(l, reason)
	c.goOn(now, l, used, reason)
}

// goOn goes on after a link is gone: with another link, or by dialing.
func (c *Core) goOn(now step.Instant, l *link, used bool, reason string) {
	p := l.peer
	if p.current != nil {
		return
	}
	if len(p.links) > 0 {
		c.fallBack(now, p)
		return
	}
	if used && now.Since(l.up) >= steadyAfter {
		p.failures = 0
	}
	// A call from before has perhaps been waiting for what is lost now, and the next one may
	// have more luck. One that has just begun is let go on.
	for _, d := range slices.Clone(p.inFlight) {
		if d.addr == byCall && now.Since(d.since) >= callFresh {
			c.forgetDial(d)
		}
	}
	wait := c.spread(redialSpread)
	if p.failures > 0 {
		wait = c.backoff(p.failures)
	}
	if !used || now.Since(l.up) < steadyAfter {
		p.failures++
	}
	c.redial(now, p, now.Add(wait))
	c.tell(p, reason)
}

// fallBack uses a link that was not in use so far: the newest, as the others may have died
// before it came.
func (c *Core) fallBack(now step.Instant, p *peer) {
	if p.leads {
		c.takeAmong(now, p.links[len(p.links)-1])
		return
	}
	for _, l := range p.links {
		l.settleBy = now.Add(settleWait)
		c.ping(now, l)
	}
}

// takeAmong takes a link while there may be others, which an answer on it will end.
func (c *Core) takeAmong(now step.Instant, l *link) {
	c.take(now, l)
	if p := l.peer; len(p.links) > 1 {
		p.probing, p.probeNonce, p.probeBy = true, l.nonce, now.Add(probeMax)
	}
}

func (c *Core) ping(now step.Instant, l *link) {
	c.nonces++
	l.pinged, l.pingedAt, l.nonce = true, now, c.nonces
	c.do(SendPing{l.id, l.nonce})
}

func (l *link) hear(now step.Instant) {
	l.heard = now
	l.suspected = false
	if l.doubted && now.Since(l.doubtedAt) >= underWay {
		l.doubted = false
	}
}

// dies is when silence has lasted too long.
func (l *link) dies() step.Instant {
	if l.doubted {
		return l.deadBy
	}
	return l.heard.Add(deadAfter)
}

// nextPing is when the next ping is due: in silence, or to measure again.
func (l *link) nextPing() step.Instant {
	after := pingAfter
	if l.kind < Direct || l.kind == Direct && l.carried != 0 && l.heard.Since(l.carried) < livelyFor {
		after = pingMapped
	}
	quiet := max(l.heard, l.pingedAt).Add(after)
	return min(quiet, l.pingedAt.Add(measureEvery))
}

// backoff is the wait after the given number of failures: it doubles, and is spread over
// half its length so that devices which lost each other together do not return together.
func (c *Core) backoff(failures int) time.Duration {
	wait := backoffMax
	if failures < 8 {
		wait = min(backoffMin<<(failures-1), backoffMax)
	}
	return wait/2 + c.spread(wait/2)
}

func (c *Core) spread(d time.Duration) time.Duration { return time.Duration(c.chance.Int64N(int64(d))) }
