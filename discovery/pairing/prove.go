package pairing

import (
	"fmt"
	"slices"

	"github.com/shoal-sync/shoal/discovery/pake"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const usedAlready = "this code was used here already, and works once: ask for a new one"

// invite shows a code. There is one at a time: a person reads out what is on the screen.
func (c *Core) invite(e Invited) {
	for _, t := range slices.Clone(c.tries) {
		if t.invite != nil {
			c.end(t, Failed, "another code was asked for on this device: this one is dead now")
		}
	}
	c.begin(&try{
		ticket: e.Ticket, offers: e.Offers, invite: &invite{code: e.Code, secret: e.Secret},
	}, e.Lasts)
}

// enter looks for the device that shows what a person entered.
func (c *Core) enter(e Entered) {
	t := c.begin(&try{ticket: e.Ticket, entry: &e.Entry}, e.Lasts)
	t.looking = c.now.Add(lookingAfter)
	own := slices.IndexFunc(c.tries, func(o *try) bool { return o.invite != nil })
	switch {
	case e.Entry.Link != nil && e.Entry.Link.Device == c.self:
		c.end(t, Failed, "this link is of this device itself: open it on the other one")
		return
	case e.Entry.Link == nil && own >= 0 && c.tries[own].invite.code == e.Entry.Code:
		c.end(t, Failed, "this code is shown by this device itself: enter it on the other one")
		return
	case e.Entry.Link == nil && slices.Contains(c.proven, string(e.Entry.secret())):
		c.end(t, Wrong, usedAlready)
		return
	}
	addrs := e.Addrs
	if e.Entry.Link != nil && len(addrs) == 0 {
		addrs = e.Entry.Link.Addrs
	}
	for _, a := range addrs {
		t.places = append(t.places, place{addr: a})
	}
	if len(t.places) > 0 {
		c.dial(t)
	}
}

// placeHeard notes where a device may be that shows what somebody entered.
func (c *Core) placeHeard(e PlaceHeard) {
	for _, t := range slices.Clone(c.tries) {
		if t.entry == nil || t.meeting != nil || e.Slot != t.entry.Slot() || e.Device == c.self ||
			len(t.places) >= placesMax ||
			slices.ContainsFunc(t.places, func(p place) bool { return p.addr == e.Addr && p.via == e.Via }) {
			continue
		}
		link := t.entry.Link
		p := place{e.Device, e.Name, e.Addr, e.Via}
		switch {
		case link != nil && !e.Device.IsZero() && e.Device != link.Device:
		case link != nil:
			t.places = append(t.places, p)
			c.meet(t, p, link.Device)
		case !t.dialed:
			t.places = append(t.places, p)
			t.gather = min(t.gather, c.now.Add(gatherTime))
		}
	}
}

// dial calls every place of a try at once; the first that answers is the one.
func (c *Core) dial(t *try) {
	var want ident.DeviceID
	switch {
	case t.entry != nil && t.entry.Link != nil:
		want = t.entry.Link.Device
	case t.picked != nil:
		want = t.picked.Device
	}
	// What is on this very network is meant rather than what says the same number far away.
	if near := slices.DeleteFunc(slices.Clone(t.places), func(p place) bool { return p.via != 0 }); len(near) > 0 {
		t.places = near
	}
	for _, p := range t.places {
		if p.device != t.places[0].device {
			c.end(t, Failed, fmt.Sprintf("two devices show the number %04d: ask for a new code, or use the link",
				t.entry.Slot()))
			return
		}
	}
	for _, p := range t.places {
		c.meet(t, p, want)
	}
}

func (c *Core) meet(t *try, p place, want ident.DeviceID) {
	c.tickets++
	t.dialed = true
	t.meets = append(t.meets, c.tickets)
	meet := Meet{Ticket: c.tickets, Device: want, Addr: p.addr, Via: p.via}
	if p.via != 0 {
		meet.Slot = t.entry.Slot()
	}
	c.out = append(c.out, meet)
}

func (c *Core) meetFailed(e MeetFailed) {
	at := slices.IndexFunc(c.tries, func(t *try) bool { return slices.Contains(t.meets, e.Ticket) })
	if at < 0 {
		return
	}
	t := c.tries[at]
	t.meets = slices.DeleteFunc(t.meets, func(o step.Ticket) bool { return o == e.Ticket })
	t.reason = e.Reason
	// The device of a link may still turn up on the local network.
	if isLink := t.entry != nil && t.entry.Link != nil; len(t.meets) == 0 && t.meeting == nil && !isLink {
		c.end(t, Lost, "the other device was found, but cannot be reached: "+e.Reason)
	}
}

// beginProof sends this device's share: it dialed, and its person entered something.
func (c *Core) beginProof(m *meeting, t *try) {
	begin := Begin{By: byCode, Slot: t.entry.Slot()}
	if t.entry.Link != nil {
		begin.By = byLink
	}
	m.run = c.run(m, t.entry.secret())
	begin.Share = [pake.ShareSize]byte(m.run.Share())
	c.say(m, begin, begun)
}

// run starts the PAKE. Who dialed comes first, on both sides.
func (c *Core) run(m *meeting, secret []byte) *pake.Run {
	parties := append(append([]byte(nil), c.self[:]...), m.device[:]...)
	if !m.dialed {
		parties = append(append([]byte(nil), m.device[:]...), c.self[:]...)
	}
	run, err := pake.Start(m.dialed, secret, pake.Context{
		Parties: parties, Channel: m.binding[:],
	}, m.chance[:])
	if err != nil {
		panic("bug: the chance of a meeting is too short: " + err.Error())
	}
	return run
}

// begunBy answers a device that says it knows the code: this one shows it.
func (c *Core) begunBy(m *meeting, begin Begin) {
	at := slices.IndexFunc(c.tries, func(t *try) bool {
		return t.invite != nil && t.meeting == nil && t.invite.code.Slot == begin.Slot
	})
	if at < 0 || begin.By != byCode && begin.By != byLink {
		c.refuse(m, NoInvitation)
		c.part(m)
		return
	}
	t := c.tries[at]
	if t.invite.begun++; t.invite.begun > begunMax {
		c.end(t, Failed, "too many devices called for this code and proved nothing: somebody disturbs; "+
			"the code is dead now")
		return
	}
	secret := t.invite.code.secret()
	if begin.By == byLink {
		secret = t.invite.secret[:]
	}
	m.try, m.run = t, c.run(m, secret)
	key, err := m.run.Finish(begin.Share[:])
	if err != nil {
		c.broken(m)
		return
	}
	m.key = key
	c.say(m, Share{[pake.ShareSize]byte(m.run.Share())}, shareSent)
}

// prove sends the one proof that this device gives for a code. Another try of the same code
// may have given it since this one began.
func (c *Core) prove(m *meeting, share Share) {
	if e := m.try.entry; e.Link == nil && slices.Contains(c.proven, string(e.secret())) {
		c.end(m.try, Wrong, usedAlready)
		return
	}
	key, err := m.run.Finish(share.Share[:])
	if err != nil {
		c.broken(m)
		return
	}
	m.key = key
	if e := m.try.entry; e.Link == nil {
		c.proven = append(c.proven, string(e.secret()))
		c.proven = c.proven[max(0, len(c.proven)-provenMax):]
	}
	c.say(m, Proof{[pake.TagSize]byte(key.Proof())}, proofSent)
}

// proofCame checks the proof of who entered the code: a wrong one is the one guess there
// is, and the code dies of it.
func (c *Core) proofCame(m *meeting, proof Proof) {
	t := m.try
	if t == nil || t.meeting != nil {
		c.refuse(m, NoInvitation)
		c.part(m)
		return
	}
	if !m.key.Proves(proof.Proof[:]) {
		m.try = nil
		c.refuse(m, WrongProof)
		c.part(m)
		from := "at " + m.addr.Addr().String()
		if m.far {
			from = "far away, through the rendezvous,"
		}
		c.end(t, Wrong, fmt.Sprintf("somebody %s tried with wrong words: this code is dead now. "+
			"Was it not you mistyping it, then somebody wants in", from))
		return
	}
	t.meeting = m
	for _, o := range slices.Clone(c.meetings) {
		if o.try == t && o != m {
			o.try = nil
			c.refuse(o, NoInvitation)
			c.part(o)
		}
	}
	c.say(m, Proof{[pake.TagSize]byte(m.key.Proof())}, dealing)
	m.seal = newSeal(m.key, false)
	m.deal.offers = t.offers
	c.offer(m)
}

// proofAnswered checks the proof of who shows the code.
func (c *Core) proofAnswered(m *meeting, proof Proof) {
	if !m.key.Proves(proof.Proof[:]) {
		t := m.try
		m.try, t.meeting = nil, nil
		c.refuse(m, WrongProof)
		c.part(m)
		c.end(t, Wrong, "what answered does not know this code, although it showed its number: "+
			"somebody may want in; ask for a new code")
		return
	}
	m.seal = newSeal(m.key, true)
	m.stage, m.until = dealing, c.now.Add(sayTime)
}
