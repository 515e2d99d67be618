package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Start is how the tray is started when a person logs in.
type Start struct {
	Program string   // full path
	Args    []string // after the program
}

// startsAs is the name of the entry, as desktops know the program.
const startsAs = "app.shoal.Shoal"

// SetAutostart makes the system start the program when this person logs in, or ends that.
// Ending what is not there is no error.
func SetAutostart(on bool, s Start) error {
	var err error
	if on {
		err = addStart(s)
	} else {
		err = dropStart()
	}
	if err != nil {
		return fmt.Errorf("start at login: %w", err)
	}
	return nil
}

// writeEntry makes a file of the person's settings, with the directories above it.
func writeEntry(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func dropEntry(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
