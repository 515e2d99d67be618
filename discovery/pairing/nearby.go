package pairing

import (
	"crypto/sha256"
	"crypto/subtle"
	"github.com/shoal-sync/shoal/internal/caller"
	"net/netip"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// pendingMax is how many devices may ask at once: a person compares words with one.
	pendingMax = 4
	// pendingFrom of them may come from one source: no single caller keeps others from being
	// shown.
	pendingFrom = 2
	// asksMax requests are let through within asksIn, whoever they come from: linking is
	// rare, and each of them asks for a person's attention.
	asksMax = 12
	asksIn  = 10 * time.Minute
	// asksFrom of them may come from one source, so that no single caller uses up what is
	// let through from everybody.
	asksFrom = 4
	// refusedFor is how long a device, and the address it called from, is not heard again
	// after a person said no.
	refusedFor  = 10 * time.Minute
	refusalsMax = 64
)

// asks bounds what strangers may ask of the person here.
type asks struct {
	through  []through // requests let through
	refusals []refusal // newest last
}

type through struct {
	at   step.Instant
	from netip.Addr // see Source
}

type refusal struct {
	device ident.DeviceID
	addr   netip.Addr
	until  step.Instant
}

// admit reports whether a request is brought before the person.
func (a *asks) admit(now step.Instant, m *meeting) bool {
	a.through = slices.DeleteFunc(a.through, func(t through) bool { return t.at.Add(asksIn) <= now })
	a.refusals = slices.DeleteFunc(a.refusals, func(r refusal) bool { return r.until <= now })
	source, same := caller.Source(m.addr.Addr()), 0
	for _, t := range a.through {
		if t.from == source {
			same++
		}
	}
	if len(a.through) >= asksMax || same >= asksFrom || slices.ContainsFunc(a.refusals, func(r refusal) bool {
		return r.device == m.device || r.addr == m.addr.Addr()
	}) {
		return false
	}
	a.through = append(a.through, through{now, source})
	return true
}

func (a *asks) refuse(now step.Instant, m *meeting) {
	a.refusals = append(a.refusals, refusal{m.device, m.addr.Addr(), now.Add(refusedFor)})
	a.refusals = a.refusals[max(0, len(a.refusals)-refusalsMax):]
}

// pick calls the device that the person here picked.
func (c *Core) pick(e Picked) {
	t := c.begin(&try{ticket: e.Ticket, picked: &e, offers: e.Offers}, e.Lasts)
	if e.Device == c.self {
		c.end(t, Failed, "that is this device itself: pick another one")
		return
	}
	for _, a := range e.Addrs[:min(len(e.Addrs), placesMax)] {
		t.places = append(t.places, place{device: e.Device, name: e.Name, addr: a})
	}
	if len(t.places) == 0 {
		c.end(t, NotFound, "no address of that device is known")
		return
	}
	c.dial(t)
}

// ask begins the conversation of who picked.
func (c *Core) ask(m *meeting, t *try) {
	m.name = t.picked.Name
	m.deal.offers = t.offers
	c.say(m, Ask{c.card.Name, c.commitment(m), t.offers}, askSent)
}

// nearby goes on with a conversation without a secret. It reports whether the message
// belonged there.
func (c *Core) nearby(m *meeting, message Message) bool {
	switch message := message.(type) {
	case Ask:
		if m.stage != fresh {
			return false
		}
		if c.crossed(m) {
			return true
		}
		pending, same := 0, 0
		for _, o := range c.meetings {
			if o == m || o.dialed || o.stage != askAnswered && o.words == "" {
				continue
			}
			if pending++; o.device == m.device {
				pending = pendingMax // it asks already
			}
			if caller.Source(o.addr.Addr()) == caller.Source(m.addr.Addr()) {
				same++
			}
		}
		if pending >= pendingMax || same >= pendingFrom || !c.asks.admit(c.now, m) {
			c.refuse(m, Busy)
			c.part(m)
			return true
		}
		m.name, m.commit, m.deal.offers = message.Name, message.Commit, message.Offers
		c.say(m, Answered{c.card.Name, c.commitment(m)}, askAnswered)
		return true
	case Answered:
		if m.stage != askSent {
			return false
		}
		m.name, m.commit = message.Name, message.Commit
		c.say(m, Reveal{m.nonce()}, revealed)
		return true
	case Reveal:
		return c.revealed(m, message)
	}
	return false
}

// crossed deals with two people who pick each other's device at once: the request of the
// lower id goes on, and both screens show its words. It reports whether the request that
// arrived here has to wait: nothing more comes of it, and it ends when the other side has
// seen ours.
func (c *Core) crossed(m *meeting) (waits bool) {
	at := slices.IndexFunc(c.tries, func(t *try) bool {
		return t.picked != nil && t.picked.Device == m.device && (t.meeting == nil || t.meeting.stage < dealing)
	})
	if at < 0 {
		return false
	}
	t := c.tries[at]
	switch {
	case slices.Compare(c.self[:], m.device[:]) < 0:
		return true
	case len(t.offers) > 0:
		c.end(t, Failed, "the other device picked this one at the same moment: say yes to it with "+
			"`shoal device approve`, and share folders afterwards")
		return false
	}
	if own := t.meeting; own != nil {
		own.try = nil
		c.part(own)
	}
	t.meets, t.meeting, m.try = nil, m, t
	return false
}

// revealed checks that the other side's nonce is the one it had committed to, so that
// nobody can choose it to make words that are alike.
func (c *Core) revealed(m *meeting, reveal Reveal) bool {
	if m.stage != askAnswered && m.stage != revealed {
		return false
	}
	want := commitment(reveal.Nonce, m.device, m.binding)
	if subtle.ConstantTimeCompare(want[:], m.commit[:]) != 1 {
		return false
	}
	mine := m.nonce()
	if !m.dialed {
		c.say(m, Reveal{mine}, dealing)
	}
	m.stage, m.until = dealing, c.now.Add(personTime)
	m.words = wordsFor(m, c.self, mine, reveal.Nonce)
	if m.dialed {
		c.tell(m.try, Question{m.device, m.name, m.words, nil})
		return true
	}
	offers := m.deal.offers
	m.deal.offers = nil // they are the other side's
	if m.try != nil {   // see crossed
		c.tell(m.try, Question{m.device, m.name, m.words, offers})
		return true
	}
	m.asked = true
	c.out = append(c.out, Asked{m.device, m.name, m.words, m.addr, offers, m.until})
	for _, t := range c.tries {
		if t.invite != nil { // somebody looks at that screen now
			c.tell(t, Asks{m.device, m.name, m.words})
		}
	}
	return true
}

// askOf is the conversation in which a device asks the person here.
func (c *Core) askOf(device ident.DeviceID) *meeting {
	at := slices.IndexFunc(c.meetings, func(m *meeting) bool { return m.device == device && m.asked })
	if at < 0 {
		return nil
	}
	return c.meetings[at]
}

func (m *meeting) nonce() (n [nonceSize]byte) {
	copy(n[:], m.chance[:])
	return n
}

func (c *Core) commitment(m *meeting) [32]byte { return commitment(m.nonce(), c.self, m.binding) }

// commitment binds a device to a nonce it does not show yet. It names the device, so that
// nobody can give it back as his own.
func commitment(nonce [nonceSize]byte, by ident.DeviceID, binding [32]byte) [32]byte {
	text := append([]byte("shoal link commitment 1\x00"), nonce[:]...)
	return sha256.Sum256(append(append(text, by[:]...), binding[:]...))
}

// wordsFor is what both screens show: the same words on both, and on no others.
func wordsFor(m *meeting, self ident.DeviceID, mine, theirs [nonceSize]byte) string {
	callerNonce, calledNonce, caller, called := mine, theirs, self, m.device
	if !m.dialed {
		callerNonce, calledNonce, caller, called = theirs, mine, m.device, self
	}
	text := append([]byte("shoal link words 1\x00"), callerNonce[:]...)
	text = append(append(append(text, calledNonce[:]...), caller[:]...), called[:]...)
	sum := sha256.Sum256(append(text, m.binding[:]...))
	return wordsOf(sum[:])
}
