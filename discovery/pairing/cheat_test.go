package pairing

import (
	"fmt"
	"github.com/shoal-sync/shoal/internal/caller"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// cheat is a stranger with a key of his own, who says what he likes to one device.
type cheat struct {
	d     *device
	id    ident.DeviceID
	m     MeetingID
	nonce [nonceSize]byte
}

var binding = [32]byte{'c'}

// meets begins a conversation: called by the device if ticket is not zero.
func meets(d *device, ticket step.Ticket) *cheat {
	c := &cheat{d: d, id: ident.DeviceID{66}, m: 5000 + MeetingID(len(d.meetings))}
	d.hear(Met{ticket, c.m, c.id, addr("10.0.0.66:5"), false, binding, d.w.chance()})
	return c
}

func (c *cheat) says(messages ...Message) {
	for _, m := range messages {
		c.d.hear(Heard{c.m, m})
	}
}

func (c *cheat) commit() [32]byte { return commitment(c.nonce, c.id, binding) }

// TestOneYesIsNotEnough: whoever says that all is agreed before the person here has said
// yes gets nothing.
func TestOneYesIsNotEnough(t *testing.T) {
	w := newWorld(t, "laptop")
	d := w.devices[0]
	c := meets(d, 0)
	c.says(Ask{"x", c.commit(), nil}, Reveal{c.nonce}, Terms{Card: Card{Name: "x"}})
	if len(d.asked) != 1 {
		t.Fatalf("asked %v", d.asked)
	}
	c.says(Linked{})
	if len(d.saved) > 0 || len(d.asked) > 0 {
		t.Errorf("who asked is trusted: %v, still asks: %v", d.saved, d.asked)
	}

	w = newWorld(t, "laptop")
	d = w.devices[0]
	effects := d.Handle(w.now, Picked{Ticket: 2, Device: ident.DeviceID{66}, Name: "x", Addrs: []netip.AddrPort{addr("10.0.0.66:5")}, Lasts: time.Minute})
	c = meets(d, effects[0].(Meet).Ticket)
	c.says(Answered{"x", c.commit()}, Reveal{c.nonce})
	if _, asked := d.newest(2).(Question); !asked {
		t.Fatalf("asked %v", d.newest(2))
	}
	c.says(Agree{Card: Card{Name: "x"}})
	d.ended(2, Lost)
	if len(d.saved) > 0 {
		t.Errorf("who was picked is trusted: %v", d.saved)
	}
	d.quiet()
}

// TestWhatIsSealedStaysSealed: once there is a key, nothing is taken without it.
func TestWhatIsSealedStaysSealed(t *testing.T) {
	w := newWorld(t, "laptop", "desktop")
	a, b := w.devices[0], w.devices[1]
	invites(b)
	w.between = func(from *device, m Message) Message {
		if _, sealed := m.(Sealed); sealed && from == b {
			return Terms{Card: Card{Name: "forged"}}
		}
		return m
	}
	enters(a, code)
	a.ended(2, Lost)
	b.ended(1, Lost)
	if len(a.saved)+len(b.saved) > 0 {
		t.Error("somebody is trusted")
	}
}

func TestConversationsAreBounded(t *testing.T) {
	w := newWorld(t, "laptop")
	d := w.devices[0]
	for i := range 100 {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / 10), 1}), 5)
		if i%2 == 0 { // one computer with many addresses
			at = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 8: byte(i)}), 5)
		}
		d.hear(Met{0, 1000 + MeetingID(i), ident.DeviceID{byte(i)}, at, false, binding, w.chance()})
		perSource := 0
		for _, m := range d.meetings {
			if caller.Source(m.addr.Addr()) == caller.Source(at.Addr()) {
				perSource++
			}
		}
		if len(d.meetings) > meetingsMax || perSource > perSourceMax {
			t.Fatalf("%d conversations, %d with one address", len(d.meetings), perSource)
		}
	}
	w.wait(time.Minute)
	d.quiet()
}

// TestStoppedAtTheLastMoment: what is being recorded already is recorded on both sides.
func TestStoppedAtTheLastMoment(t *testing.T) {
	w := newWorld(t, "laptop", "desktop")
	a, b := w.devices[0], w.devices[1]
	b.slow = true
	invites(b)
	enters(a, code)
	a.hear(PersonAnswered{Ticket: 2, Device: b.id, Yes: true})
	b.hear(Withdrawn{1})
	w.wait(10 * time.Second)
	b.hear(Saved{Meeting: b.saved[0].Meeting})
	if _, done := a.newest(2).(Done); !done || len(a.saved) != 1 {
		t.Errorf("it ended as %+v", a.newest(2))
	}
	w.wait(time.Hour)
	a.quiet()
	b.quiet()
}

// TestCallingOneself: an address may lead back here.
func TestCallingOneself(t *testing.T) {
	w := newWorld(t, "laptop")
	d := w.devices[0]
	d.hear(Entered{2, Entry{Code: code}, addrs(d), time.Minute})
	d.ended(2, Failed)
	w.wait(time.Minute)
	d.quiet()
}

// TestWordsBelongToOneChannel: not to the nonces and keys alone.
func TestWordsBelongToOneChannel(t *testing.T) {
	m := &meeting{device: ident.DeviceID{2}, dialed: true, binding: [32]byte{1}}
	o := *m
	o.binding[0]++
	self, one, two := ident.DeviceID{1}, [nonceSize]byte{1}, [nonceSize]byte{2}
	if wordsFor(m, self, one, two) == wordsFor(&o, self, one, two) {
		t.Error("two channels give the same words")
	}
	there := &meeting{device: self, binding: m.binding}
	if wordsFor(m, self, one, two) != wordsFor(there, m.device, two, one) {
		t.Error("the two ends of one channel give different words")
	}
}

// chance is a world in which people and network do anything in any order.
type chance struct {
	*world
	*rand.Rand
	ticket step.Ticket
	yes    map[string]bool // "who whom": what the people said
	showed map[*device]bool
	asks   []asked
}

// asked is a ticket whose person may be asked.
type asked struct {
	d      *device
	ticket step.Ticket
}

// something lets one thing happen.
func (c *chance) something() {
	d, o := c.devices[c.IntN(3)], c.devices[c.IntN(3)]
	c.ticket++
	switch c.IntN(8) {
	case 0:
		drawn := Code{Slot: 1000 + uint16(c.ticket), Words: [2]uint16{uint16(c.ticket), 5}}
		c.showed[d] = true
		d.hear(Invited{c.ticket, drawn, [16]byte{byte(c.ticket)}, []Offer{work}, time.Minute})
	case 1, 2:
		// Now and then it is mistyped.
		typed := Code{Slot: o.shows.Slot, Words: [2]uint16{(o.shows.Slot + 1048) % 2048, uint16(5 + c.IntN(5)/4)}}
		d.hear(Entered{c.ticket, Entry{Code: typed}, nil, time.Minute})
		c.announce()
		c.wait(time.Second)
		c.asks = append(c.asks, asked{d, c.ticket})
	case 3:
		d.hear(Picked{c.ticket, o.id, o.name, addrs(o), nil, time.Minute})
		c.asks = append(c.asks, asked{d, c.ticket})
	case 4, 5:
		c.sayYes(d)
	case 6:
		c.wait(time.Duration(c.IntN(40)) * time.Second)
	case 7:
		if m := oldest(d.ends); m != 0 && c.IntN(2) == 0 {
			c.cut(d, m)
			c.settle()
		} else {
			d.hear(Withdrawn{c.ticket - step.Ticket(c.IntN(5))})
		}
	}
}

// sayYes lets the person at a device say yes to what is asked there.
func (c *chance) sayYes(d *device) {
	for _, a := range slices.Clone(d.asked) {
		c.ticket++
		c.yes[fmt.Sprint(d.name, a.Device)] = true
		d.hear(PersonAnswered{Ticket: c.ticket, Device: a.Device, Words: a.Words, Yes: true})
	}
	for _, a := range c.asks {
		if q, is := d.newest(a.ticket).(Question); is && a.d == d {
			c.yes[fmt.Sprint(d.name, q.Device)] = true
			d.hear(PersonAnswered{Ticket: a.ticket, Device: q.Device, Yes: true})
			return
		}
	}
}

func oldest(ends map[MeetingID]end) (least MeetingID) {
	for m := range ends {
		if least == 0 || m < least {
			least = m
		}
	}
	return least
}

// TestAnything holds what follows against what the people said, and looks for what is left
// behind.
func TestAnything(t *testing.T) {
	done := 0
	for seed := range uint64(300) {
		c := &chance{world: newWorld(t, "a", "b", "c"), Rand: rand.New(rand.NewPCG(seed, 1)), ticket: 10,
			yes: map[string]bool{}, showed: map[*device]bool{}}
		c.between = func(_ *device, m Message) Message {
			if c.IntN(40) == 0 {
				return nil
			}
			return m
		}
		for range 60 {
			c.something()
		}
		c.between = nil
		c.wait(3 * time.Hour)
		for _, d := range c.devices {
			d.quiet()
			for _, s := range d.saved {
				done++
				if !c.yes[fmt.Sprint(d.name, s.Device)] && !c.showed[d] || s.Device == d.id {
					t.Errorf("seed %d: %s trusts %s without a yes", seed, d.name, s.Device.Short())
				}
			}
			for ticket, news := range d.news {
				ends := 0
				for _, n := range news {
					switch n.(type) {
					case Done, Ended:
						ends++
					}
				}
				if ends > 1 {
					t.Errorf("seed %d: %s, ticket %d ended %d times", seed, d.name, ticket, ends)
				}
			}
		}
		if t.Failed() {
			return
		}
	}
	if done < 300 {
		t.Errorf("only %d devices were linked: the worlds prove little", done)
	}
}
