//go:build !windows

package main

import (
	"fmt"
	"os"
	"syscall"
)

// startAgain becomes the program that has taken the place of this one, with the same
// arguments: whoever watches this process sees it go on.
func startAgain() error {
	return fmt.Errorf("start %s anew: %w", ownProgram, syscall.Exec(ownProgram, os.Args, os.Environ()))
}

// alive reports whether there is a process of a number.
func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
