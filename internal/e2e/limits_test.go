//go:build unix

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
)

// takes demands that so many bytes of one take at least so long until both have them.
func takes(from, to *agent, name string, size int, least time.Duration) {
	from.t.Helper()
	begun := time.Now()
	from.fill(name, size)
	settle(from, to)
	if took := time.Since(begun); took < least {
		from.t.Errorf("%s took %v, want at least %v", name, took, least)
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
	limited := func(want status.Limits) {
		t.Helper()
		a.eventually(patience, "the limit is shown", func() error {
			if got := a.status().Device.Limits; got != want {
				return fmt.Errorf("limits %+v, want %+v", got, want)
			}
			return nil
		})
	}
	// What is not to be limited would take longer than anybody waits here.
	a.command("config", "set", "limit_up", "100KB/s").done(t)
	limited(status.Limits{Up: 100_000})
	takes(a, b, "10 MB to a device on the LAN", 10*size, 0)
	a.command("config", "set", "limit_lan", "on").done(t)
	limited(status.Limits{Up: 100_000, LAN: true})
	takes(b, a, "10 MB the other way", 10*size, 0)
	a.command("config", "set", "limit_up", "1MB/s, 5MB/s").done(t)
	limited(status.Limits{Up: 1_000_000, LAN: true})
	takes(a, b, "1 MB at 1 MB per second", size, 900*time.Millisecond)
	a.command("config", "unset", "limit_up").done(t)

	b.command("config", "set", "limit_lan", "on").done(t)
	b.command("config", "set", "limit_down", "8Mbit/s").done(t)
	b.eventually(patience, "the limit is shown", func() error {
		if got := b.status().Device.Limits; got.Down != 1_000_000 || got.Up != 0 {
			return fmt.Errorf("limits %+v", got)
		}
		return nil
	})
	a.eventually(patience, "a's limit is lifted", func() error {
		if got := a.status().Device.Limits; got.Up != 0 {
			return fmt.Errorf("limits %+v", got)
		}
		return nil
	})
	takes(a, b, "1 MB at 8 Mbit per second", size, 900*time.Millisecond)
	b.command("config", "unset", "limit_down").done(t)

	a.command("folder", "set", shared, "limits", "up: 1MB/s; down: 1MB/s").done(t)
	if got := a.folder().Limits; got.Up != 1_000_000 || got.Down != 1_000_000 {
		t.Errorf("the folder's limits are shown as %+v", got)
	}
	b.eventually(patience, "b's limit is lifted", func() error {
		if got := b.status().Device.Limits; got.Down != 0 {
			return fmt.Errorf("limits %+v", got)
		}
		return nil
	})
	takes(a, b, "1 MB of a folder at 1 MB per second up", size, 700*time.Millisecond)
	takes(b, a, "1 MB into a folder at 1 MB per second down", size, 700*time.Millisecond)
	a.command("folder", "set", shared, "limits", "fast").failed(t, 2, "want the form")
	a.command("config", "set", "limit_up", "2 parsecs").failed(t, 2, "limit_up", "number and a unit")
	equal(a, b)
}
