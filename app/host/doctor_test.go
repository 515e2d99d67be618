package host

import (
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
)

func TestClocksThatDiffer(t *testing.T) {
	for by, want := range map[time.Duration]struct {
		verdict status.Verdict
		words   string
	}{
		0: {status.Fine, "agrees"}, 3 * time.Second: {status.Fine, "agrees"}, -3 * time.Second: {status.Fine, "agrees"},
		2 * time.Minute:          {status.Doubt, "2 min ahead of this computer's"},
		-time.Hour:               {status.Doubt, "1 h behind this computer's"},
		9 * 365 * 24 * time.Hour: {status.Wrong, "3285 d ahead of"}, -25 * time.Hour: {status.Wrong, "1 d 1 h behind"},
	} {
		c := clockCheck("nas", by)
		if c.Verdict != want.verdict || !strings.Contains(c.Reason, want.words) || (c.Remedy == "") != (want.verdict == status.Fine) {
			t.Errorf("by %v: %+v", by, c)
		}
	}
}
