package api

import (
	"errors"

	"golang.org/x/sys/windows"
)

// Refused reports whether nobody listens on the socket that was dialled.
func Refused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
