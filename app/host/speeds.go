package host

import (
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

// speedSteps is how many points a span is drawn with: more than that a graph cannot show.
const speedSteps = 360

// speeds remembers how fast content travelled, for an hour and for a day.
type speeds struct {
	mu        sync.Mutex
	last      traffic
	hour, day speedRing
}

func newSpeeds() *speeds {
	return &speeds{hour: speedRing{step: time.Hour / speedSteps}, day: speedRing{step: 24 * time.Hour / speedSteps}}
}

// speedRing is one span in steps of equal length, the newest last.
type speedRing struct {
	step  time.Duration
	begun time.Time // of the newest step
	steps []speedStep
}

// speedStep is what travelled within one step.
type speedStep struct {
	in, out         uint64 // bytes
	peakIn, peakOut uint64 // bytes of the fastest second
	inAt, outAt     time.Time
}

// note takes in how much has travelled in all since the agent started, once a second.
func (s *speeds) note(now time.Time, all traffic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A link that ends may be counted a moment later than it is missed.
	in, out := uint64(0), uint64(0)
	if all.in >= s.last.in && all.out >= s.last.out {
		in, out = all.in-s.last.in, all.out-s.last.out
	}
	s.last = all
	s.hour.note(now, in, out)
	s.day.note(now, in, out)
}

func (r *speedRing) note(now time.Time, in, out uint64) {
	r.advance(now)
	step := &r.steps[len(r.steps)-1]
	step.in, step.out = step.in+in, step.out+out
	if in > step.peakIn {
		step.peakIn, step.inAt = in, now
	}
	if out > step.peakOut {
		step.peakOut, step.outAt = out, now
	}
}

// advance begins the steps that have come since the newest. After a sleep of the computer
// those are many, and nothing travelled in them.
func (r *speedRing) advance(now time.Time) {
	if r.steps == nil {
		r.steps, r.begun = []speedStep{{}}, now
	}
	gone := int(min(now.Sub(r.begun)/r.step, speedSteps))
	if gone <= 0 {
		return
	}
	r.steps = append(r.steps, make([]speedStep, gone)...)
	r.steps = r.steps[max(0, len(r.steps)-speedSteps):]
	r.begun = r.begun.Add(r.step * time.Duration(gone))
	if now.Sub(r.begun) > r.step {
		r.begun = now
	}
}

// shown returns a span as people see it.
func (s *speeds) shown(span api.Span, now time.Time) api.Speeds {
	s.mu.Lock()
	defer s.mu.Unlock()
	ring := &s.hour
	if span == api.Day {
		ring = &s.day
	}
	out := api.Speeds{StepSeconds: int(ring.step / time.Second), In: []int64{}, Out: []int64{}}
	if ring.steps == nil {
		return out
	}
	ring.advance(now)
	for i, step := range ring.steps {
		seconds := ring.step.Seconds()
		if i == len(ring.steps)-1 {
			seconds = max(1, now.Sub(ring.begun).Seconds()) // it is not over yet
		}
		out.In = append(out.In, int64(float64(step.in)/seconds))
		out.Out = append(out.Out, int64(float64(step.out)/seconds))
		if int64(step.peakIn) > out.PeakIn {
			out.PeakIn, out.PeakInAt = int64(step.peakIn), status.MomentOf(step.inAt)
		}
		if int64(step.peakOut) > out.PeakOut {
			out.PeakOut, out.PeakOutAt = int64(step.peakOut), status.MomentOf(step.outAt)
		}
	}
	return out
}

// listSpeeds carries out api.SpeedList.
func (a *agent) listSpeeds(i api.SpeedList) (any, error) {
	if i.Span != api.Hour && i.Span != api.Day {
		return nil, api.Errorf(api.Usage, "span %q: want hour or day", i.Span)
	}
	return a.speeds.shown(i.Span, time.Now()), nil
}

// total returns the bytes that have come and gone over all links since the agent started.
func (ls *links) total() traffic {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	var t traffic
	for _, past := range ls.past {
		t.in, t.out = t.in+past.in, t.out+past.out
	}
	for _, l := range ls.open {
		in, out := l.Counters()
		t.in, t.out = t.in+in, t.out+out
	}
	return t
}
