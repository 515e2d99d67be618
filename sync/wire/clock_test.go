package wire

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

func TestClock(t *testing.T) {
	for wall, want := range map[uint64]string{
		0: "3200", 1_790_000_000_123: "32fbd8c1a28c34",
		1<<64 - 1: "32ffffffffffffffffff01",
	} {
		frame := Append(nil, Clock{wall})
		if got := hex.EncodeToString(frame); got != want || Size(Clock{wall}) != len(frame) {
			t.Errorf("%d: got %s, size %d, want %s", wall, got, Size(Clock{wall}), want)
		}
		if m, err := Parse(append(frame, "of a newer program"...)); err != nil || m != (Clock{wall}) {
			t.Errorf("%d came back as %v, %v", wall, m, err)
		}
	}
	if _, err := Parse([]byte{typeClock}); err == nil {
		t.Error("an empty clock was read")
	}
	page, err := os.ReadFile("../../docs/wire.md")
	if err != nil || !strings.Contains(string(page), "### 50 Clock\n") {
		t.Errorf("docs/wire.md does not show the clock: %v", err)
	}
}
