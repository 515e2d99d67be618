package sim

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// later makes a version of a replica, stamped after all of a grove, by somebody who had
// seen the given dots.
func later(replica ident.ReplicaID, counter uint64, seen ...version.Dot) version.Version {
	dot := version.Dot{Replica: replica, Counter: counter}
	return version.Version{
		Dot: dot, Seen: version.Vector(seen).With(dot),
		Stamp: version.Stamp{Time: version.HybridOf(1_750_000_000_000 + int64(counter)), Replica: replica},
	}
}

// reading is a device that only reads and shows a small grove, whose last entry, a file, is
// returned too.
func reading(t *testing.T) (*quick, tree.Entry) {
	entries := grove(1)
	k := filled(t, openMemory(t), entries)
	k.reader = true
	k.open(uint64(len(entries)), tree.Totals{Files: 1})
	return k, entries[len(entries)-1].Clone()
}

// Whatever members say, a device that only reads has nothing to write.
func TestReaderWritesNothingForPeers(t *testing.T) {
	t.Run("deleted without its size and moved", func(t *testing.T) {
		k, e := reading(t)
		gone := later(78, 1, e.Content.Dot)
		e.Content.Version, e.Content.Context = gone, gone.Seen
		e.Content.Deleted, e.Content.Size, e.Content.SawPlace = true, 0, e.Place.Context
		moved := later(79, 2, e.Place.Dot)
		e.Place.Version, e.Place.Context = moved, moved.Seen
		k.receive([]tree.Entry{e}, 0)
	})
	t.Run("a write in its own name", func(t *testing.T) {
		k, e := reading(t)
		own := later(1, 1)
		e.Content.Version, e.Content.Context = own, own.Seen.Join(e.Content.Context)
		e.Content.ID, e.Content.Ancestors = ident.ContentID{1}, []ident.ContentID{{2}}
		k.receive([]tree.Entry{e}, 0)
		other := later(79, 2)
		e.Content.Version, e.Content.Context = other, other.Seen
		e.Content.ID, e.Content.Ancestors = ident.ContentID{3}, nil
		k.receive([]tree.Entry{e}, 1)
	})
}
