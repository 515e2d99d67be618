package peer

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

// TestTold: what a device was told in the conversation it has now does not count for it, and
// counts for everybody else.
func TestTold(t *testing.T) {
	told, alice, bob := NewTold(4), ident.DeviceID{1}, ident.DeviceID{2}
	for i, c := range []struct {
		do         func()
		alice, bob uint64
	}{
		{func() {}, 4, 4},
		{func() { told.To(alice, 5) }, 4, 5},
		{func() { told.To(alice, 6) }, 4, 6},
		{func() { told.To(bob, 7) }, 7, 6},
		{func() { told.Anew(alice) }, 7, 6},
		{func() { told.Anew(bob) }, 7, 7},
		{func() { told.To(alice, 9) }, 7, 9},
		{func() { told.Anew(bob) }, 7, 9},
	} {
		c.do()
		if a, b := told.ToOthers(alice), told.ToOthers(bob); a != c.alice || b != c.bob {
			t.Errorf("step %d: %d and %d, want %d and %d", i, a, b, c.alice, c.bob)
		}
	}
}
