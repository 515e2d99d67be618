// Package natbox is a NAT as a pure model, in the words of RFC 4787: what a router does
// with a packet that leaves, and with one that comes. From two of them follows whether the
// devices behind them can reach each other straight.
//
// It knows mappings, filters and packets that carry nothing. It does not know time: no
// mapping is forgotten. Tests use it to say what theory allows, the NAT lab first of all,
// which must come out the same with real routers.
package natbox

import "net/netip"

// Depends is how far something depends on whom is spoken with.
type Depends uint8

// What a mapping or a filter may depend on.
const (
	Nothing Depends = iota // RFC 4787: endpoint-independent
	Address
	Port // address and port
)

// Box is one NAT.
type Box struct {
	Mapping, Filtering Depends
	NoUDP              bool // nothing of UDP gets out
	Outside            netip.Addr

	mappings []mapping
	ports    uint16
}

type mapping struct {
	inside  netip.AddrPort
	to      netip.AddrPort // as far as the mapping depends on it
	outside netip.AddrPort
	spoken  []netip.AddrPort // who was sent to
}

// upTo keeps of an address what something depends on.
func (d Depends) upTo(a netip.AddrPort) netip.AddrPort {
	switch d {
	case Nothing:
		return netip.AddrPort{}
	case Address:
		return netip.AddrPortFrom(a.Addr(), 0)
	}
	return a
}

// Out lets a packet leave, and returns where the other side sees it come from.
func (b *Box) Out(inside, to netip.AddrPort) (netip.AddrPort, bool) {
	if b.NoUDP {
		return netip.AddrPort{}, false
	}
	key := b.Mapping.upTo(to)
	for i := range b.mappings {
		if m := &b.mappings[i]; m.inside == inside && m.to == key {
			m.spoken = append(m.spoken, to)
			return m.outside, true
		}
	}
	b.ports++
	outside := netip.AddrPortFrom(b.Outside, 50_000+b.ports)
	b.mappings = append(b.mappings, mapping{inside, key, outside, []netip.AddrPort{to}})
	return outside, true
}

// In lets a packet come, if it is let in, and returns for whom it is.
func (b *Box) In(from, outside netip.AddrPort) (netip.AddrPort, bool) {
	for i := range b.mappings {
		m := &b.mappings[i]
		if m.outside != outside {
			continue
		}
		for _, to := range m.spoken {
			if b.Filtering.upTo(to) == b.Filtering.upTo(from) {
				return m.inside, true
			}
		}
	}
	return netip.AddrPort{}, false
}

// Rounds of checks after which nothing new can come: each side learns at most one address
// of the other that no server saw.
const rounds = 4

// Straight reports whether devices behind two boxes reach each other: both ask a server
// where they are seen, tell each other, and send there and to wherever packets come from,
// again and again, as ICE does.
func Straight(a, b Box) bool {
	a.mappings, b.mappings = nil, nil
	a.Outside, b.Outside = netip.AddrFrom4([4]byte{198, 51, 100, 1}), netip.AddrFrom4([4]byte{198, 51, 100, 2})
	server := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, 1}), 3478)
	inside := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 2}), 4000)
	boxes := [2]*Box{&a, &b}
	var known [2][]netip.AddrPort // where each believes the other to be
	for i, box := range boxes {
		if seen, ok := box.Out(inside, server); ok {
			known[1-i] = append(known[1-i], seen)
		}
	}
	var heard [2]bool
	for range rounds {
		for i, box := range boxes {
			for _, to := range known[i] {
				from, ok := box.Out(inside, to)
				if !ok {
					continue
				}
				if _, ok := boxes[1-i].In(from, to); ok {
					heard[1-i] = true
					known[1-i] = append(known[1-i], from)
				}
			}
		}
	}
	return heard[0] && heard[1]
}
