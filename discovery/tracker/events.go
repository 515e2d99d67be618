package tracker

import (
	"fmt"
	"net/netip"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
)

// Chance is what one event may need of it, drawn by the host. It prints as dots.
type Chance [post.NonceSize]byte

// String returns dots.
func (Chance) String() string { return "…" }

// Event is something that happened; the types below are all there are.
type Event interface {
	fmt.Stringer
	event()
}

// Opened says that a device has connected.
type Opened struct {
	Conn   ConnID
	At     netip.AddrPort // the other end
	Chance Chance
}

// Heard says that a message arrived.
type Heard struct {
	Conn    ConnID
	Message post.Message
	Chance  Chance
}

// Gone says that a connection has ended. After Drop it may come or not.
type Gone struct{ Conn ConnID }

// PipeOpened says that one end of a pipe has connected.
type PipeOpened struct {
	Conn   ConnID
	Secret [post.PipeSize]byte
}

// PipeClosed says that a pipe which was joined has ended.
type PipeClosed struct{ Caller ident.DeviceID }

func (Opened) event()     {}
func (Heard) event()      {}
func (Gone) event()       {}
func (PipeOpened) event() {}
func (PipeClosed) event() {}

func (e Opened) String() string     { return fmt.Sprintf("Opened %d %s", e.Conn, e.At) }
func (e Heard) String() string      { return fmt.Sprintf("Heard %d %s", e.Conn, e.Message.Kind) }
func (e Gone) String() string       { return fmt.Sprintf("Gone %d", e.Conn) }
func (e PipeOpened) String() string { return fmt.Sprintf("PipeOpened %d", e.Conn) }
func (e PipeClosed) String() string { return "PipeClosed " + e.Caller.Short() }

// Effect is an order to the world; the types below are all there are.
type Effect interface {
	fmt.Stringer
	effect()
}

// Tell orders a message to be sent. One that cannot be sent soon ends its connection.
type Tell struct {
	Conn    ConnID
	Message post.Message
}

// Drop orders a connection to be ended, with a reason for its other end.
type Drop struct {
	Conn   ConnID
	Reason string
}

// Join orders two connections to be joined: each gets what the other one sends.
type Join struct {
	A, B   ConnID
	Caller ident.DeviceID // whose share of the bandwidth it takes
}

func (Tell) effect() {}
func (Drop) effect() {}
func (Join) effect() {}

func (f Tell) String() string {
	return fmt.Sprintf("Tell %d %s %s", f.Conn, f.Message.Kind, f.Message.Reason)
}
func (f Drop) String() string { return fmt.Sprintf("Drop %d %q", f.Conn, f.Reason) }
func (f Join) String() string { return fmt.Sprintf("Join %d %d for %s", f.A, f.B, f.Caller.Short()) }
