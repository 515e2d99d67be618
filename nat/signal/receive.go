package signal

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/step"
)

// letterCame takes in a letter whose seal has proven its sender. Of a device that is not
// trusted, and of a call that is over, it means nothing.
func (c *Core) letterCame(e LetterCame) {
	d := c.devices[e.From]
	if d == nil || len(e.Letter.Body) > BodyMax {
		return
	}
	m := e.Letter
	m.Call.Mine = !m.Call.Mine // the other side's is not ours
	if !m.Call.Mine && m.Call.Run != e.Run {
		return // of a call that an earlier run of the caller's program began
	}
	if m.Kind == Offer && m.Call.Mine {
		return
	}
	// What follows an offer may overtake it: the call begins with whatever comes first.
	if !m.Call.Mine && (m.Kind == Offer || m.Kind == Word) && !c.offered(d, m) {
		return
	}
	l := d.call
	if l == nil || l.name != m.Call {
		return
	}
	if l.run != 0 && l.run != e.Run {
		// What was acknowledged before is not told again, so the new run would wait for it
		// without end.
		c.end(d, "the other device started anew")
		return
	}
	l.run, l.heard = e.Run, c.now
	c.acknowledged(l, m.Ack)
	switch m.Kind {
	case Bye:
		c.end(d, "the other device ended the call")
	case Offer, Word:
		c.take(d, m)
	}
}

// offered begins the call that a letter belongs to, and reports whether it may go on: it
// may not when the call is old, when we call too and our call stands, or when the device
// does nothing but call.
func (c *Core) offered(d *device, m Letter) bool {
	if d.call != nil && d.call.name == m.Call {
		return true // told again
	}
	if m.Number == 0 || !d.fresh(m.Call.Run, m.Call.Number) {
		return false
	}
	if l := d.call; l != nil && l.name.Mine && !l.talking {
		if slices.Compare(c.self[:], d.id[:]) < 0 {
			return false // it yields as soon as it has our offer
		}
	}
	d.rings = slices.DeleteFunc(d.rings, func(at step.Instant) bool { return c.now.Since(at) >= ringsTime })
	if len(d.rings) >= ringsMax {
		return false
	}
	d.rings = append(d.rings, c.now)
	c.end(d, "the other device called at the same time, or anew")
	d.note(m.Call.Run, m.Call.Number)
	c.begin(d, m.Call)
	return true
}

// fresh reports whether a call of a run is newer than all that have rung.
func (d *device) fresh(run Run, number uint64) bool {
	at := slices.IndexFunc(d.runs, func(r runSeen) bool { return r.run == run })
	return at < 0 || number > d.runs[at].number
}

func (d *device) note(run Run, number uint64) {
	d.runs = slices.DeleteFunc(d.runs, func(r runSeen) bool { return r.run == run })
	d.runs = append(d.runs, runSeen{run, number})
	d.runs = d.runs[max(0, len(d.runs)-runsMax):]
}

func (c *Core) acknowledged(l *call, upTo uint32) {
	if upTo == 0 || upTo > l.sent {
		return
	}
	l.talking = true
	before := len(l.waiting)
	l.waiting = slices.DeleteFunc(l.waiting, func(w Letter) bool { return w.Number <= upTo })
	if len(l.waiting) != before && len(l.waiting) > 0 {
		l.wait = againMin
		l.again = c.now.Add(l.wait)
	}
}

// take delivers a letter and those that waited for it, and acknowledges.
func (c *Core) take(d *device, m Letter) {
	l := d.call
	if m.Number == 0 || m.Number > l.taken+windowMax {
		return // there is no room for it; it is told again
	}
	if m.Number > l.taken {
		l.early[m.Number] = m.Body
	}
	for {
		body, ok := l.early[l.taken+1]
		if !ok {
			break
		}
		l.taken++
		delete(l.early, l.taken)
		if l.taken == 1 && !l.name.Mine {
			c.out = append(c.out, Ring{d.id, body})
		} else {
			c.out = append(c.out, Deliver{d.id, body})
		}
	}
	if !l.name.Mine {
		l.talking = true
	}
	c.out = append(c.out, Post{d.id, Letter{Kind: Ack, Call: l.name, Ack: l.taken}})
}
