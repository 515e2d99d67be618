package host

import (
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
)

// Who comes back hears what was missed, and what cannot be told any more.
func TestLostEventsAreTold(t *testing.T) {
	started := time.UnixMicro(1_000_000)
	e := newEvents(started)
	for range 3 {
		e.add(status.Event{Kind: status.LocalChange})
	}
	numbers := func(since uint64) (out []uint64, lost string) {
		news, _ := e.after(since)
		for i, n := range news {
			if n.Kind == status.EventsLost {
				if i > 0 {
					t.Errorf("since %d: the loss is told at place %d", since, i)
				}
				lost = n.Detail
				continue
			}
			out = append(out, n.Seq)
		}
		return out, lost
	}
	for _, c := range []struct {
		since      uint64
		first, len int
		lost       string
	}{
		{0, 1_000_001, 3, ""}, {1_000_000, 1_000_001, 3, ""}, {1_000_002, 1_000_003, 1, ""},
		{1_000_003, 0, 0, ""}, {999_000, 1_000_001, 3, "started anew"},
		{5_000_000, 1_000_001, 3, "started anew"},
	} {
		got, lost := numbers(c.since)
		if len(got) != c.len || c.len > 0 && got[0] != uint64(c.first) ||
			(c.lost == "") != (lost == "") || !strings.Contains(lost, c.lost) {
			t.Errorf("since %d: %v, lost %q", c.since, got, lost)
		}
	}
	for range eventsMax {
		e.add(status.Event{Kind: status.LocalChange})
	}
	got, lost := numbers(1_000_002)
	if len(got) > eventsMax || got[len(got)-1] != e.last || !strings.Contains(lost, "after number 1000002 and up to") {
		t.Errorf("of a ring that ran over: %d events, lost %q", len(got), lost)
	}
	if _, lost := numbers(0); lost == "" {
		t.Error("that a ring ran over is not told to who asks for everything")
	}
	if got, lost := numbers(e.last - 1); len(got) != 1 || lost != "" {
		t.Errorf("the newest alone: %v, %q", got, lost)
	}
}
