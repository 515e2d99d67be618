package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/mdns/lantest"
)

// TestOneHasOnlyIPv6 keeps a folder on a computer that has IPv6 alone and one that has IPv4
// alone: nothing leads from one to the other but a rendezvous that has both.
func TestOneHasOnlyIPv6(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	x := &farApart{t: t, server: lantest.NewComputer(t), home: t.TempDir()}
	x.server.Run("ip", "addr", "add", "203.0.113.1/32", "dev", "lo")
	nets := []struct{ name, server, computer, router string }{
		{"four", "10.1.0.1/24", "10.1.0.2/24", "10.1.0.1"},
		{"six", "2001:db8:1::1/64", "2001:db8:1::2/64", "2001:db8:1::1"},
	}
	var two []*agent
	for i, n := range nets {
		bridge := lantest.NewBridge(t, fmt.Sprint("net", i))
		a, computer := newAgent(t, n.name), lantest.NewComputer(t)
		bridge.Plug(x.server, fmt.Sprint("eth", i), n.server)
		bridge.Plug(computer, "eth0", n.computer)
		computer.Run("ip", "route", "add", "default", "via", n.router)
		a.listen = ":22100"
		a.on = func(program string, args ...string) *exec.Cmd {
			return computer.Command(append([]string{program}, args...)...)
		}
		two = append(two, a)
	}
	x.serve()
	a, b := two[0], two[1]
	a.flags = []string{"--rendezvous", x.url}
	b.flags = []string{"--rendezvous", strings.Replace(x.url, "203.0.113.1", "[2001:db8:1::1]", 1)}
	startAll(a, b)
	for _, one := range two {
		one.reaches(true)
	}
	a.command("device", "add", b.id, "--name", b.name).done(t)
	b.command("device", "add", a.id, "--name", a.name).done(t)
	keep(a, b)
	share(a, b)
	t.Logf("relayed after %v", a.reached(b, status.Relayed))
	a.put("from four.txt", "hello")
	b.put("from six.txt", "hello")
	settle(a, b)
}
