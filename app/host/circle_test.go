package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/discovery/book"
	"github.com/shoal-sync/shoal/discovery/circle"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/route"
)

// A folder of three hundred, all of whom answer: links are made with a dozen of them, and a
// link that is lost is replaced.
func TestLinksAreKeptWithSomeOfManyMembers(t *testing.T) {
	device := node.NewDevice(ident.DeviceID{'m'}, chanceOf(seed{1, 2}))
	d := newCircled(device, device, chanceOf(seed{3, 4}))
	var members []ident.DeviceID
	for i := range 300 {
		id := ident.DeviceID{'x', byte(i >> 8), byte(i)}
		members = append(members, id)
		d.Handle(0, route.DeviceTrusted{Device: id})
	}
	var now step.Instant
	dials, links := 0, map[route.LinkID]ident.DeviceID{}
	var last route.LinkID
	var do func(effects []node.DeviceEffect)
	do = func(effects []node.DeviceEffect) {
		for _, f := range append([]node.DeviceEffect(nil), effects...) {
			switch f := f.(type) {
			case route.Dial:
				dials++
				last++
				links[last] = f.Device
				do(d.Handle(now, route.LinkUp{Device: f.Device, Link: last, Addr: f.Addr, Ticket: f.Ticket}))
			case route.SendPing:
				do(d.Handle(now, route.PongHeard(f)))
			}
		}
	}
	run := func(until step.Instant) {
		for d.Deadline() <= until {
			now = max(now, d.Deadline())
			do(d.Tick(now))
		}
		now = until
	}
	do(d.Handle(0, circle.DevicesKnown{Folders: []circle.Folder{{Members: members}}}))
	for i, id := range members {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)
		do(d.Handle(now, book.AddressHeard{Device: id, Addr: addr, Source: book.Gossip, Lasts: time.Hour}))
	}
	run(step.Instant(2 * time.Minute))
	linked := func() (n int) {
		for _, s := range device.Links() {
			if s.Connected {
				n++
			}
		}
		return n
	}
	if n := linked(); n < 12 || n > 24 || dials > 40 {
		t.Fatalf("linked with %d of 300, by %d dials", n, dials)
	}
	for id, end := route.LinkID(1), last; id <= end; id++ { // all of those are cut
		do(d.Handle(now, route.LinkLost{Link: id, Reason: "gone"}))
	}
	run(now.Add(3 * time.Minute))
	if n := linked(); n < 12 || n > 36 {
		t.Errorf("linked with %d after those left", n)
	}
	if dials > 400 {
		t.Errorf("%d dials", dials)
	}
}

// Of many members that become known at once only those are looked for that are chosen, and
// those are, in whichever order the device and the circle hear of them.
func TestWhoIsNotSoughtIsNotLookedFor(t *testing.T) {
	var members []ident.DeviceID
	for i := range 300 {
		members = append(members, ident.DeviceID{'x', byte(i >> 8), byte(i)})
	}
	known := circle.DevicesKnown{
		Hand: []ident.DeviceID{{'h'}}, Folders: []circle.Folder{{Members: members}},
	}
	for _, first := range []bool{true, false} {
		device := node.NewDevice(ident.DeviceID{'m'}, chanceOf(seed{1, 2}))
		d := newCircled(device, device, chanceOf(seed{3, 4}))
		lookedFor := map[ident.DeviceID]bool{}
		do := func(effects []node.DeviceEffect) {
			for _, f := range effects {
				if f, ok := f.(route.Trouble); ok {
					lookedFor[f.Device] = true
				}
			}
		}
		if first {
			do(d.Handle(0, known))
		}
		for _, id := range append([]ident.DeviceID{{'h'}}, members...) {
			do(d.Handle(0, route.DeviceTrusted{Device: id}))
		}
		if !first {
			do(d.Handle(0, known))
		}
		if n := len(lookedFor); !lookedFor[ident.DeviceID{'h'}] || n < 10 || n > 25 {
			t.Errorf("circle first: %v: %d of 301 are looked for", first, n)
		}
		sought := 0
		for _, s := range device.Links() {
			if !s.Unsought {
				sought++
			}
		}
		if sought != len(lookedFor) {
			t.Errorf("circle first: %v: %d are sought, %d looked for", first, sought, len(lookedFor))
		}
	}
}

// quarter is devices that share one folder; each link has its two real ends.
type quarter struct {
	now     step.Instant
	devices []*node.Device
	all     []*circled
	ends    map[route.LinkID][2]int // by number: both sides call a link the same
	last    route.LinkID
	waiting []happening
}

type happening struct {
	to    int
	event node.DeviceEvent
}

func name(i int) ident.DeviceID { return ident.DeviceID{'q', byte(i >> 8), byte(i)} }

func place(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)
}

// newQuarter makes n devices, all of which know where the others are, and the first of which
// a person linked with everybody.
func newQuarter(n int) *quarter {
	q := &quarter{ends: map[route.LinkID][2]int{}}
	for i := range n {
		device := node.NewDevice(name(i), chanceOf(seed{1, uint64(i)}))
		q.devices = append(q.devices, device)
		q.all = append(q.all, newCircled(device, device, chanceOf(seed{2, uint64(i)})))
	}
	for i := range n {
		q.knows(i, circle.Folder{Members: q.others(i)})
	}
	for i := range n {
		for _, j := range chanceOf(seed{3, uint64(i)}).Perm(n) { // as members tell of others
			if j != i {
				q.tell(i, book.AddressHeard{Device: name(j), Addr: place(j), Source: book.Gossip, Lasts: time.Hour})
			}
		}
	}
	return q
}

func (q *quarter) others(i int) (out []ident.DeviceID) {
	for j := range q.all {
		if j != i {
			out = append(out, name(j))
		}
	}
	return out
}

// knows tells a device who shares the folder, as the agent does.
func (q *quarter) knows(i int, folder circle.Folder) {
	hand := []ident.DeviceID{name(0)}
	if i == 0 {
		hand = q.others(0)
	}
	for _, d := range folder.Members {
		q.tell(i, route.DeviceTrusted{Device: d})
	}
	q.tell(i, circle.DevicesKnown{Hand: hand, Folders: []circle.Folder{folder}})
}

// tell lets something happen to a device, and all that comes of it.
func (q *quarter) tell(to int, event node.DeviceEvent) {
	q.do(to, q.all[to].Handle(q.now, event))
	for len(q.waiting) > 0 {
		w := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.do(w.to, q.all[w.to].Handle(q.now, w.event))
	}
}

func (q *quarter) later(to int, event node.DeviceEvent) {
	q.waiting = append(q.waiting, happening{to, event})
}

func (q *quarter) do(at int, effects []node.DeviceEffect) {
	for _, f := range effects {
		switch f := f.(type) {
		case route.Dial:
			q.last++
			to := int(f.Addr.Addr().As4()[2])<<8 + int(f.Addr.Addr().As4()[3])
			q.ends[q.last] = [2]int{at, to}
			q.later(to, route.LinkUp{Device: name(at), Link: q.last, Addr: place(at), Incoming: true})
			q.later(at, route.LinkUp{Device: name(to), Link: q.last, Addr: f.Addr, Ticket: f.Ticket})
		case route.SendPing:
			q.later(q.across(at, f.Link), route.PingHeard(f))
		case route.SendPong:
			q.later(q.across(at, f.Link), route.PongHeard(f))
		case route.CloseLink:
			q.later(q.across(at, f.Link), route.LinkLost(f))
			q.later(at, route.LinkLost(f))
		}
	}
}

func (q *quarter) across(at int, link route.LinkID) int {
	ends := q.ends[link]
	return ends[0] + ends[1] - at
}

// pass lets time go by.
func (q *quarter) pass(d time.Duration) {
	for end := q.now.Add(d); ; {
		next := end
		for _, m := range q.all {
			next = min(next, m.Deadline())
		}
		if next >= end {
			q.now = end
			return
		}
		q.now = max(q.now, next)
		for i, m := range q.all {
			if m.Deadline() <= q.now {
				q.do(i, m.Tick(q.now))
				q.tell(i, node.Sync{})
			}
		}
	}
}

// links is how many devices one is linked with.
func (q *quarter) links(i int) (connected, unsought int) {
	for _, s := range q.devices[i].Links() {
		if s.Connected {
			connected++
		}
		if s.Unsought {
			unsought++
		}
	}
	return connected, unsought
}

// A folder of few: everybody is linked with everybody, and nobody is left alone.
func TestFewAreLinkedWithEverybody(t *testing.T) {
	q := newQuarter(21)
	q.pass(time.Minute)
	for i := range q.all {
		if c, u := q.links(i); c != 20 || u != 0 {
			t.Errorf("device %d is linked with %d of 20, and leaves %d alone", i, c, u)
		}
	}
}

// A folder of sixty that one person made: who linked everybody by hand is linked with all,
// the others with some, and with whoever holds what nobody else does.
func TestManyAreLinkedWithSome(t *testing.T) {
	q := newQuarter(60)
	q.pass(3 * time.Minute)
	total := 0
	for i := range q.all {
		c, u := q.links(i)
		switch {
		case i == 0 && (c != 59 || u != 0):
			t.Errorf("who linked all by hand is linked with %d of 59, and leaves %d alone", c, u)
		case i > 0 && (c < 12 || c > 30 || c+u != 59):
			t.Errorf("device %d is linked with %d of 59, and leaves %d alone", i, c, u)
		case i > 0:
			total += c
		}
	}
	t.Logf("%.1f links each", float64(total)/59)
	before := q.last
	q.pass(10 * time.Minute)
	if q.last != before {
		t.Errorf("%d more dials while nothing happened", q.last-before)
	}
	q.knows(7, circle.Folder{Members: q.others(7), Lacks: true})
	q.pass(10 * time.Minute)
	if c, _ := q.links(7); c != 59 {
		t.Errorf("who lacks something that nobody has is linked with %d of 59", c)
	}
}
