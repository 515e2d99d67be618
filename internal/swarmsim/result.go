package swarmsim

import (
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// Result is the outcome of a world. Times are over the bound: the shortest in which equal
// uplinks can give a file of M pieces to N devices is 1 + floor(log2 N)/M times what the
// source takes to send it once (Mundinger, Weber and Weiss 2008, theorem 1).
type Result struct {
	Nodes    int     `json:"nodes"`
	Degree   int     `json:"degree"`
	Pieces   int     `json:"pieces"`
	Seed     uint64  `json:"seed"`
	Bound    float64 `json:"bound_s"`
	P50      float64 `json:"p50_over_bound"`
	P99      float64 `json:"p99_over_bound"`
	Makespan float64 `json:"makespan_over_bound"`
	Source   float64 `json:"source_copies"`
	Waste    float64 `json:"waste"` // part of all bytes that was of no use
	Control  float64 `json:"control"`
	Finished int     `json:"finished"`
	Lacking  int     `json:"lacking"` // stayed, and do not have it
	Left     int     `json:"left"`    // were away at some time
	Bans     int     `json:"bans"`
	FreeP50  float64 `json:"freeloaders_p50_over_bound,omitempty"`
	// Thin is how many copies of the file went to the network that the source is not in.
	Thin    float64 `json:"copies_between_networks,omitempty"`
	Moments int     `json:"moments"`
	Digest  string  `json:"digest"`

	ControlBytes int64 `json:"control_bytes"`
	Bytes        int64 `json:"bytes"`
	Wasted       int64 `json:"wasted_bytes"`
	ThinBytes    int64 `json:"bytes_between_networks,omitempty"`
}

// String is what a person reads.
func (r Result) String() string {
	free := ""
	if r.FreeP50 > 0 {
		free = fmt.Sprintf("half of the freeloaders after %.3f times the bound\n", r.FreeP50)
	}
	if r.Thin > 0 {
		free += fmt.Sprintf("%.3f copies went to the other network\n", r.Thin)
	}
	return fmt.Sprintf(
		"%d devices, %d links each, %d pieces, seed %d; the bound is %.2f s\n"+
			"half of them after %.3f times the bound, 99 %% after %.3f, the last after %.3f\n%s"+
			"the source sent %.3f copies; %.2f %% of all bytes were of no use, %.2f %% were words\n"+
			"%d finished, %d did not, %d were away for a while, %d bans\n",
		r.Nodes, r.Degree, r.Pieces, r.Seed, r.Bound, r.P50, r.P99, r.Makespan, free,
		r.Source, 100*r.Waste, 100*r.Control, r.Finished, r.Lacking, r.Left, r.Bans)
}

// Bound is how long it takes at least to give a file of some pieces to so many devices
// when all uplinks are equal, in times that the source takes to send it once.
func Bound(devices, pieces int) float64 {
	if devices < 1 || pieces < 1 {
		return 0
	}
	return 1 + float64(bits.Len(uint(devices))-1)/float64(pieces)
}

func (w *world) result() Result {
	r := w.total
	o := w.o
	once := time.Duration(w.recipe.Size() * int64(time.Second) / o.Rate).Seconds()
	r.Nodes, r.Degree, r.Pieces, r.Seed = o.Nodes, o.Degree, o.Pieces, o.Seed
	r.Bound = once * Bound(o.Nodes, o.Pieces)
	var times, free []float64
	for _, n := range w.nodes[1:] {
		took := time.Duration(n.done).Seconds() / r.Bound
		switch {
		case n.lies || n.stalls:
		case n.away:
			r.Left++
		case n.done == 0:
			r.Lacking++
		case n.free:
			free = append(free, took)
		default:
			times = append(times, took)
		}
	}
	r.Finished = len(times) + len(free)
	slices.Sort(times)
	slices.Sort(free)
	r.P50, r.P99, r.Makespan = quantile(times, .5), quantile(times, .99), quantile(times, 1)
	r.FreeP50 = quantile(free, .5)
	r.Source = float64(w.nodes[0].bytesOut) / float64(w.recipe.Size())
	if r.Bytes > 0 {
		r.Waste = float64(r.Wasted) / float64(r.Bytes)
		r.Control = float64(r.ControlBytes) / float64(r.Bytes)
	}
	r.Thin = float64(r.ThinBytes) / float64(w.recipe.Size())
	r.Digest = fmt.Sprintf("%016x", w.digest())
	return r
}

// quantile of sorted values; the largest for 1.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
