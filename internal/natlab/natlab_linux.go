package natlab

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/shoal-sync/shoal/discovery/mdns/lantest"
)

// Computer is one in the lab.
type Computer = lantest.Computer

// Inside reports whether the test runs in a network of its own. If not, it runs the same
// test there, and the caller has nothing more to do.
func Inside(t *testing.T) bool {
	t.Helper()
	if !lantest.Inside(t) {
		return false
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("SKIPPED, NOTHING WAS TESTED: the program nft is missing")
	}
	return true
}

// Kind is what a router does to what passes it.
type Kind string

// The kinds, in the words of RFC 4787: how outside ports are chosen, and what is let in.
const (
	None      Kind = "none"      // no router: a public address
	Full      Kind = "full"      // one port for all, everybody is let in
	Address   Kind = "address"   // one port for all, addresses that were sent to are let in
	Port      Kind = "port"      // one port for all, ports that were sent to are let in
	Symmetric Kind = "symmetric" // a port for each other side, which alone is let in
	NoUDP     Kind = "noudp"     // as Port, but nothing of UDP gets out
	Hairpin   Kind = "hairpin"   // as Full, and what is sent to it from inside is turned back
)

// Lab is an internet: 203.0.113.0/24, and 2001:db8::/64.
type Lab struct {
	t     *testing.T
	cloud *lantest.Bridge
	homes int
}

// New makes an internet with nobody on it. The test must be inside a network of its own.
func New(t *testing.T) *Lab {
	t.Helper()
	return &Lab{t: t, cloud: lantest.NewBridge(t, "cloud")}
}

// Public puts a computer on the internet, at 203.0.113.N and 2001:db8::N.
func (l *Lab) Public(n int) *Computer {
	l.t.Helper()
	c := lantest.NewComputer(l.t)
	l.cloud.Plug(c, "eth0", fmt.Sprintf("203.0.113.%d/24", n), fmt.Sprintf("2001:db8::%d/64", n))
	return c
}

// Home is a router and the computers behind it.
type Home struct {
	Router *Computer
	lab    *Lab
	lan    *lantest.Bridge
	number int
	hosts  int
	kind   Kind
	at     string // its own address outside
}

// NewHome puts a router on the internet, at 203.0.113.100 and up. Behind it is
// 10.N.0.0/24, where the router is .1.
func (l *Lab) NewHome(kind Kind) *Home {
	l.t.Helper()
	h := l.newHome()
	h.at = fmt.Sprintf("203.0.113.%d", 100+h.number)
	l.cloud.Plug(h.Router, "wan", h.at+"/24")
	h.Become(kind)
	return h
}

// Restart makes the router forget every flow and come back at another address, .50 above
// the one it had: what a router does that dials in anew.
func (h *Home) Restart() {
	h.lab.t.Helper()
	h.Router.Run("ip", "link", "set", "wan", "down") // with which its flows are forgotten
	h.Router.Run("ip", "addr", "flush", "dev", "wan")
	h.at = fmt.Sprintf("203.0.113.%d", 150+h.number)
	h.Router.Run("ip", "addr", "add", h.at+"/24", "dev", "wan")
	h.Router.Run("ip", "link", "set", "wan", "up")
	h.Become(h.kind)
}

// Behind puts another router behind this one: a carrier's NAT, or a second one of one's own.
func (h *Home) Behind(kind Kind) *Home {
	h.lab.t.Helper()
	inner := h.lab.newHome()
	h.hosts++
	inner.at = fmt.Sprintf("10.%d.0.%d", h.number, 1+h.hosts)
	h.lan.Plug(inner.Router, "wan", inner.at+"/24")
	inner.Router.Run("ip", "route", "add", "default", "via", fmt.Sprintf("10.%d.0.1", h.number))
	inner.Become(kind)
	return inner
}

func (l *Lab) newHome() *Home {
	l.homes++
	h := &Home{Router: lantest.NewComputer(l.t), lab: l, number: l.homes}
	h.lan = lantest.NewBridge(l.t, fmt.Sprintf("lan%d", h.number))
	h.lan.Plug(h.Router, "lan", fmt.Sprintf("10.%d.0.1/24", h.number))
	h.Router.Run("sysctl", "-qw", "net.ipv4.ip_forward=1")
	return h
}

// Host puts a computer behind the router.
func (h *Home) Host() *Computer {
	h.lab.t.Helper()
	h.hosts++
	c := lantest.NewComputer(h.lab.t)
	h.lan.Plug(c, "eth0", fmt.Sprintf("10.%d.0.%d/24", h.number, 1+h.hosts))
	c.Run("ip", "route", "add", "default", "via", fmt.Sprintf("10.%d.0.1", h.number))
	return c
}

// Become makes the router one of a kind, from the next flow on.
func (h *Home) Become(kind Kind) {
	h.lab.t.Helper()
	h.kind = kind
	h.Router.Run("nft", "flush ruleset; "+rules(kind, fmt.Sprintf("10.%d.0.0/24", h.number), h.at))
}

// rules are those of a router. A router that let packets nobody asked for make an entry of
// their own would give the answer another port, and so be symmetric by accident: the input
// chain drops them.
func rules(kind Kind, inside, at string) string {
	learn, enter, leave, forward, back := "", "", "masquerade", "", ""
	switch kind {
	case Full, Hairpin:
		learn = "oifname wan meta l4proto udp update @anyone { udp sport : ip saddr }"
		enter = "iifname wan dnat to udp dport map @anyone"
		if kind == Hairpin { // who is inside is seen by the address outside (RFC 4787, REQ-9)
			enter = "ip daddr " + at + " dnat to udp dport map @anyone"
			back = "oifname lan ip saddr " + inside + " ct status dnat snat to " + at
		}
	case Address:
		learn = "oifname wan meta l4proto udp update @known { udp sport . ip daddr : ip saddr }"
		enter = "iifname wan dnat to udp dport . ip saddr map @known"
	case Symmetric:
		leave = "masquerade random,fully-random"
	case NoUDP:
		forward = "iifname lan oifname wan meta l4proto udp drop"
	}
	return strings.NewReplacer("LEARN", learn, "ENTER", enter, "LEAVE", leave, "FORWARD", forward,
		"INSIDE", inside, "BACK", back).Replace(`
table ip nat {
	map anyone { type inet_service : ipv4_addr; flags dynamic,timeout; timeout 5m; size 65535; }
	map known { type inet_service . ipv4_addr : ipv4_addr; flags dynamic,timeout; timeout 5m; size 65535; }
	chain learn { type filter hook postrouting priority 90;
		LEARN
	}
	chain enter { type nat hook prerouting priority dstnat;
		ENTER
	}
	chain leave { type nat hook postrouting priority srcnat;
		oifname wan ip saddr INSIDE LEAVE
		BACK
	}
	chain input { type filter hook input priority filter; policy accept;
		iifname wan ct state new drop
	}
	chain forward { type filter hook forward priority filter; policy drop;
		ct state established,related accept
		FORWARD
		iifname lan oifname wan accept
		ct status dnat accept
	}
}`)
}

// Server puts a server of STUN and TURN on the internet, at 203.0.113.N.
func (l *Lab) Server(n int) {
	l.t.Helper()
	l.serve(l.Public(n), fmt.Sprintf("203.0.113.%d", n))
}

// Teller puts a server that tells about NATs on the internet, at 203.0.113.N and N+1, and
// returns where it is asked.
func (l *Lab) Teller(n int) netip.AddrPort {
	l.t.Helper()
	c := l.Public(n)
	c.Run("ip", "addr", "add", fmt.Sprintf("203.0.113.%d/24", n+1), "dev", "eth0")
	l.serve(c, fmt.Sprintf("203.0.113.%d,203.0.113.%d", n, n+1))
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), ServerPort)
}

// keepRunning starts a server that runs until the test ends, and returns what it says.
func (l *Lab) keepRunning(cmd *exec.Cmd) io.Reader {
	l.t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it ends no other way
		_ = cmd.Wait()
	})
	return out
}

func (l *Lab) serve(c *Computer, at string) {
	l.t.Helper()
	cmd := c.Command(os.Args[0], "-test.run", "^$")
	cmd.Env = append(os.Environ(), serveAt+"="+at)
	if line, err := bufio.NewReader(l.keepRunning(cmd)).ReadString('\n'); err != nil || line != "serving\n" {
		l.t.Fatalf("the server said %q, %v", line, err)
	}
}
