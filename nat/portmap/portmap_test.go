package portmap

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// router answers questions on a socket of its own. It leaves the first one unanswered, as
// a busy one does.
type router struct {
	at      netip.AddrPort
	outside netip.Addr
	pcp     bool // else NAT-PMP

	mu      sync.Mutex
	asked   int
	granted map[uint16]uint32 // inner port to seconds
	nonce   []byte            // of whom the port is, by PCP
}

func newRouter(t *testing.T, outside string, pcp bool) *router {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &router{outside: netip.MustParseAddr(outside), pcp: pcp, granted: map[uint16]uint32{}}
	r.at = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		b := make([]byte, packetMax)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if answer := r.answer(b[:n]); answer != nil {
				if _, err := conn.WriteTo(answer, from); err != nil {
					return
				}
			}
		}
	}()
	return r
}

func (r *router) answer(q []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked++; r.asked == 1 {
		return nil
	}
	ip4 := r.outside.As4()
	switch {
	case r.pcp && len(q) == 60 && q[0] == 2 && q[1] == 1:
		seconds := binary.BigEndian.Uint32(q[4:])
		if r.nonce == nil {
			r.nonce = append(r.nonce, q[24:36]...)
		}
		if !bytes.Equal(r.nonce, q[24:36]) { // RFC 6887 section 11.3: it is somebody else's
			a := append([]byte(nil), q...)
			a[1], a[3] = 129, 2
			return a
		}
		r.granted[binary.BigEndian.Uint16(q[40:])] = seconds
		a := append([]byte(nil), q...)
		a[1], a[3] = 129, 0
		copy(a[8:24], make([]byte, 16))
		binary.BigEndian.PutUint16(a[42:], 40_000)
		ip := r.outside.As16()
		copy(a[44:], ip[:])
		return a
	case !r.pcp && len(q) == 2 && q[0] == 0:
		return append([]byte{0, 128, 0, 0, 0, 0, 0, 1}, ip4[:]...)
	case !r.pcp && len(q) == 12 && q[0] == 0 && q[1] == 2:
		port, seconds := binary.BigEndian.Uint16(q[4:]), binary.BigEndian.Uint32(q[8:])
		r.granted[port] = seconds
		a := append([]byte{0, 130, 0, 0, 0, 0, 0, 1}, q[4:6]...)
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(a, 40_000), seconds)
	case q[0] == 2:
		return []byte{0, 129, 0, 1, 0, 0, 0, 1} // an old router tells that it knows no PCP
	}
	return nil
}

func (r *router) holds(port uint16) uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.granted[port]
}

func TestRoutersGrantAndTakeBack(t *testing.T) {
	for name, c := range map[string]struct {
		ask func(context.Context, netip.AddrPort, uint16) (Granted, error)
		pcp bool
	}{"PCP": {pcp, true}, "NAT-PMP": {pmp, false}} {
		r := newRouter(t, "198.51.100.7", c.pcp)
		told := make(chan Granted, 2)
		k := Start(Options{Port: 22100, Changed: func(g Granted) { told <- g }, askers: map[string]asker{
			"1 none": func(context.Context, uint16) (Granted, error) { return Granted{}, errNoRouter },
			"2 " + name: func(ctx context.Context, port uint16) (Granted, error) {
				return c.ask(ctx, r.at, port)
			},
		}})
		if got := (<-told).Outside; got != netip.MustParseAddrPort("198.51.100.7:40000") {
			t.Errorf("%s: granted %s", name, got)
		}
		if got := r.holds(22100); got != 3600 {
			t.Errorf("%s: the router holds the port for %d s", name, got)
		}
		k.Close()
		if got := r.holds(22100); got != 0 {
			t.Errorf("%s: the router still holds the port, for %d s", name, got)
		}
	}
}

// A PCP router renews only for who was granted: RFC 6887 section 11.3.
func TestWhatWasGrantedIsRenewed(t *testing.T) {
	r := newRouter(t, "198.51.100.7", true)
	for i := range 2 {
		if _, err := pcp(context.Background(), r.at, 22100); err != nil {
			t.Errorf("asked %d times: %v", i+1, err)
		}
	}
}

// An address that is not the outside's is of no use to anybody.
func TestARouterBehindAnotherGrantsNothing(t *testing.T) {
	for _, outside := range []string{"192.168.7.7", "100.64.0.9", "0.0.0.0", "127.0.0.1"} {
		if got, err := pmp(context.Background(), newRouter(t, outside, false).at, 1); err == nil {
			t.Errorf("%s: granted %s", outside, got.Outside)
		}
	}
}

func TestWithoutARouterThereIsAReason(t *testing.T) {
	begun := make(chan struct{}, 10)
	k := Start(Options{Port: 1, askers: map[string]asker{"x": func(context.Context, uint16) (Granted, error) {
		begun <- struct{}{}
		return Granted{}, errNoRouter
	}}})
	<-begun
	k.Moved() // another network: asked again, long before its time
	select {
	case <-begun:
	case <-time.After(10 * time.Second):
		t.Error("nobody asked again when the network changed")
	}
	k.Close()
	if _, err := k.Granted(); !errors.Is(err, errNoRouter) {
		t.Errorf("reason %v", err)
	}
}
