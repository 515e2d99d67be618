package main

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// onItsOwn lets a program go on when the one that started it ends, without a console
// window of its own.
func onItsOwn(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		HideWindow: true, CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW,
	}
}
