package platform

import (
	"errors"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// runKey is where Windows looks when this person logs in.
const runKey = `Software\Microsoft\Windows\CurrentVersion\Run`

func addStart(s Start) error {
	key, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return err
	}
	line := windows.ComposeCommandLine(append([]string{s.Program}, s.Args...))
	return errors.Join(key.SetStringValue(startsAs, line), key.Close())
}

func dropStart() error {
	key, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		if errors.Is(err, registry.ErrNotExist) {
			return nil
		}
		return err
	}
	if err = key.DeleteValue(startsAs); errors.Is(err, registry.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, key.Close())
}
