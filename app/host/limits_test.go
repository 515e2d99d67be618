package host

import (
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/nat/webrtc"
)

// A link across NATs is held to the limits though its addresses are local: what it passes
// may be a relay. Such links ride QUIC when punched and a data channel when relayed.
func TestLinksAcrossNATsAreHeldToTheLimits(t *testing.T) {
	for name, noQUIC := range map[string]bool{"as punched": false, "as relayed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rate, size = 500_000, 500_000
			l := newLimits(step.NewClock())
			l.up.set(rate)
			link, got := acrossNATs(t, l, noQUIC)
			begun := time.Now()
			for sent := 0; sent < size; sent += 10_000 {
				if err := link.Send(direct.Bulk, make([]byte, 10_000)); err != nil {
					t.Fatal(err)
				}
			}
			for sum := 0; sum < size; {
				select {
				case n := <-got:
					sum += n
				case <-time.After(20 * time.Second):
					t.Fatalf("%d of %d bytes came", sum, size)
				}
			}
			if took := time.Since(begun); took < 600*time.Millisecond {
				t.Errorf("%d bytes took %v at %d bytes a second", size, took, rate)
			}
			if in, out := l.gates(link.RemoteAddr()); in.Rate() != 0 || out.Rate() != 0 {
				t.Errorf("a link to %s that is not across NATs is limited as well", link.RemoteAddr())
			}
		})
	}
}

// acrossNATs makes a link that is held to the limits of its first end, and tells how much
// comes to the other one.
func acrossNATs(t *testing.T, l *limits, noQUIC bool) (*webrtc.Link, <-chan int) {
	t.Helper()
	var ends [2]*webrtc.Endpoint
	var ids [2]ident.DeviceID
	got := make(chan int, 1000)
	for i := range ends {
		key := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), byte(i+1)))
		ids[i] = ident.DeviceFromKey(key.Public().(ed25519.PublicKey))
		opts := webrtc.Options{
			Key: key, Loopback: true, NoQUIC: noQUIC, Trusts: func(ident.DeviceID) bool { return true },
			Send: func(_ context.Context, _ ident.DeviceID, word []byte) error {
				ends[1-i].Deliver(ids[i], word)
				return nil
			},
			Arrived: func(l *webrtc.Link) {
				_ = l.Receive(func(frame []byte) error {
					got <- len(frame)
					return nil
				})
			},
		}
		if i == 0 {
			opts.Gates = l.outside
		}
		e, err := webrtc.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = e
		t.Cleanup(e.Close)
	}
	link, err := ends[0].Dial(t.Context(), ids[1])
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = link.Receive(func([]byte) error { return nil }) }()
	t.Cleanup(func() { link.Close("test over") })
	return link, got
}
