package pairing

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/pake"
	"github.com/shoal-sync/shoal/internal/ident"
)

func addr(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

func addrs(d *device) []netip.AddrPort { return []netip.AddrPort{d.addr} }

// thief controls the whole network: every connection ends at him. He has a device key of
// his own, so the channels of a and b have different bindings. What he hears he may pass
// on as it is, or answer himself.
type thief struct {
	*world
	id   ident.DeviceID
	toA  func(Message) // what a sends to him
	toB  func(Message)
	last MeetingID
}

const (
	withA MeetingID = 1001
	withB MeetingID = 1002
)

// steal makes a's call end at the thief, who calls b.
func steal(t *testing.T) (*thief, *device, *device) {
	w := newWorld(t, "laptop", "desktop")
	th := &thief{world: w, id: ident.DeviceID{66}}
	a, b := w.devices[0], w.devices[1]
	invites(b, work)
	w.between = func(from *device, m Message) Message {
		if from == a {
			th.toA(m)
		} else {
			th.toB(m)
		}
		return nil
	}
	return th, a, b
}

func (th *thief) tellA(a *device, m Message) { a.hear(Heard{withA + th.last, m}) }
func (th *thief) tellB(b *device, m Message) { b.hear(Heard{withB + th.last, m}) }

// guess is a run of the thief with a code of his choice.
func (th *thief) guess(guess Code, initiator bool, other *device) *pake.Run {
	parties := append(append([]byte(nil), other.id[:]...), th.id[:]...)
	binding := [32]byte{'A', byte(th.last)}
	if initiator {
		parties = append(append([]byte(nil), th.id[:]...), other.id[:]...)
		binding = [32]byte{'B', byte(th.last)}
	}
	chance := th.chance()
	run, err := pake.Start(initiator, guess.secret(), pake.Context{Parties: parties, Channel: binding[:]}, chance[:])
	if err != nil {
		th.t.Fatal(err)
	}
	return run
}

// callA is a's call that ends at the thief: Meet is answered with his key and channel.
func (th *thief) callA(a *device) {
	for _, tr := range a.tries {
		if len(tr.meets) > 0 {
			a.hear(Met{tr.meets[0], withA + th.last, th.id, addr("10.0.0.66:5"), false, [32]byte{'A', byte(th.last)}, th.chance()})
			return
		}
	}
}

// TestAThiefWhoPassesEverythingOn: both are told that something is wrong, and nobody is
// trusted, although every word was right.
func TestAThiefWhoPassesEverythingOn(t *testing.T) {
	th, a, b := steal(t)
	th.toA = func(m Message) { th.queue = append(th.queue, func() { th.tellB(b, m) }) }
	th.toB = func(m Message) { th.queue = append(th.queue, func() { th.tellA(a, m) }) }
	b.addr = addr("10.0.0.2:22100")
	th.intercept(a, b)
	a.ended(2, Wrong)
	b.ended(1, Wrong)
	th.nobodyTrusted(a, b)
}

// intercept makes a's dial fail to reach b: the thief answers.
func (th *thief) intercept(a, b *device) {
	real := b.addr
	b.addr = addr("10.9.9.9:1") // nobody is reached where b was
	th.devices = []*device{a, b}
	th.last += 10
	a.ends[withA+th.last], b.ends[withB+th.last] = end{b, 0}, end{a, 0}
	b.hear(Met{0, withB + th.last, th.id, addr("10.0.0.66:5"), false, [32]byte{'B', byte(th.last)}, th.chance()})
	effects := a.Handle(th.now, Entered{2, Entry{Code: code}, []netip.AddrPort{real}, 30 * time.Second})
	for _, f := range effects {
		if _, meets := f.(Meet); !meets {
			a.act([]Effect{f})
		}
	}
	th.callA(a)
}

func (th *thief) nobodyTrusted(a, b *device) {
	th.t.Helper()
	if len(a.saved)+len(b.saved) > 0 {
		th.t.Error("somebody is trusted")
	}
	for _, n := range a.news[2] {
		if _, asked := n.(Question); asked {
			th.t.Error("the person was asked to trust the thief")
		}
	}
	th.wait(time.Hour)
}

// TestAThiefWhoGuesses: he plays b to a, and a to b. On each side one guess is all he has,
// and afterwards the code is dead there, even for the right words.
func TestAThiefWhoGuesses(t *testing.T) {
	th, a, b := steal(t)
	wrong := Code{code.Slot, [2]uint16{1, 2}}
	th.toA, th.toB = func(Message) {}, func(Message) {}
	th.intercept(a, b)

	// To a he is who shows the code.
	mine := th.guess(wrong, false, a)
	proofs := 0
	var proof Proof
	th.toA = func(m Message) {
		if p, is := m.(Proof); is {
			proofs++
			proof = p
		}
	}
	th.tellA(a, Share{[32]byte(mine.Share())})
	key, err := mine.Finish(shareOfA(a))
	if err != nil {
		t.Fatal(err)
	}
	if proofs != 1 || key.Proves(proof.Proof[:]) {
		t.Errorf("%d proofs came, and the guess was right: %v", proofs, key.Proves(proof.Proof[:]))
	}
	th.tellA(a, Proof{[64]byte(key.Proof())})
	a.ended(2, Wrong)
	a.hear(Entered{3, Entry{Code: code}, addrs(b), 30 * time.Second})
	a.ended(3, Wrong) // it proves a code once

	// To b he is who entered it. Beginning again and again tells him nothing.
	var share Share
	th.toB = func(m Message) {
		if s, is := m.(Share); is {
			share = s
		}
	}
	mine = th.guess(wrong, true, b)
	th.tellB(b, Begin{byCode, code.Slot, [32]byte(mine.Share())})
	if key, err = mine.Finish(share.Share[:]); err != nil {
		t.Fatal(err)
	}
	th.tellB(b, Proof{[64]byte(key.Proof())})
	b.ended(1, Wrong)
	th.again(b)
	right := th.guess(code, true, b)
	share = Share{}
	th.tellB(b, Begin{byCode, code.Slot, [32]byte(right.Share())})
	if share != (Share{}) {
		t.Error("the dead code is still answered")
	}
	th.nobodyTrusted(a, b)
}

// TestACodeEnteredTwiceIsOneGuess: two tries of one code are under way at a before either
// has proven anything. The thief, who answers both, gets one proof.
func TestACodeEnteredTwiceIsOneGuess(t *testing.T) {
	th, a, b := steal(t)
	proofs := 0
	th.toA, th.toB = func(m Message) {
		if _, is := m.(Proof); is {
			proofs++
		}
	}, func(Message) {}
	th.intercept(a, b)
	first := th.last
	at := []netip.AddrPort{addr("10.9.9.8:1")}
	for _, f := range slices.Clone(a.Handle(th.now, Entered{3, Entry{Code: code}, at, 30 * time.Second})) {
		if meet, is := f.(Meet); is {
			th.last++
			a.ends[withA+th.last] = end{b, 0}
			a.hear(Met{meet.Ticket, withA + th.last, th.id, at[0], false, [32]byte{'A', byte(th.last)}, th.chance()})
		}
	}
	if th.last == first || len(a.meetings) != 2 {
		t.Fatalf("%d conversations are under way, want 2", len(a.meetings))
	}
	for _, which := range []MeetingID{first, th.last} {
		th.last = which
		guess := th.guess(Code{code.Slot, [2]uint16{1, uint16(which)}}, false, a)
		th.tellA(a, Share{[32]byte(guess.Share())})
	}
	if proofs != 1 {
		t.Errorf("a gave %d proofs of one code", proofs)
	}
	a.ended(3, Wrong)
	th.nobodyTrusted(a, b)
}

// again gives the thief a new connection with b.
func (th *thief) again(b *device) {
	th.last += 10
	b.ends[withB+th.last] = end{b, 0}
	b.hear(Met{0, withB + th.last, th.id, addr("10.0.0.66:5"), false, [32]byte{'B', byte(th.last)}, th.chance()})
}

func shareOfA(a *device) []byte { return a.meetings[0].run.Share() }

// TestAThiefWhoGuessesRight has the same words as b, so the test above can fail.
func TestAThiefWhoGuessesRight(t *testing.T) {
	th, a, b := steal(t)
	th.toA, th.toB = func(Message) {}, func(Message) {}
	th.intercept(a, b)
	var share Share
	th.toB = func(m Message) {
		if s, is := m.(Share); is {
			share = s
		}
	}
	mine := th.guess(code, true, b)
	th.tellB(b, Begin{byCode, code.Slot, [32]byte(mine.Share())})
	key, err := mine.Finish(share.Share[:])
	if err != nil {
		t.Fatal(err)
	}
	sealed := newSeal(key, true)
	th.toB = func(m Message) {
		if box, is := m.(Sealed); is {
			if _, err := sealed.open(box); err != nil {
				t.Error(err)
			}
		}
	}
	th.tellB(b, Proof{[64]byte(key.Proof())})
	th.tellB(b, sealed.close(Agree{Card: Card{Name: "thief"}}))
	if len(b.saved) != 1 || b.saved[0].Device != th.id {
		t.Errorf("b recorded %+v", b.saved)
	}
}

// TestWhoDisturbsIsNotedInTheEnd: beginnings without a proof are bounded.
func TestWhoDisturbsIsNotedInTheEnd(t *testing.T) {
	th, _, b := steal(t)
	th.toA, th.toB = func(Message) {}, func(Message) {}
	for range begunMax + 1 {
		th.again(b)
		th.tellB(b, Begin{byCode, code.Slot, [32]byte(th.guess(code, true, b).Share())})
		b.hear(MeetingLost{withB + th.last, "gone"})
	}
	b.ended(1, Failed)
	b.quiet()
}

// TestAThiefBetweenTwoWhoPicked: the words differ on the two screens.
func TestAThiefBetweenTwoWhoPicked(t *testing.T) {
	w := newWorld(t, "laptop", "desktop", "thief")
	a, b, th := w.devices[0], w.devices[1], w.devices[2]
	a.hear(Picked{Ticket: 2, Device: th.id, Name: "desktop", Addrs: addrs(th), Lasts: time.Minute})
	th.hear(Picked{Ticket: 3, Device: b.id, Name: "laptop", Addrs: addrs(b), Lasts: time.Minute})
	qa, ok := a.newest(2).(Question)
	if !ok || len(b.asked) != 1 || qa.Words == b.asked[0].Words {
		t.Errorf("a shows %+v, b %+v", a.newest(2), b.asked)
	}
	// Nor can he choose his nonce after he has seen the other one.
	w.between = func(from *device, m Message) Message {
		if r, is := m.(Reveal); is && from == th {
			r.Nonce[0]++
			return r
		}
		return m
	}
	th.hear(Picked{Ticket: 4, Device: a.id, Name: "laptop", Addrs: addrs(a), Lasts: time.Minute})
	th.ended(4, Lost)
	if len(a.asked) != 0 {
		t.Errorf("a is asked %+v", a.asked)
	}
}

// TestSealedMessagesAreTakenOnceInOrder: changed, repeated or moved ones end it.
func TestSealedMessagesAreTakenOnceInOrder(t *testing.T) {
	chance := func(b byte) []byte {
		c := make([]byte, pake.ChanceSize)
		c[0] = b
		return c
	}
	a, err := pake.Start(true, []byte("s"), pake.Context{}, chance(1))
	if err != nil {
		t.Fatal(err)
	}
	b, err := pake.Start(false, []byte("s"), pake.Context{}, chance(2))
	if err != nil {
		t.Fatal(err)
	}
	ka, err := a.Finish(b.Share())
	if err != nil {
		t.Fatal(err)
	}
	kb, err := b.Finish(a.Share())
	if err != nil {
		t.Fatal(err)
	}
	sa := newSeal(ka, true)
	one, two := sa.close(Linked{}), sa.close(Refuse{Busy})
	for _, c := range []struct {
		name  string
		boxes []Sealed
		good  int
	}{
		{"in order", []Sealed{one, two}, 2},
		{"repeated", []Sealed{one, one}, 1},
		{"swapped", []Sealed{two, one}, 0},
		{"changed", []Sealed{{append([]byte{1}, one.Box[1:]...)}}, 0},
		{"sent back", []Sealed{newSeal(kb, false).close(Linked{})}, 0},
	} {
		sb := newSeal(kb, false)
		good := 0
		for _, box := range c.boxes {
			if _, err := sb.open(box); err != nil {
				break
			}
			good++
		}
		if good != c.good {
			t.Errorf("%s: %d were opened, want %d", c.name, good, c.good)
		}
	}
}
