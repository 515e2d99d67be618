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

func TestOffersAreWrittenAsDocumented(t *testing.T) {
	m := Offers{[]Offer{{Folder: spelled[ident.FolderID](0xf0), Name: "a", Role: "owner", Files: 1, Bytes: 128}}}
	frame := Append(nil, m)
	want := "33" + "01" + strings.Repeat("f0", 16) + "0161" + "056f776e6572" + "01" + "8001"
	if got := hex.EncodeToString(frame); got != want || Size(m) != len(frame) {
		t.Errorf("got %s of %d bytes, Size says %d, want %s", got, len(frame), Size(m), want)
	}
	if got, err := Parse(append(frame, "of a newer program"...)); err != nil || !reflect.DeepEqual(got, Message(m)) {
		t.Errorf("read back %+v, %v", got, err)
	}
	for n := 1; n < len(frame); n++ {
		if got, err := Parse(frame[:n:n]); got != nil || !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v, %v", n, got, err)
		}
	}
	if _, err := Parse(Append(nil, Offers{make([]Offer, OffersMax+1)})); !errors.Is(err, ErrMalformed) {
		t.Errorf("more folders than two devices are told of were read: %v", err)
	}
	page, err := os.ReadFile("../../docs/wire.md")
	if err != nil || !strings.Contains(string(page), "### 51 Offers\n") {
		t.Errorf("docs/wire.md does not show Offers: %v", err)
	}
}
