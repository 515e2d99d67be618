package rendezvous

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/rendezvous"
	"github.com/shoal-sync/shoal/internal/ident"
)

// loadServer names the child process that is only a server.
const loadServer = "SHOAL_LOAD_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(loadServer) == "" {
		os.Exit(m.Run())
	}
	s := open(&testing.T{}, func(o *Options) { o.KeyDir = os.Getenv(loadServer) })
	fmt.Println(s.URL())
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	if err := s.Close(); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// TestLoad connects many devices to one server, each with a key and an address of its own,
// has all of them write to one another, and tells what that costs the server.
// SHOAL_LOAD=10000 is the figure that docs/testing.md names.
func TestLoad(t *testing.T) {
	count := 200
	if text := os.Getenv("SHOAL_LOAD"); text != "" {
		count, _ = strconv.Atoi(text)
	}
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), loadServer+"="+t.TempDir())
	server.Stderr = os.Stderr
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	empty := cost(t, server.Process.Pid)
	begun := time.Now()
	var here, letters atomic.Int64
	phones := make([]*phone, count)
	var opening sync.WaitGroup
	room := make(chan struct{}, 64) // at once
	for i := range phones {
		opening.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			phones[i] = loadPhone(t, strings.TrimSpace(url), i, &letters)
			phones[i].connected()
			here.Add(1)
		})
	}
	opening.Wait()
	if t.Failed() || here.Load() != int64(count) {
		t.Fatalf("%d of %d are connected", here.Load(), count)
	}
	full := cost(t, server.Process.Pid)
	t.Logf("%d devices connected in %v: %d KiB of memory and %.1f ms of CPU each", count,
		time.Since(begun).Round(100*time.Millisecond), (full.rss-empty.rss)/count,
		1000*(full.cpu-empty.cpu).Seconds()/float64(count))
	begun = time.Now()
	for i, p := range phones {
		if err := p.Send(t.Context(), phones[(i+1)%count].id, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); letters.Load() < int64(count); {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d letters arrived", letters.Load(), count)
		}
		if _, err := phones[0].Find(t.Context(), phones[1].id); err != nil { // waits for the server
			t.Fatal(err)
		}
	}
	done := cost(t, server.Process.Pid)
	t.Logf("%d letters in %v, %.2f ms of CPU each", count, time.Since(begun).Round(time.Millisecond),
		1000*(done.cpu-full.cpu).Seconds()/float64(count))
	if perDevice := (full.rss - empty.rss) / count; count >= 1000 && perDevice > 100 {
		t.Errorf("each device costs the server %d KiB", perDevice)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

// loadPhone is a device with an address of its own on this computer.
func loadPhone(t *testing.T, url string, n int, letters *atomic.Int64) *phone {
	from := &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n))}
	return newPhoneWith(t, url, func(o *rendezvous.Options) {
		o.Dial = func(ctx context.Context, at string) (net.Conn, error) {
			return (&net.Dialer{LocalAddr: from}).DialContext(ctx, "tcp", at)
		}
		o.Letter = func(ident.DeviceID, []byte) { letters.Add(1) }
	})
}

type costs struct {
	rss int // KiB
	cpu time.Duration
}

// cost reads what a process has used so far.
func cost(t *testing.T, pid int) (c costs) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			c.rss, _ = strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	text, err = os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	for _, at := range []int{11, 12} { // utime and stime, in hundredths of a second
		ticks, _ := strconv.Atoi(fields[at])
		c.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	return c
}
