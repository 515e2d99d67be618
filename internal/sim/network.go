package sim

import (
	"bytes"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

// link joins two devices. Every time it comes up it is another connection with a number
// of its own: what was sent on an earlier one is lost.
type link struct {
	world  *World
	ends   [2]*end
	up     bool
	number int
	delay  time.Duration
	rate   int64 // bytes per second
}

// end is one side of a link.
type end struct {
	link    *link
	device  *device
	other   *end
	number  int          // connection this side knows of, 0 for none
	free    step.Instant // when what was said has left
	arrives step.Instant // of the last message sent from here
	held    []func()     // what came before this side knew of the connection
	// revoked holds pieces this side asked for and then took back; the other side still
	// has to learn it.
	revoked map[uint64]bool
}

func (w *World) newLink(a, b *device) *link {
	l := &link{
		world: w, delay: w.between(w.options.Delay/4, w.options.Delay),
		rate: 1<<20 + w.chance.Int64N(100<<20),
	}
	l.ends = [2]*end{{link: l, device: a}, {link: l, device: b}}
	l.ends[0].other, l.ends[1].other = l.ends[1], l.ends[0]
	a.ends[b.id], b.ends[a.id] = l.ends[0], l.ends[1]
	a.order = append(a.order, l.ends[0])
	b.order = append(b.order, l.ends[1])
	return l
}

// connect lays the links: everybody with everybody, or a ring and some by chance.
func (w *World) connect() {
	n := len(w.devices)
	if w.options.Degree == 0 || w.options.Degree >= n-1 {
		for i, a := range w.devices {
			for _, b := range w.devices[i+1:] {
				w.links = append(w.links, w.newLink(a, b))
			}
		}
		return
	}
	for i, a := range w.devices {
		w.links = append(w.links, w.newLink(a, w.devices[(i+1)%n]))
	}
	for tries := 0; len(w.links) < n*w.options.Degree/2 && tries < 100*n; tries++ {
		a, b := w.devices[w.chance.IntN(n)], w.devices[w.chance.IntN(n)]
		if a != b && a.ends[b.id] == nil {
			w.links = append(w.links, w.newLink(a, b))
		}
	}
}

// raise brings a link up; both ends hear of it a little later, each in its own time.
func (l *link) raise() {
	if l.up || !l.ends[0].device.running() || !l.ends[1].device.running() {
		return
	}
	l.up = true
	l.number++
	number := l.number
	for _, e := range l.ends {
		e.held, e.free, e.arrives, e.revoked = nil, 0, 0, map[uint64]bool{}
		e.device.after(l.world.between(0, 2*l.delay), func() { e.opened(number) })
	}
}

func (e *end) opened(number int) {
	if e.link.number != number || e.number == number {
		return
	}
	e.lost(e.number)
	e.number = number
	e.device.handle(node.PeerConnected{Device: e.other.device.id, Link: uint64(number)})
	held := e.held
	e.held = nil
	for _, take := range held {
		take()
	}
	if !e.link.up {
		e.noticeLoss()
	}
}

// cut takes a link down. Who sent last learns of it soon, who waits may take long.
func (l *link) cut() {
	if !l.up {
		return
	}
	l.up = false
	for _, e := range l.ends {
		e.noticeLoss()
	}
}

func (e *end) noticeLoss() {
	number := e.number
	e.device.after(e.link.world.between(0, e.link.world.options.LossNotice), func() { e.lost(number) })
}

func (e *end) lost(number int) {
	if number == 0 || e.number != number {
		return
	}
	e.number = 0
	e.device.loseAsks(e)
	e.device.handle(node.PeerLost{Device: e.other.device.id})
}

// alive reports whether what this side sends now can arrive.
func (e *end) alive() bool { return e.link.up && e.number == e.link.number }

// say sends a message. Those of one side arrive in their order.
func (e *end) say(m wire.Message) {
	w := e.link.world
	w.words++
	if !e.alive() {
		return
	}
	if e.device.says != nil {
		m = e.device.says(e.other.device, m)
	}
	if !aboutMembers(m) {
		w.checkServes(e, m)
	}
	if every := w.options.EncodeEvery; every > 0 && w.words%every == 0 && !e.device.lies {
		m = w.recode(m)
	}
	size := wire.Size(m)
	if size > wire.FrameMax {
		w.fail("frames are bounded", "%s sends %T of %d bytes", e.device.name, m, size)
		return
	}
	e.free = max(e.free, w.now).Add(time.Duration(int64(size) * int64(time.Second) / e.link.rate))
	e.arrives = max(e.arrives, e.free.Add(w.between(e.link.delay, e.link.delay*5/4)))
	number, to := e.number, e.other
	w.after(e.arrives.Since(w.now), func() { to.take(number, func() { to.device.hear(to, m) }) })
}

// ship sends pieces, on a lane of their own that all links of a device share.
func (e *end) ship(came []arrival, size int64) {
	w := e.link.world
	if !e.alive() {
		return
	}
	w.checkServes(e, wire.PieceAsk{})
	rate := min(e.link.rate, e.device.uplink)
	start := max(e.device.free, w.now)
	e.device.free = start.Add(time.Duration(size * int64(time.Second) / rate))
	arrives := e.device.free.Add(w.between(e.link.delay, e.link.delay*5/4))
	number, to := e.number, e.other
	w.after(arrives.Since(w.now), func() { to.take(number, func() { to.device.store(to, came) }) })
}

// take lets something arrive, if the connection it was sent on is still there.
func (e *end) take(number int, do func()) {
	switch {
	case !e.link.up || e.link.number != number || !e.device.running():
	case e.number != number:
		e.held = append(e.held, do)
	default:
		do()
	}
}

// recode sends a message through its encoding: what comes out must encode to the same.
func (w *World) recode(m wire.Message) wire.Message {
	frame := wire.Append(nil, m)
	if len(frame) != wire.Size(m) {
		w.fail("sizes are right", "%T says %d bytes and has %d", m, wire.Size(m), len(frame))
	}
	out, err := wire.Parse(slices.Clone(frame))
	if err != nil {
		w.fail("messages can be read", "%s: %v", text(m), err)
		return m
	}
	if again := wire.Append(nil, out); !bytes.Equal(again, frame) {
		w.fail("messages stay the same", "%s became %s", text(m), text(out))
	}
	return out
}
