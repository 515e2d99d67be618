package webrtc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// A call by hand has two words: the offer and the answer, each with all candidates, so that
// a person can carry them. That takes minutes instead of milliseconds. Until then the
// caller keeps its NAT from forgetting the ports that the offer names, and the callee tries
// the caller's addresses all the time, which does the same for its own.

const (
	// HandTime is how long a word may be on its way: as long as a code is good.
	HandTime = 10 * time.Minute
	// handGather is how long servers have to tell what they see before the word is made.
	handGather = 4 * time.Second
	// handConnect is how long the caller tries, once it has the answer.
	handConnect = 20 * time.Second
	// handCandidates bounds the candidates in a word, for whoever copies it.
	handCandidates = 16
	// handKeep is how often something is sent to the servers; see keepAlive.
	handKeep = 15 * time.Second
	// handChecks of one pair of addresses fit into HandTime at five a second.
	handChecks = 5 * uint16(HandTime/time.Second)
	// handServersMax bounds the servers to which one port is kept open.
	handServersMax = 2 * serversMax
)

// ErrHandWord reports bytes that are no word of a call by hand.
var ErrHandWord = errors.New("this is no call that can be answered")

// Hand is one end of a call by hand.
type Hand struct {
	call *call
	word []byte
	done chan struct{} // closed when the call is over, after err was set
	err  error
	once sync.Once
}

// CallByHand begins a call whose callee is told later. Close ends it. It returns when the
// offer is complete, after a few seconds, and ends with the context unless it has made a
// link by then.
func (e *Endpoint) CallByHand(ctx context.Context) (*Hand, error) {
	return e.byHand(ctx, ident.DeviceID{}, nil)
}

// AnswerByHand answers an offer that a person brought of a device. It is as CallByHand
// else, and goes on to look for the caller until the link is there.
func (e *Endpoint) AnswerByHand(ctx context.Context, from ident.DeviceID, offer []byte) (*Hand, error) {
	w, err := parseWord(offer)
	if err != nil || w.kind != wordOffer || from == e.id {
		return nil, ErrHandWord
	}
	return e.byHand(ctx, from, &w)
}

func (e *Endpoint) byHand(ctx context.Context, device ident.DeviceID, offer *word) (*Hand, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, HandTime, errors.New("nobody brought the other word in time"))
	stop := context.AfterFunc(e.ctx, cancel)
	number := newCallNumber()
	if offer != nil {
		number = offer.call
	}
	c, err := e.begin(ctx, device, number, offer != nil)
	if err != nil {
		stop()
		cancel()
		return nil, fmt.Errorf("call: %w", err)
	}
	e.mu.Lock() // Moved asks
	c.carried = make(chan []byte, 1)
	e.mu.Unlock()
	if offer != nil {
		c.hear(*offer)
	}
	h := &Hand{call: c, done: make(chan struct{})}
	e.work.Go(func() {
		defer stop()
		defer cancel()
		defer close(h.done)
		h.err = c.run()
		e.drop(c)
	})
	select {
	case h.word = <-c.carried:
		return h, nil
	case <-h.done:
		return nil, fmt.Errorf("call: %w", h.err)
	}
}

// Word is what is to be carried to the other device, at most WordMax bytes. Whoever reads
// it learns addresses of this computer, and can prevent the call; nobody can take part in
// it but the device that is meant.
func (h *Hand) Word() []byte { return h.word }

// Connect takes in the answer of a device and returns the link to it.
func (h *Hand) Connect(ctx context.Context, device ident.DeviceID, answer []byte) (*Link, error) {
	c := h.call
	w, err := parseWord(answer)
	if err != nil || w.kind != wordAnswer || w.call != c.number || device == c.endpoint.id {
		return nil, fmt.Errorf("%w: it belongs to another one", ErrHandWord)
	}
	first := false
	h.once.Do(func() {
		first = true
		c.endpoint.mu.Lock()
		c.device = device
		c.endpoint.mu.Unlock()
		c.hear(w)
	})
	if !first {
		return nil, fmt.Errorf("%w: it was answered already", ErrHandWord)
	}
	ctx, cancel := context.WithTimeout(ctx, handConnect)
	defer cancel()
	return h.Wait(ctx)
}

// Wait returns the link once it is there.
func (h *Hand) Wait(ctx context.Context) (*Link, error) {
	select {
	case <-h.done:
	case <-ctx.Done():
		h.call.giveUp(context.Cause(ctx))
		<-h.done
	}
	if h.err != nil {
		return nil, fmt.Errorf("%w (%s)", h.err, h.call.progress())
	}
	return h.call.link(), nil
}

// Close ends the call. The link of it stays.
func (h *Hand) Close() {
	h.call.giveUp(errors.New("the call was ended here"))
	<-h.done
}

// hand gives the first word to whoever carries it; there is no other.
func (c *call) hand(w word) {
	if w.kind != wordOffer && w.kind != wordAnswer {
		return
	}
	w.call = c.number
	w.candidates = w.candidates[:min(len(w.candidates), handCandidates)]
	select {
	case c.carried <- w.append(nil):
	default: // carried already
	}
}

// heldPort is one port of this computer that is kept open in the NATs before it.
type heldPort struct {
	send func([]byte, net.Addr) (int, error)

	mu      sync.Mutex
	servers []net.Addr // to whom something was sent
}

// hold begins to remember to whom a port sends, when that is wanted, and else returns nil.
func (s *sockets) hold(send func([]byte, net.Addr) (int, error)) *heldPort {
	if !s.holding {
		return nil
	}
	p := &heldPort{send: send}
	s.mu.Lock()
	s.held = append(s.held, p)
	s.mu.Unlock()
	return p
}

// sent remembers to whom the port has sent: before the other word is there, that is servers.
func (p *heldPort) sent(to net.Addr) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	same := func(known net.Addr) bool { return known.String() == to.String() }
	if len(p.servers) < handServersMax && !slices.ContainsFunc(p.servers, same) {
		p.servers = append(p.servers, to)
	}
}

// bindingIndication is a STUN message that wants no answer (RFC 8489 section 3): it is there
// to keep ports open.
var bindingIndication = []byte{0, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42, 19: 0}

// keepOpen sends something harmless to the servers that were asked, so that the NATs in
// between do not forget the ports by which the other device is going to come.
func (s *sockets) keepOpen(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		held := slices.Clone(s.held)
		s.mu.Unlock()
		for _, p := range held {
			p.mu.Lock()
			servers := slices.Clone(p.servers)
			p.mu.Unlock()
			for _, at := range servers {
				// A port that was not kept open shows in the call's failure.
				_, _ = p.send(bindingIndication, at)
			}
		}
	}
}

// relaySocket is one by which a relay is asked.
type relaySocket struct {
	net.PacketConn
	held *heldPort
}

// WriteTo implements net.PacketConn.
func (s relaySocket) WriteTo(b []byte, to net.Addr) (int, error) {
	s.held.sent(to)
	return s.PacketConn.WriteTo(b, to)
}

// ListenPacket implements transport.Net.
func (s *sockets) ListenPacket(network, at string) (net.PacketConn, error) {
	conn, err := s.Net.ListenPacket(network, at)
	if err != nil || !s.holding {
		return conn, err
	}
	return relaySocket{conn, s.hold(conn.WriteTo)}, nil
}
