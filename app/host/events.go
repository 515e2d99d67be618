package host

import (
	"context"
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
	last    uint64
	ring    []status.Event
	changed chan struct{}
}

func newEvents() *events { return &events{changed: make(chan struct{})} }

func (e *events) add(event status.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	event.Seq, event.Time = e.last, status.MomentOf(time.Now())
	if len(e.ring) >= eventsMax {
		e.ring = append(e.ring[:0], e.ring[len(e.ring)-eventsMax/2:]...)
	}
	e.ring = append(e.ring, event)
	close(e.changed)
	e.changed = make(chan struct{})
}

// after returns the remembered events above a number, and a channel that is closed when
// there are more.
func (e *events) after(since uint64) ([]status.Event, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if since >= e.last || len(e.ring) == 0 {
		return nil, e.changed
	}
	from := 0
	if first := e.ring[0].Seq; since >= first {
		from = int(since - first + 1)
	}
	return append([]status.Event(nil), e.ring[from:]...), e.changed
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
