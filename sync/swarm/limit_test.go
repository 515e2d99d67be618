package swarm

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/internal/step"
)

// With a limit, pieces are asked for as fast as they may come, and not faster.
func TestNoMoreIsAskedThanMayCome(t *testing.T) {
	b := newBench(t, alice)
	r := pieces(400)
	b.do(0, RateLimited{pace.Rate(20 * pieceSize)}, "")
	b.run(0, wanting(r))
	b.run(0, RecipeFound{r.ID(), r})
	b.run(0, hasAll(alice, r.ID()))
	b.run(0, StageOpened{r.ID(), make([]bool, 400)})
	at := step.Instant(0)
	for at = b.core.Deadline(); at < 2*second; at = b.core.Deadline() {
		b.run(at, PartCame{alice})
		b.show(b.core.Tick(at))
	}
	if n := len(b.asked); n < 39 || n > 42 {
		t.Errorf("%d pieces were asked for in 2 s, 20 may come in one", n)
	}
	b.run(at, RateLimited{0})
	if n := len(b.asked); n < 200 {
		t.Errorf("after the limit was lifted %d pieces are asked for", n)
	}
}

// A peer that sends a large piece slowly has not stalled.
func TestPartsShowThatAPeerIsSending(t *testing.T) {
	b := newBench(t, alice)
	w := single(1)
	b.run(0, PeerHas{alice, nil})
	b.run(0, w)
	b.do(0, hasAll(alice, w.Content), "ask a 0")
	for at := 20 * second; at < 200*second; at += 20 * second {
		b.do(at, PartCame{alice}, "")
		b.tick(at, "")
	}
	b.came(201*second, 0, "ContentReady")
	b.do(202*second, PartCame{bob}, "") // of somebody who has left
}
