package direct

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

var server = netip.MustParseAddrPort("203.0.113.1:22101")

// between returns the two ends of a connection that leads through somebody. What that one
// does with the bytes of the caller is the given function.
func between(t *testing.T, change func(at int, b []byte) []byte) (caller, called net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pair := func() (a, b net.Conn) {
		if a, err = net.Dial("tcp", l.Addr().String()); err == nil {
			b, err = l.Accept()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			a.Close()
			b.Close()
		})
		return a, b
	}
	caller, near := pair()
	called, far := pair()
	go func() {
		defer far.Close()
		at, buffer := 0, make([]byte, 4096)
		for {
			n, err := near.Read(buffer)
			if err != nil {
				return
			}
			if _, err := far.Write(change(at, buffer[:n])); err != nil {
				return
			}
			at += n
		}
	}()
	go func() {
		defer near.Close()
		_, _ = io.Copy(near, far) // it ends by being closed
	}()
	return caller, called
}

func honest(_ int, b []byte) []byte { return b }

// over opens a link through somebody, and returns both ends.
func over(
	t *testing.T, change func(int, []byte) []byte, want ident.DeviceID, within time.Duration,
) (a, b *Link, err error) {
	t.Helper()
	one := endpoint(t, Options{Key: keyOf(1), HandshakeTime: within})
	two := endpoint(t, Options{Key: keyOf(2), Trusts: trusts(deviceOfKey(keyOf(1))), HandshakeTime: within})
	caller, called := between(t, change)
	taken := make(chan *Link, 1)
	go func() {
		l, _, _ := two.WelcomeOver(Over{Conn: called, Remote: server})
		taken <- l
	}()
	a, err = one.DialOver(context.Background(), want, Over{Conn: caller, Remote: server})
	return a, <-taken, err
}

func TestLinkThroughSomebody(t *testing.T) {
	a, b, err := over(t, honest, deviceOfKey(keyOf(2)), handshakeTime)
	if err != nil {
		t.Fatal(err)
	}
	if a.RemoteAddr() != server || b.RemoteAddr() != server || b.Device() != deviceOfKey(keyOf(1)) || !b.Incoming() {
		t.Errorf("it is from %v to %v", a.RemoteAddr(), b.RemoteAddr())
	}
	got := make(chan []byte, 1)
	go func() { _ = b.Receive(func(f []byte) error { got <- bytes.Clone(f); return nil }) }()
	if err := a.Send(Metadata, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if f := <-got; string(f) != "hello" {
		t.Errorf("got %q", f)
	}
	a.Close("done")
	b.Close("done")
}

// Whoever is between changes, repeats or leaves out bytes at any place: then there is no
// link, or it ends, and nothing arrives that was not said.
func TestWhoIsBetweenChangesBytes(t *testing.T) {
	for _, at := range []int{0, 40, 700, 1600, 1900} {
		for name, change := range map[string]func([]byte) []byte{
			"changes": func(b []byte) []byte { b[0] ^= 1; return b },
			"repeats": func(b []byte) []byte { return append(b[:1:1], b...) },
			"omits":   func(b []byte) []byte { return b[1:] },
		} {
			var done atomic.Bool
			a, b, err := over(t, func(from int, part []byte) []byte {
				if done.Load() || at < from || at >= from+len(part) {
					return part
				}
				done.Store(true)
				k := at - from
				return append(bytes.Clone(part[:k]), change(bytes.Clone(part[k:]))...)
			}, deviceOfKey(keyOf(2)), 400*time.Millisecond) // where bytes are missing, both wait
			if err == nil && b != nil {
				go func() {
					for range 50 {
						_ = a.Send(Metadata, []byte("said")) // that it ends is what is tested
					}
					a.Close("done")
				}()
				arrived := 0
				end := b.Receive(func(f []byte) error {
					arrived++
					if string(f) != "said" {
						t.Errorf("%s at %d: %q arrived", name, at, f)
					}
					return nil
				})
				if done.Load() && arrived == 50 {
					t.Errorf("%s at %d: nothing was noticed; the link ended with %v", name, at, end)
				}
			}
			for _, l := range []*Link{a, b} {
				if l != nil {
					l.Close("done")
				}
			}
		}
	}
}

func TestWhoIsBetweenAnswersItself(t *testing.T) {
	a, _, err := over(t, honest, deviceOfKey(keyOf(3)), handshakeTime)
	if a != nil || !errors.Is(err, ErrWrongDevice) {
		t.Errorf("dialed %v, %v", a, err)
	}
	one := endpoint(t, Options{Key: keyOf(1)})
	thief := endpoint(t, Options{Key: keyOf(4)})
	two := endpoint(t, Options{Key: keyOf(2)})
	meetings := make(chan *Meeting, 2)
	welcome := func(e *Endpoint, conn net.Conn) {
		_, m, _ := e.WelcomeOver(Over{Conn: conn, Remote: server})
		meetings <- m
	}
	nearA, nearT := between(t, honest)
	farT, farB := between(t, honest)
	go welcome(thief, nearT)
	go welcome(two, farB)
	m, err := one.MeetOver(context.Background(), ident.DeviceID{}, Over{Conn: nearA, Remote: server})
	if err != nil {
		t.Fatal(err)
	}
	n, err := thief.MeetOver(context.Background(), ident.DeviceID{}, Over{Conn: farT, Remote: server})
	if err != nil {
		t.Fatal(err)
	}
	x, y := <-meetings, <-meetings
	for _, pair := range [][2]*Meeting{{m, x}, {m, y}, {m, n}} {
		if pair[0].Binding() == pair[1].Binding() && pair[0].Device() != deviceOfKey(keyOf(4)) {
			t.Error("two conversations of a thief have the same value")
		}
	}
	if !m.Far() || m.Device() == deviceOfKey(keyOf(2)) {
		t.Errorf("it met %v, far %v", m.Device(), m.Far())
	}
	for _, m := range []*Meeting{m, n, x, y} {
		m.Close()
		go func() { _ = m.Receive(func([]byte) error { return nil }) }()
	}
}
