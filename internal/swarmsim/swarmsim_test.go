package swarmsim

import (
	"math"
	"testing"
	"time"
)

// The published optimum, from which every figure is a factor.
func TestBound(t *testing.T) {
	for _, c := range []struct {
		devices, pieces int
		want            float64
	}{
		{1000, 1000, 1.009}, {1000, 200, 1.045}, {100, 1000, 1.006}, {1, 7, 1}, {1, 1000, 1}, {3, 1, 2},
		{2600, 375, 1 + 11./375},
	} {
		if got := Bound(c.devices, c.pieces); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d devices, %d pieces: %v, want %v", c.devices, c.pieces, got, c.want)
		}
	}
}

// ordinary is a world as those of docs/simulation.md, smaller.
func ordinary() Options {
	return Options{
		Nodes: 60, Degree: 10, Pieces: 150, Seed: 1, PieceSize: 256 << 10, Rate: 12_500_000,
		Delay: 20 * time.Millisecond, Limit: time.Hour, Spread: 1, Shape: Random,
	}
}

func TestSameSeedSameOutcome(t *testing.T) {
	o := ordinary()
	o.Nodes, o.Churn, o.Liars = 40, 0.5, 0.1
	first := Run(o)
	if again := Run(o); again != first {
		t.Errorf("same seed:\n%+v\n%+v", first, again)
	}
	o.Seed = 2
	if other := Run(o); other.Digest == first.Digest {
		t.Error("another seed gives the same run")
	}
}

// Each world must end with everybody served, and not much later than it was measured to.
func TestWorlds(t *testing.T) {
	for _, c := range []struct {
		name           string
		change         func(*Options)
		makespan       float64
		source, wasted float64
	}{
		{"ordinary", func(*Options) {}, 1.35, 1.35, 0.03},
		{"star", func(o *Options) { o.Shape, o.Nodes, o.Pieces = Star, 10, 50 }, 10, 10.01, 0.01},
		{"line", func(o *Options) { o.Shape, o.Nodes = Line, 10 }, 1.5, 1.01, 0.01},
		{"two cliques and one bridge", func(o *Options) { o.Shape, o.Nodes = Cliques, 19 }, 2.6, 1.4, 0.03},
		{"30 % behind NATs", func(o *Options) { o.NATed = 0.3 }, 1.5, 1.5, 0.03},
		{"who comes and goes", func(o *Options) { o.Churn = 1 }, 2, 2, 0.1},
		{"liars", func(o *Options) { o.Liars = 0.1 }, 1.6, 1.6, 0.08},
		{"claim all, give nothing", func(o *Options) { o.Stallers = 0.1 }, 2.5, 2, 0.05},
		{"never send the last pieces", func(o *Options) { o.LastStall = 0.2 }, 1.8, 1.5, 0.05},
		{"unequal links", func(o *Options) { o.Spread = 4 }, 6, 3, 0.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := ordinary()
			c.change(&o)
			r := Run(o)
			t.Log(r)
			if r.Lacking > 0 || r.Makespan > c.makespan || r.Source > c.source || r.Waste > c.wasted {
				t.Errorf("want at most %v times the bound, %v copies of the source, %v waste",
					c.makespan, c.source, c.wasted)
			}
		})
	}
}

// Many small files take no longer than one large one, and who takes some of them and neither
// tells of them nor passes them on holds the others up for seconds, and not for a minute.
func TestSmallFiles(t *testing.T) {
	for _, c := range []struct {
		name             string
		hoarders         float64
		makespan, source float64
	}{{"all pass on", 0, 1.1, 1.05}, {"one keeps what it gets", 0.2, 2.2, 1.7}} {
		t.Run(c.name, func(t *testing.T) {
			o := ordinary()
			o.Nodes, o.Pieces, o.PieceSize, o.Rate = 8, 3000, 8<<10, 1_250_000
			o.Small, o.Hoarders = true, c.hoarders
			r := Run(o)
			t.Log(r)
			if r.Lacking > 0 || r.Makespan > c.makespan || r.Source > c.source || (r.FreeP50 > 0) != (c.hoarders > 0) {
				t.Errorf("want at most %v times the bound, %v copies of the source", c.makespan, c.source)
			}
		})
	}
}

// With tit for tat whoever gives nothing waits longer than whoever gives, and those who
// give are held up by a tenth at most.
func TestFreeloadersComeLast(t *testing.T) {
	o := ordinary()
	o.Nodes, o.Pieces, o.Rate, o.TitForTat = 150, 200, 1_250_000, true
	without := Run(o)
	o.Freeloaders = 0.2
	with := Run(o)
	t.Log(without, with)
	if with.Lacking > 0 || with.FreeP50 < 1.1*with.P50 || with.P50 > 1.1*without.P50 {
		t.Errorf("half of the freeloaders are done after %v times the bound, of the others after %v, without any after %v",
			with.FreeP50, with.P50, without.P50)
	}
}

// Of a network where one device only is linked with the source, that one does not wait for
// others to fetch their share.
func TestOneDeviceFetchesForItsNetwork(t *testing.T) {
	o := ordinary()
	o.Nodes, o.Shape = 5, Door
	r := Run(o)
	t.Log(r)
	if r.Lacking > 0 || r.Makespan > 3 || r.Source > 1.05 {
		t.Errorf("the last has the file after %v times the bound, and the source sent %v copies", r.Makespan, r.Source)
	}
}

// Between two networks with a thin way between them goes about one copy, and not one for
// each device of the far one.
func TestOneCopyGoesToAnotherNetwork(t *testing.T) {
	o := ordinary()
	o.Nodes, o.Shape, o.Thin = 19, Lans, 2_500_000
	for _, c := range []struct {
		degree int
		most   float64
	}{{19, 1.05}, {10, 1.3}} {
		o.Degree = c.degree
		r := Run(o)
		t.Log(r)
		if r.Lacking > 0 || r.Thin > c.most || r.Thin < 1 {
			t.Errorf("%d links each: %v copies, want at most %v", c.degree, r.Thin, c.most)
		}
	}
}
