package webrtc

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/datachannel"
)

const (
	// messageSize is how much one message of a channel carries. It is what every WebRTC
	// stack takes; larger ones measured no faster.
	messageSize = 16 << 10
	// messageMax is the longest message that is taken: RFC 8841 section 6.1, the size that
	// holds where none was agreed on.
	messageMax = 64 << 10
	// bufferedHigh is how much the channel may hold that the other side has not confirmed.
	// It has to be more than a fast road holds (100 Mbit/s and 80 ms are 1 MB), and what
	// is said next waits behind it.
	bufferedHigh = 1 << 20
	// bufferedLow is when a writer that was held goes on: late enough to write several
	// messages at once, soon enough that the road never runs dry.
	bufferedLow = 768 << 10
	// lingerTime is how long an orderly end waits for the other side to confirm what was
	// said last.
	lingerTime = time.Second
)

// channel makes a stream of bytes of one detached data channel. A text message, of which
// there is no other, is its end.
type channel struct {
	raw   datachannel.ReadWriteCloserDeadliner
	dc    *datachannel.DataChannel
	addrs [2]net.Addr // local, remote
	abort func()      // tears everything below down; returns at once

	reading []byte // what is left of the last message; the reader's
	message []byte // the reader's

	mu       sync.Mutex
	room     sync.Cond
	deadline time.Time
	timer    *time.Timer // wakes writers at the deadline
	bye      bool        // the end was told
	left     bool        // the other side has ended
	closed   bool
	ending   sync.Once
}

func newChannel(raw datachannel.ReadWriteCloserDeadliner, addrs [2]net.Addr, abort func()) (*channel, error) {
	dc, ok := raw.(*datachannel.DataChannel)
	if !ok {
		return nil, errors.New("the data channel tells nothing of what it holds")
	}
	c := &channel{raw: raw, dc: dc, addrs: addrs, abort: abort, message: make([]byte, messageMax)}
	c.room.L = &c.mu
	dc.SetBufferedAmountLowThreshold(bufferedLow)
	dc.OnBufferedAmountLow(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.room.Broadcast()
	})
	return c, nil
}

// Read implements net.Conn.
func (c *channel) Read(into []byte) (int, error) {
	for len(c.reading) == 0 {
		n, text, err := c.raw.ReadDataChannel(c.message)
		switch {
		case err != nil:
			c.gone()
			return 0, err
		case text:
			c.gone()
			return 0, io.EOF
		}
		c.reading = c.message[:n]
	}
	n := copy(into, c.reading)
	c.reading = c.reading[n:]
	return n, nil
}

// gone notes that the other side has ended the stream: it will confirm nothing more.
func (c *channel) gone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	c.room.Broadcast()
}

// Write implements net.Conn. It waits while the other side has much to confirm.
func (c *channel) Write(b []byte) (done int, err error) {
	for done < len(b) {
		part := b[done:min(done+messageSize, len(b))]
		if err := c.waitForRoom(); err != nil {
			return done, err
		}
		n, err := c.raw.Write(part)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (c *channel) waitForRoom() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed || c.bye:
			return net.ErrClosed
		case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
			return os.ErrDeadlineExceeded
		case c.dc.BufferedAmount() <= bufferedHigh:
			return nil
		}
		c.room.Wait()
	}
}

// CloseWrite implements direct.Stream.
func (c *channel) CloseWrite() error {
	c.mu.Lock()
	done := c.bye || c.closed
	c.bye = true
	c.mu.Unlock()
	if done {
		return nil
	}
	_, err := c.raw.WriteDataChannel([]byte("bye"), true)
	return err
}

// Close implements net.Conn. After CloseWrite what was written is given a second to
// arrive; otherwise the end is at once. Closing again does nothing.
func (c *channel) Close() error {
	c.ending.Do(func() {
		c.mu.Lock()
		linger := c.bye
		c.closed = true
		c.room.Broadcast()
		if c.timer != nil {
			c.timer.Stop()
		}
		c.mu.Unlock()
		if linger {
			c.drain()
		}
		c.abort()
	})
	return nil
}

// drain waits until all is confirmed, for lingerTime at most.
func (c *channel) drain() {
	late := time.AfterFunc(lingerTime, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.room.Broadcast()
	})
	defer late.Stop()
	c.dc.SetBufferedAmountLowThreshold(0)
	until := time.Now().Add(lingerTime)
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.left && c.dc.BufferedAmount() > 0 && time.Now().Before(until) {
		c.room.Wait()
	}
}

// SetWriteDeadline implements net.Conn.
func (c *channel) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if !t.IsZero() && !c.closed {
		c.timer = time.AfterFunc(time.Until(t), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.room.Broadcast()
		})
	}
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *channel) SetReadDeadline(t time.Time) error { return c.raw.SetReadDeadline(t) }

// SetDeadline implements net.Conn.
func (c *channel) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// LocalAddr implements net.Conn.
func (c *channel) LocalAddr() net.Addr { return c.addrs[0] }

// RemoteAddr implements net.Conn.
func (c *channel) RemoteAddr() net.Addr { return c.addrs[1] }
