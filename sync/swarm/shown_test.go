package swarm

import (
	"slices"
	"testing"
)

func TestWhoHasWhatIsShown(t *testing.T) {
	b, _ := fetchingBench(t, 4, alice, bob)
	b.came(1, 0, "")
	b.came(2, 1, "")
	told, ok := b.core.Handle(3, StandingAsked{Ticket: 9})[0].(StandingTold)
	if !ok || told.Ticket != 9 || len(told.Peers) != 2 || len(told.Contents) != 1 || told.More != 0 {
		t.Fatalf("told %+v", told)
	}
	c := told.Contents[0]
	if c.Pieces != 4 || c.Have != 2 || c.Asked != 2 || c.Holders != 1 || c.Rarest != 1 ||
		!slices.Equal(c.Cells, []int{100, 100, 0, 0}) {
		t.Errorf("the content is shown as %+v", c)
	}
	if a := told.Peers[0]; a.Peer != alice || !a.Near || a.Asked != 2 || a.Came != 2*pieceSize {
		t.Errorf("alice is shown as %+v", a)
	}
}
