package platform

import "errors"

// Toast is one message of the desktop.
type Toast struct {
	// Kind tells messages apart: a new one replaces the last of its kind.
	Kind  string
	Title string
	Text  string
	// Act is what the button is called, where the system shows one.
	Act string
	// Picture is the icon, as PNG.
	Picture []byte
}

// ErrNoToasts reports that the system shows no messages, or none that we know how to send.
var ErrNoToasts = errors.New("this system shows no messages")
