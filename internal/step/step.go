// Package step is the contract of a core and the one loop that runs it.
//
// A core is a state machine: memory and rules, no world. It is told what happened (an
// event), answers with orders (effects), and says when it wants to be woken (a deadline).
// Time and chance come in from outside, so the same core runs in a person's laptop and in
// a simulated world.
//
//	             event, now
//	world ───────────────────────▶ core
//	  ▲                              │
//	  └────────── effects ◀──────────┘
//
// Rules every core keeps:
//
//   - Effects come out in order, and durable ones first: record, then tell others.
//   - The slice a core returns is valid until the core's next call.
//   - An effect that can fail carries a ticket and has exactly one answering event.
//   - Every wait has a deadline; a core never hangs on the world.
//   - Names move through cores, bytes do not: content stays at the edges.
//   - No map is ranged over where the order can be seen.
package step

import (
	"math"
	"time"
)

// Instant is a reading of a monotonic clock in nanoseconds. Its zero point means nothing;
// only differences do. In the simulator it is virtual time.
type Instant int64

// Never is the deadline of a core that waits for events only.
const Never Instant = math.MaxInt64

// Add returns the instant d later. Never stays Never.
func (t Instant) Add(d time.Duration) Instant {
	if t == Never {
		return Never
	}
	return t + Instant(d)
}

// Since returns the time from o to t.
func (t Instant) Since(o Instant) time.Duration { return time.Duration(t - o) }

// Earliest returns the earliest of the given instants, Never when there is none.
func Earliest(instants ...Instant) Instant {
	least := Never
	for _, t := range instants {
		least = min(least, t)
	}
	return least
}

// Machine is a core as the loop sees it: E are its events, F its effects.
type Machine[E, F any] interface {
	// Handle takes in what happened and returns what is to be done now, in order.
	Handle(now Instant, event E) []F
	// Tick tells the core that its deadline has come.
	Tick(now Instant) []F
	// Deadline is when Tick wants to be called next; Never when only events matter.
	Deadline() Instant
}

// Ticket names one effect that will be answered by exactly one event.
type Ticket uint64
