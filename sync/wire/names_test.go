package wire

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

func namesTalk() []Message {
	folder := spelled[ident.FolderID](0xf0)
	return []Message{
		AskNames{Folder: folder, Ticket: 300, Limit: 200, Words: []string{"a b", "\xff"}},
		NamesFound{Folder: folder, Ticket: 300},
		NamesFound{Folder: folder, Ticket: 1, More: true, Items: []NameItem{
			{Path: "a/b", Kind: tree.File, Content: spelledLong[ident.ContentID](0xcc), Size: 200, Mtime: 7},
			{Path: "\xff", Kind: tree.Dir, Mtime: -1},
		}},
	}
}

func TestNamesTalkIsWrittenAsDocumented(t *testing.T) {
	f16 := strings.Repeat("f0", 16)
	want := []string{
		"24" + f16 + "ac02" + "c801" + "02" + "03612062" + "01ff",
		"25" + f16 + "ac02" + "00" + "00",
		"25" + f16 + "01" + "01" + "02" +
			"03612f62" + "01" + strings.Repeat("cc", 32) + "c801" + "0000000000000007" +
			"01ff" + "02" + strings.Repeat("00", 32) + "00" + "ffffffffffffffff",
	}
	areWritten(t, namesTalk(), want)
}

func TestNamesTalkIsBounded(t *testing.T) {
	folder := spelled[ident.FolderID](0xf0)
	word := []string{"w"}
	for _, good := range []Message{
		AskNames{Folder: folder, Limit: NamesMax, Words: []string{strings.Repeat("x", SearchWordMax)}},
		NamesFound{Folder: folder, Items: []NameItem{{Path: strings.Repeat("x", NamePathMax), Kind: tree.Link}}},
	} {
		if _, err := Parse(Append(nil, good)); err != nil {
			t.Error(err)
		}
	}
	many := NamesFound{Folder: folder, Items: make([]NameItem, NamesMax+1)}
	for i := range many.Items {
		many.Items[i] = NameItem{Path: "x", Kind: tree.File}
	}
	for i, bad := range []Message{
		AskNames{Folder: folder, Words: word}, AskNames{Folder: folder, Limit: NamesMax + 1, Words: word},
		AskNames{Folder: folder, Limit: 1}, AskNames{Folder: folder, Limit: 1, Words: []string{"w", ""}},
		AskNames{Folder: folder, Limit: 1, Words: []string{strings.Repeat("x", SearchWordMax+1)}},
		AskNames{Folder: folder, Limit: 1, Words: strings.Fields(strings.Repeat("w ", SearchWordsMax+1))},
		NamesFound{Folder: folder, Items: []NameItem{{Kind: tree.File}}},
		NamesFound{Folder: folder, Items: []NameItem{{Path: strings.Repeat("x", NamePathMax+1), Kind: tree.File}}},
		NamesFound{Folder: folder, Items: []NameItem{{Path: "x"}}},
		NamesFound{Folder: folder, Items: []NameItem{{Path: "x", Kind: 4}}},
		NamesFound{Folder: folder, Items: []NameItem{{Path: "x", Kind: tree.File, Size: 1 << 63}}},
		many,
	} {
		if _, err := Parse(Append(nil, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("message %d beyond its limits was read: %v", i, err)
		}
	}
}

func TestNamesTalkIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"### 36 AskNames\n", "### 37 NamesFound\n", "| Limit |", "| Words |"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/wire.md lacks %q", want)
		}
	}
}
