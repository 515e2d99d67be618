package webrtc

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/quic-go/quic-go"
)

// sockets opens the sockets of one call so that ICE and QUIC share each: what ICE has
// punched through a NAT belongs to the socket, and QUIC goes through the same hole.
type sockets struct {
	transport.Net
	opened func(*quic.Transport) // told of each

	holding bool // ports are to be kept open

	mu   sync.Mutex
	all  []*sharedSocket
	held []*heldPort
}

// noWarning keeps QUIC from writing to standard error that the system grants less buffer
// than it wishes: nothing a person has to do.
var noWarning = sync.OnceValue(func() error {
	return os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
})

func newSockets(opened func(*quic.Transport)) (*sockets, error) {
	if err := noWarning(); err != nil {
		return nil, err
	}
	system, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return &sockets{Net: system, opened: opened}, nil
}

// ListenUDP implements transport.Net.
func (s *sockets) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	shared := &sharedSocket{UDPConn: conn, quic: &quic.Transport{Conn: conn}}
	shared.held = s.hold(shared.quic.WriteTo)
	shared.until, shared.stop = context.WithCancel(context.Background())
	s.mu.Lock()
	s.all = append(s.all, shared)
	s.mu.Unlock()
	s.opened(shared.quic)
	return shared, nil
}

// at returns the socket that has a local port, nil when none has. A call has one socket of
// each port: ports are drawn by the system.
func (s *sockets) at(port uint16) *sharedSocket {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if local, ok := one.LocalAddr().(*net.UDPAddr); ok && local.Port == int(port) {
			return one
		}
	}
	return nil
}

// sharedSocket gives ICE the packets that are not QUIC's.
type sharedSocket struct {
	*net.UDPConn
	quic *quic.Transport

	held *heldPort // nil unless its port is to be kept open

	mu    sync.Mutex
	until context.Context // ends when the read deadline has passed
	stop  context.CancelFunc
}

// ReadFrom implements net.PacketConn.
func (s *sharedSocket) ReadFrom(into []byte) (int, net.Addr, error) {
	for {
		s.mu.Lock()
		ctx := s.until
		s.mu.Unlock()
		n, from, err := s.quic.ReadNonQUICPacket(ctx, into)
		if err == nil {
			return n, from, nil
		}
		s.mu.Lock()
		moved := ctx != s.until
		s.mu.Unlock()
		switch {
		case moved: // the deadline
		case errors.Is(err, context.DeadlineExceeded):
			return 0, nil, os.ErrDeadlineExceeded
		default:
			return 0, nil, net.ErrClosed
		}
	}
}

// WriteTo implements net.PacketConn.
func (s *sharedSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	s.held.sent(to)
	return s.quic.WriteTo(b, to)
}

// SetReadDeadline implements net.PacketConn.
func (s *sharedSocket) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	if t.IsZero() {
		s.until, s.stop = context.WithCancel(context.Background())
	} else {
		s.until, s.stop = context.WithDeadline(context.Background(), t)
	}
	return nil
}

// SetDeadline implements net.PacketConn. Writes never wait.
func (s *sharedSocket) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

// Close implements net.PacketConn.
func (s *sharedSocket) Close() error {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	return errors.Join(s.quic.Close(), s.UDPConn.Close())
}
