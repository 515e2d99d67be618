package merge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// anyHistory lets up to four replicas write, and exchange now and then. Clocks are off by
// up to years. Contents are few, so that equal ones and returning ones are frequent.
func anyHistory(r *rand.Rand, steps int) (*story, []*replica) {
	s := &story{}
	replicas := make([]*replica, 2+r.IntN(3))
	for i := range replicas {
		replicas[i] = newReplica(i+1, 1000+r.Int64N(3)*1000*r.Int64N(1e6), s)
	}
	switch id := entryID(1); r.IntN(3) {
	case 0: // one first scan each, perhaps of different trees
		for _, x := range replicas {
			x.find(id, "n", string('a'+rune(r.IntN(3))))
		}
	case 1:
		replicas[0].create(id, tree.File, ident.Root, "n", "a")
		for _, x := range replicas {
			x.from(replicas[0])
		}
	default: // one wrote what the others only found
		replicas[0].find(id, "n", "a")
		replicas[0].edit(id, "b")
		for _, x := range replicas[1:] {
			x.find(id, "n", string('a'+rune(r.IntN(3))))
		}
	}
	for range steps {
		x := replicas[r.IntN(len(replicas))]
		x.wall += r.Int64N(5)
		all := ids(x.set)
		id := all[r.IntN(len(all))]
		switch n := r.IntN(11); {
		case n < 4:
			o := replicas[r.IntN(len(replicas))]
			if r.IntN(2) == 0 {
				x.from(o)
			} else if got, ok := o.set[id]; ok {
				x.take(got)
			}
		case n == 4:
			x.lag(id)
		case n == 5:
			x.install(id)
		case !onDisk(x, id):
		case n < 8:
			text := string('a' + rune(r.IntN(4)))
			if r.IntN(2) == 0 {
				text = fmt.Sprintf("%d.%d", x.id, x.counter)
			}
			x.edit(id, text)
		case n < 9:
			x.move(id, entryID(byte(8+r.IntN(2))), string('m'+rune(r.IntN(3))))
		default:
			x.remove(id)
		}
	}
	return s, replicas
}

// onDisk reports whether a person can see an entry.
func onDisk(x *replica, id ident.EntryID) bool {
	_, disk := x.own(id)
	return disk.Live()
}

func histories(t *testing.T, n, steps int, check func(r *rand.Rand, s *story, replicas []*replica)) {
	t.Helper()
	for seed := range uint64(n) {
		r := rand.New(rand.NewPCG(seed, 7))
		s, replicas := anyHistory(r, steps)
		check(r, s, replicas)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestReplicasThatExchangedEverythingAreEqual is R14, P1 and P2 for random histories.
func TestReplicasThatExchangedEverythingAreEqual(t *testing.T) {
	histories(t, 2000, 16, func(_ *rand.Rand, s *story, replicas []*replica) {
		settleAll(replicas)
		checkStory(t, s, replicas)
	})
}

// records are all that was ever told of the first entry.
func records(s *story, replicas []*replica) (out []tree.Entry) {
	id := entryID(1)
	for _, e := range s.raw {
		if e.ID == id {
			out = append(out, e)
		}
	}
	for _, x := range replicas {
		out = append(out, x.set[id])
	}
	return out
}

func join(t *testing.T, a, b tree.Entry) tree.Entry {
	t.Helper()
	out, losers, err := Join(a, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append(losers, out) {
		if err := e.Check(); err != nil {
			t.Fatalf("joined\n%s\n%s\nto\n%s\n%v", show(a), show(b), show(e), err)
		}
	}
	return out
}

func sameRecord(t *testing.T, law string, a, b tree.Entry) {
	t.Helper()
	if tree.Digest(&a) != tree.Digest(&b) {
		t.Fatalf("not %s:\n%s\n%s", law, show(a), show(b))
	}
}

// TestJoinIsAJoin: any two, three records of one entry, whoever met whom before.
func TestJoinIsAJoin(t *testing.T) {
	histories(t, 500, 14, func(r *rand.Rand, s *story, replicas []*replica) {
		all := records(s, replicas)
		for range 10 {
			a, b, c := all[r.IntN(len(all))], all[r.IntN(len(all))], all[r.IntN(len(all))]
			lawsHold(t, a, b, c)
			addsNothing(t, a, b)
		}
	})
}

func lawsHold(t *testing.T, a, b, c tree.Entry) {
	t.Helper()
	ab, bc := join(t, a, b), join(t, b, c)
	sameRecord(t, "commutative", ab, join(t, b, a))
	sameRecord(t, "associative", join(t, ab, c), join(t, a, bc))
	sameRecord(t, "idempotent", ab, join(t, ab, b))
	sameRecord(t, "idempotent", a, join(t, a, a))
	_, one, _ := Join(a, b)
	_, other, _ := Join(b, a)
	if len(one) != len(other) || len(one) > 1 {
		t.Fatalf("%d losers one way, %d the other, of\n%s\n%s", len(one), len(other), show(a), show(b))
	}
	for i := range one {
		sameRecord(t, "the same loser", one[i], other[i])
	}
	if _, again, _ := Join(ab, ab); len(again) > 0 {
		t.Fatalf("a record loses against itself: %s", show(ab))
	}
}

// addsNothing: every dot and every value of a joined record is one of the two (R5).
func addsNothing(t *testing.T, a, b tree.Entry) {
	t.Helper()
	ab, losers, _ := Join(a, b)
	contexts := [][3]version.Vector{
		{a.Place.Context, b.Place.Context, ab.Place.Context},
		{a.Content.Context, b.Content.Context, ab.Content.Context},
		{a.Attrs.Context, b.Attrs.Context, ab.Attrs.Context},
	}
	for _, c := range contexts {
		if !c[2].Equal(c[0].Join(c[1])) {
			t.Fatalf("contexts %v and %v joined to %v", c[0], c[1], c[2])
		}
	}
	from := func(v version.Version, x, y version.Version) bool {
		return v.Dot == x.Dot && v.Seen.Equal(x.Seen) || v.Dot == y.Dot && v.Seen.Equal(y.Seen)
	}
	for _, e := range losers {
		if !from(e.Content.Version, a.Content.Version, b.Content.Version) ||
			e.Content.Dot == ab.Content.Dot && !e.Content.IsNull() ||
			e.Place.Parent != a.ID || !e.IsConflict() || !e.Live() {
			t.Fatalf("a strange loser: %s", show(e))
		}
	}
	if !from(ab.Content.Version, a.Content.Version, b.Content.Version) ||
		!from(ab.Place.Version, a.Place.Version, b.Place.Version) ||
		!from(ab.Attrs.Version, a.Attrs.Version, b.Attrs.Version) {
		t.Fatalf("a value of neither:\n%s\n%s\n%s", show(a), show(b), show(ab))
	}
}

// TestJoinIsAJoinOfNonsense: records no honest replica writes, with one dot on different
// values and stamps that contradict the vectors, still end alike everywhere.
func TestJoinIsAJoinOfNonsense(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 30_000 {
		a, b, c := nonsense(r), nonsense(r), nonsense(r)
		lawsHold(t, a, b, c)
	}
}

func nonsense(r *rand.Rand) tree.Entry {
	e := tree.Entry{ID: entryID(1), Kind: tree.Link}
	draw := func() (version.Version, version.Vector) {
		var seen version.Vector
		for range r.IntN(3) {
			seen = seen.With(version.Dot{Replica: ident.ReplicaID(1 + r.IntN(2)), Counter: 1 + r.Uint64N(2)})
		}
		dot := version.Dot{Replica: ident.ReplicaID(r.IntN(3)), Counter: 1 + r.Uint64N(2)}
		if dot.IsNull() {
			return version.Version{}, seen
		}
		stamp := version.Stamp{Time: version.Hybrid(r.IntN(3)), Replica: dot.Replica}
		return version.Version{Dot: dot, Seen: seen, Stamp: stamp}, seen.With(dot)
	}
	text := func() string { return []string{"", "a", "b"}[r.IntN(3)] }
	e.Place.Version, e.Place.Context = draw()
	e.Place.Parent, e.Place.Name = entryID(byte(8+r.IntN(2))), text()
	e.Place.WasParent, e.Place.WasName = entryID(byte(8+r.IntN(2))), text()
	e.Content.Version, e.Content.Context = draw()
	e.Content.ID, e.Content.Size = contentID(text()), r.Int64N(2)
	e.Content.Target = text()
	for range r.IntN(2) {
		e.Content.Ancestors = append(e.Content.Ancestors, contentID(text()))
	}
	if e.Content.Deleted = r.IntN(2) == 0; e.Content.Deleted {
		_, e.Content.SawPlace = draw()
	}
	e.Attrs.Version, e.Attrs.Context = draw()
	e.Attrs.Mode, e.Attrs.Mtime = r.Uint32N(2)*0o777, r.Int64N(2)
	if r.IntN(2) == 0 {
		e.Extra = []byte{9, 1, byte(r.IntN(2))}
	}
	return e
}

// TestEveryOrderGivesTheSameEntryAndLosers hands the writes of one history to a stranger
// in random orders. The entry itself comes out the same each time. Every loser nobody
// replaced is kept each time, by the stranger or by those who had met it before and say so
// before their writes; one that somebody replaced may be kept besides (P7).
func TestEveryOrderGivesTheSameEntryAndLosers(t *testing.T) {
	histories(t, 800, 14, func(r *rand.Rand, s *story, replicas []*replica) {
		id := entryID(1)
		must, may := s.losers(id)
		var first tree.Entry
		for round := range 6 {
			set := map[ident.EntryID]tree.Entry{}
			for _, i := range r.Perm(len(s.raw)) {
				if s.raw[i].ID == id {
					takeInto(set, s.raw[i])
				}
			}
			if round == 0 {
				first = set[id]
			}
			sameRecord(t, "the same in any order", first, set[id])
			for kept := range set {
				if kept != id && !must[kept] && !may[kept] {
					t.Fatalf("kept for nothing: %s\nof\n%s%s", show(set[kept]), s, showSet(set))
				}
			}
			for kept := range must {
				if _, ok := set[kept]; !ok && !anyHas(replicas, kept) {
					t.Fatalf("not kept: %x\nof\n%s%s", kept[:2], s, showSet(set))
				}
			}
		}
	})
}

func anyHas(replicas []*replica, id ident.EntryID) bool {
	return slices.ContainsFunc(replicas, func(r *replica) bool {
		_, has := r.set[id]
		return has
	})
}

// losers are the ids of the entries that must keep, and may keep, what was written to an
// entry and does not stand. None keeps what stands.
func (s *story) losers(id ident.EntryID) (must, may map[ident.EntryID]bool) {
	must, may = map[ident.EntryID]bool{}, map[ident.EntryID]bool{}
	best := s.winners()[id]
	for _, w := range s.writes {
		c := w.content
		if w.entry != id || c.Deleted || c.Dot == best.Dot && c.ID == best.ID {
			continue
		}
		descended := false
		for _, o := range s.writes {
			if o.entry == id && (o.content.Dot != c.Dot || o.content.ID != c.ID) {
				descended = descended || o.content.Descends(c.ID) || o.content.After(c.Version)
			}
		}
		kept := ident.ConflictEntry(id, c.Dot.Replica, c.Dot.Counter, c.ID)
		may[kept] = true
		if !descended {
			must[kept] = true
		}
	}
	return must, may
}
