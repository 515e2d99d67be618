//go:build !darwin || cgo

package desktop

import (
	"sync/atomic"
	"time"

	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// meterMarks is how many seconds the small graph in the sidebar goes back.
const meterMarks = 60

// meter works out rates from the bytes that the devices' counters show.
type meter struct {
	last    time.Time
	devices map[ident.DeviceID]deviceRate
	in, out []float64 // of all devices, bytes per second, one a second, oldest first
}

type deviceRate struct {
	bytesIn, bytesOut uint64
	in, out           float64 // bytes per second
}

// note takes in the counters of a moment.
func (m *meter) note(now time.Time, devices []status.Device) {
	elapsed := now.Sub(m.last).Seconds()
	if m.devices != nil && elapsed < 0.9 {
		return // too short to tell a rate from noise
	}
	fresh := make(map[ident.DeviceID]deviceRate, len(devices))
	var in, out float64
	for _, d := range devices {
		r := deviceRate{bytesIn: d.BytesIn, bytesOut: d.BytesOut}
		if old, ok := m.devices[d.ID]; ok && elapsed > 0 {
			r.in = perSecond(old.bytesIn, d.BytesIn, elapsed)
			r.out = perSecond(old.bytesOut, d.BytesOut, elapsed)
		}
		in, out = in+r.in, out+r.out
		fresh[d.ID] = r
	}
	if m.devices != nil {
		// Views come only when something changed: a long pause was spent at rest.
		for range min(int(elapsed+0.5), meterMarks) - 1 {
			m.mark(in, out)
		}
		m.mark(in, out)
	}
	m.devices, m.last = fresh, now
}

// moving reports whether anything that the graph shows is above zero.
func (m *meter) moving() bool { return kit.Peak(m.in, m.out) > 0 }

func (m *meter) mark(in, out float64) {
	add := func(row []float64, v float64) []float64 {
		row = append(row, v)
		return row[max(0, len(row)-meterMarks):]
	}
	m.in, m.out = add(m.in, in), add(m.out, out)
}

func perSecond(old, now uint64, elapsed float64) float64 {
	if now < old { // the agent was started anew
		return 0
	}
	return float64(now-old) / elapsed
}

// total returns the present rates of all devices in bytes per second.
func (m *meter) total() (in, out float64) {
	for _, r := range m.devices {
		in, out = in+r.in, out+r.out
	}
	return in, out
}

// activityMax is how many events are kept to be looked at.
const activityMax = 2000

// activity is what has happened lately, oldest first.
type activity struct {
	last   atomic.Uint64 // the number of the newest event
	events []status.Event
}

func (a *activity) add(e status.Event) {
	if len(a.events) >= activityMax {
		a.events = append(a.events[:0], a.events[activityMax/2:]...)
	}
	a.events = append(a.events, e)
}
