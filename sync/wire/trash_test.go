package wire

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

func trashTalk() []Message {
	folder := spelled[ident.FolderID](0xf0)
	return []Message{
		AskTrash{Folder: folder, Ticket: 300},
		TrashHeld{Folder: folder, Ticket: 300},
		TrashHeld{Folder: folder, Ticket: 1, More: true, Items: []TrashItem{
			{Path: "a/b", Content: spelledLong[ident.ContentID](0xcc), Size: 200, Mode: 0o644, Mtime: 7,
				Taken: -1, Deleted: true, By: spelledLong[ident.DeviceID](0xdd)},
			{Path: "\xff", Mode: 0o777},
		}},
	}
}

func TestTrashTalkIsWrittenAsDocumented(t *testing.T) {
	f16 := strings.Repeat("f0", 16)
	want := []string{
		"28" + f16 + "ac02",
		"29" + f16 + "ac02" + "00" + "00",
		"29" + f16 + "01" + "01" + "02" +
			"03612f62" + strings.Repeat("cc", 32) + "c801" + "a403" + "0000000000000007" + "ffffffffffffffff" +
			"01" + strings.Repeat("dd", 32) +
			"01ff" + strings.Repeat("00", 32) + "00" + "ff03" + "0000000000000000" + "0000000000000000" +
			"00" + strings.Repeat("00", 32),
	}
	areWritten(t, trashTalk(), want)
}

func TestTrashTalkIsBounded(t *testing.T) {
	folder := spelled[ident.FolderID](0xf0)
	long := TrashHeld{Folder: folder, Items: []TrashItem{{Path: strings.Repeat("x", TrashPathMax)}}}
	if _, err := Parse(Append(nil, long)); err != nil {
		t.Error(err)
	}
	many := TrashHeld{Folder: folder, Items: make([]TrashItem, TrashMax+1)}
	for i := range many.Items {
		many.Items[i].Path = "x"
	}
	for _, bad := range []TrashHeld{
		{Folder: folder, Items: []TrashItem{{Path: strings.Repeat("x", TrashPathMax+1)}}},
		{Folder: folder, Items: []TrashItem{{}}},
		{Folder: folder, Items: []TrashItem{{Path: "x", Mode: 0o1777}}},
		{Folder: folder, Items: []TrashItem{{Path: "x", Size: 1 << 63}}},
		many,
	} {
		if _, err := Parse(Append(nil, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("a message beyond its limits was read: %v", err)
		}
	}
}

func TestTrashTalkIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"### 40 AskTrash\n", "### 41 TrashHeld\n", "| Ticket |", "| More |", "| Items |"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/wire.md lacks %q", want)
		}
	}
}
