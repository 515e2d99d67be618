package host

import (
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/discovery/book"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/wire"
)

// hintLasts is how long the word of a member about an address is believed; members are
// told again three times in that time.
const hintLasts = time.Hour

// placesTold is of how many members one is told where they are: a sample, drawn anew each
// time. It needs a dozen, and hears as many from each of those.
const placesTold = 64

// tellPlaces tells a member where others may be reached, and this device itself. Only what
// is known at first hand is told: hints that are passed on and on would never end.
func (r *folderRun) tellPlaces(to ident.DeviceID) {
	a := r.agent
	l := a.links.to(to)
	if l == nil {
		return
	}
	near := l.RemoteAddr().Addr().IsLoopback()
	places := []wire.Place{{Device: a.id, Addresses: useful(a.ownAddresses(near), near)}}
	partners := slices.Clone(r.who.Load().Partners)
	rand.Shuffle(len(partners), func(i, j int) { partners[i], partners[j] = partners[j], partners[i] })
	for _, p := range partners {
		if p.Device != to && !p.Guest {
			places = append(places, wire.Place{Device: p.Device, Addresses: useful(a.view.addresses(p.Device), near)})
		}
	}
	places = slices.DeleteFunc(places, func(p wire.Place) bool { return len(p.Addresses) == 0 })
	places = places[:min(len(places), placesTold)]
	if len(places) > 0 {
		a.sendOn(l, wire.Whereabouts{Folder: r.id, Places: places})
	}
}

// useful leaves out what means nothing at the other end: another computer's own addresses,
// and those of one cable.
func useful(addrs []netip.AddrPort, near bool) []netip.AddrPort {
	var out []netip.AddrPort
	for _, addr := range addrs {
		ip := addr.Addr().Unmap()
		if len(out) < wire.AddressesMax && addr.IsValid() && addr.Port() != 0 && !ip.IsLinkLocalUnicast() &&
			!ip.IsUnspecified() && (near || !ip.IsLoopback()) {
			out = append(out, netip.AddrPortFrom(ip.WithZone(""), addr.Port()))
		}
	}
	return out
}

// ownAddresses returns where this device may be reached; what is not valid among it is no
// address.
func (a *agent) ownAddresses(near bool) []netip.AddrPort {
	listen := a.listener.Addr()
	if !listen.Addr().IsUnspecified() {
		return []netip.AddrPort{listen, a.mapped()}
	}
	out := []netip.AddrPort{a.mapped()}
	networks, err := net.InterfaceAddrs()
	if err != nil {
		a.log.Debug("the addresses of this device cannot be listed", "error", err)
	}
	for _, n := range networks {
		p, err := netip.ParsePrefix(n.String())
		if err == nil && (near || !p.Addr().IsLoopback()) {
			out = append(out, netip.AddrPortFrom(p.Addr(), listen.Port()))
		}
	}
	return out
}

// placesHeard notes where members are said to be. A link proves who is there.
func (a *agent) placesHeard(from ident.DeviceID, places []wire.Place) {
	for _, p := range places {
		source := book.Gossip
		if p.Device == from {
			source = book.Claim
		}
		for _, addr := range p.Addresses {
			a.device.Post(a.ctx, book.AddressHeard{
				Device: p.Device, Addr: addr, Source: source, Lasts: hintLasts,
			})
		}
	}
}

// seenLasts is how long an address of an earlier run is tried.
const seenLasts = 7 * 24 * time.Hour

// recallPlaces tells the book where devices were reached in earlier runs: those known
// through a folder have no address that a person wrote down.
func (a *agent) recallPlaces() {
	places, err := a.home.Places()
	if err != nil {
		a.log.Warn("where devices were reached before is not known any more", "error", err)
	}
	for d, addrs := range places {
		for _, addr := range addrs {
			if a.trusts(d) {
				a.device.Post(a.ctx, book.AddressHeard{Device: d, Addr: addr, Source: book.Seen, Lasts: seenLasts})
			}
		}
	}
}

// keepPlaces remembers where devices are reached, once a minute when that has changed, and
// at the end.
func (a *agent) keepPlaces() {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	var kept map[ident.DeviceID][]netip.AddrPort
	for running := true; running; {
		select {
		case <-a.ctx.Done():
			running = false
		case <-ticker.C:
		}
		places := map[ident.DeviceID][]netip.AddrPort{}
		for d, addrs := range a.view.allAddresses() {
			if len(addrs) > 0 {
				places[d] = addrs
			}
		}
		if len(places) == 0 || maps.EqualFunc(places, kept, slices.Equal[[]netip.AddrPort]) {
			continue
		}
		if err := a.home.SavePlaces(places); err != nil {
			a.log.Warn("where devices are reached is not remembered", "error", err)
		}
		kept = places
	}
}
