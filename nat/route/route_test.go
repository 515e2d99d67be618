package route

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

var _ step.Machine[Event, Effect] = (*Core)(nil)

var (
	low, mid, high = ident.DeviceID{1}, ident.DeviceID{5}, ident.DeviceID{9}
	home, away     = netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2")
	third          = netip.MustParseAddrPort("10.0.0.3:3")
)

const ms = time.Millisecond

// teller tells a core its story and checks what it orders. Times are since the beginning.
type teller struct {
	t    *testing.T
	core *Core
	now  step.Instant
}

func tell(t *testing.T, self ident.DeviceID) *teller {
	core := New(self, rand.New(rand.NewPCG(1, 1)))
	core.nonces = 0
	return &teller{t: t, core: core}
}

func (s *teller) expect(got []Effect, want []string) {
	s.t.Helper()
	var lines []string
	for _, e := range got {
		lines = append(lines, names.Replace(e.String()))
	}
	if !slices.EqualFunc(lines, want, strings.HasPrefix) {
		s.t.Fatalf("at %v:\n got %q\nwant %q", time.Duration(s.now), lines, want)
	}
}

var names = strings.NewReplacer(low.Short(), "low", mid.Short(), "mid", high.Short(), "high",
	home.String(), "home", away.String(), "away", third.String(), "third")

// hears moves to the given time, at which nothing else may be due, and tells one event.
func (s *teller) hears(at time.Duration, e Event, want ...string) *teller {
	s.t.Helper()
	s.until(at)
	s.expect(s.core.Handle(s.now, e), want)
	return s
}

func (s *teller) until(at time.Duration) *teller {
	s.t.Helper()
	if due := s.core.Deadline(); due < step.Instant(at) {
		s.now = due
		if got := s.core.Tick(due); len(got) > 0 {
			s.t.Fatalf("at %v, unexpected: %v", time.Duration(due), got)
		}
		if s.core.Deadline() < step.Instant(at) {
			return s.until(at)
		}
	}
	s.now = step.Instant(at)
	return s
}

// wakes moves to the next deadline that brings orders, which must lie in the given span.
func (s *teller) wakes(from, to time.Duration, want ...string) *teller {
	s.t.Helper()
	for {
		s.now = s.core.Deadline()
		if s.now == step.Never {
			s.t.Fatalf("sleeps for ever, want %q", want)
		}
		if got := s.core.Tick(s.now); len(got) > 0 {
			if at := time.Duration(s.now); at < from || at > to {
				s.t.Fatalf("%v at %v, want it between %v and %v", got, at, from, to)
			}
			s.expect(got, want)
			return s
		}
	}
}

// leader is the story up to a link of the leader's own, taken at one second.
func leader(t *testing.T) *teller {
	return tell(t, low).
		hears(0, DeviceTrusted{mid}, "Trouble mid: no address is known").
		hears(0, AddressesLearned{mid, []netip.AddrPort{home}}, "Dial mid home ticket=1").
		hears(1000*ms, LinkUp{Device: mid, Link: 1, Addr: home, Ticket: 1}, "SendPing link=1 nonce=1", "PeerConnected mid link=1").
		hears(1010*ms, PongHeard{1, 1})
}

// follower is the same story at the other side, where the link came in.
func follower(t *testing.T) *teller {
	return tell(t, high).
		hears(0, DeviceTrusted{mid}, "Trouble mid: no address is known").
		hears(1000*ms, LinkUp{Device: mid, Link: 1, Addr: home, Incoming: true}).
		hears(1010*ms, PingHeard{1, 77}, "SendPong link=1 nonce=77", "SendPing link=1 nonce=1", "PeerConnected mid link=1").
		hears(1020*ms, PongHeard{1, 1})
}

func TestAddressesAreTriedOneAfterAnother(t *testing.T) {
	s := tell(t, low).
		hears(0, DeviceTrusted{mid}, "Trouble mid: no address is known; waiting for news or a call; waits for news").
		hears(100*ms, AddressesLearned{mid, []netip.AddrPort{home, away, third}}, "Dial mid home ticket=1").
		wakes(350*ms, 350*ms, "Dial mid away ticket=2").
		hears(400*ms, DialFailed{2, "away: refused"}, "Dial mid third ticket=3"). // at once, after a failure
		hears(500*ms, DialFailed{3, "third: refused"}).
		hears(500*ms, DialFailed{3, "answered twice"}).
		hears(600*ms, DialFailed{1, "home: silence"}, "Trouble mid: away: refused; third: refused; home: silence; next try at")
	next := s.core.Snapshot()[0].NextTry
	if wait := next.Since(s.now); wait < 250*ms || wait >= 500*ms {
		t.Errorf("the first wait is %v", wait)
	}
	s.wakes(time.Duration(next), time.Duration(next), "Dial mid home ticket=4")
}

// TestACallKeepsNoAddressWaiting: a device that has started anew is back at its address long
// before a call to it is given up.
func TestACallKeepsNoAddressWaiting(t *testing.T) {
	s := tell(t, low).
		hears(0, DeviceTrusted{mid}, "Trouble").
		hears(0, AddressesLearned{mid, []netip.AddrPort{home}}, "Dial mid home ticket=1").
		hears(0, CallsLearned{mid, true}).
		hears(10*ms, DialFailed{1, "home: refused"}, "Call mid ticket=2", "Trouble mid: home: refused; next try at").
		wakes(250*ms, 510*ms, "Dial mid home ticket=3")
	s.hears(time.Duration(s.now)+ms, DialFailed{3, "home: refused"}, "Trouble mid: home: refused; next try at").
		wakes(500*ms, 1600*ms, "Dial mid home ticket=4")
}

func TestBackoffDoublesUpToItsBoundAndNewsEndsIt(t *testing.T) {
	s := tell(t, low).hears(0, DeviceTrusted{mid}, "Trouble").
		hears(0, AddressesLearned{mid, []netip.AddrPort{home}}, "Dial mid home")
	for n := range 12 {
		ticket := step.Ticket(n + 1)
		s.hears(time.Duration(s.now), DialFailed{ticket, "refused"}, "Trouble mid: refused")
		most := min(500*ms<<min(n, 10), 30*time.Second)
		now := time.Duration(s.now)
		s.wakes(now+most/2, now+most, "Dial mid home")
	}
	now := time.Duration(s.now)
	s.hears(now, DialFailed{13, "refused"}, "Trouble mid: refused").
		hears(now+ms, AddressesLearned{mid, []netip.AddrPort{home}}). // nothing new
		hears(now+ms, AddressesLearned{mid, []netip.AddrPort{away, home}}, "Dial mid away ticket=14").
		wakes(now+251*ms, now+251*ms, "Dial mid home ticket=15").
		hears(now+300*ms, DialFailed{14, "refused"}).
		hears(now+300*ms, DialFailed{15, "refused"}, "Trouble mid: refused").
		hears(now+301*ms, NetworkChanged{}, "Dial mid away ticket=16")
}

func TestNetworkChangeForgivesFailures(t *testing.T) {
	s := tell(t, low).hears(0, DeviceTrusted{mid}, "Trouble").
		hears(0, AddressesLearned{mid, []netip.AddrPort{home}}, "Dial mid home")
	for n := range 6 {
		s.hears(time.Duration(s.now), DialFailed{step.Ticket(n + 1), "refused"}, "Trouble").
			wakes(0, time.Hour, "Dial mid home")
	}
	now := time.Duration(s.now) + 2*time.Second
	s.hears(now, NetworkChanged{}, "Dial mid home ticket=8"). // the attempt from the old address may hang
									hears(now, NetworkChanged{}).
									hears(now, DialFailed{7, "unreachable"}).
									hears(now, DialFailed{8, "refused"}, "Trouble mid: refused").
									wakes(now+250*ms, now+500*ms, "Dial mid home ticket=9")
}

func TestAddressesChangeWhileDialing(t *testing.T) {
	tell(t, low).hears(0, DeviceTrusted{mid}, "Trouble").
		hears(0, AddressesLearned{mid, []netip.AddrPort{home}}, "Dial mid home ticket=1").
		hears(100*ms, AddressesLearned{mid, []netip.AddrPort{away, third, home}}).
		wakes(350*ms, 350*ms, "Dial mid away ticket=2").
		hears(400*ms, AddressesLearned{mid, []netip.AddrPort{home}}). // third is not to be tried any more
		hears(500*ms, DialFailed{2, "refused"}).
		hears(600*ms, DialFailed{1, "refused"}, "Trouble mid: refused; next try at").
		hears(601*ms, AddressesLearned{mid, nil}, "Trouble mid: refused; no address is known")
}

// Who is not sought is not dialed, whatever is heard of it; its own calls are taken.
func TestWhoIsNotSoughtIsNotDialed(t *testing.T) {
	s := tell(t, low).
		hears(0, DeviceTrusted{mid}, "Trouble").
		hears(0, DeviceSought{mid, false}).
		hears(1*ms, AddressesLearned{mid, []netip.AddrPort{home}}).
		hears(2*ms, CallsLearned{mid, true}).
		hears(3*ms, NetworkChanged{})
	if at := s.core.Deadline(); at != step.Never {
		t.Fatalf("something is due at %v", at)
	}
	if st := s.core.Snapshot()[0]; st.Dialing || !strings.Contains(st.Reason, "are enough") || !st.Unsought {
		t.Errorf("a person is told %q, dialing %v", st.Reason, st.Dialing)
	}
	s.hears(10*ms, LinkUp{Device: mid, Link: 1, Addr: home, Incoming: true, Kind: Lan}, "SendPing link=1", "PeerConnected mid link=1").
		hears(20*ms, LinkLost{Link: 1, Reason: "gone"}, "PeerLost mid").
		until(time.Minute).
		hears(time.Minute, DeviceSought{mid, true}, "Dial mid home", "Trouble").
		hears(time.Minute, DeviceSought{high, true}) // of nobody we trust
}

func TestDialWithoutAnswerIsGivenUp(t *testing.T) {
	s := tell(t, low).hears(0, DeviceTrusted{mid}, "Trouble").
		hears(0, AddressesLearned{mid, []netip.AddrPort{home}}, "Dial mid home").
		wakes(30*time.Second, 30*time.Second, "Trouble mid: no answer from home")
	// Late is better than never: the link is good.
	s.hears(30*time.Second+ms, LinkUp{Device: mid, Link: 1, Addr: home, Ticket: 1}, "SendPing", "PeerConnected mid link=1")
}

func TestLostLinkIsDialedAtOnceUnlessItNeverHolds(t *testing.T) {
	s := leader(t)
	s.wakes(6010*ms, 6010*ms, "SendPing link=1 nonce=2").
		hears(6020*ms, PongHeard{1, 2}).
		hears(11000*ms, LinkLost{1, "reset"}, "PeerLost mid link=1: reset", "Trouble mid: reset").
		wakes(11000*ms, 11100*ms, "Dial mid home ticket=2")
	// From here on the other side ends every link at once.
	for n := range 6 {
		link := LinkID(n + 2)
		now := time.Duration(s.now) + 10*ms
		s.hears(now, LinkUp{Device: mid, Link: link, Addr: home, Ticket: step.Ticket(link)}, "SendPing", "PeerConnected").
			hears(now+ms, LinkLost{link, "go away"}, "PeerLost mid", "Trouble mid: go away")
		least, most := time.Duration(0), 100*ms
		if n > 0 {
			most = 500 * ms << (n - 1)
			least = most / 2
		}
		s.wakes(now+ms+least, now+ms+most, "Dial mid home")
	}
}

func TestSilentPeerIsFoundDead(t *testing.T) {
	tell(t, low).
		hears(0, DeviceTrusted{mid}, "Trouble mid: no address is known").
		hears(0, AddressesLearned{mid, []netip.AddrPort{home}}, "Dial mid home ticket=1").
		hears(1000*ms, LinkUp{Device: mid, Link: 1, Addr: home, Ticket: 1, Kind: Lan}, "SendPing link=1 nonce=1", "PeerConnected mid link=1").
		hears(1010*ms, PongHeard{1, 1}).
		hears(3000*ms, FrameHeard{1}).
		wakes(8000*ms, 8000*ms, "SendPing link=1 nonce=2").
		wakes(13000*ms, 13000*ms, "SendPing link=1 nonce=3").
		wakes(15000*ms, 15000*ms, "PeerLost mid link=1: nothing was heard", "CloseLink link=1", "Trouble mid: nothing was heard").
		hears(15000*ms, LinkLost{1, "closed"}).
		hears(15000*ms, PingHeard{1, 9}).
		wakes(15000*ms, 15100*ms, "Dial mid home")
}

// A link over other people's roads that fell silent in the middle of a transfer is not
// waited for: the other side is dialed beside it, again and again.
func TestSilenceInATransferIsNotWaitedFor(t *testing.T) {
	leader(t).
		hears(3000*ms, FrameHeard{1}).
		wakes(5000*ms, 5000*ms, "SendPing link=1 nonce=2").
		wakes(6000*ms, 6000*ms, "Dial mid home ticket=2").
		hears(6010*ms, DialFailed{2, "no way"}).
		wakes(7000*ms, 7000*ms, "SendPing link=1 nonce=3", "Dial mid home ticket=3").
		hears(7010*ms, LinkUp{Device: mid, Link: 2, Addr: home, Ticket: 3}, "SendPing link=1 nonce=4").
		wakes(7510*ms, 7510*ms, "PeerLost mid link=1", "CloseLink link=1", "SendPing link=2", "PeerConnected mid link=2")
}

// What takes one link away may have taken others, which are asked before their turn.
func TestOneSilenceMakesAllBeAsked(t *testing.T) {
	leader(t).
		hears(1100*ms, DeviceTrusted{high}, "Trouble high").
		hears(1200*ms, LinkUp{Device: high, Link: 2, Addr: third, Incoming: true, Kind: Punched}, "SendPing link=2 nonce=2", "PeerConnected high link=2").
		hears(1210*ms, PongHeard{2, 2}).
		wakes(3210*ms, 3210*ms, "SendPing link=2 nonce=3").
		wakes(4210*ms, 4210*ms, "SendPing link=1 nonce=4").
		wakes(5210*ms, 5210*ms, "Dial mid home ticket=2", "SendPing link=2 nonce=5")
}

func TestRoundTripIsMeasured(t *testing.T) {
	s := leader(t)
	if rtt := s.core.Snapshot()[0].RTT; rtt != 10*ms {
		t.Errorf("measured %v", rtt)
	}
	for at := 2000 * ms; at <= 30*time.Second; at += 2000 * ms {
		s.hears(at, FrameHeard{1}) // a busy link needs no ping to be seen alive
	}
	s.wakes(31*time.Second, 31*time.Second, "SendPing link=1 nonce=2").
		hears(31030*ms, PongHeard{1, 1}). // an old nonce measures nothing
		hears(31040*ms, PongHeard{1, 2})
	if rtt := s.core.Snapshot()[0].RTT; rtt != 40*ms {
		t.Errorf("measured %v", rtt)
	}
}

func TestSleptThroughSilenceIsNotHeldAgainstThePeer(t *testing.T) {
	s := leader(t)
	s.now = step.Instant(60 * time.Second)
	s.expect(s.core.Tick(s.now), []string{"SendPing link=1 nonce=2"})
	s.wakes(61*time.Second, 61*time.Second, "Dial mid home ticket=2")
	s.wakes(63*time.Second, 63*time.Second, "PeerLost", "CloseLink", "Trouble")
}

func TestChangedNetworkMustProveItself(t *testing.T) {
	leader(t).
		hears(2000*ms, NetworkChanged{}, "SendPing link=1 nonce=2", "Dial mid home ticket=2").
		hears(2100*ms, FrameHeard{1}). // was under way before
		hears(2500*ms, DialFailed{2, "no way"}).
		wakes(3000*ms, 3000*ms, "Dial mid home ticket=3").
		hears(3100*ms, FrameHeard{1}).
		hears(3200*ms, DialFailed{3, "no way"}).
		wakes(5100*ms, 5100*ms, "SendPing link=1 nonce=3").
		hears(5110*ms, PongHeard{1, 3}).
		hears(6000*ms, NetworkChanged{}, "SendPing link=1 nonce=4", "Dial mid home ticket=4").
		hears(6010*ms, DialFailed{4, "no network"}).
		hears(6020*ms, NetworkChanged{}, "SendPing link=1 nonce=5", "Dial mid home ticket=5"). // now it has an address
		wakes(8020*ms, 8020*ms, "SendPing link=1 nonce=6").
		hears(9500*ms, DialFailed{5, "no way"}).
		wakes(10000*ms, 10000*ms, "PeerLost mid link=1", "CloseLink link=1", "Trouble mid").
		wakes(10000*ms, 10100*ms, "Dial mid home")
}

func TestLeaderKeepsALinkThatAnswers(t *testing.T) {
	leader(t).
		hears(2000*ms, LinkUp{Device: mid, Link: 2, Addr: away, Incoming: true}, "SendPing link=1 nonce=2").
		hears(2001*ms, PongHeard{1, 1}). // may have left before the other side called
		hears(2010*ms, PongHeard{1, 2}, "CloseLink link=2")
}

// The other side's old link is dead and it calls again: it must not wait for our silence.
func TestLeaderGivesWayToANewCall(t *testing.T) {
	leader(t).
		hears(2000*ms, LinkUp{Device: mid, Link: 2, Addr: away, Incoming: true}, "SendPing link=1 nonce=2").
		hears(2100*ms, FrameHeard{1}). // was on its way
		wakes(2500*ms, 2500*ms, "PeerLost mid link=1: it fell silent", "CloseLink link=1", "SendPing link=2", "PeerConnected mid link=2")
	leader(t).
		wakes(6010*ms, 6010*ms, "SendPing link=1 nonce=2").
		hears(7000*ms, LinkUp{Device: mid, Link: 2, Addr: away, Incoming: true}, // one ping is missing already
			"PeerLost mid link=1", "CloseLink link=1", "SendPing link=2", "PeerConnected mid link=2")
	leader(t).
		hears(2000*ms, LinkUp{Device: mid, Link: 2, Addr: away, Incoming: true}, "SendPing link=1").
		hears(2010*ms, LinkUp{Device: mid, Link: 3, Addr: away, Incoming: true}).
		hears(2020*ms, LinkLost{1, "reset"}, "PeerLost mid link=1: reset", "SendPing link=3 nonce=3", "PeerConnected mid link=3").
		hears(2050*ms, PongHeard{3, 3}, "CloseLink link=2")
}

func TestLeaderListensToAPlea(t *testing.T) {
	leader(t).
		hears(2000*ms, LinkUp{Device: mid, Link: 2, Addr: away, Incoming: true}, "SendPing link=1 nonce=2").
		hears(2010*ms, PongHeard{1, 2}, "CloseLink link=2").
		hears(3000*ms, PingHeard{1, 5}, "SendPong link=1 nonce=5").
		hears(4000*ms, LinkUp{Device: mid, Link: 3, Addr: away, Incoming: true}, "SendPing link=1 nonce=3").
		hears(4001*ms, PingHeard{3, 6}, "SendPong link=3 nonce=6").
		wakes(4500*ms, 4500*ms, "PeerLost mid link=1", "CloseLink link=1", "SendPing link=3", "PeerConnected mid link=3")
	s := leader(t).hears(2000*ms, LinkUp{Device: mid, Link: 2, Addr: away, Incoming: true}, "SendPing link=1 nonce=2")
	s.core.peers[mid].probing = false // the question was answered just before the follower's link died
	s.hears(2010*ms, PingHeard{2, 8}, "SendPong link=2 nonce=8", "SendPing link=1 nonce=3")
}

func TestLeaderEndsItsOwnSurplusDial(t *testing.T) {
	tell(t, low).
		hears(0, DeviceTrusted{mid}, "Trouble").
		hears(0, AddressesLearned{mid, []netip.AddrPort{home, away}}, "Dial mid home ticket=1").
		wakes(250*ms, 250*ms, "Dial mid away ticket=2").
		hears(300*ms, LinkUp{Device: mid, Link: 1, Addr: away, Ticket: 2}, "SendPing link=1", "PeerConnected mid link=1").
		hears(310*ms, LinkUp{Device: mid, Link: 2, Addr: home, Ticket: 1}, "CloseLink link=2")
}

func TestFollowerTakesWhatIsPinged(t *testing.T) {
	follower(t).
		hears(2000*ms, LinkUp{Device: mid, Link: 2, Addr: home, Incoming: true}).
		hears(2010*ms, PingHeard{2, 78}, "SendPong link=2 nonce=78", "PeerLost mid link=1: the other side moved",
			"CloseLink link=1", "SendPing link=2", "PeerConnected mid link=2")
}

func TestFollowerPleadsWhenItsLinkDies(t *testing.T) {
	follower(t).
		hears(2000*ms, LinkUp{Device: mid, Link: 2, Addr: home, Incoming: true}).
		hears(2500*ms, LinkLost{1, "reset"}, "PeerLost mid link=1: reset", "SendPing link=2 nonce=2").
		hears(2600*ms, PongHeard{2, 2}). // heard, but not taken up yet
		wakes(7500*ms, 7500*ms, "CloseLink link=2: it answered, but did not take the link up", "Trouble mid: it answered, but")
}

func TestForgottenDevice(t *testing.T) {
	s := leader(t).
		hears(2000*ms, DeviceTrusted{high}, "Trouble high").
		hears(2000*ms, AddressesLearned{high, []netip.AddrPort{away}}, "Dial high away ticket=2").
		hears(2000*ms, DeviceForgotten{high}).
		hears(2000*ms, LinkUp{Device: high, Link: 2, Addr: away, Ticket: 2}, "CloseLink link=2: the device is not trusted").
		hears(2001*ms, DeviceForgotten{mid}, "PeerLost mid link=1", "CloseLink link=1").
		hears(2002*ms, DeviceForgotten{mid}).
		hears(2003*ms, AddressesLearned{mid, []netip.AddrPort{home}})
	if s.core.Deadline() != step.Never || len(s.core.Snapshot()) != 0 || len(s.core.links)+len(s.core.dials) != 0 {
		t.Error("something is left of a forgotten device")
	}
}

func TestBounds(t *testing.T) {
	s := tell(t, low)
	device := func(n int) ident.DeviceID { return ident.DeviceID{2, byte(n >> 8), byte(n)} }
	var addrs []netip.AddrPort
	for n := range 2 * addrsMax {
		addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(n))) // port 0 is none
	}
	s.core.Handle(0, DeviceTrusted{low}) // this device itself
	dials := 0
	for n := range devicesMax {
		s.core.Handle(0, DeviceTrusted{device(n)})
		dials += len(s.core.Handle(0, AddressesLearned{device(n), addrs}))
	}
	s.hears(0, DeviceTrusted{high}, "Trouble high: more devices are trusted than can be linked")
	if dials != dialsMax || len(s.core.peers) != devicesMax || len(s.core.peers[device(3)].addrs) != addrsMax {
		t.Errorf("%d dials, %d devices, %d addresses", dials, len(s.core.peers), len(s.core.peers[device(3)].addrs))
	}
	for n := range 3 * linksMax {
		s.core.Handle(0, LinkUp{Device: device(1), Link: LinkID(n + 1), Incoming: true})
	}
	if got := len(s.core.peers[device(1)].links); got != linksMax {
		t.Errorf("%d links to one device", got)
	}
	if text := cut(strings.Repeat("x", 5000)); len(text) > reasonMax+3 {
		t.Errorf("a reason of %d bytes", len(text))
	}
}

func BenchmarkEvents(b *testing.B) {
	c := New(low, rand.New(rand.NewPCG(1, 1)))
	for n := range 1000 {
		d := ident.DeviceID{2, byte(n >> 8), byte(n)}
		c.Handle(0, DeviceTrusted{d})
		c.Handle(0, LinkUp{Device: d, Link: LinkID(n + 1), Incoming: true})
	}
	for _, busy := range []bool{true, false} {
		b.Run(fmt.Sprintf("busy=%v", busy), func(b *testing.B) {
			now := step.Instant(0)
			for i := range b.N {
				link := LinkID(i%1000 + 1)
				now += step.Instant(time.Microsecond)
				if busy {
					c.Handle(now, FrameHeard{link})
				} else {
					c.Handle(now, PingHeard{link, uint64(i)})
				}
				if c.Deadline() <= now {
					c.Tick(now)
				}
			}
		})
	}
}
