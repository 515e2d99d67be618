// Package probe finds out what the outside sees of this computer: whether UDP gets out, and
// what kind of NAT is in the way, by asking STUN servers as RFC 5780 describes.
//
// It knows STUN messages and what their answers mean. It does not know which servers there
// are, nor what to do about the outcome: the host asks it for the doctor, and the tests of
// the NAT lab hold its answers against routers that are known.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/stun/v2"
)

// Behaviour is how far one thing depends on whom is spoken with, in the words of RFC 4787.
type Behaviour string

// The behaviours.
const (
	Unknown     Behaviour = ""            // the servers cannot tell
	Independent Behaviour = "independent" // of whom is spoken with
	ByAddress   Behaviour = "address"     // depends on the address
	ByPort      Behaviour = "port"        // depends on address and port
)

// Found is what came out.
type Found struct {
	// UDP is set when a server answered by UDP, TCP when one can be connected to.
	UDP, TCP bool
	// Public is set when the outside sees this computer's own address: there is no NAT.
	Public bool
	// Seen is where the first server saw the questions come from.
	Seen netip.AddrPort
	// Mapping is how outside ports are chosen, Filtering who is let in.
	Mapping, Filtering Behaviour
	// Hairpin is set when the router turns around what is sent to its own outside.
	Hairpin bool
}

const (
	// A question is asked at most asks times, answerTime apart: three lost packets in a row
	// are rarer than a server that does not answer.
	asks       = 3
	answerTime = 300 * time.Millisecond
	// serversMax is how many servers are asked; two tell as much as ten.
	serversMax = 4
	// packetMax is the longest answer that is read.
	packetMax = 1500
	tcpTime   = 2 * time.Second

	changeAddress = 4 // bits of CHANGE-REQUEST, RFC 5780 section 7.2
	changePort    = 2
)

var errNoServer = errors.New("no server that could tell is known")

// Ask asks the servers, over IPv4 where they have it. It takes at most some seconds.
func Ask(ctx context.Context, servers []netip.AddrPort) (Found, error) {
	if len(servers) == 0 {
		return Found{}, errNoServer
	}
	servers = servers[:min(len(servers), serversMax)]
	network := "udp4"
	if servers[0].Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.ListenPacket(network, ":0")
	if err != nil {
		return Found{}, fmt.Errorf("open a socket: %w", err)
	}
	p := &prober{ctx: ctx, conn: conn}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	found := p.find(servers)
	found.TCP = reaches(ctx, servers)
	return found, errors.Join(ctx.Err(), conn.Close())
}

// prober asks through one socket: what is learned is about that one.
type prober struct {
	ctx  context.Context
	conn net.PacketConn
}

// answer is what one server said.
type answer struct {
	seen  netip.AddrPort
	other netip.AddrPort // the server's other address and port; none when it has no other
}

func (p *prober) find(servers []netip.AddrPort) (f Found) {
	var first answer
	var at netip.AddrPort
	others := servers
	for i, s := range servers {
		if got, ok := p.ask(s, s, 0); ok {
			first, at, others = got, s, servers[i+1:]
			f.UDP = true
			break
		}
	}
	if !f.UDP {
		return f
	}
	f.Seen = first.seen
	f.Public = own(first.seen.Addr())
	if first.other.IsValid() { // before anything is sent to the other address
		f.Filtering = p.filtering(at)
	}
	f.Mapping = p.mapping(first, at, others)
	f.Hairpin = p.hairpin(first.seen)
	return f
}

// mapping compares where different addresses see the same socket: RFC 5780 section 4.3, or
// with servers that have one address each, as many of them as there are.
func (p *prober) mapping(first answer, at netip.AddrPort, others []netip.AddrPort) Behaviour {
	if o := first.other; o.IsValid() {
		second, ok := p.ask(netip.AddrPortFrom(o.Addr(), at.Port()), netip.AddrPort{}, 0)
		switch {
		case !ok:
			return Unknown
		case second.seen == first.seen:
			return Independent
		}
		if third, ok := p.ask(o, netip.AddrPort{}, 0); ok && third.seen == second.seen {
			return ByAddress
		}
		return ByPort
	}
	for _, s := range others {
		if s.Addr() == at.Addr() && s.Port() == at.Port() {
			continue
		}
		second, ok := p.ask(s, s, 0)
		switch {
		case !ok:
		case second.seen != first.seen:
			return ByPort // or by address alone: what matters is that it changes
		case s.Addr() != at.Addr():
			return Independent
		}
	}
	return Unknown
}

// filtering asks a server to answer from elsewhere: RFC 5780 section 4.4.
func (p *prober) filtering(at netip.AddrPort) Behaviour {
	if _, ok := p.ask(at, netip.AddrPort{}, changeAddress|changePort); ok {
		return Independent
	}
	if _, ok := p.ask(at, netip.AddrPort{}, changePort); ok {
		return ByAddress
	}
	return ByPort
}

// hairpin sends from another socket to where this one is seen.
func (p *prober) hairpin(seen netip.AddrPort) bool {
	probe, err := net.ListenPacket(p.conn.LocalAddr().Network(), ":0")
	if err != nil {
		return false
	}
	defer probe.Close()
	question, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		return false
	}
	for range asks {
		if _, err := probe.WriteTo(question.Raw, net.UDPAddrFromAddrPort(seen)); err != nil {
			return false
		}
		if _, _, ok := p.hear(question.TransactionID); ok {
			return true
		}
	}
	return false
}

// ask asks for where the question is seen to come from. An answer counts when it comes from
// the given address, or from anywhere if that is none.
func (p *prober) ask(to, from netip.AddrPort, change byte) (answer, bool) {
	setters := []stun.Setter{stun.TransactionID, stun.BindingRequest}
	if change != 0 {
		setters = append(setters, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: []byte{0, 0, 0, change}})
	}
	question, err := stun.Build(setters...)
	if err != nil {
		return answer{}, false
	}
	for range asks {
		if p.ctx.Err() != nil {
			break
		}
		if _, err := p.conn.WriteTo(question.Raw, net.UDPAddrFromAddrPort(to)); err != nil {
			return answer{}, false
		}
		m, by, ok := p.hear(question.TransactionID)
		if !ok || from.IsValid() && by != from {
			continue
		}
		var seen stun.XORMappedAddress
		if seen.GetFrom(m) != nil {
			return answer{}, false
		}
		out := answer{seen: addrPort(seen.IP, seen.Port)}
		var other stun.OtherAddress
		if other.GetFrom(m) == nil {
			out.other = addrPort(other.IP, other.Port)
		}
		return out, out.seen.IsValid()
	}
	return answer{}, false
}

// hear waits for the message that belongs to a question.
func (p *prober) hear(id [stun.TransactionIDSize]byte) (*stun.Message, netip.AddrPort, bool) {
	if err := p.conn.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, netip.AddrPort{}, false
	}
	packet := make([]byte, packetMax)
	for p.ctx.Err() == nil {
		n, by, err := p.conn.ReadFrom(packet)
		if err != nil {
			return nil, netip.AddrPort{}, false // too late
		}
		m := &stun.Message{Raw: slices.Clone(packet[:n])}
		if m.Decode() == nil && m.TransactionID == id {
			udp, ok := by.(*net.UDPAddr)
			return m, addrPort(udp.IP, udp.Port), ok
		}
	}
	return nil, netip.AddrPort{}, false
}

func addrPort(ip net.IP, port int) netip.AddrPort {
	addr, ok := netip.AddrFromSlice(ip)
	if !ok || port <= 0 || port > 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port))
}

// own reports whether an address is one of this computer's.
func own(addr netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr() == addr
	})
}

// reaches reports whether any server can be connected to by TCP.
func reaches(ctx context.Context, servers []netip.AddrPort) bool {
	ctx, cancel := context.WithTimeout(ctx, tcpTime)
	defer cancel()
	var dialer net.Dialer
	for _, s := range servers {
		if conn, err := dialer.DialContext(ctx, "tcp", s.String()); err == nil {
			_ = conn.Close() // nothing was said
			return true
		}
	}
	return false
}

// Hard reports whether this computer and one behind a usual router get through to each
// other only by a relay: the port changes with whom is spoken with.
func (f Found) Hard() bool { return f.Mapping == ByAddress || f.Mapping == ByPort }

// String says what was found, for people.
func (f Found) String() string {
	switch {
	case !f.UDP && f.TCP:
		return "UDP is blocked; only relays that are reached by TCP lead out"
	case !f.UDP:
		return "no server answered, neither by UDP nor by TCP"
	case f.Public:
		return "there is no NAT: the outside sees this computer's own address, " + f.Seen.Addr().String()
	}
	text := "a router translates addresses; outside it is " + f.Seen.Addr().String()
	switch {
	case f.Hard():
		text += ", and every other side sees another port: a hard NAT (symmetric)"
	case f.Mapping == Independent:
		text += ", and every other side sees the same port: an easy NAT"
	default:
		text += "; what it does with ports takes a second server to tell"
	}
	switch f.Filtering {
	case Independent:
		text += "; it lets everybody in"
	case ByAddress:
		text += "; it lets in addresses that were sent to"
	case ByPort:
		text += "; it lets in only exactly who was sent to"
	}
	return text
}
