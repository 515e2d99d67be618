package main

import "syscall"

// apart keeps an agent out of the console's reach: Ctrl-C is for the demo, which then
// stops the agents in order.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
