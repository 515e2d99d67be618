package chunker

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
)

func TestEveryEngineAndEveryPathCutsEqually(t *testing.T) {
	for class := Class(0); class < classes; class++ {
		p := Params{Class: class}
		n := p.Average()*[]int{6, 3, 2}[class] + 777
		for name, data := range map[string][]byte{
			"noise": noise(11, n), "prose": prose(12, n), "records": records(13, n),
			"zeros": make([]byte, n), "passing run": bytes.Repeat([]byte{0x1c}, n/4),
			"short": noise(14, p.Min()), "one byte": {7}, "empty": nil,
		} {
			want := wholeCuts(p, bytewise, data)
			s := splitMix(15)
			for _, e := range engines()[1:] {
				where := fmt.Sprintf("class %d, %s, %v", class, name, e)
				sameCuts(t, where+", Next", wholeCuts(p, e, data), want)
				for _, most := range []int{100, 5000, 1 << 20} {
					if most == 100 && class > 0 {
						continue // The same code as in class 0, many times over.
					}
					size := func() int { return 1 + s.below(most) }
					sameCuts(t, where+", Cutter", blockCuts(p, e, data, size), want)
					sameCuts(t, where+", Stitcher", segmentCuts(p, e, data, size), want)
				}
			}
		}
	}
}

func sameCuts(t *testing.T, where string, got, want []int64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d cuts %v, want %d cuts %v", where, len(got), got, len(want), want)
	}
}

// Stage 1 alone, over every length and alignment around a group and a stride.
func TestEnginesMarkTheSameOffsets(t *testing.T) {
	data := records(16, stride+300)
	for _, e := range engines() {
		for from := window; from < window+40; from++ {
			for _, count := range []int{1, 2, 31, 32, 33, 63, 64, 65, stride - 1, stride} {
				var found groups
				n := e.mark(data, from, from+count, &found)
				var got, want []int
				for _, g := range found[:n] {
					for k := range lanes {
						if g.bits>>k&1 == 1 {
							got = append(got, from+int(g.at)+k)
						}
					}
				}
				for p := from; p < from+count; p++ {
					if passes(data[p-window : p]) {
						want = append(want, p)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%v from %d, %d offsets: got %v, want %v", e, from, count, got, want)
				}
			}
		}
	}
}

// An engine that read beyond its bytes would fault at the end of a mapping, or race with
// the writer of the neighbouring block; here it would see a byte that is not there.
func TestBytesAroundTheDataPlayNoPart(t *testing.T) {
	p := Params{Class: 0}
	inner := noise(17, p.Average()*3)
	want := wholeCuts(p, bytewise, inner)
	for _, e := range engines() {
		for _, fill := range []byte{0, 0x1c, 0xff} {
			outer := bytes.Repeat([]byte{fill}, len(inner)+200)
			copy(outer[100:], inner)
			got := wholeCuts(p, e, outer[100:100+len(inner):100+len(inner)])
			sameCuts(t, fmt.Sprintf("%v in %#x", e, fill), got, want)
		}
	}
}

func TestNextAsksForMoreOnlyWhenItMust(t *testing.T) {
	p := Params{Class: 0}
	data := noise(18, 4*p.Max())
	first := p.Next(data, true)
	for _, n := range []int{0, 1, p.Min(), first - 1, first, first + 1, p.Max()} {
		want := first
		if n < first {
			want = 0
		}
		if got := p.Next(data[:n], false); got != want {
			t.Errorf("first %d bytes: got %d, want %d", n, got, want)
		}
		if n < first {
			want = n
		}
		if got := p.Next(data[:n], true); got != want {
			t.Errorf("file of %d bytes: got %d, want %d", n, got, want)
		}
	}
	if got := p.Next(make([]byte, p.Max()), false); got != p.Max() {
		t.Errorf("the largest chunk of zeros: got %d, want %d", got, p.Max())
	}
}

// A cut is told of as soon as its last byte has been seen, and no later.
func TestCutterTellsCutsAtOnce(t *testing.T) {
	p := Params{Class: 0}
	for name, data := range map[string][]byte{
		"noise": noise(19, p.Average()*20), "zeros": make([]byte, 3*p.Max()+1),
	} {
		want := wholeCuts(p, bytewise, data)
		c := NewCutter(p)
		at := int64(0)
		for _, end := range want[:len(want)-1] {
			if early := c.Cuts(data[at:end-1], nil); len(early) != 0 {
				t.Fatalf("%s: cut %v told of before byte %d was seen", name, early, end)
			}
			if now := c.Cuts(data[end-1:end], nil); !slices.Equal(now, []int64{end}) {
				t.Fatalf("%s: got %v when byte %d came, want the cut there", name, now, end)
			}
			at = end
		}
	}
}

// candidateWindow finds 64 bytes that make the offset after them a candidate, a hard one
// or a merely easy one.
func candidateWindow(c Class, hard bool) []byte {
	for s := uint64(26); ; s++ {
		few := noise(s, 1<<16)
		for p := window; p <= len(few); p++ {
			w := few[p-window : p]
			if passes(w) && mix(w)&c.easyMask() == 0 && (mix(w)&c.hardMask() == 0) == hard {
				return w
			}
		}
	}
}

// One candidate in a sea of zeros, at and beside each limit of the rule.
func TestLimitsAreWhereTheRuleSays(t *testing.T) {
	p := Params{Class: 0}
	least, norm, most := p.Min(), p.Norm(), p.Max()
	for _, c := range []struct {
		hard bool
		at   int
		want int // the first cut
	}{
		{true, least - 1, most}, {true, least, least}, {true, norm - 1, norm - 1},
		{false, least, most}, {false, norm - 1, most}, {false, norm, norm},
		{false, most - 1, most - 1}, {true, most, most}, {true, most + 1, most},
		{true, most + least - 1, most}, {true, most + least, most},
	} {
		data := make([]byte, most+least+100)
		copy(data[c.at-window:], candidateWindow(p.Class, c.hard))
		want := wholeCuts(p, bytewise, data)
		if want[0] != int64(c.want) || !slices.Equal(want, literalCuts(0, data)) {
			t.Errorf("%+v: cuts %v, want %d first and all by the rule", c, want, c.want)
		}
		for _, e := range engines()[1:] {
			for _, first := range []int{c.at - 70, c.at - 9, c.at} {
				where := fmt.Sprintf("%+v, %v, first block of %d", c, e, first)
				next := first
				size := func() int { n := next; next = len(data); return n }
				sameCuts(t, where+", Cutter", blockCuts(p, e, data, size), want)
				next = first
				sameCuts(t, where+", Stitcher", segmentCuts(p, e, data, size), want)
			}
		}
	}
}

func TestSegmentsOnSeveralGoroutinesCutAsOne(t *testing.T) {
	p := Params{Class: 1}
	data := noise(20, 24<<20)
	want := wholeCuts(p, fastest, data)
	for workers := 1; workers <= 4; workers++ {
		segment := len(data)/workers + 1
		lists := make([][]Candidate, workers)
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				at, end := w*segment, min((w+1)*segment, len(data))
				lists[w] = p.Candidates(data[:at], data[at:end], int64(at), nil)
			})
		}
		all.Wait()
		s := NewStitcher(p)
		var got []int64
		for w, found := range lists {
			got = s.Cuts(found, int64(min((w+1)*segment, len(data))), got)
		}
		sameCuts(t, fmt.Sprintf("%d workers", workers), s.Finish(got), want)
	}
}

// An edit costs the chunk it falls into and sometimes the next, until a cut of the old
// bytes is met again.
func TestAnEditMovesOnlyNearbyCuts(t *testing.T) {
	p := Params{Class: 0}
	s := splitMix(22)
	const edits = 40
	fresh := 0
	for range edits {
		old := noise(s.next(), 32*p.Average())
		at := s.below(16 * p.Average())
		gone := s.below(40)
		edited := slices.Concat(old[:at], noise(s.next(), 1+s.below(40)), old[at+gone:])
		have := map[[sha256.Size]byte]bool{}
		start := int64(0)
		for _, end := range wholeCuts(p, fastest, old) {
			have[sha256.Sum256(old[start:end])] = true
			start = end
		}
		start = 0
		for _, end := range wholeCuts(p, fastest, edited) {
			if !have[sha256.Sum256(edited[start:end])] {
				fresh += int(end - start)
			}
			start = end
		}
	}
	if mean := float64(fresh) / edits / float64(p.Average()); mean > 1.5 || mean < 0.9 {
		t.Errorf("an edit makes %.2f mean chunks new, want about 1.2", mean)
	}
}

func TestSearchingAllocatesNothing(t *testing.T) {
	p := Params{Class: 0}
	data := noise(23, 4<<20)
	c := NewCutter(p)
	cuts := make([]int64, 0, 1000)
	allocs := testing.AllocsPerRun(3, func() {
		p.Next(data, true)
		c.Cuts(data, cuts)
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

func FuzzEnginesCutEqually(f *testing.F) {
	f.Add([]byte("a few bytes, repeated until there are chunks of them"), uint64(1), uint8(0))
	f.Add([]byte{0x1c}, uint64(2), uint8(1))
	f.Add(noise(24, 5000), uint64(3), uint8(0))
	f.Add(records(25, 3000), uint64(4), uint8(0))
	f.Fuzz(func(t *testing.T, pattern []byte, draw uint64, class uint8) {
		p := Params{Class: Class(class % 2)}
		s := splitMix(draw)
		// The pattern alone is never as long as a chunk: it is repeated, with a little
		// noise between, to a few chunks.
		var data []byte
		for n := s.below(3 * p.Max()); len(data) < n; {
			data = append(data, pattern...)
			data = append(data, byte(s.next()))
		}
		want := wholeCuts(p, bytewise, data)
		size := func() int { return 1 + s.below(1+s.below(100_000)) }
		for _, e := range engines() {
			sameCuts(t, "Next "+e.String(), wholeCuts(p, e, data), want)
			sameCuts(t, "Cutter "+e.String(), blockCuts(p, e, data, size), want)
			sameCuts(t, "Stitcher "+e.String(), segmentCuts(p, e, data, size), want)
		}
	})
}

func BenchmarkCut(b *testing.B) {
	data := noise(1, 64<<20)
	copied := make([]byte, len(data))
	for class := Class(0); class < classes; class++ {
		p := Params{Class: class}
		for _, e := range engines() {
			b.Run(fmt.Sprintf("%v/%dK", e, p.Average()>>10), func(b *testing.B) {
				report(b, len(data), func() { wholeCuts(p, e, data) })
			})
		}
	}
	b.Run("memcpy", func(b *testing.B) {
		report(b, len(data), func() { copy(copied, data) })
	})
}

func BenchmarkCandidates(b *testing.B) {
	data := noise(1, 64<<20)
	p := Params{Class: 1}
	for _, e := range engines()[1:] {
		for workers := 1; workers <= min(4, runtime.GOMAXPROCS(0)); workers *= 2 {
			b.Run(fmt.Sprintf("%v/%d", e, workers), func(b *testing.B) {
				segment := len(data) / workers
				report(b, len(data), func() {
					var all sync.WaitGroup
					for w := range workers {
						all.Go(func() {
							at := w * segment
							p.candidates(e, data[:at], data[at:at+segment], int64(at), nil)
						})
					}
					all.Wait()
				})
			})
		}
	}
}

func report(b *testing.B, size int, run func()) {
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
	perRun := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(size)/(1<<30)/perRun, "GiB/s")
}
