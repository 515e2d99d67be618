package route

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/step"
)

// addressesLearned replaces the addresses. A new one is worth an attempt at once.
func (c *Core) addressesLearned(now step.Instant, e AddressesLearned) {
	p := c.peers[e.Device]
	if p == nil {
		return
	}
	var addrs, added []netip.AddrPort
	for _, a := range e.Addrs {
		if len(addrs) == addrsMax {
			break
		}
		if !a.IsValid() || a.Port() == 0 || slices.Contains(addrs, a) {
			continue
		}
		addrs = append(addrs, a)
		if !slices.Contains(p.addrs, a) {
			added = append(added, a)
		}
	}
	p.addrs = addrs
	switch {
	case len(p.links) > 0:
		if len(added) > 0 && p.current != nil && p.current.kind < Lan {
			p.looks, p.beside, p.besideAny = 0, added, false
			c.goOnBeside(now, p)
		}
	case p.dialing:
		p.untried = slices.DeleteFunc(p.untried, func(a netip.AddrPort) bool {
			return a != byCall && !slices.Contains(addrs, a)
		})
		if len(added) > 0 {
			p.untried = append(p.untried, added...)
			p.dialAt = min(p.dialAt, now.Add(stagger))
		}
		c.finishRound(now, p)
	case len(added) > 0:
		p.failures = 0
		c.redial(now, p, now)
	case len(addrs) == 0 && !p.calls:
		c.redial(now, p, p.dialAt)
		c.tell(p, p.trouble.Reason)
	}
	c.arm(p)
}

// redial begins a new round over the addresses at the given time.
func (c *Core) redial(now step.Instant, p *peer, at step.Instant) {
	p.dialing, p.untried, p.reasons = false, nil, p.reasons[:0]
	p.dialAt = at
	switch {
	case p.rests, len(p.addrs) == 0 && !p.calls:
		p.dialAt = step.Never
	case at <= now:
		c.goOnDialing(now, p)
	}
}

// goOnDialing tries the next address, beginning a round if none is under way.
func (c *Core) goOnDialing(now step.Instant, p *peer) {
	if !p.dialing {
		p.dialing = true
		p.untried = append(p.untried[:0], p.addrs...)
		if p.calls { // an address that is right needs no call, so it has a head start
			p.untried = slices.Insert(p.untried, min(1, len(p.untried)), byCall)
		}
		p.reasons = p.reasons[:0]
	}
	p.dialAt = step.Never
	for len(p.untried) > 0 {
		addr := p.untried[0]
		if slices.ContainsFunc(p.inFlight, func(d *dial) bool { return d.addr == addr }) {
			p.untried = p.untried[1:] // an earlier attempt is still at it
			continue
		}
		if len(c.dials) >= dialsMax || len(p.inFlight) >= waysMax {
			p.dialAt = now.Add(stagger)
			return
		}
		p.untried = p.untried[1:]
		c.try(now, p, addr)
		if len(p.untried) > 0 {
			p.dialAt = now.Add(stagger)
			return
		}
	}
	c.finishRound(now, p)
}

// try orders one attempt: to dial an address, or to call.
func (c *Core) try(now step.Instant, p *peer, addr netip.AddrPort) {
	c.tickets++
	d := &dial{c.tickets, p, addr, now}
	c.dials[d.ticket] = d
	p.inFlight = append(p.inFlight, d)
	if addr == byCall {
		c.do(Call{p.device, d.ticket, p.current == nil || p.doubtful()})
	} else {
		c.do(Dial{p.device, addr, d.ticket})
	}
}

func (c *Core) dialFailed(now step.Instant, e DialFailed) {
	if d := c.dials[e.Ticket]; d != nil {
		c.forgetDial(d)
		c.failed(now, d.peer, cut(e.Reason))
		c.arm(d.peer)
	}
}

// failed notes why an attempt came to nothing and goes on with the round.
func (c *Core) failed(now step.Instant, p *peer, reason string) {
	if !p.dialing {
		return
	}
	if !slices.Contains(p.reasons, reason) {
		p.reasons = append(p.reasons, reason)
	}
	if len(p.untried) > 0 {
		c.goOnDialing(now, p)
		return
	}
	c.finishRound(now, p)
}

// finishRound waits before the next round when every address of this one has failed. A
// call takes many seconds to fail, and nobody who knows an address waits for that: the
// device may be back at it long before.
func (c *Core) finishRound(now step.Instant, p *peer) {
	if !p.dialing || len(p.untried) > 0 {
		return
	}
	if slices.ContainsFunc(p.inFlight, func(d *dial) bool { return d.addr != byCall || len(p.addrs) == 0 }) {
		return
	}
	p.failures++
	reason := cut(strings.Join(p.reasons, "; "))
	if reason == "" {
		reason = "its addresses have changed"
	}
	c.redial(now, p, now.Add(c.backoff(p.failures)))
	c.tell(p, reason)
}

func (c *Core) forgetDial(d *dial) {
	delete(c.dials, d.ticket)
	d.peer.inFlight = slices.DeleteFunc(d.peer.inFlight, func(other *dial) bool { return other == d })
}

// tell reports why a device is not connected, when that is news.
func (c *Core) tell(p *peer, reason string) {
	const (
		nowhere = "no address is known; waiting for news or a call"
		resting = "not tried now: links with some of those who share its folders are enough"
	)
	if len(p.addrs) == 0 && !p.calls {
		switch {
		case reason == "":
			reason = nowhere
		case !strings.HasSuffix(reason, nowhere):
			reason += "; " + nowhere
		}
	}
	if p.rests {
		p.trouble = Trouble{p.device, resting, step.Never} // shown, but nobody need do anything
		return
	}
	t := Trouble{p.device, reason, p.dialAt}
	if t != p.trouble {
		p.trouble = t
		c.do(t)
	}
}
