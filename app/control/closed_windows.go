package control

import (
	"fmt"
	"io/fs"
	"os"
)

// checkClosed has no modes to look at on Windows: the directories of a user's profile let
// in that user and administrators only.
func checkClosed(home string) error {
	info, err := os.Stat(home)
	if err != nil {
		return fmt.Errorf("look at the home: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("home %s is not a directory", home)
	}
	return nil
}

// isSocket also takes irregular files: that is what Go calls the reparse points which
// stand for Unix sockets on Windows in some releases.
func isSocket(info fs.FileInfo) bool {
	return info.Mode().Type()&(fs.ModeSocket|fs.ModeIrregular) != 0
}
