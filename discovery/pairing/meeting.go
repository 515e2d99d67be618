package pairing

import (
	"github.com/shoal-sync/shoal/internal/caller"
	"net/netip"
	"slices"

	"github.com/shoal-sync/shoal/discovery/pake"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// meeting is one conversation.
type meeting struct {
	id      MeetingID
	device  ident.DeviceID
	addr    netip.AddrPort
	dialed  bool
	far     bool // through a rendezvous
	binding [32]byte
	chance  Chance
	stage   stage
	until   step.Instant
	try     *try // whose it is; nil while nobody knows
	name    string

	// Code and link.
	run  *pake.Run
	key  *pake.Key
	seal *seal

	// Nearby.
	commit [32]byte // theirs
	words  string
	asked  bool // Asked was ordered and not taken back

	deal deal
}

// stage is what a conversation waits for.
type stage uint8

const (
	fresh       stage = iota // B: the first message
	shareSent                // B: Proof
	begun                    // A: Share
	proofSent                // A: Proof
	termsComing              // A: Terms
	askSent                  // A: Answered
	askAnswered              // B: Reveal
	revealed                 // A: Reveal
	dealing                  // both: see deal
	saving                   // both: Saved
)

func (c *Core) meeting(id MeetingID) *meeting {
	at := slices.IndexFunc(c.meetings, func(m *meeting) bool { return m.id == id })
	if at < 0 {
		return nil
	}
	return c.meetings[at]
}

// met begins a conversation.
func (c *Core) met(e Met) {
	m := &meeting{
		id: e.Meeting, device: e.Device, addr: e.Addr, dialed: e.Ticket != 0,
		far: e.Far, binding: e.Binding, chance: e.Chance, until: c.now.Add(sayTime),
	}
	if m.dialed {
		c.metDialed(m, e.Ticket)
		return
	}
	from := 0
	for _, o := range c.meetings {
		if !o.dialed && caller.Source(o.addr.Addr()) == caller.Source(m.addr.Addr()) {
			from++
		}
	}
	if len(c.meetings) >= meetingsMax || from >= perSourceMax {
		c.refuse(m, Busy)
		c.out = append(c.out, Part{m.id})
		return
	}
	c.meetings = append(c.meetings, m)
}

// metDialed goes on with the first conversation that a try gets, and with no other.
func (c *Core) metDialed(m *meeting, ticket step.Ticket) {
	at := slices.IndexFunc(c.tries, func(t *try) bool { return slices.Contains(t.meets, ticket) })
	if at < 0 || c.tries[at].meeting != nil {
		c.out = append(c.out, Part{m.id})
		return
	}
	t := c.tries[at]
	t.meets = slices.DeleteFunc(t.meets, func(o step.Ticket) bool { return o == ticket })
	if m.device == c.self {
		c.out = append(c.out, Part{m.id})
		c.end(t, Failed, "that is this device itself: do this on the other one")
		return
	}
	c.meetings = append(c.meetings, m)
	t.meeting, m.try = m, t
	if t.entry != nil {
		c.beginProof(m, t)
	} else {
		c.ask(m, t)
	}
}

// heard goes on with a conversation. A message that does not belong there ends it.
func (c *Core) heard(m *meeting, message Message) {
	if m.stage == saving {
		return // nothing that is said now changes anything
	}
	switch message := message.(type) {
	case Refuse:
		c.refused(m, message.Reason)
		return
	case Sealed:
		inner, err := Message(nil), ErrMessage
		if m.seal != nil {
			inner, err = m.seal.open(message)
		}
		if err != nil {
			c.broken(m)
			return
		}
		c.dealt(m, inner)
		return
	case Begin:
		if m.stage == fresh {
			c.begunBy(m, message)
			return
		}
	case Share:
		if m.stage == begun {
			c.prove(m, message)
			return
		}
	case Proof:
		if m.stage == shareSent {
			c.proofCame(m, message)
			return
		}
		if m.stage == proofSent {
			c.proofAnswered(m, message)
			return
		}
	case Ask, Answered, Reveal:
		if c.nearby(m, message) {
			return
		}
	default:
		if m.stage == dealing && m.seal == nil {
			c.dealt(m, message)
			return
		}
	}
	c.broken(m)
}

// say sends a message, under the key when there is one, and waits for the next.
func (c *Core) say(m *meeting, message Message, next stage) {
	m.stage, m.until = next, c.now.Add(sayTime)
	if m.seal != nil {
		message = m.seal.close(message)
	}
	c.out = append(c.out, Send{m.id, message})
}

func (c *Core) refuse(m *meeting, reason RefuseReason) {
	c.out = append(c.out, Send{m.id, Refuse{reason}})
}

// part ends a conversation and forgets it.
func (c *Core) part(m *meeting) {
	if c.meeting(m.id) == nil {
		return
	}
	c.meetings = slices.DeleteFunc(c.meetings, func(o *meeting) bool { return o == m })
	c.out = append(c.out, Part{m.id})
	if m.asked {
		m.asked = false
		c.out = append(c.out, AskedNoMore{m.device})
	}
}

// broken ends a conversation whose other side does not keep to its rules.
func (c *Core) broken(m *meeting) {
	c.refuse(m, Broken)
	c.lose(m, "what answers there does not keep to the protocol of linking; perhaps one program is older")
}

// lose ends a conversation that broke off, and tells who waited for it.
func (c *Core) lose(m *meeting, why string) {
	if m.stage == saving {
		return // Saved comes, and ends it
	}
	t := m.try
	m.try = nil
	c.part(m)
	if t == nil || t.meeting != m {
		return // nothing was proven, and nobody waits for it
	}
	t.meeting = nil
	switch {
	case t.invite != nil:
		why += "; it knew the code, which is dead now: run `shoal link` for a new one"
	case m.deal.agreed:
		why += "; it may trust this device already: link again, that harms nothing"
	}
	c.end(t, Lost, why)
}

// refused is told why the other side ended a conversation.
func (c *Core) refused(m *meeting, reason RefuseReason) {
	t := m.try
	m.try = nil
	c.part(m)
	if t == nil || t.meeting != m {
		return
	}
	t.meeting = nil
	who := m.name
	if who == "" {
		who = "the other device"
	}
	switch reason {
	case NoInvitation:
		c.end(t, Expired, "the other device does not show this code any more: ask for a new one")
	case WrongProof:
		c.end(t, Wrong, "the words are not those on the other screen: this code is dead now, ask for a new one")
	case Busy:
		c.end(t, Failed, who+" is asked by too many devices at once: try again in a few minutes")
	case Declined:
		c.end(t, Refused, who+" said no, or stopped waiting")
	case NotSaved:
		c.end(t, Failed, who+" could not record this device; the reason is on its screen")
	default:
		c.end(t, Lost, who+" broke it off; perhaps one of the two programs is older")
	}
}
