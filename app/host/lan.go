package host

import (
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/discovery/book"
	"github.com/shoal-sync/shoal/discovery/mdns"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/wire"
)

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
