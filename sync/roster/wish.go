package roster

import (
	"errors"

	"github.com/shoal-sync/shoal/sync/members"
)

// take notes what a person wants.
func (c *Core) take(a ask) {
	if len(c.asks) >= asksMax {
		c.emit(Answered{Ticket: a.ticket, Problem: TooMany})
		return
	}
	c.asks = append(c.asks, a)
}

// attend carries out wishes, one after the other: two records on their way to be signed
// would have one number.
func (c *Core) attend() {
	for len(c.asks) > 0 && c.making == nil {
		a := c.asks[0]
		c.asks = c.asks[1:]
		was := c.m.Role(a.device)
		if !c.m.Mentions(a.device) && c.hand[a.device] {
			was = members.Writer
		}
		role, problem := was, Fine
		switch {
		case c.m.Known() && c.m.Role(c.cfg.Self) == members.Owner:
			c.order(a, was)
			continue
		case a.end:
			problem = c.endByHand(a, was)
		default:
			role, problem = c.shareByHand(a, was)
		}
		c.later(Answered{Ticket: a.ticket, Role: role, Problem: problem})
	}
}

// order has an owner's word signed, unless it has been said already.
func (c *Core) order(a ask, was members.Role) {
	role := a.role
	switch {
	case a.end && was == members.None:
		c.later(Answered{Ticket: a.ticket, Problem: NotShared})
		return
	case !a.end && role == members.None && was != members.None:
		role = was
	case !a.end && role == members.None:
		role = members.Writer
	}
	if c.m.Mentions(a.device) && c.m.Role(a.device) == role || a.end && !c.m.Mentions(a.device) {
		c.byHand(a)
		c.later(Answered{Ticket: a.ticket, Role: was})
		return
	}
	record, err := c.m.Compose(c.cfg.Key, a.device, role, a.name)
	if err != nil {
		problem := NotOwner
		if errors.Is(err, members.ErrFull) {
			problem = TooMany
		}
		c.later(Answered{Ticket: a.ticket, Problem: problem})
		return
	}
	c.signs++
	c.making = &making{ask: a, ticket: c.signs, record: record, before: was}
	c.emit(Sign{Ticket: c.signs, Bytes: record.ToSign(c.folder)})
}

// signed takes this device's own record in, and tells everybody.
func (c *Core) signed(e Signed) {
	mk := c.making
	if mk == nil || e.Ticket != mk.ticket {
		panic("bug: roster core was handed a signature it did not ask for")
	}
	c.making = nil
	mk.record.Sign = e.Sign
	switch changed, err := c.m.Add(mk.record); {
	case err != nil:
		panic("bug: roster core composed a record that is none: " + err.Error())
	case !changed:
		// Others have told meanwhile of a record of ours with this number, which this device
		// does not remember: say it again under the next one.
		c.asks = append([]ask{mk.ask}, c.asks...)
		return
	}
	c.byHand(mk.ask)
	c.dirty = true
	c.spread([]members.Record{mk.record}, c.cfg.Self)
	answer := Answered{Ticket: mk.ask.ticket, Role: mk.record.Role}
	if mk.ask.end {
		answer.Role = mk.before
	}
	c.later(answer)
}

// byHand notes what a person wants for as long as the map does not mention the device.
func (c *Core) byHand(a ask) {
	if a.end {
		delete(c.hand, a.device)
	} else {
		c.hand[a.device] = true
	}
}

// shareByHand is what a device can do that is no owner: exchange the folder with whom an
// owner has let in, with anybody while no owner is known, and, where it may write itself,
// with a guest for whom it answers.
func (c *Core) shareByHand(a ask, was members.Role) (members.Role, Problem) {
	own := c.stood.Own
	mentioned := c.m.Mentions(a.device)
	switch {
	case !c.m.Known() && a.role != members.None && a.role != members.Writer:
		return members.None, NoOwner
	case mentioned && a.role != members.None && a.role != was,
		!mentioned && c.m.Known() && a.role != members.None:
		return members.None, NotOwner
	case mentioned && was == members.None:
		return members.None, Ended
	case !mentioned && !own.MayWrite():
		return members.None, NotOwner
	}
	c.hand[a.device] = true
	if mentioned {
		return was, Fine
	}
	return members.Writer, Fine
}

// endByHand takes back what was said by hand. What an owner said stays.
func (c *Core) endByHand(a ask, was members.Role) Problem {
	switch {
	case c.m.Mentions(a.device) && was != members.None:
		return NotOwner
	case !c.hand[a.device]:
		return NotShared
	}
	delete(c.hand, a.device)
	return Fine
}
