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
