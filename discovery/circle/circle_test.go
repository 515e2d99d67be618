package circle

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

var _ step.Machine[Event, Effect] = (*Core)(nil)

func id(n int) (d ident.DeviceID) {
	binary.BigEndian.PutUint32(d[:], uint32(n))
	return d
}

func number(d ident.DeviceID) int { return int(binary.BigEndian.Uint32(d[:])) }

// town is many devices that share one folder.
type town struct {
	t       *testing.T
	now     step.Instant
	cores   []*Core
	links   []map[int]bool
	seeks   []map[int]bool
	away    map[int]bool
	dials   int
	effects int
}

func newTown(t *testing.T, n int, away func(int) bool) *town {
	w := &town{t: t, away: map[int]bool{}}
	for i := range n {
		w.cores = append(w.cores, New(rand.New(rand.NewPCG(7, uint64(i)))))
		w.links = append(w.links, map[int]bool{})
		w.seeks = append(w.seeks, map[int]bool{})
		w.away[i] = away(i)
	}
	for i := range n {
		var others []ident.DeviceID
		for j := range n {
			if j != i {
				others = append(others, id(j))
			}
		}
		w.tell(i, DevicesKnown{Folders: []Folder{{Members: others}}})
	}
	return w
}

func (w *town) tell(i int, e Event) { w.take(i, w.cores[i].Handle(w.now, e)) }

func (w *town) take(i int, effects []Effect) {
	for _, f := range effects {
		w.effects++
		if delete(w.seeks[i], number(f.Device)); f.Sought {
			w.seeks[i][number(f.Device)] = true
		}
	}
}

// pass lets time go by: every second whoever seeks somebody who is there is linked.
func (w *town) pass(d time.Duration) {
	for end := w.now.Add(d); w.now < end; w.now = w.now.Add(time.Second) {
		for i, c := range w.cores {
			if w.away[i] {
				continue
			}
			if c.Deadline() <= w.now {
				w.take(i, c.Tick(w.now))
			}
			var to []int
			for j := range w.seeks[i] {
				to = append(to, j)
			}
			slices.Sort(to)
			for _, j := range to {
				if !w.links[i][j] {
					w.dials++
					w.link(i, j)
				}
			}
		}
	}
}

func (w *town) link(i, j int) {
	if w.away[j] || !w.seeks[i][j] {
		return
	}
	w.links[i][j], w.links[j][i] = true, true
	w.tell(i, Linked{id(j)})
	w.tell(j, Linked{id(i)})
}

// leave takes a device away.
func (w *town) leave(i int) {
	w.away[i] = true
	for j := range w.cores {
		if w.links[i][j] {
			delete(w.links[i], j)
			delete(w.links[j], i)
			w.tell(j, Parted{id(i)})
		}
	}
}

// check says whether those who are there form one net, and the most links of one of them.
func (w *town) check() (whole bool, least, most int) {
	first, there := -1, 0
	least = len(w.cores)
	for i := range w.cores {
		if !w.away[i] {
			first = i
			there++
			least, most = min(least, len(w.links[i])), max(most, len(w.links[i]))
		}
	}
	seen := map[int]bool{first: true}
	for queue := []int{first}; len(queue) > 0; queue = queue[1:] {
		for j := range w.links[queue[0]] {
			if !seen[j] {
				seen[j] = true
				queue = append(queue, j)
			}
		}
	}
	return len(seen) == there, least, most
}

func nobody(int) bool { return false }

func TestFewAreAllLinked(t *testing.T) {
	w := newTown(t, AllMost+1, nobody)
	w.pass(2 * time.Second)
	if _, least, _ := w.check(); least != AllMost {
		t.Errorf("of %d others, a device is linked with %d", AllMost, least)
	}
}

// What a folder costs a device does not grow with its members.
func TestManyCostNoMoreThanFew(t *testing.T) {
	for _, n := range []int{60, 300} {
		w := newTown(t, n, nobody)
		w.pass(3 * time.Minute)
		whole, least, most := w.check()
		t.Logf("%d devices: %d to %d links each, %.1f dials each", n, least, most, float64(w.dials)/float64(n))
		if !whole || least < Enough || most > 3*Enough || w.dials > 2*Enough*n {
			t.Errorf("%d devices: one net %v, %d to %d links each, %d dials", n, whole, least, most, w.dials)
		}
	}
}

// Most members of a large folder are away at any time; those who are there find each other.
func TestThoseWhoAreThereFindEachOther(t *testing.T) {
	w := newTown(t, 150, func(i int) bool { return i%5 != 0 })
	w.pass(15 * time.Minute)
	whole, least, most := w.check()
	if !whole || least < Enough || most > 3*Enough {
		t.Fatalf("one net %v, %d to %d links each", whole, least, most)
	}
	for i := 0; i < 150; i += 10 { // half of them go
		w.leave(i)
	}
	w.pass(15 * time.Minute)
	if whole, least, _ := w.check(); !whole || least < Enough {
		t.Errorf("after half have left: one net %v, at least %d links each", whole, least)
	}
	// Calm: with enough links nothing is tried any more.
	before := w.effects
	w.pass(10 * time.Minute)
	if w.effects != before {
		t.Errorf("%d changes of mind while nothing happens", w.effects-before)
	}
}

// Of a thousand devices that are away one comes to the network: it need not wait its turn.
func TestOfWhomThereIsNewsComesFirst(t *testing.T) {
	c := New(rand.New(rand.NewPCG(1, 1)))
	var members []ident.DeviceID
	for i := range 1000 {
		members = append(members, id(i))
	}
	c.Handle(0, DevicesKnown{Folders: []Folder{{Members: members}}})
	var came []ident.DeviceID
	for n := 999; len(came) < 40; n-- {
		if !c.devices[id(n)].sought {
			came = append(came, id(n))
		}
	}
	for i, d := range came {
		c.Handle(step.Instant(i), News{d})
		if sought := c.devices[d].sought; sought != (i < newsMost-triesMost) {
			t.Fatalf("device %d of whom there is news: sought %v", i, sought)
		}
		if again := c.Handle(step.Instant(i), News{d}); len(again) > 0 {
			t.Fatalf("the same news again: %v", again)
		}
	}
	for i := range Enough {
		c.Handle(step.Instant(time.Second), Linked{came[i]})
	}
	if got := c.Handle(step.Instant(time.Second), News{id(5)}); len(got) > 0 {
		t.Errorf("enough are linked, and still: %v", got)
	}
	n := 0
	for _, d := range c.devices {
		if d.sought && !d.linked {
			n++
		}
	}
	if n > 0 || c.Deadline() != step.Never {
		t.Errorf("%d are still sought when enough are linked; due at %v", n, c.Deadline())
	}
}

func TestWhomAPersonLinkedIsSoughtAlways(t *testing.T) {
	c := New(rand.New(rand.NewPCG(1, 1)))
	var members []ident.DeviceID
	for i := range 100 {
		members = append(members, id(i))
	}
	sought := map[int]bool{}
	take := func(effects []Effect) {
		for _, f := range effects {
			sought[number(f.Device)] = f.Sought
		}
	}
	take(c.Handle(0, DevicesKnown{Hand: []ident.DeviceID{id(50)}, Folders: []Folder{{Members: members}}}))
	if len(sought) != 100 {
		t.Fatalf("of 100 devices it is said of %d whether they are sought", len(sought))
	}
	for now := step.Instant(0); now < step.Instant(time.Hour); now = c.Deadline() {
		take(c.Tick(now))
		n := 0
		for _, yes := range sought {
			if yes {
				n++
			}
		}
		if !sought[50] || n > triesMost+1 {
			t.Fatalf("at %v %d are sought, the person's own %v", time.Duration(now), n, sought[50])
		}
	}
	// Everybody was tried in an hour: 45 s for each dozen.
	if tried := 0; true {
		for _, d := range c.devices {
			if d.tried || d.sought {
				tried++
			}
		}
		if tried != 100 {
			t.Errorf("%d of 100 were tried in an hour", tried)
		}
	}
	// Who is no member any more is forgotten; a folder that became small is sought whole.
	take(c.Handle(step.Instant(time.Hour), DevicesKnown{Folders: []Folder{{Members: members[:5]}}}))
	for i := range 5 {
		if !sought[i] {
			t.Errorf("device %d of a folder of five is not sought", i)
		}
	}
}

// Members of another version take a link and end it at once: each is tried once in a while,
// whatever that sets in motion.
func TestLinksThatEndAtOnceMakeNoStorm(t *testing.T) {
	c := New(rand.New(rand.NewPCG(1, 1)))
	var members []ident.DeviceID
	for i := range 60 {
		members = append(members, id(i))
	}
	began := 0
	var take func(now step.Instant, effects []Effect)
	take = func(now step.Instant, effects []Effect) {
		effects = slices.Clone(effects)
		for _, f := range effects {
			if f.Sought {
				if began++; began > 10000 {
					t.Fatalf("a storm at %v", now)
				}
				take(now, c.Handle(now, Linked{f.Device}))
			}
		}
		for _, f := range effects {
			if f.Sought {
				take(now, c.Handle(now, Parted{f.Device}))
			}
		}
	}
	take(0, c.Handle(0, DevicesKnown{Folders: []Folder{{Members: members}}}))
	const minutes = 30
	for now := c.Deadline(); now < step.Instant(minutes*time.Minute); now = c.Deadline() {
		take(now, c.Tick(now))
	}
	if most := 60 * minutes * 60 / 45 * 2; began > most {
		t.Errorf("in %d minutes 60 devices were begun with %d times", minutes, began)
	}
}
