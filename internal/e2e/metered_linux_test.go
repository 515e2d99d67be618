package e2e

import (
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godbus/dbus/v5"
)

// network answers as NetworkManager does: 1 is a network paid by the byte.
type network struct{ metered atomic.Uint32 }

func (n *network) Get(_, _ string) (dbus.Variant, *dbus.Error) {
	return dbus.MakeVariant(n.metered.Load()), nil
}

// ownBus starts a D-Bus of the test's own, and returns its address.
func ownBus(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("SKIPPED: dbus-daemon is not installed")
	}
	daemon := exec.Command(path, "--session", "--nofork", "--nopidfile", "--print-address",
		"--address=unix:dir="+t.TempDir())
	out, err := daemon.StdoutPipe()
	must(t, err)
	must(t, daemon.Start())
	t.Cleanup(func() {
		_ = daemon.Process.Kill() // it ends by nothing else
		_ = daemon.Wait()
	})
	text := make([]byte, 4096)
	n, err := out.Read(text)
	must(t, err)
	return strings.TrimSpace(string(text[:n]))
}

// TestMetered: on a network that is paid by the byte nothing travels, unless a person wants
// it all the same.
func TestMetered(t *testing.T) {
	t.Parallel()
	address := ownBus(t)
	bus, err := dbus.Connect(address)
	must(t, err)
	defer bus.Close()
	manager := &network{}
	manager.metered.Store(1)
	must(t, bus.Export(manager, "/org/freedesktop/NetworkManager", "org.freedesktop.DBus.Properties"))
	_, err = bus.RequestName("org.freedesktop.NetworkManager", dbus.NameFlagDoNotQueue)
	must(t, err)

	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	a.env = []string{"DBUS_SYSTEM_BUS_ADDRESS=" + address}
	b.env = []string{"DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere"}
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	a.put("file", "1")
	a.eventually(patience, "the network is known to be metered", func() error {
		return a.pausedBecause("paid by the byte")
	})
	a.command("resume").done(t) // no person's pause is on
	a.connected(b)
	a.wait1("--timeout", "300ms").failed(t, 4, "paused")
	if b.exists("file") {
		t.Error("a file travelled on a metered network")
	}
	a.command("config", "set", "on_metered", "go-on").done(t)
	a.eventually(patience, "a person's word counts", func() error { return a.pausedBecause("") })
	settle(a, b)
}
