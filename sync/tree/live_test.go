package tree

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/version"
)

// TestDeletedAndMoved: a delete stands against what its author had seen; a move by somebody
// else survives it, a conflict name that a device wrote down does not.
func TestDeletedAndMoved(t *testing.T) {
	ann, bob := ident.ReplicaID(1), ident.ReplicaID(2)
	first := written(ann, 1)
	dir, other := ident.EntryID{9}, ident.EntryID{8}
	place := func(v version.Version, parent ident.EntryID, name string) Placement {
		return Placement{
			Version: v, Context: v.Seen, Parent: parent, Name: name, WasParent: dir, WasName: "a.txt",
		}
	}
	const marked = "a (conflict, bob, 2026-01-01 00-00-00).txt"
	rested := place(written(bob, 5), dir, marked)
	rested.WasParent, rested.WasName = ident.EntryID{7}, ""
	taken := rested
	taken.Name = "b.txt"
	for _, c := range []struct {
		name  string
		place Placement
		saw   version.Vector
		live  bool
	}{
		{"not moved", Placement{Version: first, Parent: dir, Name: "a.txt"}, first.Seen, false},
		{"found, not moved", Placement{Parent: dir, Name: "a.txt"}, nil, false},
		{"moved unseen", place(written(bob, 5, first.Dot), other, "a.txt"), first.Seen, true},
		{"renamed unseen", place(written(bob, 5, first.Dot), dir, "b.txt"), first.Seen, true},
		{"moved, seen", place(written(bob, 5, first.Dot), other, "a.txt"), first.Seen.With(version.Dot{Replica: bob, Counter: 5}), false},
		{"conflict name unseen", place(written(bob, 5, first.Dot), dir, marked), first.Seen, false},
		{"conflict name of a found file unseen", place(written(bob, 5), dir, marked), nil, false},
		{"conflict name elsewhere unseen", place(written(bob, 5, first.Dot), other, marked), first.Seen, true},
		{"conflict name after an unseen move", place(written(bob, 5, first.Dot), dir, marked), nil, true},
		{"named beside the winner unseen", rested, nil, false},
		{"taken from beside the winner unseen", taken, nil, true},
	} {
		e := Entry{Kind: File, Place: c.place, Content: Content{Deleted: true, SawPlace: c.saw}}
		if e.Live() != c.live {
			t.Errorf("%s: live %v, want %v", c.name, e.Live(), c.live)
		}
	}
}
