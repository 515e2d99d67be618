//go:build windows || (darwin && cgo)

package tray

import "fyne.io/systray"

// loop makes the menu and calls run beside the loop of the system, which is the first
// goroutine's.
func loop(build, run func()) {
	systray.Run(func() {
		build()
		go func() {
			run()
			systray.Quit()
		}()
	}, nil)
}
