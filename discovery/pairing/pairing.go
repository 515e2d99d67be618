// Package pairing links two devices: invitation, proof, approval by both people, and then
// a trusted device.
//
// It knows codes, links, the words to compare, the conversation of two devices that link,
// and its messages. It opens no connection, looks at no network, keeps no settings, and
// draws no secret: the host tells it that a conversation has begun (Met), carries its
// messages, and hands in everything random. The node calls it.
//
// There are three ways to link, with one end. Whoever dials is A, the other is B:
//
//	code, link           B shows a code and a link with the same slot
//	  A: Begin  →          A's share of the PAKE; nothing can be learnt from it
//	     ←  B: Share       B's share; the same
//	  A: Proof  →          from here on a wrong guess is known to be wrong, by both
//	     ←  B: Proof       everything that follows is sealed with the key
//	     ←  B: Terms       who B is and what it offers
//	nearby               A's person picked B; both are sure of nothing yet
//	  A: Ask  →            A commits to a nonce
//	     ←  B: Answered    B commits to one
//	  A: Reveal  →  ← B: Reveal    both screens show the same words, made of both nonces,
//	                       both keys and the channel
//	  A: Terms  →          A's person has said that the words are the same
//	then, whoever got the Terms
//	  Agree  →             the person there said yes, too
//	  ← Linked             recorded there; now it is recorded here
//
// The secret of a code has 22 bits. It enters only the PAKE, together with both device
// keys and a value that belongs to this one TLS channel. Somebody who controls the whole
// network and ends both channels himself can make one guess against the device that
// shows the code, by a Proof, and one against the person who types it: a wrong Proof
// kills the code and the person is told; a device proves a code that was typed once and
// never again. Shares and connections that break before a Proof tell him nothing, so
// they cost the people nothing.
package pairing

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// meetingsMax bounds the conversations at once; a person has one.
	meetingsMax = 16
	// perSourceMax leaves room for others when one source does nothing but call.
	perSourceMax = 4
	// sayTime is how long a device may take for the next message that needs no person.
	sayTime = 15 * time.Second
	// personTime is how long a person may take for a yes.
	personTime = 5 * time.Minute
	// gatherTime is how long answers are gathered after the first one: two devices with
	// the same slot are noticed before either of them gets a proof.
	gatherTime = 500 * time.Millisecond
	// lookingAfter is when a person is told that nothing was found yet.
	lookingAfter = 4 * time.Second
	// placesMax bounds the addresses tried for one code or link.
	placesMax = 16
	// begunMax is how many conversations may begin for one code and come to no proof.
	// They tell nothing; so many come only from somebody who wants to disturb.
	begunMax = 50
	// provenMax is how many codes are remembered that were typed here and proven.
	provenMax = 32
)

// Core is the machine.
type Core struct {
	self     ident.DeviceID
	card     Card
	tries    []*try // in the order in which people began them
	meetings []*meeting
	asks     asks
	proven   []string // secrets of codes that this device has given a proof for
	tickets  step.Ticket
	shown    Show
	seeking  bool
	now      step.Instant
	out      []Effect
}

// try is what one person began: to show a code, to enter one, or to ask a device nearby.
type try struct {
	ticket step.Ticket
	until  step.Instant
	offers []Offer
	invite *invite
	entry  *Entry
	picked *Picked

	// Of who dials.
	places  []place
	meets   []step.Ticket // not answered yet
	dialed  bool
	gather  step.Instant // when to dial what was gathered; Never before
	looking step.Instant // when to say that nothing was found
	reason  string       // why the last Meet failed
	meeting *meeting     // the one that goes on
}

// invite is a code that is shown.
type invite struct {
	code   Code
	secret [16]byte
	begun  int
}

type place struct {
	device ident.DeviceID
	name   string
	addr   netip.AddrPort
	via    uint32
}

// New returns a core of the device with the given id.
func New(self ident.DeviceID) *Core { return &Core{self: self} }

// Handle takes in what happened.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	c.now, c.out = now, c.out[:0]
	switch e := event.(type) {
	case Introduced:
		c.card = e.Card
	case Invited:
		c.invite(e)
	case Entered:
		c.enter(e)
	case Picked:
		c.pick(e)
	case PlaceHeard:
		c.placeHeard(e)
	case Met:
		c.met(e)
	case MeetFailed:
		c.meetFailed(e)
	case Heard:
		if m := c.meeting(e.Meeting); m != nil {
			c.heard(m, e.Message)
		}
	case MeetingLost:
		if m := c.meeting(e.Meeting); m != nil {
			c.lose(m, "the other device went away: "+e.Reason)
		}
	case PersonAnswered:
		c.answered(e)
	case Saved:
		if m := c.meeting(e.Meeting); m != nil {
			c.saved(m, e.Problem)
		}
	case Withdrawn:
		if t := c.tryOf(e.Ticket); t != nil {
			c.drop(t, Declined)
		}
	}
	c.appear()
	return c.out
}

// Tick ends what has taken too long.
func (c *Core) Tick(now step.Instant) []Effect {
	c.now, c.out = now, c.out[:0]
	for _, m := range slices.Clone(c.meetings) {
		if m.until <= now && c.meeting(m.id) != nil {
			c.refuse(m, Declined)
			c.lose(m, "the other device did not answer in time")
		}
	}
	for _, t := range slices.Clone(c.tries) {
		c.tickTry(t)
	}
	c.appear()
	return c.out
}

func (c *Core) tickTry(t *try) {
	if t.meeting == nil && t.until <= c.now {
		c.expire(t)
		return
	}
	if t.looking <= c.now {
		t.looking = step.Never
		if len(t.places) == 0 {
			c.tell(t, Looking{})
		}
	}
	if t.gather <= c.now {
		t.gather = step.Never
		c.dial(t)
	}
}

// Deadline is when Tick wants to be called next.
func (c *Core) Deadline() step.Instant {
	at := step.Never
	for _, m := range c.meetings {
		at = min(at, m.until)
	}
	for _, t := range c.tries {
		at = min(at, t.looking, t.gather)
		if t.meeting == nil {
			at = min(at, t.until)
		}
	}
	return at
}

// begin enters a new try.
func (c *Core) begin(t *try, lasts time.Duration) *try {
	t.until, t.gather, t.looking = c.now.Add(lasts), step.Never, step.Never
	c.tries = append(c.tries, t)
	return t
}

func (c *Core) tryOf(ticket step.Ticket) *try {
	at := slices.IndexFunc(c.tries, func(t *try) bool { return t.ticket == ticket })
	if at < 0 {
		return nil
	}
	return c.tries[at]
}

func (c *Core) tell(t *try, news News) { c.out = append(c.out, Tell{t.ticket, news}) }

// end tells the person how it ended and forgets the try.
func (c *Core) end(t *try, why EndReason, text string) {
	c.tell(t, Ended{why, text})
	c.drop(t, Declined)
}

// drop forgets a try, and ends its meeting with a reason if it has one.
func (c *Core) drop(t *try, reason RefuseReason) {
	c.tries = slices.DeleteFunc(c.tries, func(o *try) bool { return o == t })
	if m := t.meeting; m != nil {
		t.meeting, m.try = nil, nil
		if m.stage != saving { // what both have agreed on is not taken back half way
			c.refuse(m, reason)
			c.part(m)
		}
	}
	for _, m := range slices.Clone(c.meetings) {
		if m.try == t { // it has begun, and proven nothing
			m.try = nil
			c.refuse(m, NoInvitation)
			c.part(m)
		}
	}
}

func (c *Core) expire(t *try) {
	switch {
	case t.invite != nil:
		c.end(t, Expired, "nobody used the code in time: it is dead now, run `shoal link` for a new one")
	case t.dialed:
		c.end(t, Lost, cmp.Or(t.reason, "the other device was found but does not answer"))
	case t.entry != nil:
		c.end(t, NotFound, "no device was found that shows this code")
	default:
		c.end(t, NotFound, "that device does not answer")
	}
}

// appear orders visibility and seeking as the tries need them, when that has changed.
func (c *Core) appear() {
	var show Show
	seek := false
	for _, t := range c.tries {
		switch {
		case t.invite != nil:
			show = Show{Visible: true, Slot: t.invite.code.Slot}
		case t.entry != nil && t.meeting == nil && (!t.dialed || t.entry.Link != nil):
			seek = true
		}
	}
	if show != c.shown {
		c.shown = show
		c.out = append(c.out, show)
	}
	if seek != c.seeking {
		c.seeking = seek
		c.out = append(c.out, Seek{seek})
	}
}
