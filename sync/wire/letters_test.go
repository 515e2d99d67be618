package wire

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

func TestLetters(t *testing.T) {
	who := ident.DeviceID(bytes.Repeat([]byte{0xd7}, 32))
	id := strings.Repeat("d7", 32)
	for want, m := range map[string]Message{
		"5a03010203":         Card{[]byte{1, 2, 3}},
		"5b" + id:            AskCard{who},
		"5c" + id + "020909": Carry{who, []byte{9, 9}},
		"5d" + id + "0105":   Carried{who, []byte{5}},
	} {
		frame := Append(nil, m)
		if got := hex.EncodeToString(frame); got != want || Size(m) != len(frame) {
			t.Errorf("%T: got %s, size %d, want %s", m, got, Size(m), want)
		}
		if back, err := Parse(append(frame, "of a newer program"...)); err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%v came back as %v, %v", m, back, err)
		}
		if _, err := Parse(frame[:len(frame)-1]); err == nil {
			t.Errorf("%T: half of it was read", m)
		}
	}
	if _, err := Parse(Append(nil, Carry{who, make([]byte, EnvelopeMax+1)})); err == nil {
		t.Error("an envelope beyond the limit was read")
	}
	page, err := os.ReadFile("../../docs/wire.md")
	for _, title := range []string{"### 90 Card\n", "### 91 AskCard\n", "### 92 Carry\n", "### 93 Carried\n"} {
		if err != nil || !strings.Contains(string(page), title) {
			t.Errorf("docs/wire.md does not show %q: %v", title, err)
		}
	}
}
