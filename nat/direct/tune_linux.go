package direct

import (
	"errors"
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

func portInUse(err error) bool { return errors.Is(err, unix.EADDRINUSE) }
