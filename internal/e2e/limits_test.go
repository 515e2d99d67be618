//go:build unix

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
)

// takes demands that a change takes at least so long until both have it, and not for ever.
func takes(a, b *agent, what string, least time.Duration) {
	a.t.Helper()
	begun := time.Now()
	settle(a, b)
	if took := time.Since(begun); took < least || took > 8*time.Second {
		a.t.Errorf("%s took %v, want at least %v", what, took, least)
	}
}

// TestLimits: the whole device and one folder are held to their rates, each way; changes
// take effect at once, and the status says what holds.
func TestLimits(t *testing.T) {
	t.Parallel()
	const size = 1_000_000
	a, b := pair(t)
	a.fill("first", 1000)
	settle(a, b)
	a.command("config", "set", "limit_up", "1MB/s, 5MB/s").done(t)
	a.fill("on the LAN", 10*size)
	takes(a, b, "10 MB to a device on the LAN, which is not limited,", 0)
	a.command("config", "set", "limit_lan", "on").done(t)
	want := status.Limits{Up: 1_000_000, LAN: true}
	a.eventually(5*time.Second, "the limit is shown", func() error {
		if got := a.status().Device.Limits; got != want {
			return fmt.Errorf("limits %+v, want %+v", got, want)
		}
		return nil
	})
	a.fill("limited", size)
	takes(a, b, "1 MB at 1 MB/s", 900*time.Millisecond)
	b.fill("the other way", 10*size)
	takes(a, b, "10 MB the other way", 0)
	a.command("config", "unset", "limit_up").done(t)

	b.command("config", "set", "limit_lan", "on").done(t)
	b.command("config", "set", "limit_down", "8Mbit/s").done(t)
	b.eventually(5*time.Second, "the limit is shown", func() error {
		if got := b.status().Device.Limits; got.Down != 1_000_000 || got.Up != 0 {
			return fmt.Errorf("limits %+v", got)
		}
		return nil
	})
	a.eventually(5*time.Second, "a's limit is lifted", func() error {
		if got := a.status().Device.Limits; got.Up != 0 {
			return fmt.Errorf("limits %+v", got)
		}
		return nil
	})
	a.fill("down", size)
	takes(a, b, "1 MB at 8 Mbit/s", 900*time.Millisecond)
	b.command("config", "unset", "limit_down").done(t)

	a.command("folder", "set", shared, "limits", "up: 1MB/s; down: 1MB/s").done(t)
	if got := a.folder().Limits; got.Up != 1_000_000 || got.Down != 1_000_000 {
		t.Errorf("the folder's limits are shown as %+v", got)
	}
	b.eventually(5*time.Second, "b's limit is lifted", func() error {
		if got := b.status().Device.Limits; got.Down != 0 {
			return fmt.Errorf("limits %+v", got)
		}
		return nil
	})
	a.fill("of the folder", size)
	takes(a, b, "1 MB of a folder at 1 MB/s up", 700*time.Millisecond)
	b.fill("into the folder", size)
	takes(a, b, "1 MB into a folder at 1 MB/s down", 700*time.Millisecond)
	a.command("folder", "set", shared, "limits", "fast").failed(t, 2, "want the form")
	a.command("config", "set", "limit_up", "2 parsecs").failed(t, 2, "limit_up", "number and a unit")
	equal(a, b)
}
