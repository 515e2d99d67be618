package mdns

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/mdns/lantest"
	"github.com/shoal-sync/shoal/internal/ident"
)

// looks makes a neighbour note whom it finds.
func (n *neighbour) looks() <-chan Neighbour {
	found := make(chan Neighbour, 1000)
	n.opts.Found = func(o Neighbour) {
		select {
		case found <- o:
		default: // nobody waits for so many
		}
	}
	return found
}

// TestWhoWantsToBeLinkedIsFound: by who looks, with what it wants to tell, and nobody else.
func TestWhoWantsToBeLinkedIsFound(t *testing.T) {
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	wire(t, "eth0", "10.9.0.1/24")
	seeker, alone := newNeighbour(laptop, 22100), newNeighbour(desktop, 22101)
	friendly, shy := newNeighbour(phone, 22102, laptop), newNeighbour(ident.DeviceID{4}, 22103, laptop)
	shy.opts.Name = ""
	found := seeker.looks()
	quietly := pace{steady: time.Hour, first: usualPace.first}
	f := seeker.start(t, quietly)
	alone.start(t, quietly)
	g, h := friendly.start(t, quietly), shy.start(t, quietly)
	known := map[string]bool{} // what was told once may be told again
	expect := func(want ...string) {
		t.Helper()
		missing := map[string]bool{}
		for _, w := range want {
			missing[w], known[w] = true, true
		}
		limit := time.After(patience)
		for len(missing) > 0 {
			select {
			case o := <-found:
				line := fmt.Sprintf("%s %q %d %v", o.Device.Short(), o.Name, o.Slot, o.At)
				if !known[line] && o.Device != desktop {
					t.Errorf("found %s", line)
				}
				delete(missing, line)
			case <-limit:
				t.Fatalf("within %v nothing was found of %v", patience, missing)
			}
		}
	}
	told := func(d ident.DeviceID, name string, slot, port int) string {
		return fmt.Sprintf("%s %q %d 10.9.0.1:%d", d.Short(), name, slot, port)
	}
	f.Seek(true)
	expect(told(desktop, "the secret name", 0, 22101))
	g.Show(true, 4829)
	h.Show(true, 4830)
	f.Moved() // asks at once
	f.Seek(false)
	f.Seek(true)
	expect(told(phone, "the secret name", 4829, 22102), told(ident.DeviceID{}, "", 4830, 22103))
	g.Show(false, 0)
	h.Show(false, 0)
	f.Seek(false)
	<-time.After(200 * time.Millisecond)
	for len(found) > 0 {
		<-found
	}
	clear(known)
	f.Seek(true)
	expect(told(desktop, "the secret name", 0, 22101))
}

// TestSecretKeysAreRecognised: devices that were told each other's keys find each other,
// and who knows their ids alone recognises nothing.
func TestSecretKeysAreRecognised(t *testing.T) {
	now := time.Unix(495_000*3600+1800, 0)
	keys := map[ident.DeviceID][32]byte{laptop: {1}, desktop: {2}, phone: {3}}
	write := func(self ident.DeviceID, knows map[ident.DeviceID][32]byte, linked ...ident.DeviceID) *page {
		r := register{self: self, own: keys[self], linked: func() []ident.DeviceID { return linked },
			key: func(d ident.DeviceID) [32]byte { return knows[d] }}
		return r.at(now)
	}
	a, b := write(laptop, keys, desktop), write(desktop, keys, laptop)
	spy := write(phone, nil, laptop, desktop) // knows the ids
	for _, c := range []struct {
		who, by *page
		want    ident.DeviceID
	}{{a, b, laptop}, {b, a, desktop}, {a, spy, ident.DeviceID{}}, {b, spy, ident.DeviceID{}}} {
		if got := c.by.device[c.who.shown()]; got != c.want {
			t.Errorf("recognised as %s, want %s", got.Short(), c.want.Short())
		}
	}
	// Once one of them has a device that was added by its id, that one must recognise it.
	mixed := write(laptop, map[ident.DeviceID][32]byte{desktop: {2}}, desktop, phone)
	if b.device[mixed.shown()] != laptop || spy.device[mixed.shown()] != laptop || !a.isOwn(mixed.shown()) {
		t.Error("with one device of the old kind not everybody recognises it")
	}
}

// TestNothingStaysBehind: starting and ending again and again leaves no socket and no
// goroutine.
func TestNothingStaysBehind(t *testing.T) {
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	wire(t, "one", "10.9.0.1/24", "fe80::9:1/64")
	wire(t, "two", "10.9.1.1/24")
	n := newNeighbour(laptop, 22100, desktop)
	f := start(n.opts, usualPace) // the first one makes what stays for good
	f.Close()
	before := usage(t)
	for i := range 100 {
		f := start(n.opts, usualPace)
		if i%2 == 0 {
			f.Seek(true)
			f.Moved()
		}
		f.Close()
	}
	settles(t, before, "after 100 starts")
}

// TestWhyNobodyIsFound: the reason a person is given, on networks that are broken in one
// way each.
func TestWhyNobodyIsFound(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("SKIPPED, NOTHING WAS TESTED: the program nft is missing")
	}
	if !lantest.Inside(t) {
		return
	}
	n := newNeighbour(laptop, 22100)
	f := n.start(t, usualPace)
	reason := func(want string) {
		t.Helper()
		begun := time.Now()
		for {
			got := f.Look(t.Context()).Reason()
			if strings.Contains(got, want) {
				return
			}
			if time.Since(begun) > patience {
				t.Fatalf("after %v the reason is %q, want %q", patience, got, want)
			}
		}
	}
	again := func() {
		f.sight.otherHeard.Store(0)
		f.Moved()
	}
	reason("no network")
	wire(t, "eth0", "10.9.0.1/24")
	again()
	reason("no other device with shoal")
	other := newNeighbour(desktop, 22101)
	o := start(other.opts, usualPace)
	o.Seek(true)
	reason("other devices with shoal are heard")
	o.Close()
	nft := func(rule string) {
		lantest.Setup(t, "nft", "flush ruleset\ntable inet f {\nchain c {\ntype filter hook "+rule+"\n}\n}\n")
	}
	nft("input priority 0; udp dport 5353 drop")
	again()
	reason("firewall on this computer blocks multicast")
	nft("output priority 0; udp dport 5353 reject")
	again()
	reason("cannot send multicast")
	lantest.Setup(t, "nft", "flush ruleset")
	again()
	reason("no other device with shoal")
	if f.Sight().Interfaces[0] != "eth0" {
		t.Errorf("it sees %+v", f.Sight())
	}
}

// TestDozensNearby: a room full of devices that want to be linked, all found by one.
func TestDozensNearby(t *testing.T) {
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	wire(t, "eth0", "10.9.0.1/24", "fe80::9:1/64")
	const devices = 60
	quietly := pace{steady: time.Hour, first: usualPace.first}
	missing := map[ident.DeviceID]bool{}
	for i := range devices {
		id := ident.DeviceID{9, byte(i)}
		missing[id] = true
		newNeighbour(id, uint16(23000+i)).start(t, quietly)
	}
	seeker := newNeighbour(laptop, 22100)
	found := seeker.looks()
	begun := time.Now()
	seeker.start(t, quietly).Seek(true)
	for limit := time.After(patience); len(missing) > 0; {
		select {
		case n := <-found:
			if want := uint16(23000) + uint16(n.Device[1]); n.At.Port() != want {
				t.Errorf("%s is found at %v, want port %d", n.Device.Short(), n.At, want)
			}
			delete(missing, n.Device)
		case <-limit:
			t.Fatalf("%d of %d devices were not found", len(missing), devices)
		}
	}
	t.Logf("%d devices were found within %v", devices, time.Since(begun).Round(time.Millisecond))
}
