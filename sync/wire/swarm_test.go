package wire

import (
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

func TestYieldPiecesIsWrittenAsDocumented(t *testing.T) {
	folder := spelled[ident.FolderID](0xf0)
	m := YieldPieces{Folder: folder, Tickets: []uint64{1, 128}}
	frame := Append(nil, m)
	want := "3c" + strings.Repeat("f0", 16) + "02" + "01" + "8001"
	if got := hex.EncodeToString(frame); got != want || Size(m) != len(frame) {
		t.Errorf("got %s of %d bytes, Size says %d, want %s", got, len(frame), Size(m), want)
	}
	if got, err := Parse(frame); err != nil || !reflect.DeepEqual(got, Message(m)) {
		t.Errorf("read back %+v, %v", got, err)
	}
	for n := 1; n < len(frame); n++ {
		if got, err := Parse(frame[:n:n]); got != nil || !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v, %v", n, got, err)
		}
	}
	many := YieldPieces{Folder: folder, Tickets: make([]uint64, AskMax+1)}
	if _, err := Parse(Append(nil, many)); !errors.Is(err, ErrMalformed) {
		t.Errorf("more tickets than may be asked were read: %v", err)
	}
	page, err := os.ReadFile("../../docs/wire.md")
	if err != nil || !strings.Contains(string(page), "### 60 YieldPieces\n") {
		t.Errorf("docs/wire.md does not show YieldPieces: %v", err)
	}
}
