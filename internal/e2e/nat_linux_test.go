package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/natlab"
)

// inLab makes an agent on a computer of the lab, which asks its server for help.
func inLab(t *testing.T, name string, on *natlab.Computer) *agent {
	t.Helper()
	a := newAgent(t, name)
	a.listen, a.flags = ":22100", []string{"--no-mdns", "--stun", "203.0.113.1:3478",
		"--stun", "turn:lab:lab@203.0.113.1:3478", "--stun", "turn:lab:lab@203.0.113.1:3478?transport=tcp"}
	a.on = func(program string, args ...string) *exec.Cmd {
		return on.Command(append([]string{program}, args...)...)
	}
	return a
}

// reached waits until one agent reaches another by the given route, and returns how long
// that took.
func (a *agent) reached(other *agent, route status.Route) time.Duration {
	a.t.Helper()
	begun := time.Now()
	a.eventually(patience, "it is "+string(route), func() error {
		view, err := a.tryStatus()
		if err != nil {
			return err
		}
		for _, d := range view.Devices {
			if d.Name == other.name && d.Route != route {
				return fmt.Errorf("%s is connected %v, %s: %s", d.Name, d.Connected, d.Route, d.LastProblem)
			}
		}
		return nil
	})
	return time.Since(begun)
}

// arrives waits for a file, and returns how long that took.
func (a *agent) arrives(name string) time.Duration {
	a.t.Helper()
	begun := time.Now()
	a.eventually(patience, name, func() error {
		_, err := tryPicture(filepath.Join(a.root, name))
		return err
	})
	return time.Since(begun)
}

// TestAcrossNATs: two devices at home, each behind its own router, and a friend of both out
// there who carries their call and nothing else.
func TestAcrossNATs(t *testing.T) {
	t.Parallel()
	if !natlab.Inside(t) {
		return
	}
	lab := natlab.New(t)
	lab.Server(1)
	homes := [2]*natlab.Home{lab.NewHome(natlab.Port), lab.NewHome(natlab.Symmetric)}
	hosts := [2]*natlab.Computer{homes[0].Host(), homes[1].Host()}
	friend := inLab(t, "carl", lab.Public(10))
	a, b := inLab(t, "anna", hosts[0]), inLab(t, "bert", hosts[1])
	startAll(friend, a, b)
	for _, one := range []*agent{a, b} {
		one.command("device", "add", friend.id, "--name", friend.name, "--address", "tcp://203.0.113.10:22100").done(t)
		friend.command("device", "add", one.id, "--name", one.name).done(t)
	}
	a.command("device", "add", b.id, "--name", b.name).done(t)
	b.command("device", "add", a.id, "--name", a.name).done(t)
	keep(a, b)
	share(a, b)
	// Such routers let nothing through but by a relay.
	t.Logf("relayed after %v", a.reached(b, status.Relayed))
	b.reached(a, status.Relayed)
	a.put("one.txt", "by a relay")
	b.arrives("one.txt")

	said := string(a.command("doctor", b.name).done(t).out)
	for _, want := range []string{"a router translates addresses", "connected, relayed", "route relayed", "in use"} {
		if !strings.Contains(said, want) {
			t.Errorf("the doctor does not say %q:\n%s", want, said)
		}
	}

	// A better one is found without anybody asking, and nothing is lost on the way.
	homes[1].Become(natlab.Port)
	t.Logf("punched %v after the router became a better one", a.reached(b, status.Punched))
	b.reached(a, status.Punched)
	a.put("two.txt", "straight")
	b.arrives("two.txt")
	if d := friend.device(a); d.Route != status.LAN { // it is on the wire the router is on
		t.Errorf("the friend has a link that is %s", d.Route)
	}

	// Another address in mid-sentence is told to nobody but its computer.
	owed := debt(t, a, b, friend)
	hosts[1].Run("ip", "addr", "del", "10.2.0.2/24", "dev", "eth0")
	hosts[1].Run("ip", "addr", "add", "10.2.0.77/24", "dev", "eth0")
	hosts[1].Run("ip", "route", "replace", "default", "via", "10.2.0.1", "dev", "eth0")
	a.put("three.txt", "to where it is now")
	took := b.arrives("three.txt")
	t.Logf("a file arrived %v after the address had changed", took)
	if took > pauseMax+owed() {
		t.Errorf("a changed address cost %v", took)
	}

	// So does a router that forgets every flow and comes back with another address.
	owed = debt(t, a, b, friend)
	homes[0].Restart()
	a.put("four.txt", "through another hole")
	took = b.arrives("four.txt")
	t.Logf("a file arrived %v after the router had started anew", took)
	if took > pauseMax+owed() {
		t.Errorf("a router that started anew cost %v", took)
	}
	settle(a, b)
}
