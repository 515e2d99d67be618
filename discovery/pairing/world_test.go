package pairing

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

var _ step.Machine[Event, Effect] = (*Core)(nil)

// world is some devices, each with its core, and the network between them.
type world struct {
	t       *testing.T
	now     step.Instant
	devices []*device
	queue   []func()
	chances byte
	last    MeetingID
	bytes   []string // everything that was sent, by "name type"
	// between, when set, sees every message and may change it; nil swallows it.
	between func(from *device, m Message) Message
}

// device is one core and what it ordered.
type device struct {
	*Core
	w     *world
	id    ident.DeviceID
	name  string
	addr  netip.AddrPort
	ends  map[MeetingID]end // where a conversation's other end is
	news  map[step.Ticket][]News
	asked []Asked
	saved []Save
	shows Show
	seeks bool
	fail  string // what Save answers
	slow  bool   // Save is not answered: the test does it
}

type end struct {
	at      *device
	meeting MeetingID
}

var epoch = step.Instant(time.Hour)

func newWorld(t *testing.T, names ...string) *world {
	w := &world{t: t, now: epoch}
	for i, name := range names {
		d := &device{
			Core: New(ident.DeviceID{byte(i + 1)}), w: w, id: ident.DeviceID{byte(i + 1)}, name: name,
			addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 22100),
			ends: map[MeetingID]end{}, news: map[step.Ticket][]News{},
		}
		w.devices = append(w.devices, d)
		d.hear(Introduced{Card{Name: name, Port: 22100, Announce: [32]byte{byte(i + 1)}}})
	}
	return w
}

// hear hands an event to a device and lets everything that follows happen.
func (d *device) hear(e Event) {
	d.act(d.Handle(d.w.now, e))
	d.w.settle()
}

func (w *world) settle() {
	for len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		next()
	}
}

// wait lets time pass.
func (w *world) wait(d time.Duration) {
	for until := w.now.Add(d); ; {
		next := until
		for _, dev := range w.devices {
			next = min(next, max(dev.Deadline(), w.now))
		}
		w.now = next
		for _, dev := range w.devices {
			if dev.Deadline() <= w.now {
				dev.act(dev.Tick(w.now))
				if dev.Deadline() <= w.now {
					w.t.Fatalf("%s: the deadline does not move on", dev.name)
				}
			}
		}
		w.settle()
		if w.now == until {
			return
		}
	}
}

func (d *device) act(effects []Effect) {
	for _, f := range slices.Clone(effects) {
		if text := f.String(); text == "" {
			d.w.t.Fatal("an effect without a text")
		}
		switch f := f.(type) {
		case Show:
			d.shows = f
		case Seek:
			d.seeks = f.On
		case Meet:
			d.w.queue = append(d.w.queue, func() { d.w.connect(d, f) })
		case Send:
			d.w.queue = append(d.w.queue, func() { d.w.carry(d, f) })
		case Part:
			d.w.queue = append(d.w.queue, func() { d.w.cut(d, f.Meeting) })
		case Tell:
			d.news[f.Ticket] = append(d.news[f.Ticket], f.News)
		case Asked:
			d.asked = append(d.asked, f)
		case AskedNoMore:
			d.asked = slices.DeleteFunc(d.asked, func(a Asked) bool { return a.Device == f.Device })
		case Save:
			if d.fail == "" {
				d.saved = append(d.saved, f)
			}
			if !d.slow {
				d.w.queue = append(d.w.queue, func() { d.act(d.Handle(d.w.now, Saved{f.Meeting, d.fail})) })
			}
		}
	}
}

// connect makes a channel to whoever lives at an address.
func (w *world) connect(from *device, f Meet) {
	at := slices.IndexFunc(w.devices, func(d *device) bool { return d.addr == f.Addr })
	if at < 0 || !f.Device.IsZero() && w.devices[at].id != f.Device {
		from.act(from.Handle(w.now, MeetFailed{f.Ticket, "nobody is there"}))
		return
	}
	w.join(from, w.devices[at], f.Ticket)
}

// join makes a channel; both ends have its binding in common.
func (w *world) join(from, to *device, ticket step.Ticket) (a, b MeetingID) {
	a, b = w.last+1, w.last+2
	w.last += 2
	from.ends[a], to.ends[b] = end{to, b}, end{from, a}
	binding := [32]byte{byte(a), 'b'}
	called := netip.AddrPortFrom(from.addr.Addr(), 50000)
	to.act(to.Handle(w.now, Met{0, b, from.id, called, false, binding, w.chance()}))
	from.act(from.Handle(w.now, Met{ticket, a, to.id, to.addr, false, binding, w.chance()}))
	return a, b
}

func (w *world) chance() (c Chance) {
	w.chances++
	for i := range c {
		c[i] = w.chances
	}
	return c
}

func (w *world) carry(from *device, f Send) {
	to, ok := from.ends[f.Meeting]
	if !ok {
		return
	}
	m := f.Message
	if w.between != nil {
		if m = w.between(from, m); m == nil {
			return
		}
	}
	w.bytes = append(w.bytes, fmt.Sprintf("%s %T", from.name, m))
	parsed, err := Parse(Append(nil, m))
	if err != nil {
		w.t.Fatalf("%s sent what cannot be read: %#v", from.name, m)
	}
	to.at.act(to.at.Handle(w.now, Heard{to.meeting, parsed}))
}

// cut ends a channel: both ends learn of it.
func (w *world) cut(d *device, m MeetingID) {
	other, ok := d.ends[m]
	if !ok {
		return
	}
	delete(d.ends, m)
	delete(other.at.ends, other.meeting)
	d.act(d.Handle(w.now, MeetingLost{m, "closed"}))
	other.at.act(other.at.Handle(w.now, MeetingLost{other.meeting, "closed"}))
}

// announce tells everybody who seeks of everybody who shows, as mDNS does.
func (w *world) announce() {
	for _, d := range w.devices {
		for _, o := range w.devices {
			if o != d && d.seeks && o.shows.Visible {
				d.hear(PlaceHeard{o.id, o.name, o.shows.Slot, o.addr, 0})
			}
		}
	}
}

// newest is the last news of a ticket.
func (d *device) newest(ticket step.Ticket) News {
	if n := d.news[ticket]; len(n) > 0 {
		return n[len(n)-1]
	}
	return nil
}

// ended fails unless a ticket ended for the given reason.
func (d *device) ended(ticket step.Ticket, why EndReason) {
	d.w.t.Helper()
	e, ok := d.newest(ticket).(Ended)
	if !ok || e.Why != why || e.Text == "" {
		d.w.t.Errorf("%s: ticket %d ended as %+v, want reason %d", d.name, ticket, d.newest(ticket), why)
	}
}

// quiet fails unless a device holds nothing any more.
func (d *device) quiet() {
	d.w.t.Helper()
	if len(d.meetings)+len(d.tries) > 0 || d.Deadline() != step.Never || d.shows.Visible || d.seeks || len(d.asked) > 0 {
		d.w.t.Errorf("%s still has %d meetings, %d tries, shows %v, seeks %v", d.name, len(d.meetings),
			len(d.tries), d.shows, d.seeks)
	}
}
