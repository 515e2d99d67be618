package sim

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
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

// crowd are n replicas that never were.
func crowd(first, n uint64) (v version.Vector) {
	for i := range n {
		v = append(v, version.Dot{Replica: ident.ReplicaID(first + i), Counter: 1})
	}
	return v
}

// Each of the records can be, and joined they cannot: the folder goes on with what it had.
func TestTooManyWritersAreNotTakenIn(t *testing.T) {
	for _, register := range []string{"place", "content", "attributes", "what a delete saw", "almost too many at once"} {
		t.Run(register, func(t *testing.T) {
			entries := grove(1)
			k := filled(t, openDurable(t), entries)
			first := entries[len(entries)-1]
			for i := range uint64(2) {
				v, e := crowd(1000+i*3000, 3000), first.Clone()
				switch register {
				case "place":
					e.Place.Context = e.Place.Context.Join(v)
				case "content":
					e.Content.Context = e.Content.Context.Join(v)
				case "attributes":
					e.Attrs.Context = e.Attrs.Context.Join(v)
				case "what a delete saw":
					e.Content.SawPlace = v
				default:
					e.Content.Context = e.Content.Context.Join(crowd(1000, tree.VectorMax-1))
				}
				if err := e.Check(); err != nil {
					t.Fatal(err)
				}
				k.receive([]tree.Entry{e}, i)
			}
			k.edit(&first)
			row, _ := k.index.Entry(first.ID)
			if row.Entry.Content.Dot.Replica != 1 {
				t.Error("an edit here is not taken in any more")
			}
		})
	}
}

// edit lets a person change a file of the grove where it lies.
func (k *quick) edit(e *tree.Entry) {
	b, _ := k.index.Base(e.ID)
	path := b.Name
	for b.Parent != ident.Root {
		b, _ = k.index.Base(b.Parent)
		path = b.Name + "/" + path
	}
	b, _ = k.index.Base(e.ID)
	f := tree.Finding{Path: path, Known: e.ID, Rev: b.Rev, Stat: b.Stat, Content: ident.ContentID{9}}
	f.Stat.Mtime++
	k.do(folder.FindingsReported{Findings: []tree.Finding{f}, Wall: 1_800_000_000_000})
}
