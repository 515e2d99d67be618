package pairing

import (
	"net/netip"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// deal is the end of every conversation: who offers says its terms, the other one agrees,
// both record. Who shows a code offers; so does who asks a device nearby.
type deal struct {
	offering bool
	offers   []Offer // ours, while offering
	terms    *Terms  // theirs, once they have come
	yes      bool    // the person here has said yes
	places   []Place // what that person takes
	agreed   bool    // Agree is sent: only Linked is missing

	card  Card
	given []Offer
	taken []Taken
}

// offer says this device's terms: its person has said yes.
func (c *Core) offer(m *meeting) {
	m.deal.offering, m.deal.yes = true, true
	c.say(m, Terms{c.card, m.deal.offers}, dealing)
	m.until = c.now.Add(personTime)
}

// dealt takes in what the other side says about the deal.
func (c *Core) dealt(m *meeting, message Message) {
	d := &m.deal
	switch message := message.(type) {
	case Terms:
		if m.stage != dealing || d.offering || d.terms != nil {
			break
		}
		d.terms = &message
		m.name = message.Card.Name
		m.until = c.now.Add(personTime)
		switch {
		case d.yes:
			c.agree(m)
		case m.words == "" && m.try != nil:
			c.tell(m.try, Question{m.device, m.name, "", message.Offers})
		}
		return
	case Agree:
		if m.stage != dealing || !d.offering { // who offers has said yes
			break
		}
		m.name, d.card = message.Card.Name, message.Card
		for _, o := range d.offers {
			if slices.Contains(message.Taken, o.Folder) {
				d.given = append(d.given, o)
			}
		}
		c.save(m)
		return
	case Linked:
		if m.stage != dealing || !d.agreed {
			break
		}
		d.card = d.terms.Card
		c.save(m)
		return
	case Refuse:
		c.refused(m, message.Reason)
		return
	}
	c.broken(m)
}

// agree takes the other side's terms.
func (c *Core) agree(m *meeting) {
	d := &m.deal
	var ids []ident.FolderID
	for _, o := range d.terms.Offers {
		at := slices.IndexFunc(d.places, func(p Place) bool { return p.Folder == o.Folder })
		if at >= 0 && !slices.Contains(ids, o.Folder) {
			ids = append(ids, o.Folder)
			d.taken = append(d.taken, Taken{o, d.places[at].Path})
		}
	}
	c.say(m, Agree{c.card, ids}, dealing)
	d.agreed = true
}

// answered takes in what the person here said.
func (c *Core) answered(e PersonAnswered) {
	t := c.tryOf(e.Ticket)
	var m *meeting
	if t != nil {
		m = t.meeting
	} else if m = c.askOf(e.Device); m != nil && e.Yes && e.Words != m.words {
		t = c.begin(&try{ticket: e.Ticket}, personTime)
		c.end(t, Failed, "not linked: the device asks anew, with other words: look at them again")
		return
	} else if m != nil {
		t = c.begin(&try{ticket: e.Ticket, meeting: m}, personTime)
		m.try = t
		m.asked = false
		c.out = append(c.out, AskedNoMore{m.device})
	}
	if m == nil || m.stage != dealing || m.deal.yes {
		if t == nil {
			t = c.begin(&try{ticket: e.Ticket}, personTime)
			c.end(t, Failed, "no such device asks to be linked any more")
		}
		return
	}
	if !e.Yes {
		if !m.dialed {
			c.asks.refuse(c.now, m)
		}
		c.end(t, Refused, "not linked")
		return
	}
	d := &m.deal
	d.places = e.Places
	switch {
	case m.dialed && m.words != "":
		c.offer(m)
	case d.terms != nil:
		d.yes = true
		c.agree(m)
		return
	default:
		d.yes = true
		m.until = c.now.Add(personTime)
	}
	c.tell(t, Waiting{m.device, m.name})
}

func (c *Core) save(m *meeting) {
	d := &m.deal
	m.stage, m.until = saving, step.Never // Saved comes for certain
	c.out = append(c.out, Save{
		Meeting: m.id, Device: m.device, Card: d.card, Addr: m.listens(), Given: d.given, Taken: d.taken,
	})
}

// listens is where the other device takes links, as far as this conversation shows.
func (m *meeting) listens() netip.AddrPort {
	switch {
	case m.far:
		return netip.AddrPort{}
	case m.dialed:
		return m.addr
	case m.deal.card.Port == 0:
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(m.addr.Addr(), m.deal.card.Port)
}

// saved ends the conversation: this device trusts the other one now.
func (c *Core) saved(m *meeting, problem string) {
	if m.stage != saving {
		return
	}
	d := &m.deal
	t := m.try
	m.try = nil
	if problem == "" && d.offering {
		c.say(m, Linked{}, saving)
	} else if problem != "" && d.offering {
		c.refuse(m, NotSaved)
	}
	c.part(m)
	if t == nil {
		return
	}
	t.meeting = nil
	switch {
	case problem == "":
		c.tell(t, Done{m.device, m.name, d.given, d.taken})
		c.drop(t, Declined)
	case d.offering:
		c.end(t, Failed, problem)
	default:
		c.end(t, Failed, "the other device trusts this one now, but here it failed: "+problem)
	}
}
