package swarm

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

// Whoever sent wrong pieces does not become honest by a new link; by and by it is tried
// again.
func TestLiarsAreKnownAgain(t *testing.T) {
	b, content := fetchingBench(t, 8, alice)
	again := func(at step.Instant, asked int) {
		t.Helper()
		b.run(at, PeerLeft{alice})
		b.run(at, PeerJoined{alice})
		before := len(b.asked)
		if b.run(at, hasAll(alice, content)); len(b.asked)-before != asked {
			t.Fatalf("at %v alice is asked for %d pieces, want %d", time.Duration(at), len(b.asked)-before, asked)
		}
	}
	b.run(second, PieceBad{Ticket: b.asked[0].Ticket})
	again(2*second, 8)
	b.run(3*second, PieceBad{Ticket: b.asked[len(b.asked)-1].Ticket})
	again(4*second, 0)
	again(5*second, 0)
	b.run(6*second, PeerLeft{alice})
	again(6*second+step.Instant(liesKept), 8)
}

// A ban ends on a link that stays up, too; until then another peer has its place, and what
// the banned one says to have is looked for elsewhere.
func TestABanEnds(t *testing.T) {
	b, content := fetchingBench(t, 4, alice, bob)
	b.do(1, PieceBad{Ticket: b.asked[0].Ticket}, "")
	b.run(1, hasAll(alice, content))
	b.run(2, PieceBad{Ticket: b.asked[1].Ticket})
	if s := b.core.source(alice); !s.banned || s.near {
		t.Fatalf("alice lied twice: banned %v, near %v", s.banned, s.near)
	}
	other := pieces(2)
	other.Chunks[0].ID[0] = 9
	b.do(3, PeerHas{alice, []ident.ContentID{other.ID()}}, "")
	b.do(3, wanting(other), "FindRecipe, b: want 1")
	b.do(3, RecipeFound{Content: other.ID()}, "")
	if at := b.core.Deadline(); at > 4*second {
		t.Errorf("what alice alone says to have is looked for only at %v", time.Duration(at))
	}
	for b.core.Deadline() < 20*second {
		b.core.Tick(b.core.Deadline())
	}
	if n := len(b.core.wants); n != 0 {
		t.Errorf("%d contents are waited for that nobody gives", n)
	}
	b.core.Tick(2 + step.Instant(liesKept) - 1)
	b.do(2+step.Instant(liesKept)-1, wanting(other), "FindRecipe, b: want 1")
	at := 2 + step.Instant(liesKept)
	b.tick(at, "a: want 1")
	if b.core.source(alice).banned {
		t.Error("alice is never tried again")
	}
}
