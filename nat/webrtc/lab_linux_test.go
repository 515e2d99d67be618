package webrtc

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/natlab"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/nat/linktest"
	"github.com/shoal-sync/shoal/nat/natbox"
)

const (
	labPeer   = "SHOAL_LAB_PEER"
	labNoQUIC = "SHOAL_LAB_NOQUIC"
	// labThrough makes a peer behave as if a proxy led out of its network.
	labThrough = "SHOAL_LAB_THROUGH"
)

func TestMain(m *testing.M) {
	natlab.ServeIfAsked()
	if servers, asked := os.LookupEnv(labPeer); asked {
		bePeer(servers)
		return
	}
	os.Exit(m.Run())
}

// bePeer is an endpoint in a process of its own, somewhere in the lab. Words come and go as
// lines "w HEX"; "dial" makes it call. It says "up KIND MILLISECONDS" when the first bytes
// have come back, or "failed REASON".
func bePeer(servers string) {
	number, list, _ := strings.Cut(servers, " ")
	n, _ := strconv.Atoi(number)
	help, err := ParseServers(list)
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	if err != nil {
		say("failed %v", err)
		return
	}
	other := deviceOf(keyOf(byte(3 - n)))
	e, err := New(Options{
		Key: keyOf(byte(n)), Trusts: func(d ident.DeviceID) bool { return d == other },
		Servers: func() []Server { return help },
		Send: func(_ context.Context, _ ident.DeviceID, word []byte) error {
			say("w %s", hex.EncodeToString(word))
			return nil
		},
		NoQUIC: os.Getenv(labNoQUIC) != "",
		Through: func() Dialer {
			if os.Getenv(labThrough) == "" {
				return nil
			}
			return new(net.Dialer)
		},
		Arrived: func(l *Link) { // an echo, and a sink for what is longer
			begun, got := time.Time{}, 0
			_ = l.Receive(func(frame []byte) error {
				if len(frame) < 100 {
					return l.Send(direct.Metadata, frame)
				}
				if got == 0 {
					begun = time.Now()
				}
				got += len(frame)
				return nil
			})
			if got > 0 {
				say("got %d in %v striped %v", got, time.Since(begun), l.Striped)
			}
		},
	})
	if err != nil {
		say("failed %v", err)
		return
	}
	say("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		word, isWord := strings.CutPrefix(in.Text(), "w ")
		switch bytes, err := hex.DecodeString(word); {
		case isWord && err == nil:
			e.Deliver(other, bytes)
		case in.Text() == "flood":
			go flood(e, other)
		default:
			go func() { say("%s", dialOnce(e, other)) }()
		}
	}
}

// flood sends as much as goes through in a few seconds.
func flood(e *Endpoint, other ident.DeviceID) {
	l, err := e.Dial(context.Background(), other)
	if err != nil {
		fmt.Printf("failed %v\n", err)
		return
	}
	defer l.Close("enough")
	go func() { _ = l.Receive(func([]byte) error { return nil }) }()
	frame := make([]byte, 64<<10)
	for until := time.Now().Add(floodTime); time.Now().Before(until); {
		if l.Send(direct.Bulk, frame) != nil {
			return
		}
	}
}

const floodTime = 8 * time.Second

func dialOnce(e *Endpoint, other ident.DeviceID) string {
	begun := time.Now()
	l, err := e.Dial(context.Background(), other)
	if err != nil {
		return fmt.Sprintf("failed %v", err)
	}
	defer l.Close("enough")
	if err := l.Send(direct.Metadata, []byte("hello")); err != nil {
		return fmt.Sprintf("failed %v", err)
	}
	_ = l.Receive(func([]byte) error { return errEcho })
	kind := "channel" // punched, without QUIC
	if l.Striped {
		kind = "punched"
	}
	if l.Relayed {
		kind = "relayed"
	}
	return fmt.Sprintf("up %s %d", kind, time.Since(begun).Milliseconds())
}

var errEcho = fmt.Errorf("the echo came")

// peers are two processes whose words the test carries.
type peers struct {
	in    [2]io.Writer
	end   [2]func()
	said  chan string // by the one that dials
	ready chan struct{}
}

func startPeers(t *testing.T, at [2]*natlab.Computer, servers string, env ...string) *peers {
	t.Helper()
	p := &peers{said: make(chan string, 10), ready: make(chan struct{}, 2)}
	var outs [2]io.Reader
	for i, c := range at {
		cmd := c.Command(os.Args[0], "-test.run", "^$")
		cmd.Env = append(append(os.Environ(), env...), fmt.Sprintf("%s=%d %s", labPeer, i+1, servers))
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		end := sync.OnceFunc(func() {
			_ = cmd.Process.Kill() // it ends no other way
			_ = cmd.Wait()
		})
		t.Cleanup(end)
		p.in[i], outs[i], p.end[i] = in, out, end
	}
	for i, out := range outs {
		go p.carry(i, out)
	}
	p.await(t, func() { <-p.ready; <-p.ready })
	return p
}

func (p *peers) carry(from int, out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "w "):
			if _, err := fmt.Fprintln(p.in[1-from], line); err != nil {
				return // the test is over
			}
		case line == "ready":
			p.ready <- struct{}{}
		default:
			p.said <- line
		}
	}
}

// await gives up on peers that say nothing for far longer than a call may take.
func (p *peers) await(t *testing.T, what func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		what()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(2 * callTime):
		t.Fatal("the peers say nothing")
	}
}

// dial lets the first call the second, and returns how that went and how long it took. What
// fails while the machine stands still is called again, as the program does.
func (p *peers) dial(t *testing.T) (kind string, took time.Duration) {
	t.Helper()
	for range 10 {
		stalled := linktest.WatchStalls()
		kind, took = p.dialOnce(t)
		if stood := stalled(); took > 0 || stood < callTime/10 {
			break
		}
	}
	return kind, took
}

func (p *peers) dialOnce(t *testing.T) (kind string, took time.Duration) {
	t.Helper()
	if _, err := fmt.Fprintln(p.in[0], "dial"); err != nil {
		t.Fatal(err)
	}
	var line string
	p.await(t, func() { line = <-p.said })
	var millis int
	if _, err := fmt.Sscanf(line, "up %s %d", &kind, &millis); err != nil {
		return line, 0
	}
	return kind, time.Duration(millis) * time.Millisecond
}

const help = "203.0.113.1:3478 turn:lab:lab@203.0.113.1:3478 turn:lab:lab@203.0.113.1:3478?transport=tcp"

// TestLab tries every pair of NATs. SHOAL_LAB_TRIES says how often.
func TestLab(t *testing.T) {
	t.Parallel()
	if !natlab.Inside(t) {
		return
	}
	tries := 2
	if n, err := strconv.Atoi(os.Getenv("SHOAL_LAB_TRIES")); err == nil {
		tries = n
	}
	kinds := []natlab.Kind{natlab.None, natlab.Full, natlab.Address, natlab.Port, natlab.Symmetric, natlab.NoUDP}
	if testing.Short() {
		kinds, tries = []natlab.Kind{natlab.Port, natlab.Symmetric}, 1
	}
	lab := natlab.New(t)
	lab.Server(1)
	var homes [2]*natlab.Home
	var hosts, public [2]*natlab.Computer
	for i := range homes {
		homes[i] = lab.NewHome(natlab.Port)
		hosts[i] = homes[i].Host()
		public[i] = lab.Public(10 + i)
	}
	var punched, relayed []time.Duration
	for _, a := range kinds {
		for _, b := range kinds {
			at := hosts
			for i, kind := range []natlab.Kind{a, b} {
				if kind == natlab.None {
					at[i] = public[i]
				} else {
					homes[i].Become(kind)
				}
			}
			if a == natlab.None && b == natlab.None || testing.Short() && a == natlab.Symmetric {
				continue
			}
			p := startPeers(t, at, help)
			for range tries {
				kind, took := p.dial(t)
				if want := expected(a, b); kind != want {
					t.Errorf("%s with %s: %s, want %s", a, b, kind, want)
				} else if want == "punched" {
					punched = append(punched, took)
				} else {
					relayed = append(relayed, took)
				}
				t.Logf("%s with %s: %s in %v", a, b, kind, took)
			}
			p.end[0]()
			p.end[1]()
		}
	}
	for name, all := range map[string][]time.Duration{"punched": punched, "relayed": relayed} {
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		t.Logf("%s: %d, median %v, most %v", name, len(all), all[len(all)/2], all[len(all)-1])
	}
}

// expected is what theory says.
func expected(a, b natlab.Kind) string {
	if natbox.Straight(boxes[a], boxes[b]) {
		return "punched"
	}
	return "relayed"
}

// boxes are the routers of the lab in the words of RFC 4787. A computer without one is
// behind a box that changes nothing and lets everybody in.
var boxes = map[natlab.Kind]natbox.Box{
	natlab.None: {}, natlab.Full: {},
	natlab.Address:   {Filtering: natbox.Address},
	natlab.Port:      {Filtering: natbox.Port},
	natlab.Symmetric: {Mapping: natbox.Port, Filtering: natbox.Port},
	natlab.NoUDP:     {NoUDP: true},
}
