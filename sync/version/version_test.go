package version

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

// model is a vector as the obvious thing: a map from replica to counter, 0 when absent.
type model map[ident.ReplicaID]uint64

func (m model) covers(d Dot) bool { return d.Replica != 0 && m[d.Replica] >= d.Counter }

func (m model) coversAll(o model) bool {
	for r, c := range o {
		if m[r] < c {
			return false
		}
	}
	return true
}

func (m model) join(o model) model {
	out := maps.Clone(m)
	for r, c := range o {
		out[r] = max(out[r], c)
	}
	return out
}

func (m model) vector() Vector {
	var v Vector
	for _, r := range slices.Sorted(maps.Keys(m)) {
		v = append(v, Dot{r, m[r]})
	}
	return v
}

// replicas are few, so that random vectors meet; they differ in high and low bits.
var replicas = []ident.ReplicaID{1, 2, 0xa000000000000001, 0xb000000000000000, 1<<64 - 1}

func randomModel(r *rand.Rand) model {
	m := model{}
	for _, id := range replicas {
		if r.IntN(2) == 0 {
			m[id] = 1 + r.Uint64N(4)
		}
	}
	return m
}

func randomDot(r *rand.Rand) Dot {
	if r.IntN(8) == 0 {
		return Dot{}
	}
	return Dot{replicas[r.IntN(len(replicas))], 1 + r.Uint64N(5)}
}

func random(f func(r *rand.Rand)) {
	r := rand.New(rand.NewPCG(20, 26))
	for range 20_000 {
		f(r)
	}
}

func TestVectorsAgreeWithTheModel(t *testing.T) {
	random(func(r *rand.Rand) {
		a, b, d := randomModel(r), randomModel(r), randomDot(r)
		v, w := a.vector(), b.vector()
		if v.Covers(d) != a.covers(d) {
			t.Fatalf("%v covers %v: %v", a, d, v.Covers(d))
		}
		if v.CoversAll(w) != a.coversAll(b) {
			t.Fatalf("%v covers %v: %v", a, b, v.CoversAll(w))
		}
		if got, want := v.Join(w), a.join(b).vector(); !got.Equal(want) {
			t.Fatalf("join of %v and %v: %v", a, b, got)
		}
		for _, id := range replicas {
			if v.Of(id) != a[id] {
				t.Fatalf("%v of %v: %d", a, id, v.Of(id))
			}
		}
		if v.Equal(w) != maps.Equal(a, b) {
			t.Fatalf("%v equals %v: %v", a, b, v.Equal(w))
		}
		with := maps.Clone(a)
		if !d.IsNull() {
			with[d.Replica] = max(with[d.Replica], d.Counter)
		}
		if got := v.With(d); !got.Equal(with.vector()) || !got.Valid() {
			t.Fatalf("%v with %v: %v", a, d, got)
		}
		if !v.Equal(a.vector()) || !w.Equal(b.vector()) {
			t.Fatalf("an operation changed %v or %v", a, b)
		}
	})
}

// TestJoinIsALeastUpperBound: the laws that make the order of messages irrelevant.
func TestJoinIsALeastUpperBound(t *testing.T) {
	random(func(r *rand.Rand) {
		a, b, c := randomModel(r).vector(), randomModel(r).vector(), randomModel(r).vector()
		ab := a.Join(b)
		switch {
		case !ab.Valid():
			t.Fatalf("%v join %v is malformed: %v", a, b, ab)
		case !ab.Equal(b.Join(a)):
			t.Fatalf("join of %v and %v depends on their order", a, b)
		case !ab.Join(c).Equal(a.Join(b.Join(c))):
			t.Fatalf("join of %v, %v and %v depends on grouping", a, b, c)
		case !a.Join(a).Equal(a) || !ab.Join(b).Equal(ab):
			t.Fatalf("joining %v and %v twice changes something", a, b)
		case !ab.CoversAll(a) || !ab.CoversAll(b):
			t.Fatalf("%v join %v covers not both: %v", a, b, ab)
		case c.CoversAll(a) && c.CoversAll(b) && !c.CoversAll(ab):
			t.Fatalf("%v covers %v and %v but not their join", c, a, b)
		case !a.Join(nil).Equal(a) || !Vector(nil).Join(a).Equal(a):
			t.Fatalf("joining nothing changes %v", a)
		}
	})
}

func TestCoversAllIsAPartialOrder(t *testing.T) {
	random(func(r *rand.Rand) {
		a, b, c := randomModel(r).vector(), randomModel(r).vector(), randomModel(r).vector()
		switch {
		case !a.CoversAll(a) || !a.CoversAll(nil):
			t.Fatalf("%v does not cover itself and nothing", a)
		case a.CoversAll(b) && b.CoversAll(a) && !a.Equal(b):
			t.Fatalf("%v and %v cover each other", a, b)
		case a.CoversAll(b) && b.CoversAll(c) && !a.CoversAll(c):
			t.Fatalf("%v covers %v covers %v, but not the first the last", a, b, c)
		}
	})
}

func TestWithStrictlyIncreases(t *testing.T) {
	random(func(r *rand.Rand) {
		v, d := randomModel(r).vector(), randomDot(r)
		w := v.With(d)
		if !w.CoversAll(v) || !d.IsNull() && !w.Covers(d) {
			t.Fatalf("%v with %v: %v", v, d, w)
		}
		if isNew := !d.IsNull() && !v.Covers(d); isNew == v.CoversAll(w) {
			t.Fatalf("%v with %v, new: %v, is %v", v, d, isNew, w)
		}
	})
}

// TestVectorsAreImmutable writes behind shared memory: appending to one result must not
// show in another vector.
func TestVectorsAreImmutable(t *testing.T) {
	random(func(r *rand.Rand) {
		long := randomModel(r).vector()
		v := long[:r.IntN(len(long)+1)]
		before := slices.Clone(long)
		v.With(randomDot(r))
		v.Join(randomModel(r).vector())
		if !long.Equal(before) {
			t.Fatalf("%v became %v", before, long)
		}
	})
}

func TestValidVectors(t *testing.T) {
	for _, c := range []struct {
		v    Vector
		want bool
	}{
		{nil, true},
		{Vector{}, true},
		{Vector{{1, 1}}, true},
		{Vector{{1, 9}, {2, 1}, {1<<64 - 1, 1<<64 - 1}}, true},
		{Vector{{0, 1}}, false},
		{Vector{{1, 0}}, false},
		{Vector{{1, 1}, {1, 2}}, false},
		{Vector{{2, 1}, {1, 1}}, false},
		{Vector{{1, 1}, {2, 0}}, false},
	} {
		if c.v.Valid() != c.want {
			t.Errorf("%v valid: %v", c.v, !c.want)
		}
	}
}

func TestDots(t *testing.T) {
	ordered := []Dot{{}, {0, 5}, {1, 1}, {1, 2}, {2, 1}, {1<<64 - 1, 0}}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := a.Compare(b), compareInts(i, j); got != want {
				t.Errorf("%v compared with %v: %d, want %d", a, b, got, want)
			}
		}
	}
	if got := (Dot{0xabcd000000000001, 7}).String(); got != "abcd:7" {
		t.Errorf("a dot reads %s", got)
	}
	if got := (Vector{{0x1000000000000000, 1}, {0x2000000000000000, 5}}).String(); got != "{1000:1 2000:5}" {
		t.Errorf("a vector reads %s", got)
	}
	if got := (Dot{}).String(); got != "null" {
		t.Errorf("the null dot reads %s", got)
	}
}

func compareInts(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Meet is the greatest lower bound: both cover it, and it covers whatever both cover.
func TestMeet(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		draw := func() (v Vector) {
			for id := ident.ReplicaID(1); id < 6; id++ {
				if n := r.Uint64N(4); n > 0 {
					v = v.With(Dot{id, n})
				}
			}
			return v
		}
		a, b, c := draw(), draw(), draw()
		m := a.Meet(b)
		if !m.Valid() || !m.Equal(b.Meet(a)) || !a.CoversAll(m) || !b.CoversAll(m) {
			t.Fatalf("%v meets %v in %v", a, b, m)
		}
		if a.CoversAll(c) && b.CoversAll(c) && !m.CoversAll(c) {
			t.Fatalf("%v and %v cover %v, their meet %v does not", a, b, c, m)
		}
	}
}
