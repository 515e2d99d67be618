//go:build desktop && cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/desktop"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/platform"
	"github.com/shoal-sync/shoal/assets"
)

const hasWindow = true

// windowWidth and windowHeight fit the smallest laptops that are still sold.
const (
	windowWidth  = 1120
	windowHeight = 740
)

// errNoDisplay is what a window needs and a server lacks.
var errNoDisplay = errors.New("there is no screen to show the window on: run `shoal --nogui` to " +
	"start the agent, and `shoal help` for the commands")

// windowFits says why no window can be shown here, nil when one can.
func windowFits() error {
	if noDisplay() {
		return errNoDisplay
	}
	return nil
}

// openWindow shows the window until the person closes it.
func openWindow(ctx context.Context, home *config.Home, page string, asked <-chan string) (err error) {
	// Without OpenGL the toolkit panics, from several places and in words of its own.
	defer func() {
		if mishap := recover(); mishap != nil {
			err = fmt.Errorf("the window cannot be drawn here (%v): the agent runs all the same; use the commands, "+
				"see `shoal help`, or its web page, `shoal web`", mishap)
		}
	}()
	settings, err := home.Settings()
	if err != nil {
		return err
	}
	client := api.NewClient(home.Dir())
	defer client.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	app.SetMetadata(fyne.AppMetadata{
		ID: "app.shoal.Shoal", Name: "Shoal", Version: buildVersion(),
		Icon:       fyne.NewStaticResource("icon.svg", assets.Icon()),
		Migrations: map[string]bool{"fyneDo": true},
	})
	program := app.NewWithID("app.shoal.Shoal")
	window := program.NewWindow("Shoal")
	size := fyne.NewSize(windowWidth, windowHeight)
	if was, err := home.WindowSize(); err != nil {
		fmt.Fprintln(os.Stderr, "shoal: the window opens as it did at first:", err)
	} else if was != (config.WindowSize{}) {
		size = fyne.NewSize(was.Width, was.Height)
	}
	window.Resize(size)
	pages := desktop.New(ctx, window, client, desktop.Options{
		Look:  desktop.Look{Appearance: kit.Appearance(settings.Appearance), TextSize: settings.TextSize},
		Words: settings.Book(platform.Languages()),
	})
	pages.Show(page)
	go raise(ctx, window, pages, asked)
	window.SetOnClosed(func() { sayGoesOn(home) })
	program.Lifecycle().SetOnStarted(func() {
		go pages.Run()
		// An interrupt of the program closes the window as a person would.
		context.AfterFunc(ctx, func() { fyne.Do(program.Quit) })
	})
	window.ShowAndRun()
	// What still listens to the agent ends with the program.
	if size = window.Canvas().Size(); window.FullScreen() {
		return nil
	}
	return home.SaveWindowSize(config.WindowSize{Width: size.Width, Height: size.Height})
}

// raise brings the window to the front whenever somebody starts the program once more.
func raise(ctx context.Context, window fyne.Window, pages *desktop.Window, asked <-chan string) {
	for {
		select {
		case page := <-asked:
			fyne.Do(func() {
				window.Show()
				window.RequestFocus()
				pages.Show(page)
			})
		case <-ctx.Done():
			return
		}
	}
}

// sayGoesOn tells, where no icon can, that closing the window ends nothing.
func sayGoesOn(home *config.Home) {
	settings, err := home.Settings()
	if err != nil || platform.TrayMissing() == "" {
		return
	}
	b := settings.Book(platform.Languages())
	toaster := platform.NewToaster("Shoal")
	err = toaster.Show(platform.Toast{
		Kind: "closed", Title: b.Say("Shoal goes on syncing"), Act: b.Say("Look"), Picture: assets.IconPicture(),
		Text: b.Say("Start Shoal again to see this window; `shoal stop` ends it."),
	}, nil)
	if err == nil {
		err = toaster.Close()
	}
	if err != nil && !errors.Is(err, platform.ErrNoToasts) {
		fmt.Fprintln(os.Stderr, "shoal:", err)
	}
}

// noDisplay reports whether there is no screen to show a window on.
func noDisplay() bool {
	switch runtime.GOOS {
	case "windows", "darwin":
		return false
	}
	return os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == ""
}
