package mdns

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/shoal-sync/shoal/discovery/mdns/lantest"
	"github.com/shoal-sync/shoal/internal/ident"
)

// sighting is one call of Heard.
type sighting struct {
	device ident.DeviceID
	at     netip.AddrPort
}

// patience is how long is waited for what must come. That something comes soon is shown by
// a pace that has no later question: it came by an early one, or not at all.
const patience = time.Minute

// early is a pace with the first two questions of the usual one.
var early = pace{first: usualPace.first[:2], steady: time.Hour}

// neighbour is a finder of a test, and what it heard.
type neighbour struct {
	opts  Options
	heard chan sighting

	mu        sync.Mutex
	linked    []ident.DeviceID
	connected bool
}

func newNeighbour(device ident.DeviceID, port uint16, linked ...ident.DeviceID) *neighbour {
	n := &neighbour{linked: linked, heard: make(chan sighting, 10_000)}
	n.opts = Options{
		Device: device, Name: "the secret name", Protocol: 1, Port: port, IPv4: true, IPv6: true,
		Linked: func() []ident.DeviceID {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.linked
		},
		Connected: func(ident.DeviceID) bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.connected
		},
		Heard: func(device ident.DeviceID, at netip.AddrPort, _ time.Duration) {
			select {
			case n.heard <- sighting{device, at}:
			default: // nobody waits for so many
			}
		},
	}
	return n
}

func (n *neighbour) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

// start runs the neighbour until the test ends.
func (n *neighbour) start(t *testing.T, p pace) *Finder {
	t.Helper()
	f := start(n.opts, p)
	t.Cleanup(f.Close)
	return f
}

// hears waits for the sightings, in any order among others.
func (n *neighbour) hears(t *testing.T, want ...sighting) {
	t.Helper()
	missing := map[sighting]bool{}
	for _, s := range want {
		missing[s] = true
	}
	limit := time.After(patience)
	for len(missing) > 0 {
		select {
		case got := <-n.heard:
			delete(missing, got)
		case <-limit:
			t.Fatalf("within %v nothing was heard of %v", patience, missing)
		}
	}
}

func at(device ident.DeviceID, addr string) sighting {
	return sighting{device, netip.MustParseAddrPort(addr)}
}

// wire makes an interface with some addresses. What is sent on it is heard on this very
// computer too, by way of the loop that multicast has.
func wire(t *testing.T, name string, addrs ...string) {
	t.Helper()
	lantest.Setup(t, "ip", "link", "set", "lo", "up")
	lantest.Setup(t, "ip", "link", "add", name, "type", "veth", "peer", "name", name+"-end")
	for _, end := range []string{name, name + "-end"} {
		lantest.Setup(t, "ip", "link", "set", end, "addrgenmode", "none")
	}
	lantest.Setup(t, "ip", "link", "set", name+"-end", "up")
	for _, addr := range addrs {
		args := []string{"ip", "addr", "add", addr, "dev", name}
		if strings.Contains(addr, ":") {
			args = append(args, "nodad")
		}
		lantest.Setup(t, args...)
	}
	lantest.Setup(t, "ip", "link", "set", name, "up")
}

// TestEveryInterfaceAndFamily: no interface has a default route, as on a cable between two
// computers.
func TestEveryInterfaceAndFamily(t *testing.T) {
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	wire(t, "four", "10.9.0.1/24")
	wire(t, "six", "fe80::9:1/64")
	wire(t, "both", "10.9.1.1/24", "fe80::9:2/64")
	seeker := newNeighbour(laptop, 22100, desktop, phone)
	found, other := newNeighbour(desktop, 22101, laptop), newNeighbour(phone, 22102, laptop)
	other.opts.IPv6 = false
	// This one asks nothing of its own accord while the test runs.
	found.linked = nil
	f := found.start(t, pace{steady: time.Hour})
	other.start(t, early)
	answered(t, service)
	found.set(func() { found.linked = []ident.DeviceID{laptop} })
	f.register.forget()
	seeker.start(t, early)
	seeker.hears(t,
		at(desktop, "10.9.0.1:22101"), at(desktop, "[fe80::9:1%six]:22101"),
		at(desktop, "10.9.1.1:22101"), at(desktop, "[fe80::9:2%both]:22101"),
		at(phone, "10.9.0.1:22102"), at(phone, "10.9.1.1:22102"))
	for len(seeker.heard) > 0 {
		if s := <-seeker.heard; s.device == phone && s.at.Addr().Is6() {
			t.Errorf("heard %v, where nobody takes links", s)
		}
	}
	// It learns of the newcomer without waiting for its next turn.
	found.hears(t, at(laptop, "10.9.0.1:22100"))
}

// TestInterfacesComeAndGo also begins with no interface at all.
func TestInterfacesComeAndGo(t *testing.T) {
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	n, o := newNeighbour(laptop, 22100, desktop), newNeighbour(desktop, 22101, laptop)
	f, g := n.start(t, early), o.start(t, early)
	wire(t, "later", "10.9.0.1/24")
	g.Moved()
	f.Moved()
	n.hears(t, at(desktop, "10.9.0.1:22101"))
	lantest.Setup(t, "ip", "addr", "add", "fe80::9:1/64", "dev", "later", "nodad")
	g.Moved()
	f.Moved()
	n.hears(t, at(desktop, "[fe80::9:1%later]:22101"))
	lantest.Setup(t, "ip", "link", "del", "later")
	f.Moved()
	g.Moved()
	wire(t, "again", "10.9.0.2/24")
	g.Moved()
	f.Moved()
	n.hears(t, at(desktop, "10.9.0.2:22101"))
}

// TestAStrangerLearnsNothing: everything that a device sends is searched for what only
// linked devices are to know.
func TestAStrangerLearnsNothing(t *testing.T) {
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	wire(t, "eth0", "10.9.0.1/24")
	n := newNeighbour(laptop, 22100, desktop)
	f := n.start(t, usualPace)
	stranger := question{want: everybody, family: '4', nonce: 1, asker: tagOf(announceKey(phone), 5)}
	shown := f.register.at(time.Now()).shown()
	secrets := []string{laptop.String(), laptop.Short(), string(laptop[:8]), desktop.String(),
		desktop.Short(), string(desktop[:8]), n.opts.Name, "10.9.0.1", hostname(t)}
	for i, name := range []string{service, enumeration, stranger.name(), shown.String() + "." + service} {
		packet := answered(t, name)
		if i != 1 && !strings.Contains(string(packet), shown.String()) {
			t.Errorf("the answer to %s does not show the tag: %q", name, packet)
		}
		for _, secret := range secrets {
			if strings.Contains(string(packet), secret) {
				t.Errorf("the answer to %s tells %q", name, secret)
			}
		}
	}
	stranger.want, stranger.nonce = linked, 2
	if packet := overheard(t, stranger.name()); packet != nil {
		t.Errorf("a question for linked devices was answered: %q", packet)
	}
	n.set(func() { n.linked = nil })
	f.Relinked()
	packet := answered(t, service)
	for _, told := range []string{"id=" + laptop.String(), "n=" + n.opts.Name} {
		if !strings.Contains(string(packet), told) {
			t.Errorf("without a linked device the answer does not tell %q: %q", told, packet)
		}
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil || name == "" {
		t.Fatalf("this computer has no name: %v", err)
	}
	return name
}

// answered asks as a stranger would until there is an answer.
func answered(t *testing.T, name string) []byte {
	t.Helper()
	for limit := time.Now().Add(patience); ; {
		if packet := overheard(t, name); packet != nil {
			return packet
		}
		if time.Now().After(limit) {
			t.Fatalf("nobody answers when asked for %s", name)
		}
	}
}

// overheard asks as a stranger would and returns the first answer, nil when there is none.
func overheard(t *testing.T, name string) []byte {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 9, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var m dns.Msg
	m.Question = []dns.Question{{Name: name, Qtype: dns.TypeANY, Qclass: dns.ClassINET}}
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, packetMax)
	for range 5 { // the other side may have just begun to listen
		if _, err := conn.WriteToUDP(packet, &net.UDPAddr{IP: group4.AsSlice(), Port: mdnsPort}); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(answer); err == nil {
			return answer[:n]
		}
	}
	return nil
}

// TestBesideAvahi: the daemon that most Linux desktops run holds the same port. Both find
// what they look for, whoever was there first.
func TestBesideAvahi(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("avahi-daemon"); err != nil {
		t.Skip("SKIPPED, NOTHING WAS TESTED: the program avahi-daemon is missing")
	}
	if !lantest.Inside(t) {
		return
	}
	wire(t, "eth0", "10.9.0.1/24", "fe80::9:1/64")
	lantest.Setup(t, "mount", "--make-rprivate", "/")
	lantest.Setup(t, "mount", "-t", "tmpfs", "tmpfs", "/run")
	settings := t.TempDir() + "/avahi.conf"
	err := os.WriteFile(settings, []byte("[server]\nhost-name=beside\nenable-dbus=no\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	before := newNeighbour(laptop, 22100, desktop)
	before.start(t, early)
	avahi := exec.Command("avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "-f", settings)
	var log strings.Builder
	avahi.Stdout, avahi.Stderr = &log, &log
	if err := avahi.Start(); err != nil {
		t.Fatal(err)
	}
	published := false
	for limit := time.Now().Add(patience); !published && time.Now().Before(limit); {
		published = overheard(t, "beside.local.") != nil
	}
	after := newNeighbour(desktop, 22101, laptop)
	after.start(t, early)
	after.hears(t, at(laptop, "10.9.0.1:22100"), at(laptop, "[fe80::9:1%eth0]:22100"))
	before.hears(t, at(desktop, "10.9.0.1:22101"))
	published = published && overheard(t, "beside.local.") != nil
	if err := avahi.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	_ = avahi.Wait() // it was told to end
	switch {
	case strings.Contains(log.String(), "Failed to create runtime directory"):
		t.Skip("SKIPPED, NOTHING WAS TESTED: avahi runs as a user of its own, so this needs root")
	case !published:
		t.Errorf("avahi does not answer beside us:\n%s", log.String())
	}
}

// TestNothingGrows: sockets, goroutines and memory after 1,000 rounds on two interfaces.
func TestNothingGrows(t *testing.T) {
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	wire(t, "one", "10.9.0.1/24", "fe80::9:1/64")
	wire(t, "two", "10.9.1.1/24", "fe80::9:2/64")
	before := usage(t)
	a, b := newNeighbour(laptop, 22100, desktop), newNeighbour(desktop, 22101, laptop)
	fast := pace{steady: 2 * time.Millisecond}
	f, g := start(a.opts, fast), start(b.opts, usualPace)
	heard := func(rounds int) {
		for range 4 * rounds {
			select {
			case <-a.heard:
			case <-time.After(patience):
				t.Fatalf("no answer within %v", patience)
			}
			if g.answerer.full() {
				g.answerer.reset()
			}
		}
	}
	heard(20)
	first := usage(t)
	heard(1000)
	t.Logf("before %v, after 20 rounds %v, after 1,000 more %v", before, first, usage(t))
	settles(t, first, "after 1,000 rounds")
	for range 20 {
		for _, change := range []string{"add", "del"} {
			lantest.Setup(t, "ip", "addr", change, "10.9.2.1/24", "dev", "two")
			f.Moved()
			heard(2)
		}
	}
	settles(t, first, "after 40 changes of network")
	f.Close()
	g.Close()
	settles(t, before, "after Close")
}

// TestWhoHasEverybodyIsSilent: with all linked devices connected, or with none linked,
// nothing is sent after the first question.
func TestWhoHasEverybodyIsSilent(t *testing.T) {
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	wire(t, "eth0", "10.9.0.1/24")
	fast := pace{steady: 10 * time.Millisecond}
	content, alone := newNeighbour(laptop, 22100, desktop), newNeighbour(phone, 22101)
	content.connected = true
	content.start(t, fast)
	alone.start(t, fast)
	// The system tells the network which groups it listens to; that is sent, too.
	const others = 10
	answered(t, service)
	before := sent(t, "eth0")
	<-time.After(500 * time.Millisecond)
	if now := sent(t, "eth0").since(before); now.packets > others {
		t.Errorf("%d packets were sent", now.packets)
	}
	content.set(func() { content.connected = false })
	for limit := time.Now().Add(patience); sent(t, "eth0").since(before).packets < 2*others; runtime.Gosched() {
		if time.Now().After(limit) {
			t.Fatal("who is missing is not looked for")
		}
	}
}

// settles waits for the goroutines of the library, which end without being waited for. One
// that was ending when want was counted may be missing.
func settles(t *testing.T, want used, when string) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		now := usage(t)
		if now.files == want.files && now.goroutines <= want.goroutines {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s: %+v, want %+v", when, now, want)
		}
	}
}

// full and reset let a test ask faster than anybody is answered.
func (a *answerer) full() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count > answersMax/2
}

func (a *answerer) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since, a.seen, a.count = time.Now(), map[string]bool{}, 0
}

type used struct{ files, goroutines int }

func usage(t *testing.T) used {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return used{len(files), runtime.NumGoroutine()}
}

// TestSteadyTraffic has 200 devices on one network, each linked with one that is away and
// so asking for ever, and counts every byte on the wire for some rounds.
func TestSteadyTraffic(t *testing.T) {
	if testing.Short() {
		t.Skip("200 devices are for the long tests")
	}
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	wire(t, "eth0", "10.9.0.1/24", "fe80::9:1/64")
	const devices, rounds = 200, 3
	quick := pace{steady: time.Second}
	for i := range devices {
		self, away := ident.DeviceID{1, byte(i)}, ident.DeviceID{2, byte(i)}
		f := start(newNeighbour(self, 22100, away).opts, quick)
		defer f.Close()
	}
	<-time.After(2 * quick.steady) // all have begun
	before, within, begun := sent(t, "eth0"), sent(t, "lo"), time.Now()
	<-time.After(rounds * quick.steady)
	passed := int(time.Since(begun)/quick.steady) + 1
	asked, answered := sent(t, "eth0").since(before), sent(t, "lo").since(within)
	// How many came in the time depends on how busy this computer is; their size does not.
	each := float64(asked.bytes) / float64(asked.packets)
	every := usualPace.steady + usualPace.spread/2
	rate := 2 * devices * each / every.Seconds()
	t.Logf("%d questions of %.0f bytes, %d answers; two by each of %d devices in %v are %.0f bytes/s",
		asked.packets, each, answered.packets, devices, every, rate)
	if rate >= 1000 {
		t.Errorf("%d devices send %.0f bytes/s on one network, want less than 1,000", devices, rate)
	}
	if answered.packets > 0 || asked.packets < devices || asked.packets > 2*devices*(passed+1) {
		t.Error("want about two questions by each device in each round, and no answers")
	}
}

// traffic is what an interface has sent.
type traffic struct{ bytes, packets int }

func (a traffic) since(b traffic) traffic { return traffic{a.bytes - b.bytes, a.packets - b.packets} }

// sent counts what was sent on the wire, which are questions, or inside this computer,
// which are answers.
func sent(t *testing.T, iface string) (out traffic) {
	t.Helper()
	text, err := exec.Command("ip", "-s", "-o", "link", "show", iface).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "TX:")
	_, after, _ = strings.Cut(after, "\\")
	if _, err := fmt.Sscan(after, &out.bytes, &out.packets); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return out
}
