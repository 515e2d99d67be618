package host

import (
	"testing"
	"time"
)

// A computer that slept finds its links dead, but an address that it has always had: only
// the clock on the wall tells. A busy computer is not asleep.
func TestSleepIsNoticed(t *testing.T) {
	now := time.Now()
	w := newNetworkWatch(now)
	for _, step := range []struct {
		after time.Duration
		slept bool
	}{
		{networkEvery, false}, {networkEvery, false},
		{networkEvery + 4*time.Second, false}, // busy
		{networkEvery + 30*time.Second, true}, // a lid that was shut
		{networkEvery, false},
		{-time.Hour, false}, // the clock was set back
		{8 * time.Hour, true},
	} {
		now = now.Add(step.after)
		if got := w.slept(now); got != step.slept {
			t.Errorf("%v after the last look: slept %v", step.after, got)
		}
	}
}

// What is told in parts is looked at soon after each, and what is told without end seldom.
func TestLooksAreFewInTheEnd(t *testing.T) {
	begun := time.Now()
	w := newNetworkWatch(begun)
	now, looks := begun, 0
	for now.Sub(begun) < time.Minute {
		wait := w.wait(now)
		if looks++; looks <= 3 && wait > networkSettles {
			t.Errorf("look %d waits for %v", looks, wait)
		}
		now = now.Add(wait)
	}
	if most := networkLooks + 2*int(time.Minute/networkEvery); looks > most {
		t.Errorf("%d looks in a minute, want at most %d", looks, most)
	}
}
