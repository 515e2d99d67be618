package step

import (
	"context"
	"time"
)

// Clock turns the monotonic clock of the real world into instants.
type Clock struct{ start time.Time }

// NewClock returns a clock whose instants begin now.
func NewClock() Clock { return Clock{time.Now()} }

// Now returns the present instant.
func (c Clock) Now() Instant { return Instant(time.Since(c.start)) }

// Loop runs one core in the real world. It is the whole concurrency story of a core: one
// goroutine waits for an event or the deadline, calls the core, hands its effects on.
//
// This file is the only one below the edges that may use goroutine tools.
type Loop[E, F any] struct {
	clock   Clock
	core    Machine[E, F]
	events  chan E
	act     func(F)
	settled func() (E, bool)

	settling time.Duration // that it took the last time
}

// queueMax is how many events may wait for the core. Posting blocks beyond it, so that a
// fast edge waits for a slow core instead of filling memory.
const queueMax = 1024

// A burst is what is handled before settled is called although more events wait: durable
// batches grow under load, but not without end.
const (
	burstMax = 4096
	// burstTime is for events that take long. What is held back until it is durable, and
	// what others do with it, would wait for all of a first scan. Where settling takes
	// longer than that, as on a slow disk, a burst lasts as long as it did: half of the time
	// is left for events.
	burstTime    = 50 * time.Millisecond
	burstTimeMax = time.Second
)

// NewLoop joins a core to the world. Act carries out one effect; it is called on the
// loop's goroutine and must not wait for the loop. Settled is called whenever no event is
// waiting, the moment for work that is done once a batch, such as committing. When that
// work is itself something the core must hear of, settled returns the event and true; the
// core handles it before any other.
func NewLoop[E, F any](
	clock Clock, core Machine[E, F], act func(F), settled func() (E, bool),
) *Loop[E, F] {
	return &Loop[E, F]{
		clock: clock, core: core, act: act, settled: settled,
		events: make(chan E, queueMax),
	}
}

// Post hands an event to the core. It blocks while the queue is full and returns false
// when the context ended first: then the event was not taken.
func (l *Loop[E, F]) Post(ctx context.Context, event E) bool {
	select {
	case l.events <- event:
		return true
	default:
	}
	select {
	case l.events <- event:
		return true
	case <-ctx.Done():
		return false
	}
}

// TryPost hands an event to the core, unless its queue is full: for those who may not wait
// for the core, because it may be waiting for them.
func (l *Loop[E, F]) TryPost(event E) bool {
	select {
	case l.events <- event:
		return true
	default:
		return false
	}
}

// Run runs the core until the context ends. It calls Tick once at the start, so that the
// core can give its first orders; afterwards only when the deadline has come. Events that
// still wait at the end are dropped; settled is called behind the last one handled.
func (l *Loop[E, F]) Run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	l.do(l.core.Tick(l.clock.Now()))
	var began Instant // of the burst
	for burst := 0; ; {
		var event E
		select {
		case event = <-l.events:
		default:
			l.settle()
			burst = 0
			l.arm(timer)
			select {
			case event = <-l.events:
			case <-timer.C:
				l.tickWhenDue()
				continue
			case <-ctx.Done():
				return
			}
		}
		now := l.clock.Now()
		if burst == 0 {
			began = now
		}
		l.do(l.core.Handle(now, event))
		l.tickWhenDue()
		if burst++; burst >= burstMax || l.clock.Now().Since(began) >= l.burstTime() {
			l.settle()
			burst = 0
		}
		if ctx.Err() != nil {
			l.settle()
			return
		}
	}
}

// tickWhenDue is asked after every event too, so that a storm of events cannot keep a
// deadline waiting.
func (l *Loop[E, F]) tickWhenDue() {
	if now := l.clock.Now(); l.core.Deadline() <= now {
		l.do(l.core.Tick(now))
	}
}

func (l *Loop[E, F]) burstTime() time.Duration {
	return max(burstTime, min(l.settling, burstTimeMax))
}

// settle lets the host do its once-a-batch work until that brings nothing new.
func (l *Loop[E, F]) settle() {
	began := l.clock.Now()
	defer func() { l.settling = l.clock.Now().Since(began) }()
	for {
		event, ok := l.settled()
		if !ok {
			return
		}
		l.do(l.core.Handle(l.clock.Now(), event))
	}
}

func (l *Loop[E, F]) arm(timer *time.Timer) {
	wait := time.Hour
	if at := l.core.Deadline(); at != Never {
		wait = max(0, at.Since(l.clock.Now()))
	}
	timer.Reset(wait)
}

func (l *Loop[E, F]) do(effects []F) {
	for _, f := range effects {
		l.act(f)
	}
}
