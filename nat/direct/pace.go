package direct

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// narrowMin and narrowMax bound the receive buffer of a link that is held to a rate. What
// waits in it is behind everything else that comes, and a quarter of a second is late
// enough; a fast link is left to the kernel, which tunes it better.
const (
	narrowMin = 32 << 10
	narrowMax = 2 << 20
)

// errWidened ends a link whose receive buffer was made small: the kernel does not tune one
// that was ever set by hand, and a link without a limit would stay slow.
var errWidened = errors.New("its limit was lifted: it is made anew for its full speed")

// Gate holds the bytes of one direction to a rate. It is called from several goroutines.
type Gate interface {
	// Rate returns the present rate in bytes per second, 0 for none.
	Rate() int64
	// Step returns how many bytes may go at once, from 1 to n.
	Step(n int) int
	// Wait returns when n bytes may pass, or when stop is closed.
	Wait(n int, stop <-chan struct{})
}

// Gates returns what the bytes of a link to an address have to pass, in and out: all of
// them, TLS and handshake included. Nil lets them through.
type Gates func(remote netip.AddrPort) (in, out Gate)

// paced is a connection whose bytes pass gates.
type paced struct {
	net.Conn
	in, out Gate
	ended   chan struct{} // closed when the connection is
	ending  sync.Once
	narrow  bool // the receive buffer was made small; the reader's
}

// pace fits a connection to the way it takes: it puts the gates of an address before it.
func (e *Endpoint) pace(conn net.Conn, remote netip.AddrPort) net.Conn {
	if tcp, ok := conn.(*net.TCPConn); ok && e.opts.Near != nil && e.opts.Near(remote.Addr()) {
		giveWay(tcp)
	}
	return held(e.opts.Gates, conn, remote)
}

func held(gates Gates, conn net.Conn, remote netip.AddrPort) net.Conn {
	if gates == nil {
		return conn
	}
	in, out := gates(remote)
	if in == nil && out == nil {
		return conn
	}
	return &paced{Conn: conn, in: in, out: out, ended: make(chan struct{})}
}

// Read takes a little at a time: what is not read yet holds the sender back.
func (p *paced) Read(into []byte) (int, error) {
	if p.in == nil || len(into) == 0 {
		return p.Conn.Read(into)
	}
	if err := p.fit(); err != nil {
		return 0, err
	}
	n, err := p.Conn.Read(into[:p.in.Step(len(into))])
	p.in.Wait(n, p.ended)
	return n, err
}

func (p *paced) Write(b []byte) (done int, err error) {
	if p.out == nil {
		return p.Conn.Write(b)
	}
	for done < len(b) && err == nil {
		part := b[done : done+p.out.Step(len(b)-done)]
		p.out.Wait(len(part), p.ended)
		var n int
		n, err = p.Conn.Write(part)
		done += n
	}
	return done, err
}

// fit keeps what the kernel holds small while the link is held to a rate.
func (p *paced) fit() error {
	rate := p.in.Rate()
	switch {
	case p.narrow && rate == 0:
		return errWidened
	case p.narrow || rate == 0 || rate/4 > narrowMax:
		return nil
	}
	tcp, ok := p.Conn.(*net.TCPConn)
	if !ok {
		return nil // its own window holds the sender back
	}
	p.narrow = true
	return tcp.SetReadBuffer(int(max(narrowMin, rate/4)))
}

// Close frees whoever waits at a gate.
func (p *paced) Close() error {
	p.ending.Do(func() { close(p.ended) })
	return p.Conn.Close()
}
