package platform

import (
	"fmt"
	"os/exec"
	"runtime"
)

// Reveal opens a directory in the system's file manager, or an http address in the
// person's browser. It does not wait for either.
func Reveal(what string) error {
	var cmd *exec.Cmd
	switch runtime.GOOS {
	case "windows":
		cmd = exec.Command("rundll32.exe", "url.dll,FileProtocolHandler", what)
	case "darwin":
		cmd = exec.Command("/usr/bin/open", what)
	default:
		cmd = exec.Command("xdg-open", what)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("open %s: %w", what, err)
	}
	go func() { _ = cmd.Wait() }() // so that it leaves no zombie; how it ends is its own matter
	return nil
}
