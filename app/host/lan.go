package host

import (
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/discovery/book"
	"github.com/shoal-sync/shoal/discovery/mdns"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/route"
	"github.com/shoal-sync/shoal/sync/wire"
)

// networkEvery is how often the network interfaces are looked at. A look takes two system
// calls, and systems have no common way of telling.
const networkEvery = 2 * time.Second

// startLAN begins to find linked devices on the local network, unless a person does not
// want it.
func (a *agent) startLAN(settings config.Settings) {
	if a.opts.NoMDNS || !settings.MDNS {
		a.log.Info("devices on the local network are not looked for")
		return
	}
	listen := a.listener.Addr()
	ip := listen.Addr()
	opts := mdns.Options{
		Device: a.id, Protocol: wire.ProtocolVersion, Port: listen.Port(),
		IPv4: ip.Is4() || ip.IsUnspecified(), IPv6: ip.Is6(),
		Linked:    a.linkedDevices,
		Connected: func(d ident.DeviceID) bool { return a.links.to(d) != nil },
		Heard: func(d ident.DeviceID, at netip.AddrPort, lasts time.Duration) {
			a.device.Post(a.ctx, book.AddressHeard{Device: d, Addr: at, Source: book.Mdns, Lasts: lasts})
		},
		Announce: a.key.Announce(), Key: a.announceKey, Found: a.linking.found,
		Log: a.log,
	}
	if settings.MDNSName {
		opts.Name = a.ownName()
	}
	switch {
	case ip.IsLoopback():
		opts.Port = 0
	case !ip.IsUnspecified():
		opts.Only = ip.WithZone("")
	}
	a.finder = mdns.Start(opts)
}

func (a *agent) linkedDevices() []ident.DeviceID {
	trusted := *a.trusted.Load()
	out := make([]ident.DeviceID, 0, len(trusted))
	for d := range trusted {
		out = append(out, d)
	}
	return out
}

// announceKey returns the secret a linked device is recognised by, zero when it told none.
func (a *agent) announceKey(d ident.DeviceID) (key [32]byte) {
	if known, ok := (*a.linking.announces.Load())[d]; ok {
		return known
	}
	return key
}

// relinked lets the local network know that the trusted devices have changed.
func (a *agent) relinked() {
	if a.finder != nil {
		a.finder.Relinked()
	}
}

func (a *agent) stopLAN() {
	if a.finder != nil {
		a.finder.Close()
	}
}

// watchNetwork notices when this computer's network changes.
func (a *agent) watchNetwork() {
	seed := maphash.MakeSeed()
	all, wide := wholeNetwork(seed), wideNetwork(seed)
	ticker := time.NewTicker(networkEvery)
	defer ticker.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-ticker.C:
		}
		now := wholeNetwork(seed)
		if now == all {
			continue
		}
		all = now
		if now := wideNetwork(seed); now != wide {
			wide = now
			a.log.Debug("the network has changed")
			a.device.Post(a.ctx, route.NetworkChanged{})
		}
		if a.finder != nil {
			a.finder.Moved()
		}
	}
}

// wholeNetwork sums up every interface and address there is. What cannot be looked at is
// left out; when it can be again, that is a change.
func wholeNetwork(seed maphash.Seed) (sum uint64) {
	// Hashes are added up, because systems list things in any order.
	if ifaces, err := net.Interfaces(); err == nil {
		for _, i := range ifaces {
			sum += maphash.String(seed, fmt.Sprint(i.Index, i.Name, i.Flags))
		}
	}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, addr := range addrs {
			sum += maphash.String(seed, addr.String())
		}
	}
	return sum
}

// wideNetwork sums up the interfaces that have an address which leads further than one
// cable. A computer that runs containers gains and loses others all the time, and links do
// not depend on them.
func wideNetwork(seed maphash.Seed) (sum uint64) {
	ifaces, err := net.Interfaces()
	if err != nil {
		return 0
	}
	for _, i := range ifaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagLoopback != 0 {
			continue // or it has just gone
		}
		for _, addr := range addrs {
			prefix, err := netip.ParsePrefix(addr.String())
			if err != nil || prefix.Addr().Is6() && prefix.Addr().IsLinkLocalUnicast() {
				continue
			}
			sum += maphash.String(seed, fmt.Sprint(i.Index, i.Flags, addr))
		}
	}
	return sum
}
