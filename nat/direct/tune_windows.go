package direct

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/windows"
)

// tuneSocket does nothing: Windows has no bound for unsent bytes, but its send buffer
// follows the ideal send backlog, which is about one window.
func tuneSocket(_, _ string, _ syscall.RawConn) error { return nil }

// giveWay does nothing: the congestion control is the system's to choose.
func giveWay(*net.TCPConn) {}

// portInUse also counts a port that another program holds for itself alone, which
// Windows reports as a matter of access.
func portInUse(err error) bool {
	return errors.Is(err, windows.WSAEADDRINUSE) || errors.Is(err, windows.WSAEACCES)
}
