package rendezvous

import (
	"context"
	"errors"
	"time"
)

// A server refuses who says too much, and ends the connection of who goes on: a hundred
// words at once and ten a second, of every kind. With many devices far away, all of them
// looked for at the same moment, this device wants to say more than that. So what it says of
// its own accord waits for its turn; what a person waits for does not, and the server's
// limits leave room for it.

const (
	// turnBurst words may be said at once, and one more each turnEvery.
	turnBurst = 75
	turnEvery = 125 * time.Millisecond
	// turnWait is how long a word may wait for its turn. What would come later is not said:
	// letters are told again, and devices are asked after and called again.
	turnWait = 3 * time.Second
)

// ErrBusy reports that too much else was to be said.
var ErrBusy = errors.New("too much else is to be said to the rendezvous")

// turns hands them out. The zero value is that of a new connection.
type turns struct {
	spent time.Time // when everything that was said will be paid for
}

// take returns how long a word is to wait; none when that is too long.
func (t *turns) take(now time.Time) (wait time.Duration, ok bool) {
	if t.spent.Before(now) {
		t.spent = now
	}
	wait = max(0, t.spent.Sub(now)+turnEvery-turnBurst*turnEvery)
	if wait > turnWait {
		return 0, false
	}
	t.spent = t.spent.Add(turnEvery)
	return wait, true
}

// turn waits until one more word may be said.
func (c *Client) turn(ctx context.Context) error {
	c.mu.Lock()
	if c.conn == nil {
		c.mu.Unlock()
		return ErrAway
	}
	wait, ok := c.turns.take(time.Now())
	c.mu.Unlock()
	if !ok {
		return ErrBusy
	}
	if wait == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(wait):
		return nil
	}
}
