package host

import (
	"fmt"
	"os"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/platform"
)

// FollowSetting does what a setting says outside the agent before it is saved: autostart is
// an entry among those of the system. Other settings, and values that are wrong, are left
// to who saves them.
func FollowSetting(home, key, value string) error {
	if key != "autostart" {
		return nil
	}
	var want config.Settings
	if value != "" { // empty goes back to the default, which is off
		if want.Put(key, value) != nil {
			return nil
		}
	}
	start, err := trayStart(home)
	if err != nil {
		return err
	}
	return platform.SetAutostart(want.Autostart, start)
}

// trayStart is the tray of a home as the system is to start it.
func trayStart(home string) (platform.Start, error) {
	program, err := os.Executable()
	if err != nil {
		return platform.Start{}, fmt.Errorf("find the program: %w", err)
	}
	start := platform.Start{Program: program, Args: []string{"--tray"}}
	if usual, err := config.DefaultHome(); err != nil || usual != home {
		start.Args = append(start.Args, "--home", home)
	}
	return start, nil
}
