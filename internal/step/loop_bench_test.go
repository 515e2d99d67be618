package step

import (
	"context"
	"testing"
)

// counting is a core that orders one thing for every event, and is done after so many.
type counting struct {
	left int
	out  [1]int
	done func()
}

func (c *counting) Handle(_ Instant, event int) []int {
	if c.left--; c.left == 0 {
		c.done()
	}
	c.out[0] = event
	return c.out[:]
}

func (c *counting) Tick(Instant) []int { return nil }
func (c *counting) Deadline() Instant  { return Never }

// BenchmarkLoop hands events to one loop from several goroutines, as the host does, and
// has one effect carried out for each.
func BenchmarkLoop(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	effects := 0
	core := &counting{left: b.N, done: cancel}
	loop := NewLoop(NewClock(), core, func(int) { effects++ }, func() (int, bool) { return 0, false })
	const posters = 4
	for i := range posters {
		go func() {
			for n := i; n < b.N; n += posters {
				loop.Post(ctx, n)
			}
		}()
	}
	loop.Run(ctx)
	if effects < b.N {
		b.Errorf("%d effects of %d events", effects, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
