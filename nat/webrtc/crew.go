package webrtc

import "sync"

// crew counts what an endpoint has under way. Unlike a sync.WaitGroup it may be waited for
// while more begins: a link takes itself apart when it ends, also after its endpoint was
// closed.
type crew struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when nothing is under way; nil while nobody waits
}

// Go runs work beside the caller.
func (c *crew) Go(work func()) {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	go func() {
		defer c.left()
		work()
	}()
}

func (c *crew) left() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n--
	if c.n == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// Idle returns a channel that is closed once nothing is under way.
func (c *crew) Idle() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	if c.n == 0 {
		close(idle)
		c.idle = nil
	}
	return idle
}
