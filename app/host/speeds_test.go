package host

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

func TestSpeedsOfAnHour(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	s := newSpeeds()
	var all traffic
	tick := func(seconds int, in, out uint64) {
		for range seconds {
			all.in, all.out = all.in+in, all.out+out
			s.note(at, all)
			at = at.Add(time.Second)
		}
	}
	tick(1, 0, 0)
	tick(99, 100, 10)
	peak := at
	tick(1, 5000, 0)
	tick(1800, 0, 0)
	got := s.shown(api.Hour, at)
	if len(got.In) < 190 || len(got.In) > 191 || got.StepSeconds != 10 {
		t.Fatalf("%d points of %d s for 1,901 s", len(got.In), got.StepSeconds)
	}
	if got.In[3] != 100 || got.Out[3] != 10 || got.In[len(got.In)-1] != 0 {
		t.Errorf("rates are %v in, %v out", got.In, got.Out)
	}
	if got.PeakIn != 5000 || got.PeakInAt != status.MomentOf(peak) || got.PeakOut != 10 {
		t.Errorf("peaks are %+v", got)
	}
	// The computer slept for two hours: of what came before nothing is within the hour.
	at = at.Add(2 * time.Hour)
	tick(30, 7, 7)
	got = s.shown(api.Hour, at)
	if len(got.In) != speedSteps || got.PeakIn != 7 || got.In[0] != 0 || got.In[speedSteps-2] != 7 {
		t.Errorf("after a sleep: %d points, peak %d, last %v", len(got.In), got.PeakIn, got.In[speedSteps-4:])
	}
	// The day still knows it. Counters that begin anew are no traffic.
	all = traffic{}
	tick(2, 3, 3)
	if got = s.shown(api.Day, at); got.PeakIn != 5000 {
		t.Errorf("the day's peak is %d", got.PeakIn)
	}
}
