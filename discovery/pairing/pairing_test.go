package pairing

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

var (
	code   = Code{4829, [2]uint16{7, 9}}
	secret = [16]byte{1, 2, 3}
	work   = Offer{Folder: ident.FolderID{5}, Name: "work", Role: "writer", Files: 3, Bytes: 300}
	music  = Offer{Folder: ident.FolderID{6}, Name: "music", Role: "reader"}
)

// invites lets a device show the code.
func invites(d *device, offers ...Offer) {
	d.hear(Invited{1, code, secret, offers, 10 * time.Minute})
}

func enters(d *device, c Code) {
	d.hear(Entered{2, Entry{Code: c}, nil, 30 * time.Second})
	d.w.announce()
	d.w.wait(time.Second)
}

func TestACodeLinksTwoDevices(t *testing.T) {
	w := newWorld(t, "laptop", "desktop")
	a, b := w.devices[0], w.devices[1]
	invites(b, work, music)
	if b.shows != (Show{true, 4829}) {
		t.Fatalf("it shows %v", b.shows)
	}
	enters(a, code)
	q, ok := a.newest(2).(Question)
	if !ok || q.Name != "desktop" || q.Words != "" || !reflect.DeepEqual(q.Offers, []Offer{work, music}) {
		t.Fatalf("asked %+v", a.newest(2))
	}
	if len(a.saved)+len(b.saved) > 0 {
		t.Fatal("somebody is trusted before the person said yes")
	}
	a.hear(PersonAnswered{2, b.id, "", true, []Place{{work.Folder, "/home/work"}}})
	if got, want := b.newest(1), (Done{a.id, "laptop", []Offer{work}, nil}); !reflect.DeepEqual(got, want) {
		t.Errorf("b ended with %+v", got)
	}
	if got, want := a.newest(2), (Done{b.id, "desktop", nil, []Taken{{work, "/home/work"}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("a ended with %+v", got)
	}
	if s := b.saved[0]; s.Device != a.id || s.Addr != a.addr || s.Card.Announce != [32]byte{1} || len(s.Given) != 1 {
		t.Errorf("b recorded %+v", s)
	}
	if s := a.saved[0]; s.Device != b.id || s.Addr != b.addr || s.Card.Announce != [32]byte{2} || len(s.Taken) != 1 {
		t.Errorf("a recorded %+v", s)
	}
	a.quiet()
	b.quiet()
	// The code has been used.
	enters(a, code)
	a.ended(2, Wrong)
}

func TestALinkNeedsNoSearch(t *testing.T) {
	w := newWorld(t, "laptop", "desktop", "other")
	a, b, other := w.devices[0], w.devices[1], w.devices[2]
	invites(b)
	link := Link{Device: b.id, Slot: 4829, Secret: secret}
	link.Addrs = append(link.Addrs, other.addr, b.addr)
	a.hear(Entered{2, Entry{Link: &link}, nil, 30 * time.Second})
	a.hear(PersonAnswered{Ticket: 2, Device: b.id, Yes: true})
	if _, ok := a.newest(2).(Done); !ok {
		t.Errorf("it ended as %+v", a.newest(2))
	}
	// With stale addresses it is found by the local network, and nobody else is called.
	invites(b)
	link.Addrs = nil
	other.hear(Invited{9, code, [16]byte{9}, nil, time.Minute})
	a.hear(Entered{3, Entry{Link: &link}, nil, 30 * time.Second})
	w.announce()
	a.hear(PersonAnswered{Ticket: 3, Device: b.id, Yes: true})
	if _, ok := a.newest(3).(Done); !ok || len(other.meetings) > 0 {
		t.Errorf("it ended as %+v", a.newest(3))
	}
	// A link with another secret kills the code, as wrong words do.
	invites(b)
	link.Secret[0]++
	link.Addrs = append(link.Addrs, b.addr)
	a.hear(Entered{4, Entry{Link: &link}, nil, 30 * time.Second})
	a.ended(4, Wrong)
	b.ended(1, Wrong)
}

func TestOneWrongWordKillsTheCode(t *testing.T) {
	w := newWorld(t, "laptop", "desktop")
	a, b := w.devices[0], w.devices[1]
	invites(b)
	wrong := code
	wrong.Words[1]++
	enters(a, wrong)
	a.ended(2, Wrong)
	b.ended(1, Wrong)
	if text := b.newest(1).(Ended).Text; !strings.Contains(text, "somebody at 10.0.0.1") {
		t.Errorf("the person is told %q", text)
	}
	a.quiet()
	b.quiet()
	// Now even the right one opens nothing.
	a.hear(Entered{3, Entry{Code: code}, nil, 30 * time.Second})
	a.hear(PlaceHeard{b.id, "desktop", 4829, b.addr, 0})
	w.wait(time.Minute)
	a.ended(3, Expired)
	if len(a.saved)+len(b.saved) > 0 {
		t.Error("somebody is trusted")
	}
}

var endings = []struct {
	name string
	do   func(w *world, a, b *device)
	a, b EndReason // how tickets 2 and 1 end; 0 not at all
}{
	{"nobody enters the code", func(w *world, a, b *device) {
		invites(b)
		w.wait(11 * time.Minute)
	}, 0, Expired},
	{"nobody shows the code", func(w *world, a, b *device) {
		enters(a, code)
		w.wait(time.Minute)
		if _, ok := a.news[2][0].(Looking); !ok {
			w.t.Errorf("the first news is %T", a.news[2][0])
		}
	}, NotFound, 0},
	{"both enter it", func(w *world, a, b *device) {
		b.hear(Entered{1, Entry{Code: code}, nil, 30 * time.Second})
		enters(a, code)
		w.wait(time.Minute)
	}, NotFound, NotFound},
	{"the person says no", func(w *world, a, b *device) {
		invites(b)
		enters(a, code)
		a.hear(PersonAnswered{Ticket: 2, Device: b.id})
	}, Refused, Refused},
	{"the person says nothing", func(w *world, a, b *device) {
		invites(b)
		enters(a, code)
		w.wait(time.Hour)
	}, Lost, Lost},
	{"the command is stopped", func(w *world, a, b *device) {
		invites(b)
		enters(a, code)
		a.hear(Withdrawn{2})
		delete(a.news, 2)
	}, 0, Refused},
	{"the other command is stopped", func(w *world, a, b *device) {
		invites(b)
		enters(a, code)
		b.hear(Withdrawn{1})
		delete(b.news, 1)
	}, Refused, 0},
	{"the code is shown by this device", func(w *world, a, b *device) {
		invites(a)
		enters(a, code)
		a.hear(Withdrawn{1})
	}, Failed, 0},
	{"the link is of this device", func(w *world, a, b *device) {
		a.hear(Entered{2, Entry{Link: &Link{Device: a.id}}, nil, time.Minute})
	}, Failed, 0},
	{"a second code is asked for", func(w *world, a, b *device) {
		invites(b)
		b.hear(Invited{7, Code{Slot: 5555}, secret, nil, time.Minute})
		b.hear(Withdrawn{7})
	}, 0, Failed},
	{"two devices show the same slot", func(w *world, a, b *device) {
		invites(b)
		a.hear(Entered{2, Entry{Code: code}, nil, 30 * time.Second})
		w.announce()
		a.hear(PlaceHeard{ident.DeviceID{77}, "thief", 4829, addr("10.0.0.77:22100"), 0})
		w.wait(time.Second)
		b.hear(Withdrawn{1})
		delete(b.news, 1)
	}, Failed, 0},
	{"it cannot be recorded there", func(w *world, a, b *device) {
		b.fail = "disk full"
		invites(b)
		enters(a, code)
		a.hear(PersonAnswered{Ticket: 2, Device: b.id, Yes: true})
	}, Failed, Failed},
	{"it cannot be reached", func(w *world, a, b *device) {
		a.hear(Entered{2, Entry{Code: code}, nil, 30 * time.Second})
		a.hear(PlaceHeard{b.id, "desktop", 4829, addr("10.0.0.99:22100"), 0})
		w.wait(time.Second)
	}, Lost, 0},
}

// TestWhatEndsAnAttempt: each end is one clear line, and nothing is left behind.
func TestWhatEndsAnAttempt(t *testing.T) {
	for _, c := range endings {
		w := newWorld(t, "laptop", "desktop")
		a, b := w.devices[0], w.devices[1]
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			c.do(w, a, b)
			for _, s := range []struct {
				d      *device
				ticket step.Ticket
				why    EndReason
			}{{a, 2, c.a}, {b, 1, c.b}} {
				if s.why != 0 {
					s.d.ended(s.ticket, s.why)
				} else if n := s.d.newest(s.ticket); n != nil {
					if _, waits := n.(Looking); !waits {
						t.Errorf("%s: %+v", s.d.name, n)
					}
				}
			}
			w.wait(time.Hour)
			a.quiet()
			b.quiet()
			if len(a.saved)+len(b.saved) > 0 && b.fail == "" {
				t.Error("somebody is trusted")
			}
		})
	}
}

// TestABrokenLineCostsNothing: before a proof was given the code lives on.
func TestABrokenLineCostsNothing(t *testing.T) {
	w := newWorld(t, "laptop", "desktop")
	a, b := w.devices[0], w.devices[1]
	invites(b)
	w.between = func(from *device, m Message) Message {
		if _, is := m.(Share); is {
			return nil
		}
		return m
	}
	enters(a, code)
	w.wait(20 * time.Second)
	a.ended(2, Lost)
	w.between = nil
	a.hear(Entered{3, Entry{Code: code}, nil, 30 * time.Second})
	w.announce()
	w.wait(time.Second)
	a.hear(PersonAnswered{Ticket: 3, Device: b.id, Yes: true})
	if _, ok := a.newest(3).(Done); !ok {
		t.Errorf("it ended as %+v", a.newest(3))
	}
}

func TestNearbyLinksWhenBothSayYes(t *testing.T) {
	for _, first := range []string{"a", "b"} {
		w := newWorld(t, "laptop", "desktop")
		a, b := w.devices[0], w.devices[1]
		b.hear(Invited{9, code, secret, nil, time.Minute})
		a.hear(Picked{Ticket: 2, Device: b.id, Name: "desktop", Addrs: addrs(b), Offers: []Offer{work}, Lasts: time.Minute})
		q, ok := a.newest(2).(Question)
		if told := b.newest(9); !reflect.DeepEqual(told, Asks{a.id, "laptop", q.Words}) {
			t.Errorf("who looks at the code is told %+v", told)
		}
		b.hear(Withdrawn{9})
		if !ok || len(b.asked) != 1 || q.Words == "" || q.Words != b.asked[0].Words || len(strings.Fields(q.Words)) != 3 {
			t.Fatalf("a shows %+v, b %+v", a.newest(2), b.asked)
		}
		if b.asked[0].Name != "laptop" || len(b.asked[0].Offers) != 1 {
			t.Errorf("b is asked %+v", b.asked[0])
		}
		yesA := PersonAnswered{Ticket: 2, Device: b.id, Yes: true}
		yesB := PersonAnswered{3, a.id, q.Words, true, []Place{{work.Folder, "/w"}}}
		if first == "a" {
			a.hear(yesA)
		} else {
			b.hear(yesB)
		}
		if len(a.saved)+len(b.saved) > 0 {
			t.Fatal("one yes was enough")
		}
		if first == "a" {
			b.hear(yesB)
		} else {
			a.hear(yesA)
		}
		if !reflect.DeepEqual(a.newest(2), Done{b.id, "desktop", []Offer{work}, nil}) ||
			!reflect.DeepEqual(b.newest(3), Done{a.id, "laptop", nil, []Taken{{work, "/w"}}}) {
			t.Errorf("%s first: ended as %+v and %+v", first, a.newest(2), b.newest(3))
		}
		a.quiet()
		b.quiet()
	}
}

// TestAYesIsToTheWordsThatWereSeen: the request that a person looked at was replaced by
// another of the same device before the yes.
func TestAYesIsToTheWordsThatWereSeen(t *testing.T) {
	w := newWorld(t, "laptop", "desktop")
	a, b := w.devices[0], w.devices[1]
	picked := Picked{Ticket: 2, Device: b.id, Name: b.name, Addrs: addrs(b), Lasts: time.Minute}
	a.hear(picked)
	seen := b.asked[0].Words
	a.hear(Withdrawn{2})
	a.hear(picked)
	if len(b.asked) != 1 || b.asked[0].Words == seen {
		t.Fatalf("after words %q b is asked %+v", seen, b.asked)
	}
	a.hear(PersonAnswered{Ticket: 2, Device: b.id, Yes: true})
	b.hear(PersonAnswered{Ticket: 3, Device: a.id, Words: seen, Yes: true})
	b.ended(3, Failed)
	if len(a.saved)+len(b.saved) > 0 || len(b.asked) != 1 {
		t.Errorf("a yes to other words linked them, or ended the request: %+v", b.asked)
	}
	b.hear(PersonAnswered{Ticket: 4, Device: a.id, Words: b.asked[0].Words, Yes: true})
	if len(a.saved) != 1 || len(b.saved) != 1 {
		t.Errorf("a yes to the right words linked nobody: %+v", b.newest(4))
	}
}

// TestOneAddressLeavesOthersTheirAsks: somebody makes one key after the other.
func TestOneAddressLeavesOthersTheirAsks(t *testing.T) {
	names := []string{"desktop", "laptop"}
	for i := range asksMax {
		names = append(names, fmt.Sprint("stranger", i))
	}
	w := newWorld(t, names...)
	b, through := w.devices[0], 0
	ask := func(d *device) {
		d.hear(Picked{Ticket: 2, Device: b.id, Name: b.name, Addrs: addrs(b), Lasts: time.Minute})
		if len(b.asked) > 0 {
			through++
		}
		d.hear(Withdrawn{2})
	}
	for _, d := range w.devices[2:] {
		d.addr = addr("10.0.0.66:22100")
		ask(d)
	}
	if through != asksFrom {
		t.Errorf("%d requests of one address came through, want %d", through, asksFrom)
	}
	if ask(w.devices[1]); through != asksFrom+1 {
		t.Error("the laptop may not ask any more")
	}
}

// TestOneAddressLeavesOthersTheirPlaces: it does not hold all the places of those who ask.
func TestOneAddressLeavesOthersTheirPlaces(t *testing.T) {
	w := newWorld(t, "desktop", "laptop", "stranger1", "stranger2", "stranger3", "stranger4")
	b := w.devices[0]
	ask := func(d *device) {
		d.hear(Picked{Ticket: 2, Device: b.id, Name: b.name, Addrs: addrs(b), Lasts: time.Minute})
	}
	for _, d := range w.devices[2:] {
		d.addr = addr("10.0.0.66:22100")
		ask(d)
	}
	if len(b.asked) != pendingFrom {
		t.Errorf("%d devices of one address ask at once, want %d", len(b.asked), pendingFrom)
	}
	if ask(w.devices[1]); len(b.asked) != pendingFrom+1 {
		t.Error("the laptop finds no place")
	}
}

// TestTwoWhoPickEachOther at once see the same words all the same, whoever is first.
func TestTwoWhoPickEachOther(t *testing.T) {
	for _, first := range []int{0, 1} {
		w := newWorld(t, "laptop", "desktop")
		a, b := w.devices[first], w.devices[1-first]
		// Neither has heard of the other's request when it makes its own.
		a.act(a.Handle(w.now, Picked{Ticket: 2, Device: b.id, Name: b.name, Addrs: addrs(b), Lasts: time.Minute}))
		b.act(b.Handle(w.now, Picked{Ticket: 3, Device: a.id, Name: a.name, Addrs: addrs(a), Lasts: time.Minute}))
		w.settle()
		qa, _ := a.newest(2).(Question)
		qb, _ := b.newest(3).(Question)
		if qa.Words == "" || qa.Words != qb.Words || len(a.asked)+len(b.asked) > 0 {
			t.Fatalf("the screens show %+v and %+v", a.newest(2), b.newest(3))
		}
		a.hear(PersonAnswered{Ticket: 2, Device: b.id, Yes: true})
		b.hear(PersonAnswered{Ticket: 3, Device: a.id, Yes: true})
		if len(a.saved) != 1 || len(b.saved) != 1 {
			t.Errorf("ended as %+v and %+v", a.newest(2), b.newest(3))
		}
		w.wait(time.Hour)
		a.quiet()
		b.quiet()
	}
}

func TestStrangersAskWithinBounds(t *testing.T) {
	names := []string{"desktop"}
	for i := range 30 {
		names = append(names, fmt.Sprint("stranger", i))
	}
	w := newWorld(t, names...)
	b := w.devices[0]
	ask := func(d *device) {
		d.hear(Picked{Ticket: 2, Device: b.id, Name: "desktop", Addrs: addrs(b), Lasts: time.Minute})
	}
	for _, d := range w.devices[1:10] {
		ask(d)
	}
	if len(b.asked) != pendingMax {
		t.Errorf("%d ask at once, want %d", len(b.asked), pendingMax)
	}
	w.devices[9].ended(2, Failed)
	// No is no, for a while.
	first := w.devices[1]
	b.hear(PersonAnswered{Ticket: 3, Device: first.id})
	first.ended(2, Refused)
	ask(first)
	first.ended(2, Failed)
	w.wait(20 * time.Minute)
	if len(b.asked) != 0 {
		t.Errorf("%d still ask after everybody's time is over", len(b.asked))
	}
	ask(first)
	if len(b.asked) != 1 {
		t.Error("it may not ask again later")
	}
	through := len(b.asked)
	for _, d := range w.devices[2:] {
		ask(d)
		if len(b.asked) > 0 && b.asked[len(b.asked)-1].Device == d.id {
			through++
			d.hear(Withdrawn{2})
		}
	}
	if through != asksMax {
		t.Errorf("%d requests came through, want %d", through, asksMax)
	}
	w.wait(time.Hour)
	b.quiet()
	b.hear(PersonAnswered{Ticket: 8, Device: ident.DeviceID{99}, Yes: true})
	b.ended(8, Failed)
}
