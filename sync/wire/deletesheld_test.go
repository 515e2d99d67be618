package wire

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

func TestDeletesHeldIsWrittenAsDocumented(t *testing.T) {
	m := DeletesHeld{Folder: spelled[ident.FolderID](0xf0), Names: 300}
	frame := Append(nil, m)
	if got := hex.EncodeToString(frame); got != "2f"+strings.Repeat("f0", 16)+"ac02" || Size(m) != len(frame) {
		t.Errorf("got %s, Size says %d", got, Size(m))
	}
	if got, err := Parse(frame); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("read back %+v, %v", got, err)
	}
	for n := 1; n < len(frame); n++ {
		if got, err := Parse(frame[:n:n]); got != nil || !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v, %v", n, got, err)
		}
	}
	if id, ok := FolderOf(m); !ok || id != m.Folder {
		t.Errorf("it is about %v, %v", id, ok)
	}
}
