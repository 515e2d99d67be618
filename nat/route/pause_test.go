package route

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
)

// pauseMax is what a lost way may cost: what people are promised, five seconds, less what
// a call takes in the world that these are not in.
const pauseMax = 4500 * time.Millisecond

// pairInTouch are two devices behind NATs, in touch by a call.
func pairInTouch(t *testing.T, seed uint64) *world {
	t.Helper()
	w := newWorld(t, seed)
	w.calm, w.nat, w.callsFrom = true, true, 1
	w.after(0, func() { w.boot(0) })
	w.after(w.upTo(300*time.Millisecond), func() { w.boot(1) })
	w.run(step.Instant(8*time.Second + w.upTo(20*time.Second)))
	if w.nodes[0].current == 0 {
		t.Fatalf("seed %d: not in touch:\n%s", seed, w.trace.String())
	}
	return w
}

// swallow makes every link lose all that is sent on it, and nobody is told.
func (w *world) swallow() {
	for _, n := range w.nodes {
		for _, e := range n.ends {
			e.mute = true
		}
	}
}

// inTouchAgain runs until both use a link that lives, and returns how long that took.
func (w *world) inTouchAgain() time.Duration {
	w.t.Helper()
	begun := w.now
	for w.now.Since(begun) < time.Minute {
		w.run(w.now.Add(10 * time.Millisecond))
		a, b := w.nodes[0], w.nodes[1]
		if a.current != 0 && !a.ends[a.current].mute && b.ends[b.current] == a.ends[a.current].other {
			return w.now.Since(begun)
		}
	}
	w.t.Fatalf("not in touch again:\n%s", w.trace.String())
	return 0
}

// A router that starts anew tells nobody, and may come up some time later: a call that was
// made before leads nowhere.
func TestARouterThatForgetsCostsLittle(t *testing.T) {
	for seed := range uint64(500) {
		w := pairInTouch(t, seed)
		w.swallow()
		if took := w.inTouchAgain(); took > pauseMax {
			t.Fatalf("seed %d: in touch again after %v:\n%s", seed, took, w.trace.String())
		}
	}
}

// An address that changes is told at once and perhaps in parts: the address is there a
// while before the way out is.
func TestAnAddressThatChangesCostsLittle(t *testing.T) {
	for seed := range uint64(500) {
		w := pairInTouch(t, seed)
		w.swallow()
		moved := w.nodes[w.chance.IntN(2)]
		w.lost = true
		moved.hear(NetworkChanged{})
		found := w.upTo(1500 * time.Millisecond)
		told := w.chance.IntN(2) == 0
		w.after(found, func() {
			w.lost = false
			if told {
				moved.hear(NetworkChanged{})
			}
		})
		if took := w.inTouchAgain(); took > found+3*time.Second {
			t.Fatalf("seed %d: in touch again after %v, %v after there was a way (told %v):\n%s", seed, took,
				took-found, told, w.trace.String())
		}
	}
}
