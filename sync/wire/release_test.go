package wire

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestReleases(t *testing.T) {
	hash := [32]byte(bytes.Repeat([]byte{0xab}, 32))
	for want, m := range map[string]Message{
		"5f07056c696e757805616d64363401":                 AskRelease{7, "linux", "amd64", true},
		"6007" + strings.Repeat("ab", 32) + "ac02808020": AskReleasePart{7, hash, 300, ReleasePartMax},
		"610702" + "0909":                                ReleaseTold{7, []byte{9, 9}},
	} {
		frame := Append(nil, m)
		if got := hex.EncodeToString(frame); got != want || Size(m) != len(frame) {
			t.Errorf("%T: got %s, size %d, want %s", m, got, Size(m), want)
		}
		if back, err := Parse(append(frame, "of a newer program"...)); err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%v came back as %v, %v", m, back, err)
		}
		for i := 1; i < len(frame); i++ {
			if _, err := Parse(frame[:i]); err == nil {
				t.Errorf("%T: %d bytes of it were read", m, i)
			}
		}
	}
	if m, err := Parse(Append(nil, ReleaseTold{Ticket: 1})); err != nil || len(m.(ReleaseTold).Bytes) != 0 {
		t.Errorf("an answer that there is none: %v, %v", m, err)
	}
	for _, m := range []Message{
		AskReleasePart{Size: ReleasePartMax + 1}, ReleaseTold{Bytes: make([]byte, ReleasePartMax+1)},
	} {
		if _, err := Parse(Append(nil, m)); err == nil {
			t.Errorf("%T beyond its limit was read", m)
		}
	}
	page, err := os.ReadFile("../../docs/wire.md")
	for _, title := range []string{"### 95 AskRelease\n", "### 96 AskReleasePart\n", "### 97 ReleaseTold\n"} {
		if err != nil || !strings.Contains(string(page), title) {
			t.Errorf("docs/wire.md does not show %q: %v", title, err)
		}
	}
}
