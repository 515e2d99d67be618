package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// spelled fills an id with a byte, so that it is recognised in a hex dump.
func spelled[ID ~[16]byte](b byte) ID { return ID(bytes.Repeat([]byte{b}, 16)) }

func spelledLong[ID ~[32]byte](b byte) ID { return ID(bytes.Repeat([]byte{b}, 32)) }

const (
	alice ident.ReplicaID = 0xa11ce00000000001
	bob   ident.ReplicaID = 0xb0b0000000000002
)

func written(r ident.ReplicaID, counter uint64, seen ...version.Dot) version.Version {
	dot := version.Dot{Replica: r, Counter: counter}
	v := version.Version{
		Dot:   dot,
		Seen:  version.Vector{dot},
		Stamp: version.Stamp{Time: version.HybridOf(1_750_000_000_000), Replica: r},
	}
	for _, d := range seen {
		v.Seen = v.Seen.With(d)
	}
	return v
}

func file(id byte, name string, v version.Version) tree.Entry {
	return tree.Entry{
		ID:   spelled[ident.EntryID](id),
		Kind: tree.File,
		Place: tree.Placement{
			Version: v, Context: v.Seen, Parent: spelled[ident.EntryID](0xd1), Name: name,
		},
		Content: tree.Content{
			Version: v, Context: v.Seen, ID: spelledLong[ident.ContentID](id), Size: 300_000,
		},
		Attrs: tree.Attributes{
			Version: v, Context: v.Seen, Mode: 0o644, Mtime: 1_750_000_000_123_456_789,
		},
	}
}

type line struct {
	from    string
	message Message
}

// conversation has every message at least once, with small, large and empty fields. It is
// what testdata/version1.txt recorded when wire version 1 was made.
func conversation() []line {
	folder := spelled[ident.FolderID](0xf0)
	edit := file(0xe2, "notes.txt", written(bob, 7, version.Dot{Replica: alice, Counter: 3}))
	edit.Content.Ancestors = []ident.ContentID{spelledLong[ident.ContentID](0xc9)}
	gone := file(0xe3, "old", written(alice, 300))
	gone.Content.Deleted = true
	gone.Content.SawPlace = gone.Place.Seen
	dir := tree.Entry{ID: spelled[ident.EntryID](0xd1), Kind: tree.Dir}
	dir.Place.Name = "bilder\xff" // names are bytes, not always UTF-8
	return append([]line{
		{"a", Hello{Version: 1, Name: "alice's laptop", Client: "shoal 0.1.0"}},
		{"b", Hello{Version: 1, Name: "Böb", Client: ""}},
		{"a", Ping{Nonce: 1}},
		{"b", Pong{Nonce: 1}},
		{"b", Ping{Nonce: 1<<64 - 1}},
		{"a", Join{
			Folder: folder, Replica: alice, Log: 0x1111222233334444, Head: 300,
			Root: spelledLong[[32]byte](0x77), Counter: 300, Call: 1,
			Replicas: []tree.Replica{
				{ID: alice, Device: spelledLong[ident.DeviceID](0xa1), Name: "alice's laptop"},
				{ID: bob, Device: spelledLong[ident.DeviceID](0xb0), Name: ""},
			},
		}},
		{"b", Join{
			Folder: folder, Replica: bob, Log: 0x5555666677778888, Head: 1,
			TookLog: 0x1111222233334444, TookSeq: 298, Counter: 7, Call: 2, Answers: 1,
		}},
		{"b", Refuse{Folder: spelled[ident.FolderID](0xf1), Reason: NotMember}},
		{"a", State{
			Folder: folder, Head: 300, Root: spelledLong[[32]byte](0x77),
			Knowledge: version.Vector{{Replica: alice, Counter: 300}, {Replica: bob, Counter: 6}},
			Files:     1, Bytes: 300_000,
		}},
		{"b", State{
			Folder: folder, Head: 1, Scanning: true, NeedFiles: 1, NeedBytes: 1 << 40,
		}},
		{"b", Rows{
			Folder: folder, Log: 0x5555666677778888, After: 0, Upto: 1,
			Entries: []tree.Entry{edit}, Has: []bool{true},
		}},
		{"a", Rows{
			Folder: folder, Log: 0x1111222233334444, After: 298, Upto: 300,
			Entries: []tree.Entry{dir, gone}, Has: []bool{false, true},
		}},
		{"a", Rows{Folder: folder, Log: 0x1111222233334444, After: 300, Upto: 300}},
		{"a", RowsTaken{Folder: folder, Log: 0x5555666677778888, Upto: 1}},
	}, contentConversation(folder)...)
}

func contentConversation(folder ident.FolderID) []line {
	content := spelledLong[ident.ContentID](0xe2)
	return []line{
		{"a", WantHave{Folder: folder, Contents: []ident.ContentID{
			content, spelledLong[ident.ContentID](0xc9),
		}}},
		{"b", Have{Folder: folder, Items: []HaveItem{
			{Content: content, All: true},
			{Content: spelledLong[ident.ContentID](0xc8), Pieces: []uint32{0, 1, 2, 200, 1<<20 - 1}},
			{Content: spelledLong[ident.ContentID](0xc9)},
		}}},
		{"a", AskRecipes{Folder: folder, Contents: []ident.ContentID{content}}},
		{"b", Recipes{Folder: folder, Parts: []RecipePart{
			{Content: content, Total: 6, Offset: 2, Body: []byte{1, 2, 3, 4}},
			{Content: spelledLong[ident.ContentID](0xc9)},
		}}},
		{"a", AskPieces{Folder: folder, Items: []PieceAsk{
			{Ticket: 1, Content: content, Index: 0, Chunk: spelledLong[ident.ChunkID](0xcc), Size: 262_144},
			{Ticket: 2, Content: content, Index: 1<<20 - 1, Chunk: spelledLong[ident.ChunkID](0xcd), Size: 1},
		}}},
		{"b", Slice{Ticket: 1, Offset: 0, Body: []byte("every piece comes in slices")}},
		{"b", Slice{Ticket: 1, Offset: 1<<32 - 1, Body: []byte{0}}},
		{"a", CancelPieces{Tickets: []uint64{2, 1 << 40}}},
		{"b", NoPiece{Ticket: 2, Reason: Busy}},
		{"b", Goodbye{Reason: "stopped by a person"}},
	}
}

// TestTranscriptOfVersion1 holds this program to what version 1 said when it was made.
// The file is never generated again: a layout that must differ is a new version.
func TestTranscriptOfVersion1(t *testing.T) {
	f, err := os.Open("testdata/version1.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := conversation()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if lines.Text() == "" || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		var from, name, digits string
		if _, err := fmt.Sscan(lines.Text(), &from, &name, &digits); err != nil {
			t.Fatalf("line %q: %v", lines.Text(), err)
		}
		frame, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		if n == len(want) {
			t.Fatalf("the transcript has more than the %d messages of the test", n)
		}
		m, err := Parse(frame)
		if err != nil {
			t.Errorf("message %d: %v", n, err)
		}
		if from != want[n].from || !reflect.DeepEqual(m, want[n].message) {
			t.Errorf("message %d: %s %+v, want %s %+v", n, from, m, want[n].from, want[n].message)
		}
		if got := fmt.Sprintf("%T", m); got != "wire."+name {
			t.Errorf("message %d: type %s, recorded as %s", n, got, name)
		}
		if again := Append(nil, want[n].message); !bytes.Equal(again, frame) {
			t.Errorf("message %d, %s:\n got %x\nwant %x", n, name, again, frame)
		}
		n++
	}
	if n != len(want) {
		t.Errorf("the transcript has %d messages, the test %d", n, len(want))
	}
}

// TestSmallFramesByHand pins the layout in a form a person can check against docs/wire.md.
func TestSmallFramesByHand(t *testing.T) {
	f16, c32 := strings.Repeat("f0", 16), strings.Repeat("c0", 32)
	folder, content := spelled[ident.FolderID](0xf0), spelledLong[ident.ContentID](0xc0)
	cases := []struct {
		message Message
		frame   string
	}{
		{Hello{Version: 1, Name: "ab", Client: "c"}, "01" + "01" + "026162" + "0163"},
		{Ping{Nonce: 300}, "02" + "ac02"},
		{Pong{Nonce: 5}, "03" + "05"},
		{Goodbye{Reason: "x"}, "04" + "0178"},
		{Join{Folder: folder, Replica: 1, Log: 2, Head: 3, TookLog: 4, TookSeq: 5, Counter: 6,
			Call: 7, Answers: 8},
			"05" + f16 + "0000000000000001" + "0000000000000002" + "03" +
				"0000000000000004" + "05" + strings.Repeat("00", 32) + "06" + "07" + "08" + "00"},
		{Refuse{Folder: folder, Reason: CloneFound}, "06" + f16 + "04"},
		{State{Folder: folder, Head: 1, Knowledge: version.Vector{{Replica: 9, Counter: 8}},
			Scanning: true, NeedFiles: 2, NeedBytes: 3, Files: 4, Bytes: 5},
			"07" + f16 + "01" + strings.Repeat("00", 32) + "01" + "0000000000000009" + "08" +
				"01" + "02" + "03" + "04" + "05"},
		{Rows{Folder: folder, Log: 1, After: 2, Upto: 3},
			"08" + f16 + "0000000000000001" + "02" + "03" + "00"},
		{RowsTaken{Folder: folder, Log: 1, Upto: 2}, "09" + f16 + "0000000000000001" + "02"},
		{WantHave{Folder: folder, Contents: []ident.ContentID{content}}, "0a" + f16 + "01" + c32},
		{Have{Folder: folder, Items: []HaveItem{{Content: content, Pieces: []uint32{3, 4, 6}}}},
			"0b" + f16 + "01" + c32 + "00" + "03" + "03" + "00" + "01"},
		{AskRecipes{Folder: folder}, "0c" + f16 + "00"},
		{Recipes{Folder: folder, Parts: []RecipePart{{Content: content, Total: 9, Offset: 8, Body: []byte{7}}}},
			"0d" + f16 + "01" + c32 + "09" + "08" + "01" + "07"},
		{AskPieces{Folder: folder, Items: []PieceAsk{{Ticket: 1, Content: content, Index: 2, Size: 3}}},
			"0e" + f16 + "01" + "01" + c32 + "02" + strings.Repeat("00", 32) + "03"},
		{CancelPieces{Tickets: []uint64{1, 128}}, "0f" + "02" + "01" + "8001"},
		{Slice{Ticket: 1, Offset: 2, Body: []byte{3}}, "10" + "01" + "02" + "01" + "03"},
		{NoPiece{Ticket: 1, Reason: Unreadable}, "11" + "01" + "04"},
		{Replicas{Folder: folder, Replicas: []tree.Replica{{ID: 1, Device: spelledLong[ident.DeviceID](0xdd), Name: "x"}}},
			"12" + f16 + "01" + "0000000000000001" + strings.Repeat("dd", 32) + "0178"},
	}
	for i, c := range cases {
		if got := hex.EncodeToString(Append(nil, c.message)); got != c.frame {
			t.Errorf("%T:\n got %s\nwant %s", c.message, got, c.frame)
		}
		if kind := bodyOf(c.message).kind(); int(kind) != i+1 {
			t.Errorf("%T is number %d, want %d", c.message, kind, i+1)
		}
	}
}

// TestDocumentListsEveryMessage keeps docs/wire.md from falling behind.
func TestDocumentListsEveryMessage(t *testing.T) {
	document, err := os.ReadFile("../../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range everyMessage() {
		name := strings.TrimPrefix(fmt.Sprintf("%T", l.message), "wire.")
		heading := fmt.Sprintf("### %d %s\n", bodyOf(l.message).kind(), name)
		_, section, found := strings.Cut(string(document), heading)
		if !found {
			t.Errorf("docs/wire.md has no section %q", heading)
			continue
		}
		section, _, _ = strings.Cut(section, "\n### ")
		for i := range reflect.TypeOf(l.message).NumField() {
			field := reflect.TypeOf(l.message).Field(i).Name
			if !strings.Contains(section, "| "+field+" |") {
				t.Errorf("docs/wire.md does not show %s.%s", name, field)
			}
		}
	}
}

// areWritten checks that messages about the folder 0xf0 have the bytes in want, in hex, are
// read back as they were, and are refused wherever they are cut short.
func areWritten(t *testing.T, talk []Message, want []string) {
	t.Helper()
	for i, m := range talk {
		frame := Append(nil, m)
		if got := hex.EncodeToString(frame); got != want[i] {
			t.Errorf("%+v:\n got %s\nwant %s", m, got, want[i])
		}
		if len(frame) != Size(m) {
			t.Errorf("%T has %d bytes, Size says %d", m, len(frame), Size(m))
		}
		if got, err := Parse(frame); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("read back %+v, %v; want %+v", got, err, m)
		}
		for n := 1; n < len(frame); n++ {
			if got, err := Parse(frame[:n:n]); got != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("%T cut to %d bytes: %v, %v", m, n, got, err)
			}
		}
		if id, ok := FolderOf(m); !ok || id != spelled[ident.FolderID](0xf0) {
			t.Errorf("%T is about folder %v, %v", m, id, ok)
		}
	}
}
