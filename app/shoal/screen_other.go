//go:build !windows

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// screenSize returns the columns and rows of the terminal behind file, and reports false
// when there is none.
func screenSize(file *os.File) (width, height int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, false
	}
	return int(size.Col), int(size.Row), true
}
