package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"github.com/shoal-sync/shoal/discovery/post"
)

const (
	// A connection in doubt has proveTrips round trips to show that it is alive: a lost
	// packet takes three, for the wait for what does not come is about one more.
	// proveMin is for the work of both ends, and proveMax for roads by two satellites: what
	// is lost beyond that is a connection that would answer in the end.
	proveTrips = 4
	proveMin   = 500 * time.Millisecond
	proveMax   = 5 * time.Second
	// silentSpread is the wait before the next connection then, so that all devices of a
	// network do not come back together.
	silentSpread = 200 * time.Millisecond
	// believedFor is how long the connection that took the place of a silent one is not
	// doubted: on a computer that has much else to do every answer may be late, and a new
	// connection each second would make it later.
	believedFor = 10 * time.Second
)

var (
	// errSilent ends a connection that did not prove itself.
	errSilent = errors.New("the network changed, or a router on the way forgot the connection")
	errMoved  = errors.New("the network changed")
)

// news is what makes a client look after its connection before its time. Each has room for
// one: that nobody has taken it yet stands for all.
type news struct {
	doubted, moved chan struct{}
	begun          context.Context // of the attempt to connect that Moved ends
	end            context.CancelFunc
	silent         time.Time // when a connection was last given up for silence; under mu
}

// trip is how long a word to the server and its answer take together. Each word of a kind
// is answered in its turn.
type trip struct {
	takes time.Duration // as a mean of the newest ones, 0 while nothing is known
	asked []time.Time   // what is not answered, oldest first
}

func (t *trip) ask(now time.Time) { t.asked = append(t.asked, now) }

func (t *trip) answer(now time.Time) {
	if len(t.asked) == 0 {
		return // nobody asked for it
	}
	took := now.Sub(t.asked[0])
	t.asked = t.asked[1:]
	if t.takes == 0 {
		t.takes = took
	}
	t.takes += (took - t.takes) / 4
}

// patience is how long an answer may take before there is none.
func (t *trip) patience() time.Duration { return min(max(proveTrips*t.takes, proveMin), proveMax) }

// note takes in something that happens now.
func (c *Client) note(what func(now time.Time)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what(time.Now())
}

// sayAlive asks for a sign of life.
func (c *Client) sayAlive(ctx context.Context, conn *websocket.Conn) error {
	c.note(c.trip.ask)
	if err := say(ctx, conn, post.Message{Kind: post.Alive}); err != nil {
		return fmt.Errorf("the connection broke: %w", bare(err))
	}
	return nil
}

func newNews() news {
	n := news{doubted: make(chan struct{}, 1), moved: make(chan struct{}, 1)}
	n.begun, n.end = context.WithCancel(context.Background())
	return n
}

// Doubt makes the client ask a server that is connected for a sign of life, and connect
// anew when none comes soon: something else that passes the same routers fell silent. It
// returns at once, and may be called often.
func (c *Client) Doubt() { leave(c.news.doubted) }

// Moved does so because this computer's network has changed, and lets a client that is not
// connected try again at once.
func (c *Client) Moved() {
	leave(c.news.moved)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.news.end() // what was begun from the old address waits for an answer to it
	c.news.begun, c.news.end = context.WithCancel(context.Background())
}

func leave(in chan struct{}) {
	select {
	case in <- struct{}{}:
	default:
	}
}

// untilMoved returns a context that ends with Moved, too.
func (c *Client) untilMoved(ctx context.Context) (context.Context, context.CancelFunc) {
	c.mu.Lock()
	begun := c.news.begun
	c.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(begun, func() { cancel(errMoved) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// doubted is prove, unless the connection has just been made because of a doubt.
func (c *Client) doubted(ctx context.Context, conn *websocket.Conn) error {
	c.mu.Lock()
	silent := c.news.silent
	c.mu.Unlock()
	if time.Since(silent) < believedFor {
		return nil
	}
	return c.prove(ctx, conn)
}

// prove fails unless something is heard soon.
func (c *Client) prove(ctx context.Context, conn *websocket.Conn) error {
	c.mu.Lock()
	before, patience := c.heard, c.trip.patience()
	c.mu.Unlock()
	if err := c.sayAlive(ctx, conn); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(patience):
		if c.messages() == before {
			return errSilent
		}
	}
	return nil
}

// messages counts what came.
func (c *Client) messages() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}
