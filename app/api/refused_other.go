//go:build !windows

package api

import (
	"errors"
	"syscall"
)

// Refused reports whether nobody listens on the socket that was dialled.
func Refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
