package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// windowProgram is the one of the two programs on Windows that has a window, and no
// console. Commands go to the other one, shoal.exe, whose words a console shows.
const windowProgram = "shoal-window.exe"

// besideWindow reports whether a program of Windows without a window is one of two: the
// other one has it.
func besideWindow(program string) bool {
	dir, name := filepath.Split(program)
	if !strings.EqualFold(name, "shoal.exe") {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, windowProgram))
	return err == nil
}

// withWindow reports whether what is installed here has a window: this program, or the one
// beside it.
func withWindow() bool { return hasWindow || besideWindow(ownProgram) }

// handToWindow starts the program that has the window in the place of this one, which has
// none, with the same arguments; it reports whether there is such a program.
func handToWindow() (bool, error) {
	if hasWindow || !besideWindow(ownProgram) {
		return false, nil
	}
	other := exec.Command(filepath.Join(filepath.Dir(ownProgram), windowProgram), os.Args[1:]...)
	if err := other.Start(); err != nil {
		return true, fmt.Errorf("open the window: %w", err)
	}
	return true, other.Process.Release()
}
