//go:build unix

package main

import "syscall"

// apart keeps an agent out of the terminal's reach: Ctrl-C is for the demo, which then
// stops the agents in order, and KEEP=1 lets them outlive the terminal.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
