package members

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

// person is one owner-to-be with a key and a map of its own.
type person struct {
	key ed25519.PrivateKey
	id  ident.DeviceID
	m   *Map
}

func public(key ed25519.PrivateKey) (out [32]byte) {
	copy(out[:], key.Public().(ed25519.PublicKey))
	return out
}

// people makes persons of whom the first has founded a folder that all know.
func people(n int) []*person {
	var out []*person
	for i := range n {
		seed := make([]byte, ed25519.SeedSize)
		seed[0] = byte(i + 1)
		key := ed25519.NewKeyFromSeed(seed)
		p := public(key)
		out = append(out, &person{key: key, id: ident.DeviceFromKey(p[:])})
	}
	founding := Founding{Founder: out[0].id, Nonce: Nonce{1, 2, 3}}
	for _, p := range out {
		p.m = NewMap(founding.Folder())
		if err := p.m.Found(founding); err != nil {
			panic(err)
		}
	}
	return out
}

// compose makes a record of what p says now, signed.
func (p *person) compose(t testing.TB, subject *person, role Role) Record {
	t.Helper()
	r, err := p.m.Compose(public(p.key), subject.id, role, "")
	if err != nil {
		t.Fatalf("%v cannot say that %v is %v: %v", p.id.Short(), subject.id.Short(), role, err)
	}
	copy(r.Sign[:], ed25519.Sign(p.key, r.ToSign(p.m.folder)))
	return r
}

func (p *person) says(t testing.TB, subject *person, role Role) Record {
	t.Helper()
	r := p.compose(t, subject, role)
	if changed, err := p.m.Add(r); err != nil || !changed {
		t.Fatalf("its own record: %v, %v", changed, err)
	}
	return r
}

// hears takes in all that another one knows.
func (p *person) hears(t testing.TB, o *person) {
	t.Helper()
	for _, r := range o.m.Lacking(p.m.Have(), 1000) {
		if _, err := p.m.Add(r); err != nil {
			t.Fatalf("a record of another map: %v", err)
		}
	}
}

func wantRoles(t *testing.T, m *Map, all []*person, want ...Role) {
	t.Helper()
	for i, p := range all {
		if got := m.Role(p.id); got != want[i] {
			t.Errorf("person %d is %v, want %v", i, got, want[i])
		}
	}
}

func TestRolesFollowTheOwnersWord(t *testing.T) {
	all := people(4)
	a, b, c, d := all[0], all[1], all[2], all[3]
	a.says(t, b, Owner)
	b.hears(t, a)
	b.says(t, c, Writer)
	b.says(t, d, Reader)
	a.hears(t, b)
	wantRoles(t, a.m, all, Owner, Owner, Writer, Reader)
	a.says(t, d, Writer)
	a.says(t, c, None)
	b.hears(t, a)
	wantRoles(t, b.m, all, Owner, Owner, None, Writer)
	if !b.m.Mentions(c.id) {
		t.Error("a membership that was ended is forgotten")
	}
	if a.m.Hash() != b.m.Hash() {
		t.Error("equal maps have different hashes")
	}
	for _, p := range []*person{c, d} {
		p.hears(t, a)
		if _, err := p.m.Compose(public(p.key), a.id, None, ""); !errors.Is(err, ErrNotOwner) {
			t.Errorf("somebody who is no owner may say who shares: %v", err)
		}
	}
}

// TestForgedRecordsAreRefused: what is refused is not in the map, so it is never passed on.
func TestForgedRecordsAreRefused(t *testing.T) {
	all := people(4)
	a, b, c, d := all[0], all[1], all[2], all[3]
	a.says(t, b, Writer)
	good := a.compose(t, c, Writer)
	forge := func(with func(*Record)) Record {
		r := good
		r.Seen = slices.Clone(good.Seen)
		with(&r)
		return r
	}
	sign := func(p *person, r Record) Record {
		r.Key = public(p.key)
		copy(r.Sign[:], ed25519.Sign(p.key, r.ToSign(a.m.folder)))
		return r
	}
	elsewhere := good
	copy(elsewhere.Sign[:], ed25519.Sign(a.key, good.ToSign(ident.FolderID{9})))
	for _, c := range []struct {
		what string
		r    Record
		want error
	}{
		{"another role", forge(func(r *Record) { r.Role = Owner }), ErrForged},
		{"another subject", forge(func(r *Record) { r.Subject = d.id }), ErrForged},
		{"no signature", forge(func(r *Record) { r.Sign = [64]byte{} }), ErrForged},
		{"of another folder", elsewhere, ErrForged},
		{"by a writer", sign(b, forge(func(r *Record) { r.Epoch = 1 })), ErrNotOwner},
		{"by a stranger about himself", sign(d, Record{Epoch: 1, Subject: d.id, Role: Writer}), ErrNotOwner},
		{"out of turn", forge(func(r *Record) { r.Epoch = 9 }), ErrEarly},
		{"resting on nothing", forge(func(r *Record) { r.Seen = []Seen{{d.id, 1}} }), ErrEarly},
		{"making himself an owner", sign(a, forge(func(r *Record) { r.Subject, r.Role = a.id, Owner })), ErrForged},
	} {
		before := a.m.Hash()
		if changed, err := a.m.Add(c.r); changed || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", c.what, changed, err)
		}
		if a.m.Hash() != before {
			t.Errorf("%s: it is in the map", c.what)
		}
	}
	if changed, err := a.m.Add(good); !changed || err != nil {
		t.Errorf("the true one: %v, %v", changed, err)
	}
}

func TestOnlyTheFounderFounds(t *testing.T) {
	all := people(2)
	m := NewMap(all[0].m.folder)
	if err := m.Found(Founding{Founder: all[1].id, Nonce: Nonce{1, 2, 3}}); err == nil || m.Known() {
		t.Errorf("another device founded the folder: %v", err)
	}
	if m.Role(all[0].id) != None || m.Mentions(all[0].id) {
		t.Error("somebody has a role in a folder whose founder is not known")
	}
	if _, err := m.Add(all[0].says(t, all[1], Writer)); !errors.Is(err, ErrEarly) {
		t.Errorf("a record before the founding: %v", err)
	}
}

// TestMutualRemoval: exactly one of two removals holds, and everywhere the same one.
func TestMutualRemoval(t *testing.T) {
	all := people(4)
	a, b, c, d := all[0], all[1], all[2], all[3]
	a.says(t, b, Owner)
	a.says(t, c, Owner)
	b.hears(t, a)
	c.hears(t, a)
	b.says(t, c, None)
	c.says(t, b, None)
	c.says(t, d, Owner) // not seen by whoever removed it
	c.hears(t, b)
	b.hears(t, c)
	for _, p := range []*person{b, c} {
		wantRoles(t, p.m, all, Owner, Owner, None, None)
	}
	a.hears(t, c)
	wantRoles(t, a.m, all, Owner, Owner, None, None)
}

// TestRemovedOwnersWordEnds: neither what he says afterwards counts, nor what he dates
// back; being made an owner again begins anew.
func TestRemovedOwnersWordEnds(t *testing.T) {
	all := people(4)
	a, b, c, d := all[0], all[1], all[2], all[3]
	a.says(t, b, Owner)
	b.hears(t, a)
	b.says(t, c, Writer)
	a.hears(t, b)
	back := b.compose(t, d, Owner) // made as if nothing had happened
	a.says(t, b, Reader)
	if _, err := a.m.Add(back); err != nil {
		t.Fatalf("it cannot be told from one that crossed: %v", err)
	}
	wantRoles(t, a.m, all, Owner, Reader, Writer, None)
	b.hears(t, a)
	later := Record{Key: public(b.key), Epoch: 3, Subject: a.id, Role: None, Seen: []Seen{{a.id, 2}}}
	copy(later.Sign[:], ed25519.Sign(b.key, later.ToSign(b.m.folder)))
	if _, err := b.m.Add(later); !errors.Is(err, ErrNotOwner) {
		t.Errorf("a removed owner's word: %v", err)
	}
	a.says(t, b, Owner)
	b.hears(t, a)
	b.says(t, d, Reader)
	a.hears(t, b)
	wantRoles(t, a.m, all, Owner, Owner, Writer, Reader)
}

// TestFarewell: whoever was removed can see it, and nothing that came later.
func TestFarewell(t *testing.T) {
	all := people(4)
	a, b, c, d := all[0], all[1], all[2], all[3]
	a.says(t, b, Owner)
	b.hears(t, a)
	b.says(t, c, Writer)
	c.hears(t, b)
	b.says(t, c, None)
	a.hears(t, b)
	a.says(t, d, Owner)
	for _, r := range a.m.Farewell(c.id, c.m.Have(), 100) {
		if _, err := c.m.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if c.m.Role(c.id) != None || !c.m.Mentions(c.id) {
		t.Errorf("carl takes himself for %v", c.m.Role(c.id))
	}
	if c.m.Mentions(d.id) {
		t.Error("carl was told who came after him")
	}
}

// TestLostCount: an owner whose backup was restored signs two records with one number.
func TestLostCount(t *testing.T) {
	all := people(3)
	a, b, c := all[0], all[1], all[2]
	one, two := a.compose(t, b, Writer), a.compose(t, c, Reader)
	for _, order := range [][]Record{{one, two}, {two, one}} {
		m := NewMap(a.m.folder)
		if err := m.Found(a.m.founding); err != nil {
			t.Fatal(err)
		}
		for _, r := range order {
			if _, err := m.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.m.Add(order[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := a.m.Add(order[1]); err != nil {
			t.Fatal(err)
		}
		if m.Hash() != a.m.Hash() {
			t.Error("the order decides which of two records stays")
		}
	}
}

// TestAnyOrderAnyTime lets people act and talk at random: whoever has heard the same says
// the same, and a map that was written reads the same.
func TestAnyOrderAnyTime(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 40
	}
	for seed := range uint64(rounds) {
		chance := rand.New(rand.NewPCG(seed, 1))
		all := people(2 + chance.IntN(4))
		for range 5 + chance.IntN(25) {
			p, o := all[chance.IntN(len(all))], all[chance.IntN(len(all))]
			role := Role(chance.IntN(4))
			if chance.IntN(2) == 0 {
				p.hears(t, o)
			} else if p.m.Role(p.id) == Owner && !(p == o && role == Owner) {
				p.says(t, o, role)
			}
		}
		for range 2 {
			for _, p := range all {
				for _, o := range all {
					p.hears(t, o)
				}
			}
		}
		want := all[0].m
		for _, p := range all[1:] {
			if p.m.Hash() != want.Hash() || !reflect.DeepEqual(p.m.Members(), want.Members()) {
				t.Fatalf("seed %d: the maps differ: %v and %v", seed, p.m.Members(), want.Members())
			}
		}
		owners := 0
		for _, member := range want.Members() {
			if member.Role == Owner {
				owners++
			}
		}
		again, err := ParseMap(want.folder, want.Append(nil))
		if err != nil || !reflect.DeepEqual(again.Members(), want.Members()) {
			t.Fatalf("seed %d: read again: %v", seed, err)
		}
		shuffled := shuffle(t, chance, want)
		if !reflect.DeepEqual(shuffled.Members(), want.Members()) {
			t.Fatalf("seed %d: in another order: %v, not %v", seed, shuffled.Members(), want.Members())
		}
	}
}

// shuffle takes all records in again, in an order drawn anew, each as often as is needed.
func shuffle(t *testing.T, chance *rand.Rand, m *Map) *Map {
	t.Helper()
	out := NewMap(m.folder)
	if err := out.Found(m.founding); err != nil {
		t.Fatal(err)
	}
	left := m.Lacking(nil, 1000)
	for len(left) > 0 {
		i := chance.IntN(len(left))
		switch _, err := out.Add(left[i]); {
		case err == nil:
			left = slices.Delete(left, i, i+1)
		case !errors.Is(err, ErrEarly):
			t.Fatal(err)
		}
	}
	return out
}

// TestSmallModel does everything that three owners can do in four steps, talking included.
// Signatures are left out; they have tests of their own.
func TestSmallModel(t *testing.T) {
	all := people(3)
	for _, o := range all[1:] {
		all[0].says(t, o, Owner)
	}
	for _, o := range all[1:] {
		o.hears(t, all[0])
	}
	model := &smallModel{t: t, all: all}
	for _, p := range all {
		model.maps = append(model.maps, p.m)
	}
	steps, least := 4, 39_168
	if testing.Short() {
		steps, least = 3, 2_000
	}
	model.step(steps, nil)
	if model.ends < least {
		t.Errorf("only %d histories", model.ends)
	}
}

type smallModel struct {
	t    *testing.T
	all  []*person
	maps []*Map
	ends int
}

func (s *smallModel) step(left int, story []string) {
	if left == 0 || s.t.Failed() {
		s.ends++
		s.judge(story)
		return
	}
	for i, p := range s.all {
		for j, o := range s.all {
			if i == j {
				continue
			}
			s.with(i, fmt.Sprintf("%d hears %d", i, j), left, story, func(m *Map) bool { return overhear(m, s.maps[j]) })
			for _, role := range []Role{None, Owner} {
				s.with(i, fmt.Sprintf("%d makes %d %v", i, j, role), left, story, func(m *Map) bool {
					r, err := m.Compose(public(p.key), o.id, role, "")
					if err == nil {
						m.take(r)
					}
					return err == nil
				})
			}
		}
	}
}

// with goes on from what a step makes of one map, and then puts it back.
func (s *smallModel) with(i int, what string, left int, story []string, do func(*Map) bool) {
	old := s.maps[i]
	fresh := old.clone()
	if do(fresh) {
		s.maps[i] = fresh
		s.step(left-1, append(story[:len(story):len(story)], what))
		s.maps[i] = old
	}
}

func (m *Map) clone() *Map {
	c := NewMap(m.folder)
	c.founding, c.count, c.plain = m.founding, m.count, false
	for d, acts := range m.acts {
		c.acts[d] = slices.Clone(acts)
	}
	return c
}

func overhear(m, from *Map) bool {
	lacking := from.Lacking(m.Have(), 1000)
	for _, r := range lacking {
		if ok, err := m.admits(&r); !ok || err != nil || !m.wasOwner(&r) {
			return false
		}
		m.take(r)
	}
	return len(lacking) > 0
}

// judge lets everybody hear everybody: all must agree, and somebody must be left to
// decide, for nobody ends his own ownership here.
func (s *smallModel) judge(story []string) {
	var met []*Map
	for _, m := range s.maps {
		met = append(met, m.clone())
	}
	for range 2 {
		for _, m := range met {
			for _, o := range met {
				if lacking := o.Lacking(m.Have(), 1000); len(lacking) > 0 && !overhear(m, o) {
					s.t.Fatalf("%v: a record of an honest owner is refused", story)
				}
			}
		}
	}
	want := met[0].Members()
	owners := 0
	for _, member := range want {
		if member.Role == Owner {
			owners++
		}
	}
	if owners == 0 {
		s.t.Fatalf("%v: nobody is left", story)
	}
	for _, m := range met[1:] {
		if !reflect.DeepEqual(m.Members(), want) {
			s.t.Fatalf("%v: %v, but %v", story, m.Members(), want)
		}
	}
}

// TestOwnersMadeTwice: each owner of a long chain makes the next one an owner twice. Then
// all that comes of the first one does not count, which must not take 2^60 steps to find.
func TestOwnersMadeTwice(t *testing.T) {
	all := people(61)
	all[0].says(t, all[1], Owner)
	all[1].hears(t, all[0])
	all[0].says(t, all[1], None)
	for i := 1; i < len(all)-1; i++ {
		all[i].says(t, all[i+1], Owner)
		all[i].says(t, all[i+1], Owner)
		all[i+1].hears(t, all[i])
	}
	all[0].hears(t, all[len(all)-1])
	for i, p := range all {
		if want := i == 0; (all[0].m.Role(p.id) == Owner) != want {
			t.Errorf("%d is an owner: %v", i, !want)
		}
	}
}

func TestRecordsHaveOneEncoding(t *testing.T) {
	all := people(3)
	a, b, c := all[0], all[1], all[2]
	a.says(t, b, Owner)
	b.hears(t, a)
	r := b.compose(t, c, Reader)
	r.Name = "Carl's phone"
	b1 := r.Append(nil)
	got, rest, err := Parse(append(slices.Clone(b1), 7))
	if err != nil || !reflect.DeepEqual(got, r) || len(rest) != 1 {
		t.Fatalf("read %+v, %v, %v", got, rest, err)
	}
	for n := range b1 {
		if _, _, err := Parse(b1[:n]); err == nil {
			t.Fatalf("%d of %d bytes are a record", n, len(b1))
		}
	}
	if len(b1) > RecordMax {
		t.Error("longer than the longest")
	}
	if got := (&Record{Epoch: 1, Subject: a.id}).Append(nil); len(got) != RecordMin {
		t.Errorf("the shortest has %d bytes", len(got))
	}
}

func FuzzParseMap(f *testing.F) {
	all := people(2)
	f.Add(all[0].m.Append(nil))
	all[0].says(f, all[1], Owner)
	f.Add(all[0].m.Append(nil))
	folder := all[0].m.folder
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMap(folder, b)
		if err == nil && m.Len() > 0 && m.Hash() != all[0].m.Hash() {
			t.Error("a map that nobody signed")
		}
	})
}
