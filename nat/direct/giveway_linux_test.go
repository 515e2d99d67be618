package direct

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// A swarm's source has a link for each neighbour, all through one bucket, and BBR would lose
// a good part of what it sends there. Another way to control congestion is left as it is.
func TestNearLinksGiveWay(t *testing.T) {
	near, far := true, false
	for _, c := range []struct{ system, near, far string }{{"bbr", "cubic", "bbr"}, {"reno", "reno", "reno"}} {
		if got := linkedOver(t, c.system, near); got != [2]string{c.near, c.near} {
			t.Errorf("system: %s; called and caller on one network: %v, want %s", c.system, got, c.near)
		}
		if got := linkedOver(t, c.system, far); got != [2]string{c.far, c.far} {
			t.Errorf("system: %s; called and caller in two networks: %v, want %s", c.system, got, c.far)
		}
	}
}

// linkedOver tells what controls congestion at the two ends of a connection, where the
// system would have chosen something else for it.
func linkedOver(t *testing.T, system string, near bool) (got [2]string) {
	t.Helper()
	e := &Endpoint{opts: Options{Near: func(netip.Addr) bool { return near }}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	caller, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	called, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer called.Close()
	for i, conn := range []net.Conn{called, caller} {
		at(t, conn, func(fd int) {
			if err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, system); err != nil {
				t.Skipf("SKIPPED: this kernel has no %s for this user, so it cannot be told apart: %v", system, err)
			}
		})
		e.pace(conn, addrPort(conn.RemoteAddr()))
		at(t, conn, func(fd int) {
			if got[i], err = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION); err != nil {
				t.Fatal(err)
			}
		})
	}
	return got
}

func at(t *testing.T, conn net.Conn, do func(fd int)) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { do(int(fd)) })
	}
	if err != nil {
		t.Fatal(err)
	}
}
