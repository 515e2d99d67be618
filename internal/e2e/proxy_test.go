//go:build unix

package e2e

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/nat/proxy/proxytest"
)

// TestProxy: what leaves the local network goes through the proxy, what stays on it never
// does, and the route is not called lan because the proxy is near.
func TestProxy(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	far := netip.MustParseAddrPort("203.0.113.7:22100")
	p := proxytest.Start(t, map[netip.AddrPort]netip.AddrPort{far: netip.MustParseAddrPort(b.listen)})
	a.env = []string{"ALL_PROXY=socks5://" + p.Addr(), "NO_PROXY="}
	startAll(a, b)
	keep(a, b)
	a.command("device", "add", b.id, "--name", b.name, "--address", "tcp://"+far.String()).done(t)
	b.command("device", "add", a.id, "--name", a.name).done(t)
	share(a, b)
	a.put("through", "the proxy")
	settle(a, b)
	if d := a.device(b); d.Route != status.Direct {
		t.Errorf("the route through the proxy is called %q", d.Route)
	}
	before := len(p.Asked())
	if before == 0 {
		t.Error("the proxy was not asked")
	}
	// The setting goes before the environment.
	a.command("config", "set", "proxy", "http://"+p.Addr()).done(t)
	b.stop()
	b.start()
	a.eventually(patience, "it links through the other kind too", func() error {
		if _, err := a.tryStatus(); err != nil {
			return err
		}
		if d := a.device(b); !d.Connected || len(p.Asked()) <= before {
			return errors.New("not yet")
		}
		return nil
	})
	a.command("config", "set", "proxy", "carrier-pigeon://x").failed(t, 2, "proxy", "socks5://HOST:PORT")

	c := newAgent(t, "carl")
	c.env = []string{"ALL_PROXY=socks5://" + p.Addr()}
	c.start()
	link(c, b)
	c.connected(b)
	for _, addr := range p.Asked() {
		if addr != far {
			t.Errorf("the proxy was asked for %s, which is on the local network", addr)
		}
	}
	if strings.Contains(c.status().Devices[0].LastProblem, "proxy") {
		t.Errorf("carl went through the proxy: %+v", c.status().Devices[0])
	}
}
