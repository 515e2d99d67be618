//go:build !windows && !darwin

package tray

import "fyne.io/systray"

// loop makes the menu, introduces the icon on D-Bus, and calls run. One after the other:
// what the library is told while it introduces the icon it forgets, and a picture stays
// wrong until the next one.
func loop(build, run func()) {
	introduce, end := systray.RunWithExternalLoop(nil, nil)
	build()
	introduce()
	run()
	end()
}
