//go:build !(desktop && cgo)

package main

import (
	"context"
	"errors"

	"github.com/shoal-sync/shoal/app/config"
)

const hasWindow = false

// windowFits says that this program was built without a window.
func windowFits() error {
	return errors.New("this is the program without a window: run `shoal --nogui` to start " +
		"the agent, and `shoal help` for the commands")
}

// openWindow is never called: no window fits.
func openWindow(context.Context, *config.Home, string, <-chan string) error { return windowFits() }
