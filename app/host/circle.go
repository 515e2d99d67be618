package host

import (
	"math/rand/v2"
	"slices"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/discovery/book"
	"github.com/shoal-sync/shoal/discovery/circle"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/route"
)

// circled is the machine of a device that keeps links with some of many: the circle hears
// whom the device is linked with, and the device whom it is to seek. Both run on one loop,
// so neither ever waits for the other. A recording holds what the device hears, and so
// replays without the circle.
type circled struct {
	device *node.Device
	inner  step.Machine[node.DeviceEvent, node.DeviceEffect] // the device, as it is recorded
	circle *circle.Core
	out    []node.DeviceEffect
	// held is what is wrong with devices that the circle does not seek, or has not chosen
	// yet: to look for each of a thousand that became known at once would flood whoever is
	// asked. It is told when they are chosen.
	held map[ident.DeviceID]route.Trouble
}

func newCircled(
	device *node.Device, inner step.Machine[node.DeviceEvent, node.DeviceEffect], chance *rand.Rand,
) *circled {
	return &circled{device: device, inner: inner, circle: circle.New(chance),
		held: map[ident.DeviceID]route.Trouble{}}
}

// Handle takes in what happened: a node.DeviceEvent or a circle.Event.
func (m *circled) Handle(now step.Instant, event node.DeviceEvent) []node.DeviceEffect {
	clear(m.out)
	m.out = m.out[:0]
	switch e := event.(type) {
	case circle.Event:
		m.choose(now, m.circle.Handle(now, e))
	case book.AddressHeard:
		known := slices.Contains(m.device.Addresses(e.Device), e.Addr)
		m.take(now, m.inner.Handle(now, e))
		if !known && slices.Contains(m.device.Addresses(e.Device), e.Addr) {
			m.choose(now, m.circle.Handle(now, circle.News{Device: e.Device}))
		}
	case route.DeviceTrusted:
		m.take(now, m.inner.Handle(now, e))
		if sought, said := m.circle.Chosen(e.Device); said { // before the device knew of it
			m.choose(now, []circle.Effect{{Device: e.Device, Sought: sought}})
		}
	case route.DeviceForgotten:
		m.take(now, m.inner.Handle(now, e))
		delete(m.held, e.Device)
	case route.CallsLearned:
		m.take(now, m.inner.Handle(now, e))
		if e.Possible {
			m.choose(now, m.circle.Handle(now, circle.News{Device: e.Device}))
		}
	default:
		m.take(now, m.inner.Handle(now, e))
	}
	return m.out
}

// Tick lets both do what is due.
func (m *circled) Tick(now step.Instant) []node.DeviceEffect {
	clear(m.out)
	m.out = m.out[:0]
	m.choose(now, m.circle.Tick(now))
	m.take(now, m.inner.Tick(now))
	return m.out
}

// Deadline is the earlier of both.
func (m *circled) Deadline() step.Instant {
	return step.Earliest(m.inner.Deadline(), m.circle.Deadline())
}

// choose tells the device whom to seek.
func (m *circled) choose(now step.Instant, effects []circle.Effect) {
	for _, f := range slices.Clone(effects) { // a link that comes of it lets more be chosen
		m.take(now, m.inner.Handle(now, route.DeviceSought(f)))
		if t, waits := m.held[f.Device]; waits && f.Sought {
			m.out = append(m.out, t)
		}
		delete(m.held, f.Device)
	}
}

// take passes on what the device orders, and lets the circle know of links.
func (m *circled) take(now step.Instant, effects []node.DeviceEffect) {
	from := len(m.out)
	for _, f := range effects {
		if t, ok := f.(route.Trouble); ok {
			if sought, _ := m.circle.Chosen(t.Device); !sought {
				m.held[t.Device] = t
				continue
			}
		}
		m.out = append(m.out, f)
	}
	for _, f := range slices.Clone(m.out[from:]) {
		switch f := f.(type) {
		case route.PeerConnected:
			m.choose(now, m.circle.Handle(now, circle.Linked{Device: f.Device}))
		case route.PeerLost:
			m.choose(now, m.circle.Handle(now, circle.Parted{Device: f.Device}))
		}
	}
}

// circles are those with whom links are kept: always with whom a person linked or waits
// for, and whom something has to be told; with some of each folder's members. The agent's
// lock is held.
func (a *agent) circles() circle.DevicesKnown {
	var out circle.DevicesKnown
	for _, d := range a.config.Devices {
		out.Hand = append(out.Hand, d.ID)
	}
	for d := range a.awaited {
		if a.trusts(d) {
			out.Hand = append(out.Hand, d)
		}
	}
	for _, f := range a.config.Folders {
		r := a.folders[f.ID]
		if r == nil {
			continue
		}
		who := r.who.Load()
		out.Hand = append(out.Hand, who.Ended...)
		shared := circle.Folder{Lacks: r.lacks.Load()}
		for _, p := range who.Partners {
			if !p.Guest && who.Known && p.Device != a.id {
				shared.Members = append(shared.Members, p.Device)
			}
		}
		out.Folders = append(out.Folders, shared)
	}
	return out
}

// circleChanged lets links be kept with others when something else is asked of them. It
// never waits.
func (a *agent) circleChanged() {
	select {
	case a.encircle <- struct{}{}:
	default: // it is about to be looked at
	}
}

// keepCircle tells the device with whom links may be kept, as often as that changes. It does
// so without the agent's lock, for which the device may be waiting.
func (a *agent) keepCircle() {
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-a.encircle:
		}
		a.mu.Lock()
		known := a.circles()
		a.mu.Unlock()
		a.device.Post(a.ctx, known)
		a.start(a.posts.seekMembers)
	}
}

// await has a device sought for as long as a person waits for it.
func (a *agent) await(name string) (end func()) {
	d, err := api.FindDevice(a.Status(), name)
	if err != nil {
		return func() {} // whoever waits for it says so
	}
	count := func(by int) {
		a.mu.Lock()
		if a.awaited[d.ID] += by; a.awaited[d.ID] == 0 {
			delete(a.awaited, d.ID)
		}
		a.mu.Unlock()
		a.circleChanged()
	}
	count(1)
	return func() { count(-1) }
}
