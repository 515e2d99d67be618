//go:build !windows

package control

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkClosed refuses a home that other users can enter: between making the socket and
// closing it they could connect.
func checkClosed(home string) error {
	info, err := os.Stat(home)
	if err != nil {
		return fmt.Errorf("look at the home: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("home %s is not a directory", home)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return fmt.Errorf("other users can enter the home %s (mode %04o): "+
			"close it with `chmod 700`", home, info.Mode().Perm())
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("the home %s belongs to another user", home)
	}
	return nil
}

func isSocket(info fs.FileInfo) bool { return info.Mode().Type() == fs.ModeSocket }
