package direct

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// tcpNotSentLowat is TCP_NOTSENT_LOWAT of netinet/tcp.h, which x/sys does not name here.
const tcpNotSentLowat = 0x201

// tuneSocket keeps the kernel from becoming the queue (see notSentMax). It is a wish: a
// kernel that does not know the option gives a link with slower metadata, not no link.
func tuneSocket(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, tcpNotSentLowat, notSentMax)
	})
}

// giveWay does nothing: the system has one congestion control that gives way.
func giveWay(*net.TCPConn) {}

func portInUse(err error) bool { return errors.Is(err, unix.EADDRINUSE) }
