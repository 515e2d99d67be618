package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/mdns/lantest"
	"github.com/shoal-sync/shoal/internal/ident"
)

// patience is how long is waited for what must come about, on whatever machine.
const patience = time.Minute

// agentHome, when set, makes this program an agent with that home instead of a test.
const agentHome = "SHOAL_TEST_AGENT_HOME"

func TestMain(m *testing.M) {
	home := os.Getenv(agentHome)
	if home == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if err := Run(ctx, Options{Home: home, Name: filepath.Base(home), Log: log}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// box is one agent on a computer of its own.
type box struct {
	t        *testing.T
	name     string
	id       ident.DeviceID
	home     *config.Home
	client   *api.Client
	computer *lantest.Computer
	process  *exec.Cmd
	log      logged
}

// logged is what an agent wrote so far.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newBox(t *testing.T, name string) *box {
	t.Helper()
	dir, err := os.MkdirTemp("", "lan")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	home, err := config.OpenHome(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	key, err := home.Key()
	if err != nil {
		t.Fatal(err)
	}
	return &box{t: t, name: name, id: key.Device(), home: home,
		client: api.NewClient(home.Dir()), computer: lantest.NewComputer(t)}
}

// trusts writes the configuration: devices without addresses.
func (b *box) trusts(c config.Config, others ...*box) {
	b.t.Helper()
	for _, o := range others {
		c.Devices = append(c.Devices, config.Device{ID: o.id, Name: o.name})
	}
	if err := b.home.Save(c); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) set(key, value string) {
	b.t.Helper()
	if _, err := b.home.SetSetting(key, value); err != nil {
		b.t.Fatal(err)
	}
}

// start runs the agent until stop, or until the test ends.
func (b *box) start() time.Time {
	b.t.Helper()
	begun := time.Now()
	b.process = b.computer.Command(os.Args[0])
	b.process.Env = append(os.Environ(), agentHome+"="+b.home.Dir())
	b.process.Stderr = &b.log
	b.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.process.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.stop)
	return begun
}

func (b *box) stop() {
	b.t.Helper()
	if b.process == nil {
		return
	}
	if err := b.process.Process.Signal(syscall.SIGTERM); err != nil {
		b.t.Error(err)
	}
	if err := b.process.Wait(); err != nil {
		b.t.Errorf("%s ended with %v", b.name, err)
	}
	b.process = nil
	b.client.Close()
	if b.t.Failed() {
		b.t.Logf("log of %s:\n%s", b.name, b.log.String())
	}
}

// sees waits until the agent's view is as wanted, and returns the view.
func (b *box) sees(what string, wanted func(status.View) bool) (found status.View) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	enough := errors.New("enough")
	for {
		err := b.client.Watch(ctx, func(v status.View) error {
			if found = v; wanted(v) {
				return enough
			}
			return nil
		})
		switch {
		case errors.Is(err, enough):
			return found
		case ctx.Err() != nil:
			b.t.Fatalf("%s: within %v not: %s\n%+v", b.name, patience, what, found)
		}
		select { // it has not started yet
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// logs waits until the agent has logged something.
func (b *box) logs(text string) {
	b.t.Helper()
	limit := time.After(patience)
	for !strings.Contains(b.log.String(), text) {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-limit:
			b.t.Fatalf("%s: within %v not logged: %s", b.name, patience, text)
		}
	}
}

// meets waits until two agents are connected by both accounts.
func (b *box) meets(o *box) {
	b.t.Helper()
	for _, pair := range [][2]*box{{b, o}, {o, b}} {
		pair[0].sees("connected with "+pair[1].name, func(v status.View) bool {
			for _, d := range v.Devices {
				if d.ID == pair[1].id && d.Connected {
					return d.Route == status.LAN
				}
			}
			return false
		})
	}
}

// TestDevicesFindEachOther: real agents that know nothing but each other's ids, on one
// bridge, with no default route.
func TestDevicesFindEachOther(t *testing.T) {
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	for _, c := range []struct {
		name string
		a, b []string
	}{
		{"four", []string{"10.9.0.1/24"}, []string{"10.9.0.2/24"}},
		{"six", []string{"fe80::9:1/64"}, []string{"fe80::9:2/64"}},
		{"both", []string{"10.9.0.1/24", "fe80::9:1/64"}, []string{"10.9.0.2/24", "fe80::9:2/64"}},
		{"one", []string{"10.9.0.1/24", "fe80::9:1/64"}, []string{"fe80::9:2/64"}},
	} {
		a, b, stranger := newBox(t, c.name+"-a"), newBox(t, c.name+"-b"), newBox(t, c.name+"-c")
		a.trusts(config.Config{}, b)
		b.trusts(config.Config{}, a)
		stranger.trusts(config.Config{}, a, b) // nobody trusts it
		bridge := lantest.NewBridge(t, "br-"+c.name)
		bridge.Plug(a.computer, "eth0", c.a...)
		bridge.Plug(b.computer, "eth0", c.b...)
		bridge.Plug(stranger.computer, "eth0", "10.9.0.3/24", "fe80::9:3/64")
		stranger.start()
		a.start()
		a.sees("started", func(status.View) bool { return true })
		begun := b.start()
		a.meets(b)
		t.Logf("%s: connected %v after the second start", c.name, time.Since(begun).Round(time.Millisecond))
		for _, d := range stranger.sees("anything", func(status.View) bool { return true }).Devices {
			if d.Connected {
				t.Errorf("a stranger is connected with %s", d.Name)
			}
		}
		a.stop()
		b.stop()
		stranger.stop()
	}
}

// TestNetworksChange: an agent that starts without a network says so once, uses the one it
// gets later, and goes over to another when the first one is gone.
func TestNetworksChange(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waiting for a complaint and for a dead link is for the long tests")
	}
	if !lantest.Inside(t) {
		return
	}
	a, b := newBox(t, "a"), newBox(t, "b")
	a.trusts(config.Config{}, b)
	b.trusts(config.Config{}, a)
	first, second := lantest.NewBridge(t, "first"), lantest.NewBridge(t, "second")
	first.Plug(a.computer, "eth0", "10.9.0.1/24")
	a.start()
	b.start()
	const complaint = "cannot look for devices on the local network"
	b.logs(complaint)
	first.Plug(b.computer, "eth0", "10.9.0.2/24")
	plugged := time.Now()
	a.meets(b)
	t.Logf("connected %v after an interface came", time.Since(plugged).Round(time.Millisecond))
	second.Plug(a.computer, "eth1", "10.9.1.1/24")
	second.Plug(b.computer, "eth1", "10.9.1.2/24")
	a.computer.Run("ip", "link", "del", "eth0")
	moved := time.Now()
	b.logs("address=10.9.1.1:")
	t.Logf("connected %v after an interface went", time.Since(moved).Round(time.Millisecond))
	if n := strings.Count(b.log.String(), complaint); n != 1 {
		t.Errorf("the agent complained %d times", n)
	}
}

// TestWhoDoesNotWantToBeFound: the setting, while the other one keeps looking.
func TestWhoDoesNotWantToBeFound(t *testing.T) {
	t.Parallel()
	if !lantest.Inside(t) {
		return
	}
	a, b := newBox(t, "a"), newBox(t, "b")
	a.trusts(config.Config{}, b)
	b.trusts(config.Config{}, a)
	b.set("mdns", "off")
	bridge := lantest.NewBridge(t, "bridge")
	bridge.Plug(a.computer, "eth0", "10.9.0.1/24")
	bridge.Plug(b.computer, "eth0", "10.9.0.2/24")
	a.start()
	b.start()
	b.sees("started", func(status.View) bool { return true })
	<-time.After(4 * time.Second) // the time of three questions
	view := a.sees("anything", func(status.View) bool { return true })
	if d := view.Devices[0]; d.Connected {
		t.Errorf("it was found: %+v", d)
	}
	b.stop()
	b.set("mdns", "on")
	b.start()
	a.meets(b)
}
