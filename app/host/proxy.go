package host

import (
	"context"
	"net"
	"net/netip"

	"github.com/shoal-sync/shoal/nat/proxy"
)

// useProxy takes over the proxy of the settings. One that only the environment names and
// that cannot be used is told of, and gone without: it may be meant for other programs.
func (a *agent) useProxy(setting string) {
	chooser, err := proxy.New(setting)
	if err != nil {
		a.log.Warn("the proxy of the environment cannot be used: connecting directly", "reason", err)
	}
	a.proxy.Store(&chooser)
}

// proxied returns how to reach an address that lies beyond a proxy, nil for one that is
// reached directly. What is on the local network never goes through a proxy.
func (a *agent) proxied(addr netip.AddrPort) func(context.Context) (net.Conn, error) {
	if onLAN(addr.Addr()) {
		return nil
	}
	via := a.proxy.Load().For(addr)
	if via == nil {
		return nil
	}
	return func(ctx context.Context) (net.Conn, error) { return proxy.Dial(ctx, via, addr) }
}
