package book

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

var _ step.Machine[Event, Effect] = (*Core)(nil)

var one, two = ident.DeviceID{1}, ident.DeviceID{2}

func addr(name string) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, name[0]}), 22100)
}

// list writes addresses by the letters of their names.
func list(addrs []netip.AddrPort) string {
	var names []string
	for _, a := range addrs {
		names = append(names, string(rune(a.Addr().As4()[3])))
	}
	return strings.Join(names, "")
}

func heard(name string, source Source, lasts time.Duration) Event {
	return AddressHeard{one, addr(name), source, lasts}
}

func TestOrderOfTrust(t *testing.T) {
	c := New()
	for i, s := range []struct {
		at    time.Duration
		event Event
		want  string
		quiet bool // the list does not change
	}{
		{0, heard("a", Mdns, time.Hour), "a", false},
		{1 * time.Second, heard("b", Mdns, time.Hour), "ba", false},
		{2 * time.Second, heard("a", Mdns, time.Hour), "ba", true},
		{3 * time.Second, heard("s", Static, 0), "sba", false},
		{4 * time.Second, AddressFailed{one, addr("s")}, "bas", false},
		{5 * time.Second, AddressWorked{one, addr("a")}, "abs", false},
		{6 * time.Second, AddressWorked{one, addr("b")}, "bas", false},
		{7 * time.Second, AddressFailed{one, addr("b")}, "abs", false},
		{8 * time.Second, AddressWorked{one, addr("s")}, "sab", false},
		{9 * time.Second, AddressFailed{one, addr("x")}, "sab", true}, // never heard of
		{10 * time.Second, AddressFailed{two, addr("x")}, "sab", true},
		{11 * time.Second, AddressHeard{one, netip.AddrPort{}, Mdns, time.Hour}, "sab", true},
		{12 * time.Second, AddressHeard{one, netip.MustParseAddrPort("0.0.0.0:22100"), Static, 0}, "sab", true},
		{13 * time.Second, heard("c", Seen, -time.Hour), "sab", true},
		{14 * time.Second, AddressWithdrawn{one, addr("a")}, "sb", false},
		{15 * time.Second, AddressHeard{two, addr("a"), Mdns, time.Hour}, "sb", false}, // told of the other device
		{16 * time.Second, DeviceForgotten{one}, "", true},
	} {
		effects := c.Handle(step.Instant(s.at), s.event)
		if got := list(c.Addresses(one)); got != s.want || (len(effects) == 0) != s.quiet {
			t.Fatalf("step %d, %v: list %q, want %q; effects %v", i, s.event, got, s.want, effects)
		}
	}
}

func TestWhatWasHeardExpires(t *testing.T) {
	c := New()
	c.Handle(0, heard("a", Mdns, 2*time.Minute))
	c.Handle(0, heard("s", Static, 0))
	c.Handle(0, heard("b", Mdns, 100*24*time.Hour)) // nobody knows so far ahead
	c.Handle(0, heard("w", Mdns, time.Minute))
	c.Handle(0, AddressWorked{one, addr("w")})
	c.Handle(0, AddressHeard{two, addr("a"), Mdns, 2 * time.Minute})
	c.Handle(step.Instant(time.Minute), AddressHeard{two, addr("a"), Mdns, 2 * time.Minute})
	var told []string
	for c.Deadline() != step.Never {
		now := c.Deadline()
		for _, e := range c.Tick(now) {
			known := e.(AddressesKnown)
			told = append(told, time.Duration(now).String()+" "+known.Device.Short()[:2]+" "+list(known.Addrs))
		}
		if c.Deadline() <= now {
			t.Fatal("the deadline does not move on")
		}
	}
	o, w := one.Short()[:2], two.Short()[:2]
	want := []string{"2m0s " + o + " wsb", "3m0s " + w + " ", "168h0m0s " + o + " s"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if len(c.pages) != 1 {
		t.Errorf("%d pages are left, want one with the static address", len(c.pages))
	}
}

func TestBounds(t *testing.T) {
	c := New()
	c.Handle(0, AddressHeard{one, netip.MustParseAddrPort("10.1.1.1:1"), Static, 0})
	c.Handle(0, AddressWorked{one, netip.MustParseAddrPort("10.1.1.2:1")})
	for i := range 100 {
		c.Handle(step.Instant(i), AddressHeard{one, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1), Mdns, time.Hour})
	}
	got := c.Addresses(one)
	if len(got) != addrsMax || got[0].Addr().As4()[3] != 2 || got[1].Addr().As4()[1] != 1 || got[2].Addr().As4()[3] != 99 {
		t.Errorf("%d addresses, beginning with %v", len(got), got[:3])
	}
	c.Handle(0, AddressFailed{one, netip.MustParseAddrPort("10.1.1.1:1")})
	c.Handle(1000, heard("z", Mdns, time.Hour))
	if got := c.Addresses(one); len(got) != addrsMax || got[addrsMax-1].Addr().As4()[1] != 1 {
		t.Errorf("a person's address fell off: %v", got)
	}
	for i := range 2 * devicesMax {
		device := ident.DeviceID{3, byte(i >> 8), byte(i)}
		c.Handle(0, AddressHeard{device, addr("a"), Mdns, time.Hour})
	}
	if len(c.pages) != devicesMax {
		t.Errorf("%d devices", len(c.pages))
	}
}
