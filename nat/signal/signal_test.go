package signal

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// world is two devices that seal what they say, and carriers that anybody may own.
type world struct {
	t      *testing.T
	now    step.Instant
	sides  [2]*side
	chance *rand.Rand
	air    []flight
	every  []flight // all that ever flew, for who records it
	lose   float64  // share of envelopes
}

type side struct {
	w    *world
	key  ed25519.PrivateKey
	core *Core
	seal *Sealer
	card Card // of the other side
	got  []string
}

type flight struct {
	to   int
	at   step.Instant
	text []byte
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, chance: rand.New(rand.NewPCG(seed, 1))}
	for i := range w.sides {
		w.sides[i] = &side{w: w, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, 32))}
	}
	a, b := w.sides[0], w.sides[1]
	if x, y := idOf(a.key), idOf(b.key); slices.Compare(x[:], y[:]) > 0 {
		a.key, b.key = b.key, a.key // the first one has the lower id
	}
	w.start(0)
	w.start(1)
	return w
}

func idOf(key ed25519.PrivateKey) ident.DeviceID {
	return ident.DeviceFromKey(key.Public().(ed25519.PublicKey))
}

func (w *world) bytes32() (out [32]byte) {
	for i := range out {
		out[i] = byte(w.chance.Uint32())
	}
	return out
}

// start begins a new run of a side's program. Whoever knows its card learns the new one.
func (w *world) start(i int) {
	s, other := w.sides[i], w.sides[1-i]
	seal, err := NewSealer(s.key, w.bytes32())
	if err != nil {
		w.t.Fatal(err)
	}
	s.seal, s.core = seal, New(idOf(s.key))
	other.card = seal.Card()
	s.do(Began{seal.Card().Run})
	s.do(Trusted{idOf(other.key)})
}

func (s *side) do(e Event) { s.carry(s.core.Handle(s.w.now, e)) }

func (s *side) carry(effects []Effect) {
	w := s.w
	me := slices.Index(w.sides[:], s)
	for _, f := range slices.Clone(effects) {
		switch f := f.(type) {
		case Post:
			text, err := s.seal.Seal(s.card, f.Letter, w.bytes32())
			if err != nil {
				w.t.Fatal(err)
			}
			fl := flight{1 - me, w.now + step.Instant(w.chance.Int64N(int64(300*time.Millisecond))), text}
			w.every = append(w.every, fl)
			for w.chance.Float64() >= w.lose {
				w.air = append(w.air, fl)
				fl.at += step.Instant(time.Second) // perhaps once more
				if w.chance.Float64() < 0.7 {
					break
				}
			}
		case Ring:
			s.got = append(s.got, "ring "+string(f.Body))
		case Deliver:
			s.got = append(s.got, string(f.Body))
		case Over:
			s.got = append(s.got, "over")
		}
	}
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); ; {
		at := min(w.sides[0].core.Deadline(), w.sides[1].core.Deadline())
		for _, f := range w.air {
			at = min(at, f.at)
		}
		if at > end {
			w.now = end
			return
		}
		w.now = max(w.now, at)
		due := slices.DeleteFunc(slices.Clone(w.air), func(f flight) bool { return f.at > w.now })
		w.air = slices.DeleteFunc(w.air, func(f flight) bool { return f.at <= w.now })
		for _, f := range due {
			w.arrive(f)
		}
		for _, s := range w.sides {
			s.carry(s.core.Tick(w.now))
		}
	}
}

func (w *world) arrive(f flight) {
	s := w.sides[f.to]
	if card, letter, err := s.seal.Open(f.text); err == nil {
		s.do(LetterCame{card.Device, card.Run, letter})
	}
}

func (s *side) want(what ...string) {
	s.w.t.Helper()
	if !slices.Equal(s.got, what) {
		s.w.t.Fatalf("side %d got %q, want %q", slices.Index(s.w.sides[:], s), s.got, what)
	}
	s.got = nil
}

func TestCallArrivesInOrderThroughBadCarriers(t *testing.T) {
	for seed := range uint64(40) {
		w := newWorld(t, seed)
		w.lose = 0.4
		a, b := w.sides[0], w.sides[1]
		a.do(Said{idOf(b.key), []byte("offer")})
		want := []string{"ring offer"}
		for i := range 9 {
			a.do(Said{idOf(b.key), fmt.Append(nil, i)})
			want = append(want, fmt.Sprint(i))
		}
		w.run(12 * time.Second)
		if len(b.got) == 0 {
			continue // everything was lost for so long that b knows nothing yet
		}
		b.do(Said{idOf(a.key), []byte("answer")})
		w.run(20 * time.Second)
		b.want(want...)
		a.want("answer")
	}
}

func TestBothCallAtOnce(t *testing.T) {
	for seed := range uint64(40) {
		w := newWorld(t, seed)
		w.lose = 0.3
		a, b := w.sides[0], w.sides[1]
		a.do(Said{idOf(b.key), []byte("from a")})
		b.do(Said{idOf(a.key), []byte("from b")})
		w.run(15 * time.Second)
		if slices.Contains(a.got, "ring from b") {
			continue // a's letters were all lost for so long that its call was over
		}
		a.want()
		b.want("over", "ring from a")
		b.do(Said{idOf(a.key), []byte("answer")})
		w.run(20 * time.Second)
		a.want("answer")
	}
}

func TestNobodyAnswers(t *testing.T) {
	w := newWorld(t, 1)
	w.lose = 1
	a := w.sides[0]
	a.do(Said{idOf(w.sides[1].key), []byte("offer")})
	w.run(ringTime - time.Second)
	a.want()
	w.run(2 * time.Second)
	a.want("over")
	if posted := len(w.every); posted > 12 {
		t.Errorf("%d envelopes for nobody", posted)
	}
}

// What a hostile carrier recorded rings nowhere, not even after either side started anew.
func TestReplay(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.sides[0], w.sides[1]
	a.do(Said{idOf(b.key), []byte("offer")})
	a.do(Said{idOf(b.key), []byte("more")})
	w.run(time.Second)
	b.want("ring offer", "more")
	b.do(HungUp{idOf(a.key)})
	w.run(time.Second)
	a.want("over")
	recorded := slices.Clone(w.every)
	replay := func() {
		t.Helper()
		for _, f := range recorded {
			w.arrive(f)
		}
		w.run(time.Second)
		a.want()
		b.want()
	}
	replay()
	w.start(1)
	replay()
	w.start(0)
	replay()
	a.do(Said{idOf(b.key), []byte("anew")})
	w.run(time.Second)
	b.want("ring anew")
}

func TestCallerStartsAnew(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.sides[0], w.sides[1]
	a.do(Said{idOf(b.key), []byte("offer")})
	w.run(time.Second)
	b.want("ring offer")
	w.start(0)
	a.do(Said{idOf(b.key), []byte("second")})
	b.do(Said{idOf(a.key), []byte("late answer to the first")})
	w.run(2 * time.Second)
	b.want("over", "ring second")
	a.want()
}

// A device that was called and started anew knows nothing of the call. Its first word in it
// tells the caller so, which then calls anew.
func TestCalleeStartsAnew(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.sides[0], w.sides[1]
	a.do(Said{idOf(b.key), []byte("offer")})
	w.run(time.Second)
	b.do(Said{idOf(a.key), []byte("answer")})
	w.run(time.Second)
	b.want("ring offer")
	a.want("answer")
	w.start(1)
	a.do(Said{idOf(b.key), []byte("more")})
	w.run(2 * time.Second)
	b.want()
	a.want("over")
	a.do(Said{idOf(b.key), []byte("second")})
	w.run(2 * time.Second)
	b.do(Said{idOf(a.key), []byte("answer to it")})
	w.run(2 * time.Second)
	b.want("over", "ring second")
	a.want("answer to it")
}

func TestStrangersDoNotRing(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.sides[0], w.sides[1]
	b.do(Forgotten{idOf(a.key)})
	a.do(Said{idOf(b.key), []byte("offer")})
	w.run(time.Second)
	b.want()
}

// One device that does nothing but call has a few calls looked at, and costs no memory.
func TestFloodOfCalls(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.sides[0], w.sides[1]
	for i := range 1000 {
		call := CallName{Mine: true, Run: a.seal.Card().Run, Number: uint64(i + 1)}
		for _, letter := range []Letter{
			{Kind: Offer, Call: call, Number: 1, Body: fmt.Append(nil, i)},
			{Kind: Word, Call: call, Number: uint32(1000 + i), Body: make([]byte, BodyMax)},
		} {
			b.do(LetterCame{idOf(a.key), call.Run, letter})
		}
		w.run(2 * time.Millisecond)
	}
	w.run(500 * time.Millisecond)
	rings := slices.DeleteFunc(b.got, func(s string) bool { return s == "over" })
	if len(rings) > ringsMax || len(rings) == 0 {
		t.Errorf("%d calls rang, allowed are %d", len(rings), ringsMax)
	}
	if early := len(b.core.devices[idOf(a.key)].call.early); early > windowMax {
		t.Errorf("%d letters are kept for later", early)
	}
}

func TestSealRefusesEverythingElse(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.sides[0], w.sides[1]
	letter := Letter{Kind: Offer, Call: CallName{Mine: true, Run: 7, Number: 9}, Number: 1, Ack: 2, Body: []byte("body")}
	text, err := a.seal.Seal(a.card, letter, w.bytes32())
	if err != nil {
		t.Fatal(err)
	}
	card, got, err := b.seal.Open(text)
	if err != nil || card.Device != idOf(a.key) || got.String() != letter.String() || string(got.Body) != "body" {
		t.Fatalf("opened %v %v %v", card.Device, got, err)
	}
	if bytes.Contains(text, []byte("body")) {
		t.Fatal("the body can be read on the way")
	}
	for i := range text {
		changed := bytes.Clone(text)
		changed[i] ^= 0x40
		if _, _, err := b.seal.Open(changed); err == nil {
			t.Fatalf("byte %d of %d can be changed", i, len(text))
		}
	}
	if _, _, err := a.seal.Open(text); !errors.Is(err, ErrNotForUs) {
		t.Errorf("the sender opens it: %v", err)
	}
	w.start(1)
	if _, _, err := b.seal.Open(text); !errors.Is(err, ErrNotForUs) {
		t.Errorf("the next run opens it: %v", err)
	}
}

// A carrier that puts its own card before a letter is not taken for its writer.
func TestCardsCannotBeSwapped(t *testing.T) {
	w := newWorld(t, 1)
	thief, err := NewSealer(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32)), w.bytes32())
	if err != nil {
		t.Fatal(err)
	}
	text, err := w.sides[0].seal.Seal(w.sides[0].card, Letter{Kind: Offer, Number: 1}, w.bytes32())
	if err != nil {
		t.Fatal(err)
	}
	card := thief.Card()
	copy(text[1:], card.Bytes())
	if _, _, err := w.sides[1].seal.Open(text); !errors.Is(err, ErrNotForUs) {
		t.Fatalf("opened: %v", err)
	}
	card.text[40] ^= 1
	if _, err := ParseCard(card.Bytes()); !errors.Is(err, ErrEnvelope) {
		t.Fatalf("a card that its device did not sign: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	one, err := NewSealer(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)), [32]byte{1})
	if err != nil {
		f.Fatal(err)
	}
	text, err := one.Seal(one.Card(), Letter{Kind: Word, Number: 3, Body: []byte("x")}, [32]byte{2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(one.Card().Bytes())
	f.Add([]byte{formEnvelope})
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, letter, err := one.Open(text); err == nil && len(letter.Body) > BodyMax {
			t.Fatal("a body that is too long")
		}
	})
}
