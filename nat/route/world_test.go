package route

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// world is two cores and the links between them, with all the bad luck a seed holds.
type world struct {
	t      *testing.T
	chance *rand.Rand
	now    step.Instant
	queue  moments
	order  int
	nodes  [2]*node
	calm   bool // no more bad luck
	// callsFrom is how many boots there are for one at which calls are possible; 0 is none.
	callsFrom int
	nat       bool // no address leads anywhere, only calls do
	lost      bool // nothing leads anywhere
	lastID    LinkID
	trace     strings.Builder
}

type node struct {
	w         *world
	id        ident.DeviceID
	core      *Core
	life      int // counts restarts
	ends      map[LinkID]*end
	current   LinkID
	connects  int
	losses    int
	lastLost  step.Instant
	connected step.Instant
}

// end is one end of a link.
type end struct {
	id     LinkID
	at     *node
	life   int
	other  *end
	closed bool // by this end, or seen closed
	kind   Kind
	mute   bool         // what this end sends is swallowed
	next   step.Instant // nothing reaches this end before
	missed bool         // a hello came while the link was not in use
	hello  bool         // a hello came while it was
}

type moment struct {
	at    step.Instant
	order int
	do    func()
}

type moments []moment

func (m moments) Len() int { return len(m) }
func (m moments) Less(i, j int) bool {
	return m[i].at < m[j].at || m[i].at == m[j].at && m[i].order < m[j].order
}
func (m moments) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m *moments) Push(x any)   { *m = append(*m, x.(moment)) }
func (m *moments) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, chance: rand.New(rand.NewPCG(seed, 7))}
	for i := range w.nodes {
		w.nodes[i] = &node{w: w, id: ident.DeviceID{byte(i + 1)}, ends: map[LinkID]*end{}}
	}
	return w
}

func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, moment{w.now.Add(d), w.order, do})
}

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.chance.Int64N(int64(d))) }

func (w *world) delay() time.Duration {
	if !w.calm && w.chance.IntN(10) == 0 {
		return w.upTo(3 * time.Second)
	}
	return time.Millisecond + w.upTo(150*time.Millisecond)
}

func (w *world) run(until step.Instant) {
	for {
		at, who := until, -1
		for i, n := range w.nodes {
			if n.core != nil && n.core.Deadline() < at {
				at, who = n.core.Deadline(), i
			}
		}
		switch {
		case len(w.queue) > 0 && w.queue[0].at <= at && w.queue[0].at < until:
			m := heap.Pop(&w.queue).(moment)
			w.now = m.at
			m.do()
		case who >= 0:
			if at < w.now {
				w.t.Fatalf("deadline %v lies behind %v", at, w.now)
			}
			w.now = at
			w.nodes[who].act(w.nodes[who].core.Tick(w.now))
		default:
			w.now = until
			return
		}
	}
}

var homes = []netip.AddrPort{
	netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2"), netip.MustParseAddrPort("10.0.0.3:3"),
}

func (w *world) boot(i int) {
	n := w.nodes[i]
	n.life++
	n.current = 0
	n.core = New(n.id, rand.New(rand.NewPCG(w.chance.Uint64(), uint64(i))))
	n.hear(DeviceTrusted{w.nodes[1-i].id})
	n.hear(AddressesLearned{w.nodes[1-i].id, homes[:1+w.chance.IntN(len(homes))]})
	n.hear(CallsLearned{w.nodes[1-i].id, w.callsFrom > 0 && w.chance.IntN(w.callsFrom) == 0})
}

func (n *node) hear(e Event) {
	fmt.Fprintf(&n.w.trace, "%v %d < %v\n", time.Duration(n.w.now), n.id[0], e)
	n.act(n.core.Handle(n.w.now, e))
}

func (n *node) act(effects []Effect) {
	for _, e := range effects {
		fmt.Fprintf(&n.w.trace, "%v %d > %v\n", time.Duration(n.w.now), n.id[0], e)
		switch e := e.(type) {
		case Dial:
			n.dial(e.Ticket, e.Addr, Direct)
		case Call:
			n.dial(e.Ticket, byCall, Relayed+Kind(n.w.chance.IntN(2)))
		case SendPing:
			n.send(e.Link, func(to *end) { to.at.hear(PingHeard{to.id, e.Nonce}) })
		case SendPong:
			n.send(e.Link, func(to *end) { to.at.hear(PongHeard{to.id, e.Nonce}) })
		case CloseLink:
			if n.current == e.Link {
				n.w.t.Errorf("link %d is closed while in use", e.Link)
			}
			n.close(n.ends[e.Link])
		case PeerConnected:
			if n.current != 0 {
				n.w.t.Errorf("connected on link %d and on %d", n.current, e.Link)
			}
			if n.ends[e.Link].missed {
				n.w.t.Errorf("link %d: something said on it was lost before it was taken up", e.Link)
			}
			n.current = e.Link
			n.connects++
			n.connected = n.w.now
			n.send(e.Link, hello)
		case PeerLost:
			if n.current != e.Link {
				n.w.t.Errorf("link %d lost while %d is in use", e.Link, n.current)
			}
			n.current = 0
			n.losses++
			if n.ends[e.Link].kind == Direct {
				n.lastLost = n.w.now // the loss of another may be a move to a better one
			}
		}
	}
}

func hello(to *end) {
	if to.at.current == to.id {
		to.hello = true
	} else {
		to.missed = true
	}
	to.at.hear(FrameHeard{to.id})
}

// send delivers in order, unless the link swallows it.
func (n *node) send(id LinkID, arrive func(to *end)) {
	from := n.ends[id]
	if from.closed || from.mute {
		return
	}
	n.w.deliver(from.other, func() {
		if to := from.other; !to.closed && to.life == to.at.life {
			arrive(to)
		}
	})
}

func (w *world) deliver(to *end, do func()) {
	to.next = max(to.next+1, w.now.Add(w.delay()))
	w.after(to.next.Since(w.now), do)
}

func (n *node) close(e *end) {
	if !e.closed && !e.mute {
		n.w.deliver(e.other, func() { e.other.breakOff("the other side closed it") })
	}
	e.closed = true
}

func (e *end) breakOff(reason string) {
	if e.closed {
		return
	}
	e.closed = true
	if e.life == e.at.life {
		e.at.hear(LinkLost{e.id, reason})
	}
}

func (n *node) dial(ticket step.Ticket, addr netip.AddrPort, kind Kind) {
	w := n.w
	other := w.nodes[0]
	if other == n {
		other = w.nodes[1]
	}
	life := n.life
	took := w.delay()
	if !w.calm && w.chance.IntN(3) == 0 || other.core == nil || w.lost || w.nat && kind == Direct {
		w.after(took, func() {
			if n.life == life {
				n.hear(DialFailed{ticket, fmt.Sprintf("%s: bad luck", addr)})
			}
		})
		return
	}
	w.after(took, func() {
		w.lastID += 2
		there := &end{id: w.lastID, at: other, life: other.life, kind: kind}
		here := &end{id: w.lastID - 1, at: n, life: life, other: there, kind: kind}
		there.other = here
		other.ends[there.id], n.ends[here.id] = there, here
		// The welcome is what the listener says first.
		w.deliver(here, func() {
			if n.life == life {
				n.hear(LinkUp{Device: other.id, Link: here.id, Addr: addr, Ticket: ticket, Kind: kind})
			} else {
				n.close(here)
			}
		})
		other.hear(LinkUp{Device: n.id, Link: there.id, Addr: homes[0], Incoming: true, Kind: kind})
	})
}

// mishap does one bad thing.
func (w *world) mishap() {
	n := w.nodes[w.chance.IntN(2)]
	var open []*end
	for id := LinkID(1); id <= w.lastID; id++ {
		if e := n.ends[id]; e != nil && !e.closed && e.life == n.life {
			open = append(open, e)
		}
	}
	kind := w.chance.IntN(9)
	if len(open) == 0 && kind < 4 {
		return
	}
	switch kind {
	case 0: // both ends notice, each in its time
		e := open[w.chance.IntN(len(open))]
		w.deliver(e, func() { e.breakOff("reset") })
		w.deliver(e.other, func() { e.other.breakOff("reset") })
	case 1: // one end notices, the other hears nothing
		e := open[w.chance.IntN(len(open))]
		e.mute = true
		e.breakOff("local trouble")
	case 2: // one direction is swallowed
		open[w.chance.IntN(len(open))].mute = true
	case 3: // both are
		e := open[w.chance.IntN(len(open))]
		e.mute, e.other.mute = true, true
	case 4: // the program restarts; the other side may hear of it or not
		for _, e := range open {
			e.mute = w.chance.IntN(2) == 0
			n.close(e)
		}
		w.boot(int(n.id[0]) - 1)
	case 5:
		n.hear(NetworkChanged{})
	case 7:
		w.nat = !w.nat && !w.calm
	case 8:
		n.hear(CallsLearned{w.nodes[2-n.id[0]].id, w.chance.IntN(2) == 0})
	case 6:
		n.hear(AddressesLearned{w.nodes[2-n.id[0]].id, homes[:w.chance.IntN(len(homes)+1)]})
	}
}

// check holds the state at the end against what both sides must agree on.
func (w *world) check() {
	t := w.t
	a, b := w.nodes[0], w.nodes[1]
	if a.current == 0 || b.current == 0 {
		t.Fatalf("not connected: links in use %d and %d", a.current, b.current)
	}
	if a.ends[a.current].other != b.ends[b.current] {
		t.Fatalf("two links are in use: %d and %d", a.current, b.current)
	}
	for _, n := range w.nodes {
		if !n.ends[n.current].hello {
			t.Errorf("device %d never heard what the other said", n.id[0])
		}
		for id, e := range n.ends {
			if !e.closed && e.life == n.life && id != n.current {
				t.Errorf("device %d keeps link %d open beside %d", n.id[0], id, n.current)
			}
		}
		if len(n.core.links) != 1 || len(n.core.dials) != 0 {
			t.Errorf("device %d remembers %d links and %d dials", n.id[0], len(n.core.links), len(n.core.dials))
		}
		if s := n.core.Snapshot(); len(s) != 1 || !s[0].Connected || s[0].RTT == 0 || s[0].Link != n.current {
			t.Errorf("device %d: snapshot %+v", n.id[0], s)
		}
	}
}

const (
	chaos = 90 * step.Instant(time.Second)
	quiet = 100 * step.Instant(time.Second)
)

func story(t *testing.T, seed uint64) *world {
	w := newWorld(t, seed)
	w.callsFrom = int(seed % 3)
	w.after(w.upTo(time.Second), func() { w.boot(0) })
	w.after(w.upTo(time.Second), func() { w.boot(1) })
	w.run(step.Instant(time.Second))
	for range 5 + w.chance.IntN(40) {
		w.after(w.upTo(time.Duration(chaos)), w.mishap)
	}
	w.run(chaos)
	w.calm, w.nat = true, false
	for i := range w.nodes {
		w.nodes[i].hear(AddressesLearned{w.nodes[1-i].id, homes})
	}
	w.run(chaos + quiet)
	w.check()
	for _, n := range w.nodes {
		if n.lastLost > chaos+quiet/2 {
			t.Errorf("device %d still lost its link at %v", n.id[0], time.Duration(n.lastLost))
		}
	}
	return w
}

// Whatever happens, once bad luck ends both sides use one and the same link.
func TestBothSidesSettleOnOneLink(t *testing.T) {
	for seed := range uint64(1500) {
		w := story(t, seed)
		if t.Failed() {
			text := w.trace.String()
			t.Fatalf("seed %d; the last of its trace:\n%s", seed, text[max(0, len(text)-6000):])
		}
	}
}

func TestSameSeedSameStory(t *testing.T) {
	for seed := range uint64(20) {
		first, second := story(t, seed), story(t, seed)
		if first.trace.String() != second.trace.String() {
			t.Fatalf("seed %d told two stories", seed)
		}
	}
}

// Without bad luck, devices that call each other at once connect once, and quickly.
func TestSimultaneousDialsDoNotFlap(t *testing.T) {
	for seed := range uint64(1000) {
		w := newWorld(t, seed)
		w.calm = true
		w.nodes[0].core = nil
		w.after(0, func() { w.boot(0) })
		w.after(w.upTo(300*time.Millisecond), func() { w.boot(1) })
		w.run(step.Instant(30 * time.Second))
		w.check()
		for _, n := range w.nodes {
			if n.connects != 1 || n.losses != 0 {
				t.Errorf("device %d connected %d times and lost %d", n.id[0], n.connects, n.losses)
			}
			if limit := step.Instant(1200 * time.Millisecond); n.connected > limit {
				t.Errorf("device %d connected only at %v", n.id[0], time.Duration(n.connected))
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, w.trace.String())
		}
	}
}

// A better link replaces a worse one, once, and both sides end with the best there is.
func TestBetterLinksReplaceWorseOnes(t *testing.T) {
	for seed := range uint64(1000) {
		w := newWorld(t, seed)
		w.calm, w.nat, w.callsFrom = true, true, 1
		w.after(0, func() { w.boot(0) })
		w.after(w.upTo(300*time.Millisecond), func() { w.boot(1) })
		w.run(step.Instant(5 * time.Second))
		w.check()
		w.nat = false
		w.run(step.Instant(2 * time.Minute))
		w.check()
		for _, n := range w.nodes {
			s := n.core.Snapshot()[0]
			if s.Kind != Direct {
				t.Errorf("device %d ends with a link that is%v", n.id[0], s.Kind)
			}
			// The call that comes first, one that is less relayed, the address.
			if n.connects > 3 || n.connects != n.losses+1 {
				t.Errorf("device %d connected %d times and lost %d", n.id[0], n.connects, n.losses)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, w.trace.String())
		}
	}
}
