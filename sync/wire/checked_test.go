package wire

import (
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

func TestCheckedIsWrittenAsDocumented(t *testing.T) {
	folder := spelled[ident.FolderID](0xf0)
	f16 := strings.Repeat("f0", 16)
	for _, c := range []struct {
		m    Checked
		want string
	}{
		{Checked{Folder: folder}, "2a" + f16 + "00"},
		{Checked{Folder: folder, Ranges: []tree.Range{{Replica: 7, From: 1, To: 300}, {Replica: 7, From: 400, To: 400}}},
			"2a" + f16 + "02" + "0000000000000007" + "01" + "ac02" + "0000000000000007" + "9003" + "9003"},
	} {
		frame := Append(nil, c.m)
		if got := hex.EncodeToString(frame); got != c.want || Size(c.m) != len(frame) {
			t.Errorf("got %s of %d bytes, Size says %d, want %s", got, len(frame), Size(c.m), c.want)
		}
		if got, err := Parse(frame); err != nil || !reflect.DeepEqual(got, c.m) {
			t.Errorf("read back %+v, %v", got, err)
		}
		for n := 1; n < len(frame); n++ {
			if got, err := Parse(frame[:n:n]); got != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("cut to %d bytes: %v, %v", n, got, err)
			}
		}
	}
	many := Checked{Folder: folder, Ranges: make([]tree.Range, CheckedMax+1)}
	for i := range many.Ranges {
		many.Ranges[i] = tree.Range{Replica: 1, From: 1, To: 1}
	}
	for _, bad := range []Checked{many,
		{Folder: folder, Ranges: []tree.Range{{Replica: 1, From: 0, To: 1}}},
		{Folder: folder, Ranges: []tree.Range{{Replica: 1, From: 3, To: 2}}},
		{Folder: folder, Ranges: []tree.Range{{Replica: 0, From: 1, To: 2}}},
	} {
		if _, err := Parse(Append(nil, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("a message beyond its limits was read: %v", err)
		}
	}
	page, err := os.ReadFile("../../docs/wire.md")
	if err != nil || !strings.Contains(string(page), "### 42 Checked\n") || !strings.Contains(string(page), "| Ranges |") {
		t.Errorf("docs/wire.md does not show Checked: %v", err)
	}
}
