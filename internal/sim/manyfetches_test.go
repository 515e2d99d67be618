package sim

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// TestMoreFilesThanFetches lets far more files be heard of than contents can be fetched at
// a time, from a slow peer: each content is asked for once, and all files come.
func TestMoreFilesThanFetches(t *testing.T) {
	const atOnce = 2048 // as in sync/folder
	k := &quick{b: t, index: openMemory(t), slow: true}
	k.open(0, tree.Totals{})
	entries := grove(3 * atOnce)
	k.receive(entries, 0)
	if len(k.wanted) == 0 || len(k.wanted) > atOnce {
		t.Fatalf("%d contents are asked for at a time", len(k.wanted))
	}
	empty := entries[0].Clone()
	empty.ID, empty.Kind = ident.EntryID{1, 2, 3}, tree.File
	empty.Place.Parent, empty.Place.Name, empty.Content.ID = ident.Root, "empty", recipe.Empty
	before := k.orders
	k.do(folder.RowsReceived{
		From: ident.DeviceID{2}, Log: 9, After: uint64(len(entries)), Upto: uint64(len(entries)) + 1,
		Entries: []tree.Entry{empty}, Wall: 1_700_000_000_000,
	})
	if k.orders != before+1 {
		t.Error("a file that need not be fetched waits for the others")
	}
	entries = append(entries, empty)
	asked := map[ident.ContentID]bool{}
	for len(k.wanted) > 0 {
		content := k.wanted[0]
		k.wanted = k.wanted[1:]
		if asked[content] {
			t.Fatal("a content is asked for twice")
		}
		asked[content] = true
		k.do(folder.ContentsStaged{Contents: []ident.ContentID{content}})
	}
	if k.orders != len(entries) {
		t.Errorf("%d orders for %d entries", k.orders, len(entries))
	}
	if n := k.core.Snapshot().Totals.Needs; n != 0 {
		t.Errorf("%d entries are needed at the end", n)
	}
}
