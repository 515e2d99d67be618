//go:build !linux && !darwin && !windows

package direct

import (
	"errors"
	"syscall"
)

// tuneSocket does nothing where the system has no bound for unsent bytes.
func tuneSocket(_, _ string, _ syscall.RawConn) error { return nil }

func portInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
