//go:build !windows

package main

import (
	"os/exec"
	"syscall"
)

// onItsOwn lets a program go on when the one that started it ends, and keeps an interrupt
// typed into that one's terminal from it.
func onItsOwn(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
