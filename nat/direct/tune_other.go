//go:build !linux && !darwin && !windows

package direct

import (
	"errors"
	"net"
	"syscall"
)

// tuneSocket does nothing where the system has no bound for unsent bytes.
func tuneSocket(_, _ string, _ syscall.RawConn) error { return nil }

// giveWay does nothing: nobody chose another congestion control for one program there.
func giveWay(*net.TCPConn) {}

func portInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
