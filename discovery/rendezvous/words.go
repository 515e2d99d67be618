package rendezvous

import (
	"context"
	"net"
	"time"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
)

// Find returns the card of a device, nil when it is not there. Like Send and Call it waits
// for its turn, and fails when that is far off.
func (c *Client) Find(ctx context.Context, d ident.DeviceID) ([]byte, error) {
	if err := c.turn(ctx); err != nil {
		return nil, err
	}
	m, err := c.ask(ctx, post.Message{Kind: post.Find, Device: d})
	return m.Card, err
}

// FindSlot returns the device that shows a code with the number, zero when none does.
func (c *Client) FindSlot(ctx context.Context, slot uint16) (ident.DeviceID, error) {
	m, err := c.ask(ctx, post.Message{Kind: post.Find, Slot: slot})
	return m.Device, err
}

// Send gives the server a letter. That it arrives is not known; it does not wait for it.
func (c *Client) Send(ctx context.Context, to ident.DeviceID, body []byte) error {
	if err := c.turn(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	conn := c.conn
	c.last++
	ticket := c.last
	c.mu.Unlock()
	if conn == nil {
		return ErrAway
	}
	return say(ctx, conn, post.Message{Kind: post.Letter, Ticket: ticket, Device: to, Body: body})
}

// Claim makes this device the one that shows a code with the number, for a while. The
// error is a Refusal when another one does.
func (c *Client) Claim(ctx context.Context, slot uint16, lasts time.Duration) error {
	_, err := c.ask(ctx, post.Message{Kind: post.Claim, Slot: slot, Lasts: int(lasts.Seconds())})
	return err
}

// Release takes Claim back.
func (c *Client) Release(ctx context.Context, slot uint16) error {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if conn == nil {
		return ErrAway
	}
	return say(ctx, conn, post.Message{Kind: post.Release, Slot: slot})
}

// Call opens a pipe to a device.
func (c *Client) Call(ctx context.Context, d ident.DeviceID) (net.Conn, error) {
	if err := c.turn(ctx); err != nil {
		return nil, err
	}
	return c.call(ctx, post.Message{Kind: post.Call, Device: d})
}

// CallSlot opens a pipe to who shows a code with the number.
func (c *Client) CallSlot(ctx context.Context, slot uint16) (net.Conn, error) {
	return c.call(ctx, post.Message{Kind: post.Call, Slot: slot})
}

func (c *Client) call(ctx context.Context, m post.Message) (net.Conn, error) {
	got, err := c.ask(ctx, m)
	if err != nil {
		return nil, err
	}
	return c.pipe(ctx, got.Pipe)
}
