package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/mdns/lantest"
)

// farApart is a server and computers that reach it, each on a network of its own. Nothing
// leads from one computer to the other.
type farApart struct {
	t      *testing.T
	server *lantest.Computer
	home   string
	run    *exec.Cmd
	url    string
}

func newFarApart(t *testing.T, names ...string) (*farApart, []*agent) {
	t.Helper()
	x := &farApart{t: t, server: lantest.NewComputer(t), home: t.TempDir()}
	x.server.Run("ip", "addr", "add", "203.0.113.1/32", "dev", "lo")
	var out []*agent
	for i, name := range names {
		net := fmt.Sprintf("10.%d.0.", i+1)
		bridge := lantest.NewBridge(t, fmt.Sprint("net", i))
		a, computer := newAgent(t, name), lantest.NewComputer(t)
		bridge.Plug(x.server, fmt.Sprint("eth", i), net+"1/24")
		bridge.Plug(computer, "eth0", net+"2/24")
		computer.Run("ip", "route", "add", "default", "via", net+"1")
		a.listen = ":22100"
		a.on = func(program string, args ...string) *exec.Cmd {
			return computer.Command(append([]string{program}, args...)...)
		}
		out = append(out, a)
	}
	x.serve()
	for _, a := range out {
		a.flags = append(a.flags, "--rendezvous", x.url)
	}
	return x, out
}

// serve runs the server, and checks that its address stays the same.
func (x *farApart) serve() {
	x.t.Helper()
	x.run = x.server.Command(agentProgram, "--home", x.home, "--json", "rendezvous", "--public-ip", "203.0.113.1")
	x.run.Stderr = os.Stderr
	out, err := x.run.StdoutPipe()
	must(x.t, err)
	must(x.t, x.run.Start())
	run := x.run
	x.t.Cleanup(func() {
		_ = run.Process.Kill() // it may be dead already
		_ = run.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	must(x.t, err)
	var told struct{ URL string }
	must(x.t, json.Unmarshal(line, &told))
	if x.url != "" && x.url != told.URL {
		x.t.Errorf("the server was at %s and is at %s", x.url, told.URL)
	}
	x.url = told.URL
}

// TestMeetAtARendezvous links two computers that reach nothing but a server: by code, and
// by link; they keep a folder, and find each other again when the server was killed.
func TestMeetAtARendezvous(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	x, two := newFarApart(t, "home", "office")
	a, b := two[0], two[1]
	startAll(a, b)
	for _, one := range two {
		one.reaches(true)
	}
	a.put("first.txt", "hello")
	a.command("folder", "add", a.root, "--name", "work").done(t)
	dir := filepath.Join(b.root, "dir")
	begun := time.Now()
	shows := a.links("link", "--folder", "work")
	b.command("link", shows.next("code").Code, "--to", dir, "--yes").done(t)
	shows.next("linked")
	shows.ends(0, "")
	b.eventually(patience, "the first file", func() error {
		_, err := tryPicture(filepath.Join(dir, "first.txt"))
		return err
	})
	t.Logf("linked by code, and the first file there, after %v", time.Since(begun).Round(time.Millisecond))
	if d := b.device(a); d.Route != status.Relayed {
		t.Errorf("the other network is reached by %q", d.Route)
	}

	// By link, after they have forgotten each other, and one of them the server, too.
	a.command("device", "remove", "office").done(t)
	b.command("device", "remove", "home").done(t)
	b.stop()
	b.flags = nil
	b.start()
	shows = a.links("link")
	b.command("link", shows.next("code").Link, "--yes").done(t)
	shows.next("linked")
	shows.ends(0, "")
	a.connected(b)
	if v := b.status(); len(v.Device.Rendezvous) != 1 {
		t.Errorf("after the link it is found at %+v", v.Device.Rendezvous)
	}

	// Wrong words, far away: the code dies, and both are told.
	shows = a.links("link")
	code := shows.next("code").Code
	b.command("link", code[:5]+"zoo-zoo", "--yes").failed(t, 1, "words")
	shows.ends(1, "wrong words")

	must(t, x.run.Process.Kill())
	_ = x.run.Wait()
	for _, one := range two {
		one.reaches(false)
	}
	x.serve()
	begun = time.Now()
	for _, one := range two {
		one.reaches(true)
	}
	t.Logf("the server is reached again after %v", time.Since(begun).Round(time.Millisecond))
}

// reaches waits until the one rendezvous of an agent is reached, or is not.
func (a *agent) reaches(it bool) {
	a.t.Helper()
	a.eventually(patience, fmt.Sprint("the server is reached: ", it), func() error {
		v, err := a.tryStatus()
		if err == nil && (len(v.Device.Rendezvous) != 1 || v.Device.Rendezvous[0].Connected != it) {
			err = fmt.Errorf("%+v", v.Device.Rendezvous)
		}
		return err
	})
}
