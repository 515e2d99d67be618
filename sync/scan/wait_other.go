//go:build !linux && !windows

package scan

import "syscall"

// doNotWait keeps opening a pipe from waiting for somebody to write into it.
const doNotWait = syscall.O_NONBLOCK
