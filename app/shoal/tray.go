package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/platform"
	"github.com/shoal-sync/shoal/app/role"
	"github.com/shoal-sync/shoal/app/tray"
	"github.com/shoal-sync/shoal/app/web"
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/assets"
)

// trayMemory is how much the tray may hold before memory is given back at once: it is there
// all day, and holds one view.
const trayMemory = 12 << 20

// runTray shows the icon beside the clock, and starts the agent when none runs.
func (s *session) runTray(ctx context.Context) error {
	debug.SetMemoryLimit(trayMemory)
	debug.SetGCPercent(50)
	home, err := s.openHome()
	if err != nil {
		return err
	}
	own, err := role.Take(ctx, home, role.Tray, "")
	if err != nil || own == nil {
		return err // when there is one already, all is well
	}
	settings, err := home.Settings()
	if err != nil {
		return errors.Join(err, own.Close())
	}
	log := slog.New(slog.NewTextHandler(s.errs, nil))
	if reason := platform.TrayMissing(); reason != "" {
		log.Warn("there is no place for the icon on this desktop; the agent runs all the same, and shoal opens the window",
			"reason", reason)
	}
	client := api.NewClient(home.Dir())
	defer client.Close()
	desk := &trayDesk{home: home, client: client, toaster: platform.NewToaster("Shoal")}
	if err := desk.StartAgent(ctx); err != nil {
		log.Error("the agent could not be started", "reason", err)
	}
	b := settings.Book(platform.Languages())
	desk.words = b
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tray.ShowIcon(ctx, b, log, func(menu tray.Menu) {
		tray.New(client, menu, desk, b, log).Run(ctx)
	})
	return errors.Join(desk.toaster.Close(), own.Close())
}

// trayDesk is what the tray can do beyond its menu.
type trayDesk struct {
	home    *config.Home
	client  *api.Client
	toaster *platform.Toaster
	words   words.Book
}

// OpenWindow implements tray.Desk.
func (d *trayDesk) OpenWindow(page string) error {
	if err := windowFits(); err != nil {
		return d.openPage(err)
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("open the window: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(d.home.Dir(), "window.log"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open the window: %w", err)
	}
	defer log.Close()
	window := exec.Command(program, "--home", d.home.Dir(), "--page", page)
	window.Stdout, window.Stderr = log, log
	onItsOwn(window)
	if err := window.Start(); err != nil {
		return fmt.Errorf("open the window: %w", err)
	}
	go func() { _ = window.Wait() }() // so that it leaves no zombie; it has a log of its own
	return nil
}

// openPage shows the web page where there is no window, and says how to get one where
// there is no page either; without is why there is no window.
func (d *trayDesk) openPage(without error) error {
	links, err := web.Links(d.home.Dir(), time.Now())
	if err == nil {
		return platform.Reveal(links[len(links)-1]) // that of this computer comes last
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = d.toaster.Show(platform.Toast{
		Kind: "no-window", Title: d.words.Say("Shoal has no window here"), Act: d.words.Say("Close"),
		Text: d.words.Say("To open it in a browser, run `shoal config set web 127.0.0.1:22180` and start Shoal anew."),
	}, nil)
	if err != nil {
		return errors.Join(without, err)
	}
	return nil
}

// OpenPlace implements tray.Desk.
func (d *trayDesk) OpenPlace(dir string) error { return platform.Reveal(dir) }

// Notify implements tray.Desk.
func (d *trayDesk) Notify(n tray.Notice, clicked func()) error {
	return d.toaster.Show(platform.Toast{
		Kind: string(n.Kind), Title: n.Title, Text: n.Text, Act: n.Act, Picture: assets.Tray(string(tray.NeedsYou)),
	}, clicked)
}

// StartAgent implements tray.Desk.
func (d *trayDesk) StartAgent(ctx context.Context) error { return ensureAgent(ctx, d.home.Dir()) }

// StopAgent implements tray.Desk.
func (d *trayDesk) StopAgent(ctx context.Context) error {
	if err := stopAgent(ctx, d.home, d.client); !noAgent(err) {
		return err
	}
	return nil
}
