// Package direct carries links over TCP and TLS 1.3, between devices that can reach each
// other without help: on one LAN, through a mapped port, or at a public address.
//
// It knows sockets, certificates and frames. It does not know which address to try, when
// to try again, or what a frame means: route decides the first two, the host passes
// frames to whoever understands them. The host calls it, from its pools.
//
// A connection, byte by byte:
//
//	TLS 1.3, both sides show a certificate, ALPN "shoal/1"
//	listener → dialer   4 bytes   answer: 0 welcome, 1 this device is not trusted here
//	then both ways      frames    4 bytes length (big endian, 1 to 1 MiB + 64 KiB), bytes
//
// A device is its Ed25519 key; nothing else in its certificate counts, least of all the
// dates, because clocks may be years off. The dialer checks inside the handshake that it
// talks to the device it wants. The listener lets the handshake finish, because only its
// last message proves that the dialer holds the key it shows, and answers before it takes
// a single byte of the dialer's: so whoever is reported as asking has really asked. The
// dialer writes nothing before the welcome, so a link that is not wanted never begins.
//
// With ALPN "shoal-link/1" the connection is a meeting instead: two devices that do not
// trust each other yet exchange a few messages, and no welcome is given. Nothing that
// comes over a meeting reaches a link.
package direct

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// handshakeTime is how long a connection may take to prove itself: ten round trips
	// on the slowest satellite, yet short enough that silence cannot hold a place long.
	handshakeTime = 10 * time.Second
	protocol      = "shoal/1"
)

// The listener's answer to a dialer that has proven its key.
const (
	answerWelcome   = 0
	answerUntrusted = 1
)

var (
	// ErrWrongDevice reports that another device than the wanted one answers.
	ErrWrongDevice = errors.New("another device answers there")
	// ErrNotTrusted reports that the device was reached but does not trust this one yet.
	ErrNotTrusted = errors.New("it does not trust this device yet; add or approve this device there")
	// ErrPortInUse reports that another program listens on the wanted port.
	ErrPortInUse = errors.New("is in use")

	errNotShoal = errors.New("what answers there is no shoal device")
)

// Options say who this device is and whom it trusts.
type Options struct {
	Key ed25519.PrivateKey // this device's identity
	// Trusts is asked about every device that calls and has proven its key. It is called
	// from several goroutines. Nil trusts nobody.
	Trusts func(ident.DeviceID) bool
	// Refused is told of every device that called and is not trusted, so that a person
	// may approve it. It may be called often, by anyone who can reach the port; how
	// often that is passed on is the caller's choice. It may be nil.
	Refused func(ident.DeviceID, netip.AddrPort)
	// Met is handed every meeting that another device begins, on a goroutine of its own;
	// it receives until the meeting ends. Nil takes part in none.
	Met func(*Meeting)
	// Through returns how to connect to an address that is not to be reached directly, and
	// nil for all others. It may be nil.
	Through func(netip.AddrPort) func(context.Context) (net.Conn, error)
	// Gates holds links to a rate; nil holds none.
	Gates Gates
	// Near reports whether an address is on this device's own network; nil: none is.
	Near func(netip.Addr) bool
	// HandshakeTime bounds connecting and proving, each way; zero means 10 seconds.
	HandshakeTime time.Duration
	Log           *slog.Logger // nil discards
}

// Endpoint is this device as seen by the devices it links to. Its methods may be called
// from several goroutines.
type Endpoint struct {
	opts Options
	cert tls.Certificate
}

// New returns the endpoint of the device that holds the key.
func New(opts Options) (*Endpoint, error) {
	cert, err := Certificate(opts.Key)
	if err != nil {
		return nil, err
	}
	if opts.Trusts == nil {
		opts.Trusts = func(ident.DeviceID) bool { return false }
	}
	if opts.Refused == nil {
		opts.Refused = func(ident.DeviceID, netip.AddrPort) {}
	}
	if opts.Met == nil {
		opts.Met = func(m *Meeting) {
			m.Close()
			_ = m.Receive(func([]byte) error { return nil }) // it ends because it was closed
		}
	}
	if opts.HandshakeTime == 0 {
		opts.HandshakeTime = handshakeTime
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Endpoint{opts: opts, cert: cert}, nil
}

// Dial opens a link to the given device at the given address. It returns once the device
// there has proven its key and has welcomed this one. The error says which step failed;
// it may wrap ErrWrongDevice or ErrNotTrusted.
func (e *Endpoint) Dial(ctx context.Context, device ident.DeviceID, addr netip.AddrPort) (*Link, error) {
	return soon(ctx, e, device, addr, e.dial)
}

// soon connects within the time that a handshake may take. The error is the reason for
// which the context ended, if it has.
func soon[T any](
	ctx context.Context, e *Endpoint, device ident.DeviceID, addr netip.AddrPort,
	connect func(context.Context, ident.DeviceID, netip.AddrPort) (T, error),
) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.opts.HandshakeTime,
		fmt.Errorf("no answer within %v", e.opts.HandshakeTime))
	defer cancel()
	made, err := connect(ctx, device, addr)
	if err == nil {
		return made, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var none T
	return none, fmt.Errorf("connect to %s: %w", addr, err)
}

func (e *Endpoint) dial(ctx context.Context, device ident.DeviceID, addr netip.AddrPort) (*Link, error) {
	socket, err := e.dialSocket(ctx, addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	link, err := e.prove(ctx, socket, device)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		socket.Close()
		return nil, err
	}
	return start(link), nil
}

func (e *Endpoint) dialSocket(ctx context.Context, addr netip.AddrPort) (*socket, error) {
	// Keep-alive stays off: pings of our own tell a dead peer sooner, and they tell.
	dialer := net.Dialer{KeepAlive: -1, Control: tuneSocket}
	dial := func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr.String()) }
	var through func(context.Context) (net.Conn, error)
	if e.opts.Through != nil {
		through = e.opts.Through(addr)
	}
	if through != nil {
		dial = through
	}
	conn, err := dial(ctx)
	if err != nil {
		return nil, bare(err)
	}
	if through != nil {
		conn = &led{conn, addr}
	}
	return newSocket(e.pace(conn, addr)), nil
}

// led is a connection that somebody else made for us: the other end is not the other
// device, but whom we know is behind it.
type led struct {
	net.Conn
	to netip.AddrPort
}

// RemoteAddr is the address of the device, not of who led to it.
func (l *led) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(l.to) }

// prove shows this device's key, checks the other's, and waits for the welcome.
func (e *Endpoint) prove(ctx context.Context, socket *socket, want ident.DeviceID) (*Link, error) {
	conn := tls.Client(socket, e.config([]string{protocol}, func(got ident.DeviceID) error {
		if got != want {
			return fmt.Errorf("%w: it is %s", ErrWrongDevice, got)
		}
		return nil
	}))
	if err := handshake(ctx, conn); err != nil {
		return nil, err
	}
	var answer [4]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return nil, fmt.Errorf("it did not welcome this device: %w", bare(err))
	}
	switch code := binary.BigEndian.Uint32(answer[:]); code {
	case answerWelcome:
		return newLink(conn, socket, want, false), nil
	case answerUntrusted:
		return nil, ErrNotTrusted
	default:
		return nil, fmt.Errorf("%w: unknown answer %d", errNotShoal, code)
	}
}

// handshake proves both keys, and says in a person's words why it could not.
func handshake(ctx context.Context, conn *tls.Conn) error {
	err := conn.HandshakeContext(ctx)
	if err == nil {
		return nil
	}
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		return fmt.Errorf("%w: %w", errNotShoal, err)
	case errors.Is(err, io.EOF):
		return errors.New("it closed the connection at once; perhaps it is busy")
	}
	return bare(err)
}

// bare takes the operation and the addresses off an error of package net: the caller
// names them once, in the words a person knows.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
