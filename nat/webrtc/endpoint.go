// Package webrtc carries links across NATs: ICE finds a way, DTLS proves who is at its
// other end, and a WebRTC data channel carries the frames.
//
// It knows how to make and to answer a call, given somebody who carries a few small
// messages (words) to the other device and back, and servers that tell what the outside
// sees or relay. It does not know who carries words, nor whether a call is worth it: the
// signalling and route decide that. Its links keep the promise of every link; the host
// calls it from its pools.
//
// A call:
//
//	caller ── offer, candidates ──▶ callee      both gather: own addresses at once, those
//	caller ◀── answer, candidates ── callee     servers tell of later, each sent as it comes
//	       ══ ICE ══ DTLS ══ key ══ SCTP ══     the caller chooses the pair, is DTLS client
//	                                            and opens the one data channel
//
// The fingerprint in the offer only joins the call to its DTLS. Whom it is with is decided
// by the key in the certificate, before SCTP, which carries the first byte of a link, is
// so much as begun: so whoever carries the words can prevent a call and cannot fake one.
//
// When both devices call at once, the call of the one with the lower id goes on.
package webrtc

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	pion "github.com/pion/webrtc/v4"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
)

const (
	// callTime is how long a call may take: gathering from a server that is slow to answer,
	// words by way of others, checks of every pair, and four round trips of DTLS and SCTP.
	callTime = 15 * time.Second
	// callsMax bounds calls under way; a person links tens of devices, and a thousand that
	// come back at once are dialed in turn.
	callsMax = 64
	// callsOfOneMax bounds those with one device: its last call, and those before it that
	// are being taken down.
	callsOfOneMax = 4
)

var (
	// ErrCalledBack reports that the other device calls this one just now: its call goes on
	// instead, and the link of it comes to Arrived.
	ErrCalledBack = errors.New("that device is calling this one just now")

	errBusy        = errors.New("too many calls are under way")
	errClosed      = errors.New("the device stops")
	errCalledAgain = errors.New("that device called again")
	errCalledAnew  = errors.New("this device called again")
	errMoved       = errors.New("the network changed")
)

// Server is one that tells what the outside sees (stun:) or relays (turn:, turns:), by its
// URL of RFC 7064 or RFC 7065.
type Server struct {
	URL            string
	User, Password string // of turn
}

// Dialer connects by TCP by way of something that leads out of the local network.
type Dialer interface {
	Dial(network, addr string) (net.Conn, error)
}

// Options say who this device is, whom it trusts and who helps it.
type Options struct {
	Key ed25519.PrivateKey
	// Trusts is asked about every device that calls. Nil trusts nobody.
	Trusts func(ident.DeviceID) bool
	// Send carries a word to a device, sealed so that nobody else can have made it. It may
	// wait. That a word is lost is no error, but none may overtake one that was sent before.
	Send func(ctx context.Context, to ident.DeviceID, word []byte) error
	// Servers returns who helps now; asked for each call. Nil means nobody does.
	Servers func() []Server
	// Arrived takes the links that other devices open, on a goroutine of the endpoint. Nil
	// closes them.
	Arrived func(*Link)
	// Through returns what leads out of the local network when nothing may leave it any
	// other way, else nil. It may be nil. UDP passes no such thing: what is left are relays
	// that are reached by TCP.
	Through func() Dialer
	Gates   direct.Gates // nil holds no link to a rate
	// Loopback is for an agent that nobody but its own computer is to reach: it offers that
	// computer's own addresses and no others.
	Loopback bool
	// NoQUIC keeps everything on data channels.
	NoQUIC bool
	Log    *slog.Logger // nil discards

	losesStrand func(number int) error // for tests: what becomes of a strand that is dialed
}

// Link is a link across NATs.
type Link struct {
	*direct.Link
	// Relayed is set when a server passes everything on.
	Relayed bool
	// Striped is set when it rides QUIC and not a data channel.
	Striped bool
}

// Endpoint makes and answers calls. Its methods may be called from several goroutines.
type Endpoint struct {
	opts     Options
	id       ident.DeviceID
	cert     pion.Certificate // identity, as the library takes it
	identity tls.Certificate
	print    [32]byte
	ctx      context.Context
	end      context.CancelFunc
	work     crew

	mu    sync.Mutex
	calls []*call
}

// New returns the endpoint of the device that holds the key.
func New(opts Options) (*Endpoint, error) {
	cert, err := direct.Certificate(opts.Key)
	if err != nil {
		return nil, err
	}
	if opts.Trusts == nil {
		opts.Trusts = func(ident.DeviceID) bool { return false }
	}
	if opts.Arrived == nil {
		opts.Arrived = func(l *Link) { l.Close("nobody takes it") }
	}
	if opts.Servers == nil {
		opts.Servers = func() []Server { return nil }
	}
	if opts.Through == nil {
		opts.Through = func() Dialer { return nil }
	}
	if opts.losesStrand == nil {
		opts.losesStrand = func(int) error { return nil }
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	e := &Endpoint{
		opts: opts, id: ident.DeviceFromKey(opts.Key.Public().(ed25519.PublicKey)),
		identity: cert,
		cert:     pion.CertificateFromX509(cert.PrivateKey, cert.Leaf),
		print:    sha256.Sum256(cert.Leaf.Raw),
	}
	e.ctx, e.end = context.WithCancel(context.Background())
	return e, nil
}

// Dial calls a device and returns when the link is there. The error says why it is not; it
// may wrap ErrCalledBack.
func (e *Endpoint) Dial(ctx context.Context, device ident.DeviceID) (*Link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, errors.New("nobody answered the call in time"))
	defer cancel()
	stop := context.AfterFunc(e.ctx, cancel)
	defer stop()
	c, err := e.begin(ctx, device, newCallNumber(), false)
	if err == nil {
		defer e.drop(c)
		err = e.runFor(ctx, c)
	}
	if err == nil {
		return c.link(), nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, ErrCalledBack) {
		err = fmt.Errorf("%w (%s)", cause, c.progress())
	}
	return nil, fmt.Errorf("call: %w", err)
}

// runFor makes the link of a call, and returns when the context has ended at the latest: the
// library may wait for a relay that does not answer, for eight seconds, before it lets go.
func (e *Endpoint) runFor(ctx context.Context, c *call) error {
	made, gone := make(chan error), make(chan struct{})
	defer close(gone)
	e.work.Go(func() {
		err := c.run()
		select {
		case made <- err:
		case <-gone:
			if err == nil {
				c.link().Close("nobody waits for it any more")
			}
		}
	})
	select {
	case err := <-made:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Deliver takes in a word from a device. It returns at once.
func (e *Endpoint) Deliver(from ident.DeviceID, message []byte) {
	w, err := parseWord(message)
	if err != nil {
		e.opts.Log.Debug("strange word about a call", "device", from.Short(), "reason", err)
		return
	}
	if w.kind == wordOffer {
		e.offered(from, w)
		return
	}
	e.mu.Lock()
	at := slices.IndexFunc(e.calls, func(c *call) bool { return c.device == from && c.number == w.call })
	var c *call
	if at >= 0 {
		c = e.calls[at]
	}
	e.mu.Unlock()
	if c != nil {
		c.hear(w)
	}
}

// Repeat says once more what was said first in every call under way with a device: what
// carried it was given up, and something else will take it.
func (e *Endpoint) Repeat(device ident.DeviceID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.calls {
		if c.device == device {
			e.work.Go(c.repeat)
		}
	}
}

// Moved ends the calls under way, because this computer's addresses are others now: what
// they have told the other side is of no use any more. Links stay, and so do calls that
// people carry.
func (e *Endpoint) Moved() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.calls {
		if c.carried == nil {
			c.giveUp(errMoved)
		}
	}
}

// offered answers a call.
func (e *Endpoint) offered(from ident.DeviceID, w word) {
	if !e.opts.Trusts(from) || from == e.id {
		return // it is not told that there is anybody here
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.calls {
		switch {
		case c.device != from:
		case c.number == w.call:
			if !c.outgoing {
				c.hear(w) // again: it may know more
			}
			return
		case c.outgoing && less(e.id, from):
			e.work.Go(func() { e.decline(from, w.call) })
			return // ours goes on instead
		}
	}
	if e.ctx.Err() != nil {
		return
	}
	for _, c := range e.calls {
		switch {
		case c.device == from && c.outgoing:
			c.giveUp(ErrCalledBack)
		case c.device == from:
			c.giveUp(errCalledAgain)
		}
	}
	ctx, cancel := context.WithTimeout(e.ctx, callTime)
	// Before this returns: the words that follow come at once and are for this call.
	c, err := e.enter(ctx, from, w.call, true)
	if err != nil {
		cancel()
		e.opts.Log.Debug("call not answered", "device", from.Short(), "reason", err)
		return
	}
	c.hear(w)
	e.work.Go(func() {
		defer cancel()
		err := c.run()
		e.drop(c)
		if err != nil {
			e.opts.Log.Debug("call came to nothing", "device", from.Short(), "reason", err)
			return
		}
		e.opts.Arrived(c.link())
	})
}

// decline ends a call of the other side, because this side's goes on.
func (e *Endpoint) decline(from ident.DeviceID, number uint64) {
	ctx, cancel := context.WithTimeout(e.ctx, teardownTime)
	defer cancel()
	w := word{kind: wordHangUp, call: number, reason: bothCalled}
	if err := e.opts.Send(ctx, from, w.append(nil)); err != nil {
		e.opts.Log.Debug("call not declined", "device", from.Short(), "reason", err)
	}
}

// begin registers a call.
func (e *Endpoint) begin(ctx context.Context, device ident.DeviceID, number uint64, incoming bool) (*call, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.enter(ctx, device, number, incoming)
}

// enter is begin for whoever holds the lock.
func (e *Endpoint) enter(ctx context.Context, device ident.DeviceID, number uint64, incoming bool) (*call, error) {
	c := newCall(ctx, e, device, number)
	c.outgoing = !incoming
	same := 0
	for _, o := range e.calls {
		if o.device == device {
			same++
		}
		if o.device == device && !incoming && o.outgoing && o.carried == nil {
			o.giveUp(errCalledAnew)
		}
		if o.device == device && !incoming && !o.outgoing {
			return c, ErrCalledBack
		}
	}
	switch {
	case e.ctx.Err() != nil:
		return c, errClosed
	case len(e.calls) >= callsMax || same >= callsOfOneMax:
		return c, errBusy
	}
	e.calls = append(e.calls, c)
	return c, nil
}

func (e *Endpoint) drop(c *call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = slices.DeleteFunc(e.calls, func(o *call) bool { return o == c })
}

// Close ends all calls under way and returns when nothing of the endpoint runs any more,
// or after three seconds. Links are closed by whoever has them.
func (e *Endpoint) Close() {
	e.end()
	select {
	case <-e.work.Idle():
	case <-time.After(closeTime):
		e.opts.Log.Warn("links across NATs did not end in time")
	}
}

func less(a, b ident.DeviceID) bool { return bytes.Compare(a[:], b[:]) < 0 }

func newCallNumber() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return binary.BigEndian.Uint64(b[:])
}

// usable reports whether an address is worth being told to the other side.
func (e *Endpoint) usable(addr netip.Addr) bool {
	addr = addr.Unmap()
	if !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLinkLocalUnicast() {
		return false // a link-local address of another network is somebody else's here
	}
	return addr.IsLoopback() == e.opts.Loopback
}
