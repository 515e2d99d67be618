package config

import (
	"errors"
	"io/fs"
	"os"
)

func stateDir() (string, error) { return os.UserConfigDir() }

// closeToOthers has nothing to change: below a user's profile, where the home is by
// default, Windows lets in that user and administrators only. What modes Go shows here
// are made up, so they are not looked at.
func closeToOthers(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return errors.New("it is not a directory")
	}
	return err
}

func checkKeyMode(fs.FileInfo, string) error { return nil }

// syncDir has nothing to do: NTFS journals renames, and directories cannot be flushed.
func syncDir(string) error { return nil }
