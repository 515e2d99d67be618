package sim

import (
	"crypto/sha256"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// questioned counts what the core asks of its index.
type questioned struct {
	paged
	asked int
}

func (x *questioned) Entry(id ident.EntryID) (tree.Row, bool) {
	x.asked++
	return x.paged.Entry(id)
}

func (x *questioned) Placed(parent ident.EntryID, name string) []tree.Row {
	x.asked++
	return x.paged.Placed(parent, name)
}

func (x *questioned) Children(parent, after ident.EntryID, limit int) []tree.Row {
	rows := x.paged.Children(parent, after, limit)
	x.asked += 1 + len(rows)
	return rows
}

func (x *questioned) Base(id ident.EntryID) (tree.Base, bool) {
	x.asked++
	return x.paged.Base(id)
}

func (x *questioned) BaseAt(parent ident.EntryID, name string) []tree.Base {
	x.asked++
	return x.paged.BaseAt(parent, name)
}

func (x *questioned) BaseChildren(parent ident.EntryID, after string, limit int) []tree.Base {
	rows := x.paged.BaseChildren(parent, after, limit)
	x.asked += 1 + len(rows)
	return rows
}

// deleted is an entry after its peer has deleted it, as its change of that number.
func deleted(e tree.Entry, number uint64) tree.Entry {
	v := version.Version{
		Dot:   version.Dot{Replica: benchPeer, Counter: number},
		Stamp: version.Stamp{Time: version.HybridOf(1_800_000_000_000), Replica: benchPeer},
	}
	v.Seen = version.Vector{v.Dot}
	e = e.Clone()
	e.Content = tree.Content{Version: v, Context: v.Seen, Deleted: true, SawPlace: e.Place.Seen}
	return e
}

// TestDeepDirectoriesAskLittle: directories one in the other come and go at a cost that
// grows as their number does and as the length of each path. When every one of them had all
// above it planned anew, those of a path of 500 bytes took minutes.
func TestDeepDirectoriesAskLittle(t *testing.T) {
	costs := func(depth int) (come, leave int) {
		x := &questioned{paged: openMemory(t)}
		var chain []tree.Entry
		parent := ident.Root
		for i := range depth {
			chain = append(chain, written(uint64(i+1), tree.Dir, parent, "d"))
			parent = chain[i].ID
		}
		k := &quick{b: t, index: x}
		k.open(0, tree.Totals{})
		x.asked = 0
		k.receive(chain, 0)
		come = x.asked
		if k.orders != depth {
			t.Fatalf("%d of %d directories were made", k.orders, depth)
		}
		var gone []tree.Entry
		for i := range chain {
			gone = append(gone, deleted(chain[depth-1-i], uint64(depth+i+1)))
		}
		x.asked = 0
		k.receive(gone, uint64(depth))
		if k.orders != 2*depth {
			t.Fatalf("%d of %d directories were removed", k.orders-depth, depth)
		}
		return come, x.asked
	}
	come, leave := costs(30)
	moreCome, moreLeave := costs(120)
	// Four times as many, each with a path four times as long.
	if moreCome > 20*come || moreLeave > 20*leave {
		t.Errorf("30 directories one in the other ask %d questions when they come and %d when they leave, "+
			"120 of them %d and %d", come, leave, moreCome, moreLeave)
	}
}

// TestAPlanAsksLittle: what one change costs does not grow with the folder, and going over
// all of it asks a few questions an entry. Questions are counted, so that no clock decides.
func TestAPlanAsksLittle(t *testing.T) {
	costs := func(n int) (content, move, sweep int) {
		x := &questioned{paged: openMemory(t)}
		entries := grove(n)
		k := filled(t, x, entries)
		asks := func(event folder.Event) int {
			x.asked = 0
			k.do(event)
			return x.asked
		}
		changed := func(number uint64, change func(e *tree.Entry, v version.Version)) int {
			e := entries[len(entries)-1].Clone()
			dot := version.Dot{Replica: benchPeer, Counter: 1<<40 + number}
			change(&e, version.Version{
				Dot: dot, Seen: version.Vector{dot},
				Stamp: version.Stamp{Time: version.HybridOf(1_800_000_000_000), Replica: benchPeer},
			})
			return asks(folder.RowsReceived{
				From: ident.DeviceID{2}, Log: 9, After: number - 1, Upto: number, Entries: []tree.Entry{e},
				Wall: 1_700_000_000_000,
			})
		}
		content = changed(1, func(e *tree.Entry, v version.Version) {
			e.Content.Version, e.Content.Context, e.Content.ID = v, v.Seen, sha256.Sum256([]byte("new"))
		})
		move = changed(2, func(e *tree.Entry, v version.Version) {
			e.Place.Version, e.Place.Context, e.Place.Name = v, v.Seen, "moved"
		})
		return content, move, asks(folder.PatternsChanged{Patterns: ignore.Patterns{}}) / len(entries)
	}
	content, move, sweep := costs(1_000)
	moreContent, moreMove, moreSweep := costs(20_000)
	if content != moreContent || move != moreMove || sweep != moreSweep {
		t.Errorf("a change asks %d and %d questions in a small folder, %d and %d in one of twenty times "+
			"as many files; an entry of a sweep %d and %d", content, move, moreContent, moreMove, sweep, moreSweep)
	}
	if content > 60 || move > 60 || sweep > 8 {
		t.Errorf("a new content asks %d questions, a move %d, an entry of a sweep %d", content, move, sweep)
	}
}
