package platform

import (
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/godbus/dbus/v5"
)

func TestBatteries(t *testing.T) {
	supplies := func(list ...string) fstest.MapFS {
		out := fstest.MapFS{}
		for _, one := range list {
			name, files, _ := strings.Cut(one, ": ")
			for _, file := range strings.Fields(files) {
				key, value, _ := strings.Cut(file, "=")
				out[name+"/"+key] = &fstest.MapFile{Data: []byte(value + "\n")}
			}
		}
		return out
	}
	for what, c := range map[string]struct {
		list []string
		want bool
	}{
		"a server":            {nil, false},
		"a laptop on a desk":  {[]string{"AC: type=Mains online=1", "BAT0: type=Battery status=Charging"}, false},
		"a laptop on a train": {[]string{"AC: type=Mains online=0", "BAT0: type=Battery status=Discharging"}, true},
		"a full one, plugged": {[]string{"AC: type=Mains online=1", "BAT0: type=Battery status=Discharging"}, false},
		"a mouse":             {[]string{"hid: type=Battery scope=Device status=Discharging"}, false},
		"two batteries":       {[]string{"B0: type=Battery status=Full", "B1: type=Battery status=Discharging"}, true},
	} {
		if on, known := onBattery(supplies(c.list...)); on != c.want || !known {
			t.Errorf("%s: on battery %v, known %v", what, on, known)
		}
	}
	OnBattery() // this computer, whatever it has
}

// NetworkManager's own word is heard, over a bus of the test.
func TestMetered(t *testing.T) {
	path, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("dbus-daemon is not installed")
	}
	daemon := exec.Command(path, "--session", "--nofork", "--nopidfile", "--print-address",
		"--address=unix:dir="+t.TempDir())
	out, err := daemon.StdoutPipe()
	if err == nil {
		err = daemon.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Kill() // it ends by nothing else
		_ = daemon.Wait()
	})
	address := make([]byte, 4096)
	n, err := out.Read(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", strings.TrimSpace(string(address[:n])))
	if metered, known := Metered(); metered || known {
		t.Errorf("without a manager: metered %v, known %v", metered, known)
	}
	bus, err := dbus.ConnectSystemBus()
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	manager := &properties{}
	err = bus.Export(manager, "/org/freedesktop/NetworkManager", "org.freedesktop.DBus.Properties")
	if err == nil {
		_, err = bus.RequestName("org.freedesktop.NetworkManager", dbus.NameFlagDoNotQueue)
	}
	if err != nil {
		t.Fatal(err)
	}
	for level, want := range map[uint32][2]bool{
		0: {false, false}, 1: {true, true}, 2: {false, true}, 3: {true, true}, 4: {false, true},
	} {
		manager.level.Store(level)
		if metered, known := Metered(); metered != want[0] || known != want[1] {
			t.Errorf("level %d: metered %v, known %v", level, metered, known)
		}
	}
}

// properties answers as NetworkManager does.
type properties struct{ level atomic.Uint32 }

func (p *properties) Get(of, name string) (dbus.Variant, *dbus.Error) {
	if of != "org.freedesktop.NetworkManager" || name != "Metered" {
		return dbus.Variant{}, dbus.MakeFailedError(nil)
	}
	return dbus.MakeVariant(p.level.Load()), nil
}
