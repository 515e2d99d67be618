package node

import (
	"math/rand/v2"
	"net/netip"

	"github.com/shoal-sync/shoal/discovery/book"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/route"
	"github.com/shoal-sync/shoal/nat/signal"
)

// DeviceEvent is a book.Event, a route.Event, a pairing.Event, a signal.Event or a Sync.
type DeviceEvent any

// DeviceEffect is what reaches the world: every route.Effect, pairing.Effect and
// signal.Effect, and Synced.
type DeviceEffect any

// Sync asks to be told when every event before it has been handled and its effects have
// been carried out.
type Sync struct{ Ticket step.Ticket }

// Synced answers Sync.
type Synced struct{ Ticket step.Ticket }

// Device joins the cores of a device: where others are, which link serves them, and how
// they come to be trusted.
type Device struct {
	book  *book.Core
	route *route.Core
	pair  *pairing.Core
	calls *signal.Core
	dials map[step.Ticket]dialed
	now   step.Instant
	out   []DeviceEffect
}

// dialed remembers what a dial went to, so that the book learns how it ended.
type dialed struct {
	device ident.DeviceID
	addr   netip.AddrPort
}

// NewDevice joins the cores of the device with the given id.
func NewDevice(self ident.DeviceID, chance *rand.Rand) *Device {
	return &Device{
		book: book.New(), route: route.New(self, chance), pair: pairing.New(self),
		calls: signal.New(self),
		dials: map[step.Ticket]dialed{},
	}
}

// Handle takes in what happened and returns what reaches the world, in order.
func (n *Device) Handle(now step.Instant, event DeviceEvent) []DeviceEffect {
	n.now, n.out = now, n.out[:0]
	switch e := event.(type) {
	case book.Event:
		n.toBook(e)
	case route.Event:
		n.tellBook(e)
		n.toRoute(e)
	case pairing.Event:
		pass(n, n.pair.Handle(now, e))
	case signal.Event:
		pass(n, n.calls.Handle(now, e))
	case Sync:
		n.out = append(n.out, Synced(e))
	default:
		panic("bug: device node was handed an event it does not know")
	}
	return n.out
}

// Tick lets all cores do what is due.
func (n *Device) Tick(now step.Instant) []DeviceEffect {
	n.now, n.out = now, n.out[:0]
	n.learn(n.book.Tick(now))
	n.take(n.route.Tick(now))
	pass(n, n.pair.Tick(now))
	pass(n, n.calls.Tick(now))
	return n.out
}

// Deadline is the earliest of all cores.
func (n *Device) Deadline() step.Instant {
	return step.Earliest(n.book.Deadline(), n.route.Deadline(), n.pair.Deadline(), n.calls.Deadline())
}

// Links returns how every trusted device is reached now.
func (n *Device) Links() []route.Status { return n.route.Snapshot() }

// Addresses returns where a device is believed to be, best first.
func (n *Device) Addresses(d ident.DeviceID) []netip.AddrPort { return n.book.Addresses(d) }

// Firsthand returns where a device is, leaving out what only others say.
func (n *Device) Firsthand(d ident.DeviceID) []netip.AddrPort { return n.book.Firsthand(d) }

func (n *Device) toBook(e book.Event) { n.learn(n.book.Handle(n.now, e)) }

func (n *Device) toRoute(e route.Event) { n.take(n.route.Handle(n.now, e)) }

// pass lets the effects of linking and of calls through: all of them reach the world.
func pass[F any](n *Device, effects []F) {
	for _, f := range effects {
		n.out = append(n.out, f)
	}
}

func (n *Device) learn(news []book.Effect) {
	for _, f := range news {
		if k, ok := f.(book.AddressesKnown); ok {
			n.toRoute(route.AddressesLearned{Device: k.Device, Addrs: k.Addrs})
		}
	}
}

// tellBook lets the book know how a dial ended, and both book and calls whom we trust.
func (n *Device) tellBook(e route.Event) {
	var ticket step.Ticket
	worked := false
	switch e := e.(type) {
	case route.LinkUp:
		ticket, worked = e.Ticket, true
	case route.DialFailed:
		ticket = e.Ticket
	case route.DeviceTrusted:
		pass(n, n.calls.Handle(n.now, signal.Trusted(e)))
		return
	case route.DeviceForgotten:
		n.toBook(book.DeviceForgotten(e))
		pass(n, n.calls.Handle(n.now, signal.Forgotten(e)))
		return
	default:
		return
	}
	d, ok := n.dials[ticket]
	if !ok {
		return
	}
	delete(n.dials, ticket)
	if worked {
		n.toBook(book.AddressWorked{Device: d.device, Addr: d.addr})
	} else {
		n.toBook(book.AddressFailed{Device: d.device, Addr: d.addr})
	}
}

func (n *Device) take(effects []route.Effect) {
	for _, f := range effects {
		if d, ok := f.(route.Dial); ok {
			n.dials[d.Ticket] = dialed{d.Device, d.Addr}
		}
		n.out = append(n.out, f)
	}
}
