//go:build !linux || !amd64

package powercut

import "errors"

// Refusal says why power cannot be cut here.
const Refusal = "cutting the power needs Linux on amd64"

func watch(Cut, string) error { return errors.New(Refusal) }

func become(string) error { return errors.New(Refusal) }
