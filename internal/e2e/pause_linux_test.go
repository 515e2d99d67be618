package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/natlab"
)

// pauseMax is what a way that is lost may cost, whatever is in the way of the next one.
const pauseMax = 5 * time.Second

// twoHomes are two devices, each at home behind a router of its kind, that find each other
// at a rendezvous and nowhere else.
type twoHomes struct {
	lab   *natlab.Lab
	homes [2]*natlab.Home
	hosts [2]*natlab.Computer
	two   [2]*agent
}

func newTwoHomes(t *testing.T, first, second natlab.Kind) *twoHomes {
	t.Helper()
	return newTwoFarHomes(t, [2]natlab.Kind{first, second}, natlab.Road{})
}

// newTwoFarHomes are such with a road in front of the second one.
func newTwoFarHomes(t *testing.T, kinds [2]natlab.Kind, road natlab.Road) *twoHomes {
	t.Helper()
	x := &twoHomes{lab: natlab.New(t)}
	server := &farApart{t: t, server: x.lab.Public(1), home: t.TempDir()}
	server.serve()
	for i, kind := range kinds {
		var home *natlab.Home
		var host *natlab.Computer
		switch {
		case kind == natlab.None:
			host = x.lab.Public(20 + i)
		case i == 1 && road != (natlab.Road{}):
			home = x.lab.NewFarHome(kind, road)
		default:
			home = x.lab.NewHome(kind)
		}
		if home != nil {
			host = home.Host()
		}
		one := newAgent(t, []string{"anna", "bert"}[i])
		one.listen, one.flags = ":22100", []string{"--no-mdns", "--rendezvous", server.url}
		one.on = func(program string, args ...string) *exec.Cmd {
			return host.Command(append([]string{program}, args...)...)
		}
		x.homes[i], x.hosts[i], x.two[i] = home, host, one
	}
	startAll(x.two[:]...)
	a, b := x.two[0], x.two[1]
	a.command("device", "add", b.id, "--name", b.name).done(t)
	b.command("device", "add", a.id, "--name", a.name).done(t)
	keep(a, b)
	share(a, b)
	return x
}

// move gives a device another address in its home, as when it leaves one access point for
// another one.
func (x *twoHomes) move(t *testing.T, i int, address string) {
	t.Helper()
	net := []string{"10.1.0.", "10.2.0."}[i]
	x.hosts[i].Run("ip", "addr", "flush", "dev", "eth0", "scope", "global")
	x.hosts[i].Run("ip", "addr", "add", net+address+"/24", "dev", "eth0")
	x.hosts[i].Run("ip", "route", "replace", "default", "via", net+"1", "dev", "eth0")
}

// TestPauses: whatever becomes of the way between two devices, the next file is there within
// five seconds.
func TestPauses(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second natlab.Kind
		route         status.Route
	}{
		{"punched", natlab.Port, natlab.Port, status.Punched},
		{"relayed", natlab.Port, natlab.Symmetric, status.Relayed},
		{"piped", natlab.NoUDP, natlab.NoUDP, status.Relayed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !natlab.Inside(t) {
				return
			}
			x := newTwoHomes(t, c.first, c.second)
			a, b := x.two[0], x.two[1]
			t.Logf("%s after %v", c.route, a.reached(b, c.route))
			b.reached(a, c.route)
			a.put("one.txt", "before")
			b.arrives("one.txt")
			for _, what := range []struct {
				name string
				do   func()
			}{
				{"its address changed", func() { x.move(t, 1, "77") }},
				{"the other's router forgot everything", func() { x.homes[0].Restart() }},
			} {
				owed := debt(t, a, b)
				what.do()
				a.put(what.name+".txt", "after")
				took := b.arrives(what.name + ".txt")
				t.Logf("a file arrived %v after %s; the machine owes %v", took, what.name, owed())
				if took > pauseMax+owed() {
					t.Errorf("that %s cost %v", what.name, took)
				}
			}
			if c.name == "punched" {
				x.midst(t)
			}
		})
	}
}

// TestUDPIsBlocked: who lets no UDP out reaches a device that can be called from outside by
// TCP, without a relay: both have told each other where they are.
func TestUDPIsBlocked(t *testing.T) {
	t.Parallel()
	if !natlab.Inside(t) {
		return
	}
	x := newTwoHomes(t, natlab.NoUDP, natlab.None)
	a, b := x.two[0], x.two[1]
	t.Logf("direct after %v", a.reached(b, status.Direct))
	a.put("one.txt", "by TCP")
	b.arrives("one.txt")
}

// midst changes an address in the middle of a large file, which comes late by the pause and
// by nothing that is fetched twice.
func (x *twoHomes) midst(t *testing.T) {
	t.Helper()
	const (
		size = 12 << 20
		rate = 4 << 20
		// window is what may be on its way when the road ends: two seconds of the rate.
		window = 2 * rate
	)
	a, b := x.two[0], x.two[1]
	a.command("config", "set", "limit_up", "4MiB/s").done(t)
	before := b.device(a).BytesIn
	begun, owed := time.Now(), debt(t, a, b)
	a.drop("large", size)
	b.eventually(patience, "a third is there", func() error {
		view, err := b.tryStatus()
		if err == nil && (len(view.Devices) != 1 || view.Devices[0].BytesIn < before+size/3) {
			err = fmt.Errorf("%+v", view.Devices)
		}
		return err
	})
	x.move(t, 1, "78")
	b.eventually(patience, "the whole file", func() error {
		at, err := os.Stat(b.at("large"))
		if err == nil && at.Size() != size {
			err = fmt.Errorf("%d bytes", at.Size())
		}
		return err
	})
	late := time.Since(begun) - size*time.Second/rate
	came := b.device(a).BytesIn - before
	t.Logf("a file of %d bytes came %v late, by %d bytes", size, late, came)
	if late > pauseMax+owed() {
		t.Errorf("an address that changed in the midst cost %v", late)
	}
	if came > size+window {
		t.Errorf("%d bytes came for a file of %d", came, size)
	}
}
