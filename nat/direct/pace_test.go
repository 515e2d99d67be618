package direct

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/linktest"
)

// turnstile is a gate as the host makes it.
type turnstile struct {
	clock  step.Clock
	mu     sync.Mutex
	bucket pace.Bucket
}

func newTurnstile(rate pace.Rate) *turnstile {
	g := &turnstile{clock: step.NewClock()}
	g.set(rate)
	return g
}

func (g *turnstile) set(rate pace.Rate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bucket.SetRate(g.clock.Now(), rate)
}

func (g *turnstile) Rate() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int64(g.bucket.Rate())
}

func (g *turnstile) Step(n int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bucket.Step(n)
}

func (g *turnstile) Wait(n int, stop <-chan struct{}) {
	g.mu.Lock()
	wait := g.bucket.Take(g.clock.Now(), n)
	g.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-stop:
	}
}

// mostInASecond is how many moments lie within any one second.
func mostInASecond(moments []time.Time) (most int) {
	from := 0
	for i, at := range moments {
		for moments[from].Before(at.Add(-time.Second)) {
			from++
		}
		most = max(most, i-from)
	}
	return most
}

// A link is held to its rate in each direction, words overtake bulk all the same, and a
// link that waits at a gate can be closed at once.
func TestLinksKeepToTheirRate(t *testing.T) {
	const rate, asked = pace.Rate(1_000_000), 1300 * time.Millisecond
	for _, side := range []string{"sender", "receiver"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			key, other, gate := keyOf(1), keyOf(2), newTurnstile(rate)
			here, there := Options{Key: key}, Options{Key: other, Trusts: trusts(deviceOfKey(key))}
			if side == "sender" {
				here.Gates = func(netip.AddrPort) (in, out Gate) { return nil, gate }
			} else {
				there.Gates = func(netip.AddrPort) (in, out Gate) { return gate, nil }
			}
			addr, links := serve(t, endpoint(t, there))
			a, err := endpoint(t, here).Dial(context.Background(), deviceOfKey(other), addr)
			if err != nil {
				t.Fatal(err)
			}
			b := <-links
			var mu sync.Mutex
			var came []time.Time // a frame of 10,000 bytes each
			var said time.Time
			late := time.Hour // of the word
			begun := time.Now()
			go func() {
				for a.Send(Bulk, make([]byte, 10_000)) == nil {
				}
			}()
			time.AfterFunc(asked/2, func() {
				mu.Lock()
				said = time.Now()
				mu.Unlock()
				_ = a.Send(Metadata, []byte("word")) // that it came is looked at below
			})
			stalled := linktest.WatchStalls()
			_ = b.Receive(func(frame []byte) error {
				mu.Lock()
				defer mu.Unlock()
				if len(frame) == 4 {
					late = time.Since(said)
				} else {
					came = append(came, time.Now())
				}
				if took := time.Since(begun); took > asked && late < time.Hour || took > 10*asked {
					return context.Canceled
				}
				return nil
			})
			ending := time.Now()
			a.Close("the test ends")
			b.Close("the test ends")
			took, stall := time.Since(ending), stalled()
			if took > 2*closeGrace+stall {
				t.Errorf("closing took %v; stalled %v", took, stall)
			}
			most := 10_000 * mostInASecond(came)
			// What waited while the machine did something else comes at once afterwards.
			spare := int(float64(rate) * stall.Seconds())
			t.Logf("at most %d bytes came in a second, allowed are %d", most, rate)
			if most > int(rate)*105/100+spare || most < int(rate)*80/100-spare {
				t.Errorf("in a second came up to %d bytes, allowed are %d; stalled %v", most, rate, stall)
			}
			mu.Lock()
			defer mu.Unlock()
			if late > time.Second+stall {
				t.Errorf("a word came after %v; stalled %v", late, stall)
			}
		})
	}
}

// A limit that is lifted lets the link end, for its receive buffer would stay small.
func TestALiftedLimitMakesTheLinkAnew(t *testing.T) {
	key, other, gate := keyOf(1), keyOf(2), newTurnstile(100_000)
	there := Options{Key: other, Trusts: trusts(deviceOfKey(key))}
	there.Gates = func(netip.AddrPort) (in, out Gate) { return gate, nil }
	addr, links := serve(t, endpoint(t, there))
	a, err := endpoint(t, Options{Key: key}).Dial(context.Background(), deviceOfKey(other), addr)
	if err != nil {
		t.Fatal(err)
	}
	b := <-links
	frames := 0
	go func() {
		for a.Send(Bulk, make([]byte, 1000)) == nil {
		}
	}()
	err = b.Receive(func([]byte) error {
		if frames++; frames == 10 {
			gate.set(0)
		}
		return nil
	})
	if err == nil || frames < 10 {
		t.Errorf("after %d frames: %v", frames, err)
	}
	t.Log(err)
	a.Close("the test ends")
	b.Close("the test ends")
}
