package roster

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/wire"
)

// party is a device of a test: its core, its key, and what it was told.
type party struct {
	t     *testing.T
	world *world
	key   ed25519.PrivateKey
	id    ident.DeviceID
	core  *Core
	kept  []byte // the map that is durable
	fails bool   // its disk takes nothing
	ended bool   // nothing reaches it any more

	answers []Answered
	places  []wire.Place
	drops   []string
	told    []ident.DeviceID // TellPlaces
	saves   int
}

// world delivers what parties say to each other at once, in order.
type world struct {
	now      step.Instant
	parties  map[ident.DeviceID]*party
	folder   ident.FolderID
	founding members.Founding
	words    int
}

func newWorld(t *testing.T, n int) (*world, []*party) {
	w := &world{parties: map[ident.DeviceID]*party{}}
	var all []*party
	for i := range n {
		seed := make([]byte, ed25519.SeedSize)
		seed[0] = byte(i + 1)
		key := ed25519.NewKeyFromSeed(seed)
		p := &party{t: t, world: w, key: key, id: ident.DeviceFromKey(key.Public().(ed25519.PublicKey))}
		w.parties[p.id] = p
		all = append(all, p)
	}
	w.founding = members.Founding{Founder: all[0].id, Nonce: members.Nonce{7}}
	w.folder = w.founding.Folder()
	for i, p := range all {
		m := members.NewMap(w.folder)
		if i == 0 {
			if err := m.Found(w.founding); err != nil {
				t.Fatal(err)
			}
		}
		p.kept = m.Append(nil)
		p.start()
	}
	return w, all
}

// start begins a life of what is durable.
func (p *party) start(hand ...*party) {
	m, err := members.ParseMap(p.world.folder, p.kept)
	if err != nil {
		p.t.Fatal(err)
	}
	cfg := Config{Self: p.id, Map: m}
	copy(cfg.Key[:], p.key.Public().(ed25519.PublicKey))
	for _, h := range hand {
		cfg.Hand = append(cfg.Hand, h.id)
	}
	p.core = New(p.world.folder, cfg)
}

func (p *party) do(e Event) {
	p.t.Helper()
	p.carry(slices.Clone(p.core.Handle(p.world.now, e)))
}

func (p *party) carry(effects []Effect) {
	for _, f := range effects {
		switch f := f.(type) {
		case Send:
			p.world.words++
			if p.world.words > 5000 {
				p.t.Fatal("they do not stop talking")
			}
			if o := p.world.parties[f.Device]; o.core.links[p.id] != nil && !o.ended {
				o.do(Heard{p.id, f.Message})
			}
		case Sign:
			s := Signed{Ticket: f.Ticket}
			copy(s.Sign[:], ed25519.Sign(p.key, f.Bytes))
			p.do(s)
		case Save:
			p.saves++
			s := Saved{Ticket: f.Ticket}
			if p.fails {
				s.Problem = "no space"
			} else {
				p.kept = f.Body
			}
			p.do(s)
		case Answered:
			p.answers = append(p.answers, f)
		case PlacesHeard:
			p.places = append(p.places, f.Places...)
		case Drop:
			p.drops = append(p.drops, f.Reason)
		case TellPlaces:
			p.told = append(p.told, f.Device)
		}
	}
}

func connect(a, b *party) {
	a.core.links[b.id], b.core.links[a.id] = &line{}, &line{} // messages cross the first event
	a.do(Connected{b.id})
	b.do(Connected{a.id})
}

func (p *party) share(o *party, role members.Role) Answered {
	p.t.Helper()
	p.do(ShareAsked{Ticket: 1, Device: o.id, Role: role, Name: fmt.Sprint("n", o.id[0])})
	return p.answers[len(p.answers)-1]
}

func (p *party) unshare(o *party) Answered {
	p.t.Helper()
	p.do(UnshareAsked{Ticket: 1, Device: o.id})
	return p.answers[len(p.answers)-1]
}

func (p *party) stands(own members.Role, partners ...any) {
	p.t.Helper()
	var want []string
	for i := 0; i < len(partners); i += 2 {
		want = append(want, fmt.Sprint(partners[i].(*party).id.Short(), " ", partners[i+1]))
	}
	slices.Sort(want)
	var got []string
	s := p.core.Standing()
	for _, o := range s.Partners {
		got = append(got, fmt.Sprint(o.Device.Short(), " ", o.Role))
	}
	slices.Sort(got)
	if s.Own != own || !slices.Equal(got, want) {
		p.t.Errorf("%s is %v with %q, want %v with %q", p.id.Short(), s.Own, got, own, want)
	}
}

// TestJoiningByHand: the device that joins learns the map from the one it names, whichever
// of the two acts first.
func TestJoiningByHand(t *testing.T) {
	for _, ownerFirst := range []bool{true, false} {
		_, all := newWorld(t, 2)
		a, b := all[0], all[1]
		connect(a, b)
		b.stands(members.Writer)
		steps := []func(){func() { a.share(b, members.None) }, func() { b.share(a, members.None) }}
		if !ownerFirst {
			slices.Reverse(steps)
		}
		for _, do := range steps {
			do()
		}
		a.stands(members.Owner, b, members.Writer)
		b.stands(members.Writer, a, members.Owner)
		if !slices.Equal(a.kept, b.kept) {
			t.Error("they keep different maps")
		}
	}
}

func TestMembersLearnOfEachOther(t *testing.T) {
	_, all := newWorld(t, 4)
	a, b, c, d := all[0], all[1], all[2], all[3]
	for _, o := range all[1:] {
		connect(a, o)
		a.share(o, members.None)
		o.share(a, members.None)
	}
	a.share(d, members.Reader)
	b.stands(members.Writer, a, members.Owner, c, members.Writer, d, members.Reader)
	c.stands(members.Writer, a, members.Owner, b, members.Writer, d, members.Reader)
	d.stands(members.Reader, a, members.Owner, b, members.Writer, c, members.Writer)
	connect(b, c)
	a.do(Lost{b.id})
	b.do(Lost{a.id})
	a.unshare(d)
	b.stands(members.Writer, a, members.Owner, c, members.Writer) // by way of c
	d.stands(members.None)
	if by := d.core.Standing().EndedBy; by != a.id {
		t.Errorf("ended by %s", by.Short())
	}
	if r := d.core.Refusal(a.id); r != wire.LeftHere {
		t.Errorf("it refuses with %v", r)
	}
	if r := a.core.Refusal(d.id); r != wire.Removed {
		t.Errorf("it is refused with %v", r)
	}
}

// TestRemovedWhileAway: whoever comes back is told, and by nothing else than his removal.
func TestRemovedWhileAway(t *testing.T) {
	_, all := newWorld(t, 4)
	a, b, c, d := all[0], all[1], all[2], all[3]
	for _, o := range all[1:3] {
		connect(a, o)
		a.share(o, members.None)
		o.share(a, members.None)
	}
	a.do(Lost{b.id})
	b.do(Lost{a.id})
	a.unshare(b)
	a.share(d, members.None)
	connect(b, c)
	b.stands(members.None)
	if m, _ := members.ParseMap(b.world.folder, b.kept); m.Mentions(d.id) {
		t.Error("bert was told who came after him")
	}
	a.share(b, members.Reader)
	b.stands(members.Reader, a, members.Owner, c, members.Writer, d, members.Writer)
}

func TestMutualRemoval(t *testing.T) {
	_, all := newWorld(t, 3)
	a, b, c := all[0], all[1], all[2]
	for _, o := range all[1:] {
		connect(a, o)
		a.share(o, members.Owner)
		o.share(a, members.None)
	}
	connect(b, c)
	for _, p := range []*party{a, b, c} {
		for _, o := range []*party{a, b, c} {
			p.do(Lost{o.id})
		}
	}
	b.unshare(c)
	c.unshare(b)
	connect(b, c)
	b.stands(members.Owner, a, members.Owner)
	c.stands(members.None)
	connect(a, b)
	a.stands(members.Owner, b, members.Owner)
}

func TestOnlyOwnersDecide(t *testing.T) {
	_, all := newWorld(t, 4)
	a, b, c, d := all[0], all[1], all[2], all[3]
	for _, o := range all[1:3] {
		connect(a, o)
		a.share(o, members.None)
		o.share(a, members.None)
	}
	for what, got := range map[string]Answered{
		"another's role": b.share(c, members.Reader), "an owner's role": b.share(a, members.Writer),
		"a new member": b.share(d, members.Writer), "an end": b.unshare(c),
	} {
		if got.Problem != NotOwner {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if got := b.share(c, members.None); got.Problem != Fine || got.Role != members.Writer {
		t.Errorf("what is so already: %+v", got)
	}
	if got := a.unshare(d); got.Problem != NotShared {
		t.Errorf("the end of nothing: %+v", got)
	}
	a.unshare(c)
	if got := b.share(c, members.None); got.Problem != Ended {
		t.Errorf("a membership that was ended: %+v", got)
	}
	if got := d.share(a, members.Reader); got.Problem != NoOwner {
		t.Errorf("a role in a folder without a known owner: %+v", got)
	}
}

// TestGuests: a writer may let a device in by hand, and answers for it; others do not hear
// of it, and a reader may not.
func TestGuests(t *testing.T) {
	_, all := newWorld(t, 4)
	a, b, c, d := all[0], all[1], all[2], all[3]
	connect(a, b)
	a.share(b, members.None)
	b.share(a, members.None)
	connect(b, c)
	b.share(c, members.None)
	c.share(b, members.None)
	b.stands(members.Writer, a, members.Owner, c, members.Writer)
	c.stands(members.Writer, b, members.Writer)
	a.stands(members.Owner, b, members.Writer)
	if !c.core.Standing().Guest {
		t.Error("carl does not know that he is a guest")
	}
	a.share(b, members.Reader)
	b.stands(members.Reader, a, members.Owner)
	if got := b.share(d, members.None); got.Problem != NotOwner {
		t.Errorf("a reader's guest: %+v", got)
	}
}

// TestNothingIsToldBeforeItIsSaved, and what could not be saved is tried again.
func TestNothingIsToldBeforeItIsSaved(t *testing.T) {
	w, all := newWorld(t, 2)
	a, b := all[0], all[1]
	connect(a, b)
	b.share(a, members.None)
	a.fails = true
	if got := a.share(b, members.None); got.Problem != SaveFailed || got.Reason != "no space" {
		t.Errorf("answered %+v", got)
	}
	if m, _ := members.ParseMap(w.folder, b.kept); m.Mentions(b.id) {
		t.Error("bert was told what anna may forget")
	}
	a.stands(members.Owner)
	a.fails = false
	w.now = a.core.Deadline()
	a.carry(slices.Clone(a.core.Tick(w.now)))
	a.stands(members.Owner, b, members.Writer)
	b.stands(members.Writer, a, members.Owner)
}

// TestForgedRecordsCostLittle: whoever sends what no owner signed is dropped, and his
// records are not passed on.
func TestForgedRecordsCostLittle(t *testing.T) {
	w, all := newWorld(t, 3)
	a, b, c := all[0], all[1], all[2]
	for _, o := range all[1:] {
		connect(a, o)
		a.share(o, members.None)
		o.share(a, members.None)
	}
	var forged []members.Record
	for i := range badMax + 5 {
		r := members.Record{Epoch: 1, Subject: ident.DeviceID{byte(i + 1)}, Role: members.Owner}
		copy(r.Key[:], b.key.Public().(ed25519.PublicKey))
		copy(r.Sign[:], ed25519.Sign(b.key, r.ToSign(w.folder)))
		forged = append(forged, r)
	}
	before := string(c.kept)
	a.do(Heard{b.id, wire.Records{Folder: w.folder, Records: forged}})
	if len(a.drops) != 1 || !strings.Contains(a.drops[0], "no owner") {
		t.Errorf("drops: %q", a.drops)
	}
	if string(c.kept) != before || string(a.kept) != before {
		t.Error("forged records are in the map")
	}
}

// TestStrangersHearNothing: a device that has nothing to do with the folder is not
// answered, and not believed.
func TestStrangersHearNothing(t *testing.T) {
	w, all := newWorld(t, 3)
	a, b, x := all[0], all[1], all[2]
	connect(a, b)
	a.share(b, members.None)
	b.share(a, members.None)
	connect(a, x)
	words := w.words
	x.share(a, members.None) // it asks who founded the folder
	if w.words != words+1 {
		t.Errorf("%d messages, want the question alone", w.words-words)
	}
	b.do(Heard{a.id, wire.Whereabouts{Places: []wire.Place{{Device: x.id}, {Device: a.id}, {Device: b.id}}}})
	if len(b.places) != 1 || b.places[0].Device != a.id {
		t.Errorf("believed %+v", b.places)
	}
	b.places = nil
	b.core.links[x.id] = &line{}
	b.do(Heard{x.id, wire.Whereabouts{Places: []wire.Place{{Device: a.id}}}})
	if len(b.places) != 0 {
		t.Error("a stranger's hint is believed")
	}
}

// TestPlacesAreToldSoonAndAgain: after changes, together, and before hints are forgotten.
func TestPlacesAreToldSoonAndAgain(t *testing.T) {
	w, all := newWorld(t, 3)
	a := all[0]
	for _, o := range all[1:] {
		connect(a, o)
		a.share(o, members.None)
		o.share(a, members.None)
	}
	for i, wait := range []time.Duration{time.Second, time.Second, tellAgain} {
		w.now = w.now.Add(wait)
		a.told = nil
		a.carry(slices.Clone(a.core.Tick(w.now)))
		if want := 2 * ((i + 1) % 2); len(a.told) != want {
			t.Errorf("after %v: told %d, want %d", wait, len(a.told), want)
		}
	}
}
