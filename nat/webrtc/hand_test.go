package webrtc

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/shoal-sync/shoal/internal/ident"
)

// alone is an endpoint for which nobody carries words, and which trusts nobody yet.
func alone(t *testing.T, n byte, noQUIC bool) *Endpoint {
	t.Helper()
	e, err := New(Options{Key: keyOf(n), Loopback: true, NoQUIC: noQUIC,
		Send: func(context.Context, ident.DeviceID, []byte) error {
			t.Error("a word of a call by hand was sent")
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// byHand begins a call and answers it as another endpoint.
func byHand(t *testing.T, a, b *Endpoint) (caller, callee *Hand) {
	t.Helper()
	caller, err := a.CallByHand(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(caller.Close)
	callee, err = b.AnswerByHand(t.Context(), a.id, caller.Word())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(callee.Close)
	return caller, callee
}

// Two words that people carry make a link.
func TestCallByHand(t *testing.T) {
	for name, noQUIC := range map[string]bool{"strands": false, "channel": true} {
		t.Run(name, func(t *testing.T) {
			a, b := alone(t, 1, noQUIC), alone(t, 2, noQUIC)
			caller, callee := byHand(t, a, b)
			arrived := make(chan *Link, 1)
			go func() {
				l, err := callee.Wait(t.Context())
				if err != nil {
					t.Error(err)
				}
				arrived <- l
			}()
			link, err := caller.Connect(t.Context(), b.id, callee.Word())
			if err != nil {
				t.Fatal(err)
			}
			other := <-arrived
			if link.Device() != b.id || other == nil || other.Device() != a.id {
				t.Fatalf("links to %s and %v", link.Device(), other)
			}
			if _, err := caller.Connect(t.Context(), b.id, callee.Word()); !errors.Is(err, ErrHandWord) {
				t.Errorf("answered twice: %v", err)
			}
			caller.Close() // the link stays
			callee.Close()
			frame, got := []byte("hello"), make(chan []byte, 1)
			go func() {
				_ = other.Receive(func(f []byte) error {
					got <- bytes.Clone(f)
					return nil
				})
			}()
			if err := link.Send(0, frame); err != nil {
				t.Fatal(err)
			}
			if f := <-got; !bytes.Equal(f, frame) {
				t.Errorf("got %q", f)
			}
			over(link)
		})
	}
}

// An answer of another device than the one that is named makes no link, on either side.
func TestHandWordOfAnotherDevice(t *testing.T) {
	a, thief := alone(t, 1, false), alone(t, 3, false)
	caller, callee := byHand(t, a, thief)
	link, err := caller.Connect(t.Context(), deviceOf(keyOf(2)), callee.Word())
	if !errors.Is(err, errWrongDevice) {
		t.Fatalf("link %v, error %v; want that another device answers", link, err)
	}
}

// Words that do not belong are refused, and the call goes on without them.
func TestStrangeHandWords(t *testing.T) {
	a, b := alone(t, 1, false), alone(t, 2, false)
	caller, callee := byHand(t, a, b)
	other, err := a.CallByHand(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Connect(t.Context(), b.id, callee.Word()); !errors.Is(err, ErrHandWord) {
		t.Errorf("the answer to another call: %v", err)
	}
	for _, word := range [][]byte{nil, caller.Word(), callee.Word()[:20]} {
		if _, err := caller.Connect(t.Context(), b.id, word); !errors.Is(err, ErrHandWord) {
			t.Errorf("%x: %v", word, err)
		}
	}
	for _, word := range [][]byte{nil, callee.Word(), caller.Word()[:20]} {
		if _, err := b.AnswerByHand(t.Context(), a.id, word); !errors.Is(err, ErrHandWord) {
			t.Errorf("%x: %v", word, err)
		}
	}
	if _, err := a.AnswerByHand(t.Context(), a.id, caller.Word()); !errors.Is(err, ErrHandWord) {
		t.Errorf("its own call: %v", err)
	}
	if link, err := caller.Connect(t.Context(), b.id, callee.Word()); err != nil {
		t.Errorf("the right answer: %v", err)
	} else {
		over(link)
	}
}

// Who gives up waiting is told how far it came, and nothing is left.
func TestHandCallEnds(t *testing.T) {
	a := alone(t, 1, false)
	caller, err := a.CallByHand(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := caller.Wait(ctx); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("%v", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.calls) > 0 {
		t.Errorf("%d calls are left", len(a.calls))
	}
}

// While a word is carried, the ports that it names are kept open.
func TestPortsAreKeptOpen(t *testing.T) {
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s, err := newSockets(func(*quic.Transport) {})
	if err != nil {
		t.Fatal(err)
	}
	s.holding = true
	conn, err := s.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	relay, err := s.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	for _, c := range []net.PacketConn{conn, relay} {
		if _, err := c.WriteTo([]byte("first"), server.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go s.keepOpen(ctx, time.Millisecond)
	heard := map[string]int{}
	buf := make([]byte, 100)
	for heard[conn.LocalAddr().String()] < 3 || heard[relay.LocalAddr().String()] < 3 {
		n, from, err := server.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(buf[:n], bindingIndication) {
			heard[from.String()]++
		}
	}
}
