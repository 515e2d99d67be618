package mdns

import (
	"testing"
	"time"
)

// A question that went out this instant must not make a firewall of what is a good network:
// it did once, to a person who typed a code that nobody showed.
func TestQuestionOnItsWayIsNoFirewall(t *testing.T) {
	f := &Finder{}
	f.sight.interfaces, f.sight.answering = []string{"eth0"}, true
	f.sight.sent.Store(true)
	expect := func(when string, want Cause) {
		t.Helper()
		if got := f.Sight().Cause(); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	now := time.Now()
	f.sight.tries(now.Add(-time.Hour))
	expect("nothing ever came back", Firewall)
	f.note(true, now)
	f.note(false, now)
	expect("it came back", OthersHeard)
	f.sight.tries(now.Add(time.Minute)) // later than this test can take
	expect("the next one is on its way", OthersHeard)
	f.sight.unheard.Store(now.Add(-2 * comesBack).UnixMilli())
	f.sight.tries(now.Add(time.Minute))
	expect("an earlier one did not come back", Firewall)
}
