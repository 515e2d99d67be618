package host

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/status"
)

// eventsMax is how many events are remembered for those who come back: a night's worth
// of a busy folder.
const eventsMax = 10000

// events are the numbered events of this run of the agent.
type events struct {
	mu      sync.Mutex
	first   uint64 // the number before the first of this run
	last    uint64
	ring    []status.Event
	changed chan struct{} // closed by the next event; nil while nobody waits
}

// newEvents returns no events yet. The numbers begin with the time at which the agent
// started, in microseconds: a listener that comes back later never takes new events for
// old ones, and every reader of JSON can hold them.
func newEvents(started time.Time) *events {
	first := uint64(max(started.UnixMicro(), 0))
	return &events{first: first, last: first}
}

func (e *events) add(event status.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	event.Seq, event.Time = e.last, status.MomentOf(time.Now())
	if len(e.ring) >= eventsMax {
		e.ring = append(e.ring[:0], e.ring[len(e.ring)-eventsMax/2:]...)
	}
	e.ring = append(e.ring, event)
	if e.changed != nil { // files come by the thousand, and mostly nobody listens
		close(e.changed)
		e.changed = nil
	}
}

// after returns the remembered events above a number, and a channel that is closed when
// there are more. Where events in between are not remembered any more, the first one
// returned says so; who asks from the beginning asks for what is remembered.
func (e *events) after(since uint64) ([]status.Event, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if since > e.last {
		// A number of the future: of a run before the clock was set back. Nothing of it is
		// known, everything that is remembered is news.
		since = 1
	}
	oldest := e.last + 1
	if len(e.ring) > 0 {
		oldest = e.ring[0].Seq
	}
	var out []status.Event
	if lost := since < oldest-1; lost && (since > 0 || oldest > e.first+1) {
		text := fmt.Sprintf("events after number %d and up to %d are not remembered any more", since, oldest-1)
		if oldest == e.first+1 {
			text = "the agent was started anew: earlier events are not remembered any more"
		}
		out = append(out, status.Event{
			Seq: oldest - 1, Time: status.MomentOf(time.Now()), Kind: status.EventsLost, Detail: text,
		})
	}
	if since < e.last && len(e.ring) > 0 {
		out = append(out, e.ring[max(since+1, oldest)-oldest:]...)
	}
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	return out, e.changed
}

// Events implements control.Agent.
func (a *agent) Events(ctx context.Context, since uint64, deliver func(status.Event) error) error {
	for {
		news, more := a.events.after(since)
		for _, event := range news {
			if err := deliver(event); err != nil {
				return err
			}
			since = event.Seq
		}
		if len(news) > 0 {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Logs implements control.Agent.
func (a *agent) Logs(since uint64) ([]status.LogLine, <-chan struct{}) {
	if a.opts.Book == nil {
		return nil, nil
	}
	lines, more := a.opts.Book.After(since)
	out := make([]status.LogLine, len(lines))
	for i, l := range lines {
		out[i] = status.LogLine{Seq: l.Number, Text: l.Text}
	}
	return out, more
}

// news tells whoever waits that something about a folder or a link has changed.
type news struct {
	mu      sync.Mutex
	changed chan struct{}
}

func newNews() *news { return &news{changed: make(chan struct{})} }

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}
