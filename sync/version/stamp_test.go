package version

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

const tenYears = 10 * 365 * 24 * time.Hour

// TestClockNeverRunsBack lets the wall clock jump by up to ten years either way, before
// every write (property P10).
func TestClockNeverRunsBack(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		var clock Clock
		wall := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		for step := range 2000 {
			switch r.IntN(10) {
			case 0:
				wall += r.Int64N(2*tenYears.Milliseconds()) - tenYears.Milliseconds()
			case 1, 2:
				wall += r.Int64N(5000)
			case 3:
				wall -= time.Hour.Milliseconds() // the end of summer time
			}
			before := clock.Last
			if r.IntN(3) == 0 {
				heard := HybridOf(wall + r.Int64N(4*24*3600*1000) - 2*24*3600*1000)
				took := clock.Heard(heard, wall)
				if want := heard <= HybridOf(wall)+AheadMax; took != want {
					t.Fatalf("seed %d step %d: heard %d at %d: %v", seed, step, heard, wall, took)
				}
				if took && clock.Last != max(before, heard) || !took && clock.Last != before {
					t.Fatalf("seed %d step %d: hearing %d moved %d to %d",
						seed, step, heard, before, clock.Last)
				}
				continue
			}
			next := clock.Next(wall)
			if next <= before || next != clock.Last {
				t.Fatalf("seed %d step %d: %d after %d", seed, step, next, before)
			}
			if next < HybridOf(wall) {
				t.Fatalf("seed %d step %d: %d is behind the wall clock %d", seed, step, next, wall)
			}
		}
	}
}

// TestClockFollowsTheWall: a clock that was never ahead reads what the wall shows, and
// counts while that stands still.
func TestClockFollowsTheWall(t *testing.T) {
	var clock Clock
	for i, c := range []struct {
		wall int64
		want Hybrid
	}{
		{1000, 1000 << 16},
		{1000, 1000<<16 + 1},
		{999, 1000<<16 + 2},
		{1001, 1001 << 16},
		{-5, 1001<<16 + 1},
	} {
		if got := clock.Next(c.wall); got != c.want {
			t.Errorf("reading %d at %d ms: %d, want %d", i, c.wall, got, c.want)
		}
	}
}

// TestOneWrongClockDragsNobody: a stamp ten years ahead is not taken over, one a day ahead
// is.
func TestOneWrongClockDragsNobody(t *testing.T) {
	wall := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	clock := Clock{}
	clock.Next(wall)
	before := clock.Last
	if clock.Heard(HybridOf(wall+tenYears.Milliseconds()), wall) || clock.Last != before {
		t.Errorf("a stamp of ten years ahead moved the clock to %d", clock.Last.UnixMilli())
	}
	day := HybridOf(wall) + AheadMax
	if clock.Heard(day+1, wall) || clock.Last != before {
		t.Error("a stamp of a day and a bit ahead moved the clock")
	}
	if !clock.Heard(day, wall) || clock.Last != day {
		t.Error("a stamp of a day ahead did not move the clock")
	}
	if day.UnixMilli()-wall != (24 * time.Hour).Milliseconds() {
		t.Errorf("AheadMax is %d ms", day.UnixMilli()-wall)
	}
	if next := clock.Next(wall); next <= day {
		t.Error("the next write is stamped before one that was heard of")
	}
}

func TestHybridStaysInBounds(t *testing.T) {
	for _, c := range []struct{ wall, want int64 }{
		{0, 0}, {-1, 0}, {-1 << 63, 0}, {1_700_000_000_000, 1_700_000_000_000},
		{1<<47 - 1, 1<<47 - 1}, {1 << 47, 1<<47 - 1}, {1<<63 - 1, 1<<47 - 1},
	} {
		h := HybridOf(c.wall)
		if h.UnixMilli() != c.want {
			t.Errorf("%d ms read back as %d", c.wall, h.UnixMilli())
		}
		if h+AheadMax < h {
			t.Errorf("a day after %d ms overflows", c.wall)
		}
	}
}

func randomVersion(r *rand.Rand) Version {
	d := randomDot(r)
	if d.IsNull() {
		return Version{}
	}
	return Version{
		Dot:   d,
		Seen:  randomModel(r).vector().With(d),
		Stamp: Stamp{Hybrid(r.Uint64N(3)), d.Replica},
	}
}

func TestVersionsAreBeforeAfterSameOrConcurrent(t *testing.T) {
	random(func(r *rand.Rand) {
		a, b := randomVersion(r), randomVersion(r)
		if a.Concurrent(b) != b.Concurrent(a) {
			t.Fatalf("%v and %v are concurrent one way only", a, b)
		}
		relations := 0
		for _, holds := range []bool{
			a.Concurrent(b), !a.IsNull() && a.Dot == b.Dot, a.Dot != b.Dot && (a.After(b) || b.After(a)),
		} {
			if holds {
				relations++
			}
		}
		if relations != 1 {
			t.Fatalf("%v and %v: %d relations hold, want one", a, b, relations)
		}
		if (a.IsNull() || b.IsNull()) && (!a.Concurrent(b) || a.After(b)) {
			t.Fatalf("a null version is ordered: %v, %v", a, b)
		}
	})
}

func TestStampsAreATotalOrder(t *testing.T) {
	random(func(r *rand.Rand) {
		draw := func() Stamp {
			return Stamp{Hybrid(r.Uint64N(3)), ident.ReplicaID(r.Uint64N(3))}
		}
		a, b, c := draw(), draw(), draw()
		switch {
		case a.Compare(b) != -b.Compare(a):
			t.Fatalf("%v against %v: %d and %d", a, b, a.Compare(b), b.Compare(a))
		case (a.Compare(b) == 0) != (a == b):
			t.Fatalf("%v and %v tie", a, b)
		case a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0:
			t.Fatalf("%v, %v, %v are in a circle", a, b, c)
		case !a.IsNull() && (Stamp{}).Compare(a) >= 0:
			t.Fatalf("the null stamp is not below %v", a)
		case a.Time > b.Time && a.Compare(b) <= 0:
			t.Fatalf("%v is later but not above %v", a, b)
		}
	})
}
