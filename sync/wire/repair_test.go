package wire

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// everyMessage is each message at least once: those of the recorded conversation and those
// added to wire version 1 since.
func everyMessage() []line {
	return append(append(conversation(), repairConversation()...), signedConversation()...)
}

func repairConversation() []line {
	folder := spelled[ident.FolderID](0xf0)
	var branch summary.Part
	branch.Branch, branch.Count = true, 1_000_000
	branch.Children[0], branch.Children[15] = summary.Sum{1}, spelled[summary.Sum](0xcc)
	return []line{
		{"a", AskParts{Folder: folder, Repair: 1, Prefixes: []summary.Prefix{
			{}, {ID: ident.EntryID{0xa0}, Digits: 1}, {ID: ident.EntryID{0xab}, Digits: 2},
			{ID: spelled[ident.EntryID](0xe2), Digits: 32},
		}}},
		{"b", Parts{Folder: folder, Repair: 1, Parts: []summary.Part{branch, {}, {
			Count: 1,
			Items: []summary.Item{{ID: spelled[ident.EntryID](0xe2), Digest: spelled[summary.Sum](0xdd)}},
		}}}},
		{"a", AskEntries{Folder: folder, Repair: 300, IDs: []ident.EntryID{spelled[ident.EntryID](0xe2)}}},
		{"b", Found{Folder: folder, Repair: 300, Entries: []tree.Entry{
			file(0xe2, "notes.txt", written(bob, 7)), file(0xe3, "old", written(alice, 300)),
		}, Has: []bool{false, true}}},
		{"a", AskDeleted{Folder: folder, Repair: 1, After: 77, Knowledge: version.Vector{{Replica: alice, Counter: 300}}}},
		{"b", Found{Folder: folder, Repair: 1, Last: true, After: 1 << 40}},
		{"a", Horizon{Folder: folder, Life: 0x1234567812345678, TookLife: 77, Collected: version.Vector{{Replica: bob, Counter: 6}}}},
	}
}

func TestRepairFramesByHand(t *testing.T) {
	f16, e16 := strings.Repeat("f0", 16), strings.Repeat("e0", 16)
	folder := spelled[ident.FolderID](0xf0)
	id := spelled[ident.EntryID](0xe0)
	sum := spelled[summary.Sum](0xcc)
	branch := summary.Part{Branch: true, Count: 300}
	branch.Children[9] = sum
	for _, c := range []struct {
		message Message
		frame   string
	}{
		{AskParts{Folder: folder, Repair: 5, Prefixes: []summary.Prefix{{}, {ID: ident.EntryID{0xab, 0xc0}, Digits: 3}}},
			"14" + f16 + "05" + "02" + "00" + "03" + "abc0"},
		{Parts{Folder: folder, Repair: 5, Parts: []summary.Part{branch, {Count: 1, Items: []summary.Item{{ID: id, Digest: sum}}}}},
			"15" + f16 + "05" + "02" + "ac02" + "01" + "0200" + strings.Repeat("cc", 16) +
				"01" + "00" + "01" + e16 + strings.Repeat("cc", 16)},
		{AskEntries{Folder: folder, Repair: 5, IDs: []ident.EntryID{id}}, "16" + f16 + "05" + "01" + e16},
		{AskDeleted{Folder: folder, Repair: 5, After: 6, Knowledge: version.Vector{{Replica: 9, Counter: 8}}},
			"17" + f16 + "05" + "06" + "01" + "0000000000000009" + "08"},
		{Found{Folder: folder, Repair: 5, Last: true, After: 7}, "18" + f16 + "05" + "00" + "01" + "07"},
		{Horizon{Folder: folder, Life: 5, TookLife: 6, Collected: version.Vector{{Replica: 9, Counter: 8}}},
			"19" + f16 + "0000000000000005" + "0000000000000006" + "01" + "0000000000000009" + "08"},
	} {
		if got := hex.EncodeToString(Append(nil, c.message)); got != c.frame {
			t.Errorf("%T:\n got %s\nwant %s", c.message, got, c.frame)
		}
	}
}

func refusedRepairs() []refusal {
	f16 := strings.Repeat("f0", 16)
	return []refusal{
		{"prefixes beyond the limit", "14" + f16 + "01" + "8104", []string{"AskParts", "prefixes", "513"}},
		{"prefix longer than an id", "14" + f16 + "01" + "01" + "21", []string{"AskParts", "item 0", "digits", "33"}},
		{"digit behind the prefix", "14" + f16 + "01" + "01" + "01" + "ab", []string{"AskParts", "item 0", "prefix"}},
		{"parts beyond the limit", "15" + f16 + "01" + "8104", []string{"Parts", "parts", "513"}},
		{"child without a sum", "15" + f16 + "01" + "01" + "00" + "01" + "0001" + strings.Repeat("00", 16),
			[]string{"Parts", "item 0", "child"}},
		{"leaf too full", "15" + f16 + "01" + "01" + "00" + "00" + "21", []string{"Parts", "item 0", "items", "33"}},
		{"entries beyond the limit", "16" + f16 + "01" + "e907", []string{"AskEntries", "ids", "1001"}},
		{"unsorted knowledge asks", "17" + f16 + "01" + "00" + "02" + "0000000000000002" + "01" +
			"0000000000000001" + "01", []string{"AskDeleted", "knowledge"}},
		{"found beyond the limit", "18" + f16 + "01" + "e907", []string{"Found", "entries", "1001"}},
		{"nothing was collected", "19" + f16 + strings.Repeat("00", 16) + "01" + "0000000000000002" + "00",
			[]string{"Horizon", "collected"}},
		{"neither last nor not", "18" + f16 + "01" + "00" + "02", []string{"Found", "last"}},
	}
}
