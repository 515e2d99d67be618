package direct

import (
	"net"
	"net/netip"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Stream is a reliable, ordered, private stream of bytes to a device that has proven its
// key, made by somebody else. Close of the stream frees whoever reads or writes, and does
// not wait.
type Stream interface {
	net.Conn
	// CloseWrite tells the other side that nothing more comes, after what was written.
	CloseWrite() error
}

// Ends say who is at the other end of a stream, and how it came about.
type Ends struct {
	Device   ident.DeviceID
	Remote   netip.AddrPort // of the other side, as this side sees it
	Incoming bool           // the other side called
}

// Carry makes a link of a stream, so that whoever uses links need not care what carries
// them. Gates may be nil.
func Carry(stream Stream, ends Ends, gates Gates) *Link {
	s := newSocket(held(gates, stream, ends.Remote))
	l := newLink(carried{s, stream}, s, ends.Device, ends.Incoming)
	l.remote = ends.Remote
	return start(l)
}

// carried is a stream below nothing: what it carries is private already.
type carried struct {
	*socket
	stream Stream
}

// CloseWrite sends what was gathered before the end is told.
func (c carried) CloseWrite() error {
	if err := c.flush(); err != nil {
		return err
	}
	return c.stream.CloseWrite()
}
