package rendezvous

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/nat/gate"
)

// heldOfOne connections from one address may be open at once: a provider has many homes
// behind one, and each device has a few.
const heldOfOne = 2048

const (
	firstTLS     = 0x16 // a handshake record
	firstSTUNMax = 3    // the top two bits of a STUN message are zero (RFC 8489, 5)
)

// front takes TCP connections and tells by their first byte what they are.
type front struct {
	tcp       net.Listener
	config    *tls.Config
	log       *slog.Logger
	web, turn *lobby
	strangers *gate.Gate // those that are being looked at
	closed    chan struct{}
	closing   sync.Once

	mu        sync.Mutex
	held      map[netip.Addr]int // connections that were let in
	heldOfOne int
}

// admitted is a connection that was let in, until it is closed.
type admitted struct {
	net.Conn
	patience time.Duration // without a word it is over; zero waits for ever
	once     sync.Once
	gone     func()
}

func (a *admitted) Read(into []byte) (int, error) {
	if a.patience > 0 {
		if err := a.SetReadDeadline(time.Now().Add(a.patience)); err != nil {
			return 0, err
		}
	}
	return a.Conn.Read(into)
}

// Close ends it and makes room for another one.
func (a *admitted) Close() error {
	a.once.Do(a.gone)
	return a.Conn.Close()
}

// letIn counts a connection from an address, unless there are too many.
func (f *front) letIn(conn net.Conn, from netip.Addr, to *lobby) (net.Conn, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held[from] >= f.heldOfOne {
		return conn, false
	}
	f.held[from]++
	out := &admitted{Conn: conn, gone: func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.held[from]--; f.held[from] == 0 {
			delete(f.held, from)
		}
	}}
	if to == f.turn {
		out.patience = relayTime + time.Minute // a living relay is refreshed before
	}
	return out, true
}

func newFront(tcp net.Listener, config *tls.Config, log *slog.Logger) *front {
	return &front{
		tcp: tcp, config: config, log: log, web: newLobby(tcp.Addr()), turn: newLobby(tcp.Addr()),
		closed: make(chan struct{}), strangers: gate.New(strangersMax, strangersOfOne),
		held: map[netip.Addr]int{}, heldOfOne: heldOfOne,
	}
}

// run takes connections until close.
func (f *front) run() {
	for {
		conn, err := f.tcp.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // mostly too many open files: others may end meanwhile
			f.log.Warn("cannot take connections for a moment", "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-f.closed:
				return
			}
		default:
			f.admit(conn)
		}
	}
}

// admit looks at a connection, unless too many are being looked at.
func (f *front) admit(conn net.Conn) {
	f.strangers.Admit(conn, func(known func() bool) {
		seen, to := f.look(conn)
		if !known() || to == nil || seen.SetDeadline(time.Time{}) != nil {
			conn.Close()
			return
		}
		seen, ok := f.letIn(seen, gate.Of(conn), to)
		if !ok || !to.put(seen) {
			seen.Close()
		}
	})
}

// look tells where a connection belongs; nowhere when that stays unclear for too long.
func (f *front) look(conn net.Conn) (net.Conn, *lobby) {
	if conn.SetDeadline(time.Now().Add(headTime)) != nil {
		return nil, nil
	}
	seen := &peeked{Conn: conn, from: bufio.NewReaderSize(conn, 16)}
	first, err := seen.from.Peek(1)
	switch {
	case err != nil:
		return nil, nil
	case first[0] <= firstSTUNMax:
		return seen, f.turn
	case first[0] != firstTLS:
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n" +
			"This is a shoal rendezvous. It is reached with https, by devices.\n"))
		return nil, nil
	}
	inside := tls.Server(seen, f.config)
	ctx, cancel := context.WithTimeout(context.Background(), headTime)
	defer cancel()
	if inside.HandshakeContext(ctx) != nil {
		return nil, nil
	}
	seen = &peeked{Conn: inside, from: bufio.NewReaderSize(inside, 16)}
	if first, err = seen.from.Peek(1); err != nil {
		return nil, nil
	}
	if first[0] <= firstSTUNMax {
		return seen, f.turn
	}
	return seen, f.web
}

// close takes nobody any more, and returns when nobody is being looked at.
func (f *front) close() error {
	f.closing.Do(func() { close(f.closed) })
	f.strangers.Shut()
	err := f.tcp.Close()
	f.web.end()
	f.turn.end()
	f.strangers.Wait()
	return err
}

// peeked is a connection whose first bytes were looked at.
type peeked struct {
	net.Conn
	from *bufio.Reader
}

// Read gives what was looked at first, and then goes straight to the connection.
func (p *peeked) Read(into []byte) (int, error) {
	if p.from != nil {
		if n := p.from.Buffered(); n > 0 {
			return p.from.Read(into[:min(n, len(into))])
		}
		p.from = nil
	}
	return p.Conn.Read(into)
}

// lobby is a listener whose connections somebody else accepts.
type lobby struct {
	addr   net.Addr
	wait   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newLobby(addr net.Addr) *lobby {
	return &lobby{addr: addr, wait: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *lobby) put(conn net.Conn) bool {
	select {
	case l.wait <- conn:
		return true
	case <-l.closed:
		return false
	}
}

// Accept implements net.Listener.
func (l *lobby) Accept() (net.Conn, error) {
	select {
	case conn := <-l.wait:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *lobby) end() { l.once.Do(func() { close(l.closed) }) }

// Close implements net.Listener.
func (l *lobby) Close() error {
	l.end()
	return nil
}

// Addr implements net.Listener.
func (l *lobby) Addr() net.Addr { return l.addr }
