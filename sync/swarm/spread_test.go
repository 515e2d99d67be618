package swarm

import (
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/sync/wire"
)

// Who passes nothing on is given few pieces that nobody else has, while somebody waits who
// does; and those few are given to others as if they had not been given.
func TestSourceOfStrangersGivesToWhoPassesOn(t *testing.T) {
	b := newBench(t, alice, bob, carol)
	b.run(0, PolicyChosen{Policy: TitForTat})
	if got := b.run(0, asking(alice, 0, 1, 2, 3)); !strings.Contains(got, "a: want 1") {
		t.Fatalf("alice is not asked what she has: %s", got)
	}
	b.run(0, asking(bob, 10, 11, 12, 13))
	b.run(0, asking(carol, 20, 21, 22, 23, 24, 25, 26, 27)) // waits, so that there is a choice
	got := b.run(1, asking(bob, 14))
	if !strings.Contains(got, "b: wire.NoPiece") {
		t.Fatalf("bob has passed on nothing and is given more: %s", got)
	}
	have := wire.Have{Items: []wire.HaveItem{{Content: asking(alice, 0).Items[0].Content, Pieces: []uint32{0, 1}}}}
	b.run(2*ms, Heard{carol, have}) // what alice was given
	if got := b.run(3*ms, asking(alice, 4, 5, 6)); strings.Contains(got, "a: wire.NoPiece") {
		t.Fatalf("alice passes on, and is given no more: %s", got)
	}
	if at := b.core.uploads.spread.lostDue(); at > 3*second {
		t.Fatalf("what bob keeps to himself counts as lost only at %v", at)
	}
	b.core.Tick(4 * second)
	given := b.core.uploads.givenOf(have.Items[0].Content)
	if given.of(10) != 0 || given.of(0) == 0 {
		t.Errorf("piece 10, with bob only, counts as given %d times; piece 0, which spread, %d times", given.of(10), given.of(0))
	}
}

// A source that has nobody better to give to does not let its uplink rest.
func TestSourceGivesToWhoeverThereIs(t *testing.T) {
	b := newBench(t, alice, bob)
	b.run(0, PolicyChosen{Policy: TitForTat})
	for i := range uint32(40) {
		got := b.run(0, asking(alice, i))
		if !strings.Contains(got, "serve a") {
			t.Fatalf("piece %d: %s", i, got)
		}
		b.run(0, PiecesServed{alice, 1})
	}
}

// Members trust each other: nothing of this is asked of them.
func TestMembersAreNotWatched(t *testing.T) {
	b := newBench(t, alice, bob)
	if got := b.run(0, asking(alice, 0)); strings.Contains(got, "want") {
		t.Errorf("alice is asked what she has: %s", got)
	}
}
