package direct

import (
	"errors"
	"net"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// tuneSocket keeps the kernel from becoming the queue (see notSentMax). It is a wish: a
// kernel that does not know the option gives a link with slower metadata, not no link.
func tuneSocket(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSentMax)
	})
}

// giveWay keeps BBR off links of one's own network. There the way is short and many links
// share it, and BBR takes what is lost for granted: nine devices behind buckets of 20 Mbit/s
// lost a third of what their source handed to the kernel. Every other choice of the system
// stays, and BBR does on the way to far networks, where losses say little about the road. It
// is a wish, like tuneSocket.
func giveWay(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return // closed: whoever uses it next hears of that
	}
	_ = raw.Control(func(fd uintptr) {
		now, err := unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		if err == nil && strings.HasPrefix(now, "bbr") {
			_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic")
		}
	})
}

func portInUse(err error) bool { return errors.Is(err, unix.EADDRINUSE) }
