package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// screenSize returns the columns and rows of the terminal behind file. It reports false
// when there is none, or one that does not understand escape sequences.
func screenSize(file *os.File) (width, height int, ok bool) {
	handle := windows.Handle(file.Fd())
	var mode uint32
	if windows.GetConsoleMode(handle, &mode) != nil {
		return 0, 0, false
	}
	mode |= windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	if windows.SetConsoleMode(handle, mode) != nil {
		return 0, 0, false
	}
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(handle, &info) != nil {
		return 0, 0, false
	}
	return int(info.Window.Right-info.Window.Left) + 1,
		int(info.Window.Bottom-info.Window.Top) + 1, true
}
