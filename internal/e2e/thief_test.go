//go:build unix

package e2e

import (
	"context"
	"crypto/ed25519"
	"net/netip"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
)

// thief ends every connection himself, with a key of his own, and passes on what is said.
type thief struct {
	t        *testing.T
	endpoint *direct.Endpoint
	victim   netip.AddrPort
	passed   chan int // how many messages one conversation had
}

// newThief makes a thief in front of a device, and returns where he listens.
func newThief(t *testing.T, victim string) (*thief, string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	th := &thief{t: t, victim: netip.MustParseAddrPort(victim), passed: make(chan int, 10)}
	th.endpoint, err = direct.New(direct.Options{Key: key, Met: th.met})
	must(t, err)
	listener, err := th.endpoint.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	must(t, err)
	ended := make(chan error, 1)
	go func() { ended <- listener.Serve(func(l *direct.Link) { l.Close("no links here") }) }()
	t.Cleanup(func() {
		must(t, listener.Close())
		must(t, <-ended)
	})
	return th, listener.Addr().String()
}

func (th *thief) met(caller *direct.Meeting) {
	called, err := th.endpoint.Meet(context.Background(), ident.DeviceID{}, th.victim)
	if err != nil {
		th.t.Error(err)
		caller.Close()
		return
	}
	count := make(chan int, 2)
	pass := func(from, to *direct.Meeting) {
		n := 0
		_ = from.Receive(func(frame []byte) error { n++; return to.Send(frame) }) // until it ends
		to.Close()
		count <- n
	}
	go pass(called, caller)
	pass(caller, called)
	th.passed <- <-count + <-count
}

// TestThiefInTheMiddle: with the right words and the whole network in his hands he gets
// nothing, and both people hear of him. By a link he is not even spoken to.
func TestThiefInTheMiddle(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "laptop"), newAgent(t, "desktop")
	startAll(a, b)
	th, at := newThief(t, a.listen)
	shows := a.links("link")
	code := shows.next("code")
	b.command("link", code.Code, "--address", "tcp://"+at, "--yes").failed(t, 1, "this code is dead now")
	shows.ends(1, "tried with wrong words")
	if n := <-th.passed; n < 3 {
		t.Errorf("he passed on %d messages: the two never talked", n)
	}
	shows = a.links("link")
	link := shows.next("code").Link
	b.command("link", link, "--address", "tcp://"+at, "--yes", "--timeout", "10s").failed(t, 1, "another device answers there")
	// The invitation does not suffer from that.
	b.command("link", link, "--yes").done(t)
	shows.next("linked")
	shows.ends(0, "")
}
