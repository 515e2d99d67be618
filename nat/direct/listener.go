package direct

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/gate"
)

const (
	// strangersMax is how many connections may be proving themselves at once. A handshake
	// costs about 30 KiB and a millisecond; more at once would only make all of them late.
	strangersMax = 64
	// strangersPerAddress leaves room for everybody else when one address does nothing
	// but connect. Several devices may share an address behind one router.
	strangersPerAddress = 16
	// acceptPauseMin and acceptPauseMax bound the wait after a failed accept, which
	// mostly means that the process is out of file descriptors for a while.
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// Listener takes calls from other devices.
type Listener struct {
	endpoint  *Endpoint
	socket    net.Listener
	strangers *gate.Gate // those that are proving themselves
	closed    chan struct{}
	closing   sync.Once
}

// Listen binds the address; port 0 takes any free one, an invalid IP means all addresses
// of this computer. The error wraps ErrPortInUse when another program has the port. Calls
// are taken once Serve runs.
func (e *Endpoint) Listen(addr netip.AddrPort) (*Listener, error) {
	network, where := "tcp", addr.String()
	switch ip := addr.Addr(); {
	case !ip.IsValid():
		where = fmt.Sprintf(":%d", addr.Port())
	case ip.Is4():
		network = "tcp4" // else 0.0.0.0 would listen on IPv6 too
	}
	config := net.ListenConfig{KeepAlive: -1, Control: tuneSocket}
	// Go listens with Multipath TCP where it can. Such a listener does not hand down what it
	// was tuned to, and links move to a better way by themselves.
	config.SetMultipathTCP(false)
	socket, err := config.Listen(context.Background(), network, where)
	if err != nil {
		if portInUse(err) {
			return nil, fmt.Errorf("port %d %w", addr.Port(), ErrPortInUse)
		}
		return nil, fmt.Errorf("listen on %s: %w", where, bare(err))
	}
	return newListener(e, socket), nil
}

func newListener(e *Endpoint, socket net.Listener) *Listener {
	return &Listener{
		endpoint: e, socket: socket, closed: make(chan struct{}),
		strangers: gate.New(strangersMax, strangersPerAddress),
	}
}

// Addr is the address that was bound.
func (l *Listener) Addr() netip.AddrPort { return addrPort(l.socket.Addr()) }

// Serve takes calls until Close and hands every welcomed link to the given function, on a
// goroutine of its own for each; the links outlive the listener. It returns nil after
// Close: no other trouble ends it, because a person would have to restart the program.
func (l *Listener) Serve(welcomed func(*Link)) error {
	pause := time.Duration(0)
	for {
		conn, err := l.socket.Accept()
		if err == nil {
			pause = 0
			l.admit(conn, welcomed)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		pause = min(max(2*pause, acceptPauseMin), acceptPauseMax)
		l.endpoint.opts.Log.Warn("cannot take calls for a moment", "error", bare(err), "wait", pause)
		select {
		case <-time.After(pause):
		case <-l.closed:
			return nil
		}
	}
}

// Close stops listening, breaks off handshakes, and returns when Serve's goroutines have
// ended. It does not touch links that were handed over.
func (l *Listener) Close() (err error) {
	l.closing.Do(func() {
		close(l.closed)
		l.strangers.Shut()
		err = l.socket.Close()
	})
	l.strangers.Wait()
	if err != nil {
		return fmt.Errorf("stop listening: %w", bare(err))
	}
	return nil
}

// admit starts the handshake of a new connection, or closes it when too many are at it.
func (l *Listener) admit(conn net.Conn, welcomed func(*Link)) {
	l.strangers.Admit(conn, func(known func() bool) {
		link, meeting, err := l.endpoint.welcome(newSocket(l.endpoint.pace(conn, addrPort(conn.RemoteAddr()))))
		if !known() && err == nil {
			err = net.ErrClosed
		}
		switch {
		case err != nil:
			l.endpoint.opts.Log.Debug("call refused", "from", conn.RemoteAddr(), "error", err)
			conn.Close()
		case meeting != nil:
			go l.endpoint.opts.Met(meeting)
		default:
			welcomed(start(link))
		}
	})
}

// welcome lets the caller prove its key. It returns a meeting if the caller wants one, or
// else answers whether it is trusted, and returns the link if it is.
func (e *Endpoint) welcome(socket *socket) (*Link, *Meeting, error) {
	if err := socket.SetDeadline(time.Now().Add(e.opts.HandshakeTime)); err != nil {
		return nil, nil, fmt.Errorf("set deadline: %w", bare(err))
	}
	conn := tls.Server(socket, e.config([]string{protocol, meetingProtocol},
		func(ident.DeviceID) error { return nil }))
	if err := conn.Handshake(); err != nil {
		return nil, nil, err
	}
	// Here we know that the caller holds the key of the certificate it showed.
	state := conn.ConnectionState()
	device, err := deviceOf(state)
	if err != nil {
		return nil, nil, err
	}
	if state.NegotiatedProtocol == meetingProtocol {
		m, err := newMeeting(conn, addrPort(socket.RemoteAddr()))
		return nil, m, err
	}
	if !e.opts.Trusts(device) {
		e.opts.Refused(device, addrPort(socket.RemoteAddr()))
		err := answer(conn, answerUntrusted)
		return nil, nil, errors.Join(fmt.Errorf("device %s is not trusted", device.Short()), err, conn.Close())
	}
	if err := answer(conn, answerWelcome); err != nil {
		return nil, nil, err
	}
	if err := socket.SetDeadline(time.Time{}); err != nil {
		return nil, nil, fmt.Errorf("clear deadline: %w", bare(err))
	}
	return newLink(conn, socket, device, true), nil, nil
}

func answer(conn *tls.Conn, code uint32) error {
	_, err := conn.Write(binary.BigEndian.AppendUint32(nil, code))
	return err
}

func addrPort(addr net.Addr) netip.AddrPort {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
