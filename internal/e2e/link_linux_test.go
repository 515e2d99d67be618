package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/mdns/lantest"
)

// onLAN makes devices that hang on one bridge, each on a computer of its own, and starts
// them. The commands reach their agents by the file system, as two terminals would.
func onLAN(t *testing.T, names ...string) []*agent {
	t.Helper()
	bridge := lantest.NewBridge(t, "bridge")
	var out []*agent
	for i, name := range names {
		a, computer := newAgent(t, name), lantest.NewComputer(t)
		host := string(rune('1' + i))
		addrs := []string{"fe80::9:" + host + "/64"}
		if name != "tv" { // speaks IPv6 only
			addrs = append(addrs, "10.9.0."+host+"/24")
		}
		bridge.Plug(computer, "eth0", addrs...)
		a.listen = ":22100"
		a.on = func(program string, args ...string) *exec.Cmd {
			return computer.Command(append([]string{program}, args...)...)
		}
		out = append(out, a)
	}
	startAll(out...)
	return out
}

// TestLinkOnALAN: two computers side by side that know nothing of each other, with one
// command on each; then a third by picking.
func TestLinkOnALAN(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	three := onLAN(t, "laptop", "desktop", "tv")
	a, b, c := three[0], three[1], three[2]
	a.put("first.txt", "hello")
	a.command("folder", "add", a.root, "--name", "work").done(t)
	dir := filepath.Join(b.root, "dir")
	begun, owed := time.Now(), debt(t, a, b)
	shows := a.links("link", "--folder", "work")
	code := shows.next("code").Code
	b.command("link", code, "--to", dir, "--yes").done(t)
	b.eventually(patience, "the first file", func() error {
		_, err := tryPicture(filepath.Join(dir, "first.txt"))
		return err
	})
	took := time.Since(begun)
	t.Logf("linked, and the first file there, %v after the first command", took.Round(time.Millisecond))
	if took > 30*time.Second+owed() {
		t.Errorf("that took %v", took)
	}
	if l := shows.next("linked"); l.ID != b.id {
		t.Errorf("linked with %+v", l)
	}
	shows.ends(0, "")

	findAgain(t, a, b)

	// A slot that nobody shows: a reason within seconds, and no guess for anybody.
	looks := b.links("link", "1234-otter-maple", "--timeout", "20s")
	if s := looks.next("looking"); !strings.Contains(s.Text, "other devices with shoal are heard here") {
		t.Errorf("the reason is %q", s.Text)
	}
	looks.ends(4, "does its screen still show the code?")

	// The laptop has a linked device, so it is only nearby while it shows a code.
	c.command("link", "--nearby", "laptop").failed(t, 4, "no device nearby", "laptop")
	shows = a.links("link")
	shows.next("code")
	asks := c.links("link", "--nearby", "laptop", "--yes")
	q := asks.next("question")
	asks.next("waiting")
	if s := shows.next("asking"); s.Words != q.Words || s.Name != "tv" {
		t.Errorf("the tv shows %q, the terminal %+v", q.Words, s)
	}
	a.eventually(patience, "the tv is seen asking", func() error {
		if v := a.status(); len(v.Asking) != 1 || v.Asking[0].Words != q.Words || v.Asking[0].Name != "tv" {
			return fmt.Errorf("the tv shows %q, the laptop %+v", q.Words, v.Asking)
		}
		return nil
	})
	asks = swapped(t, a, c, asks)
	a.command("device", "approve", "tv", "--yes").done(t)
	if l := asks.next("linked"); l.ID != a.id {
		t.Errorf("linked with %+v", l)
	}
	asks.ends(0, "")
	a.connected(c)
	a.eventually(patience, "nobody is asking any more", func() error {
		if v := a.status(); len(v.Asking) != 0 || len(v.Devices) != 2 {
			return fmt.Errorf("it shows %+v", v)
		}
		return nil
	})
	asksAgain(t, a, c)
}

// asksAgain: nobody is asked twice after a no.
func asksAgain(t *testing.T, a, c *agent) {
	t.Helper()
	a.command("device", "remove", "tv").done(t)
	asks := c.links("link", "--nearby", "laptop", "--yes")
	asks.next("question")
	asks.next("waiting")
	a.command("device", "remove", "tv").done(t)
	asks.ends(1, "said no")
	c.command("link", "--nearby", "laptop").failed(t, 1, "too many devices at once")
}

// swapped lets the person at a look at the words of the request that goes on, and say yes
// when another one of the same name has taken its place, which goes on.
func swapped(t *testing.T, a, from *agent, asks *linker) *linker {
	t.Helper()
	words := a.status().Asking[0].Words
	approve := exec.Command(program, "--home", a.home, "device", "approve", "tv")
	var errs bytes.Buffer
	approve.Stderr = &errs
	person, err := approve.StdinPipe()
	must(t, err)
	out, err := approve.StdoutPipe()
	must(t, err)
	must(t, approve.Start())
	screen := bufio.NewScanner(out)
	for screen.Scan() && !strings.Contains(screen.Text(), words) {
	}
	must(t, asks.run.Process.Kill())
	for range asks.lines {
	}
	_ = asks.run.Wait() // it was killed
	a.eventually(patience, "the request is gone", func() error {
		v, err := a.tryStatus()
		if err == nil && len(v.Asking) > 0 {
			err = fmt.Errorf("asking are %+v", v.Asking)
		}
		return err
	})
	again := from.links("link", "--nearby", "laptop", "--yes")
	if q := again.next("question"); q.Words == words {
		t.Errorf("the words are %q again", words)
	}
	again.next("waiting")
	_, err = io.WriteString(person, "y\n")
	must(t, err)
	for screen.Scan() {
	}
	if err := approve.Wait(); err == nil || !strings.Contains(errs.String(), "look at the words again") {
		t.Errorf("a yes to other words ended with %v: %s", err, errs.String())
	}
	return again
}

// findAgain takes all addresses from two linked devices: they find each other by the
// secret that linking has exchanged.
func findAgain(t *testing.T, a, b *agent) {
	t.Helper()
	for _, x := range []*agent{a, b} {
		x.stop()
		file := filepath.Join(x.home, "config.json")
		state, err := os.ReadFile(file)
		must(t, err)
		bare := regexp.MustCompile(`(?s)"addresses": \[.*?\],`).ReplaceAll(state, nil)
		if bytes.Equal(bare, state) || !bytes.Contains(bare, []byte("announce_key")) {
			t.Fatalf("%s remembers %s", x.name, state)
		}
		must(t, os.WriteFile(file, bare, 0o600))
	}
	startAll(a, b)
	a.connected(b)
}
