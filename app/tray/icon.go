//go:build !darwin || cgo

package tray

import (
	"context"
	"log"
	"log/slog"
	"strings"

	"fyne.io/systray"

	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/assets"
)

// icon is the Menu of a system that has a place for it. It has eight entries and no more:
// people find what they look for in a menu of that length without reading it.
type icon struct {
	words   words.Book
	ctx     context.Context
	presses chan Press
	mood    Mood
	line    string

	state, open, hour, day, settings *systray.MenuItem
	recent, devices                  *systray.MenuItem
	files                            [recentShown]*systray.MenuItem
	peers                            [devicesShown + 1]*systray.MenuItem

	// The library does not tell what an item shows, so it is remembered here.
	titles  map[*systray.MenuItem]string
	visible map[*systray.MenuItem]bool
}

// ShowIcon puts the icon beside the clock and calls run beside it, with its menu. It
// returns when run has, and must be called by the program's first goroutine.
func ShowIcon(ctx context.Context, b words.Book, logger *slog.Logger, run func(Menu)) {
	log.SetFlags(0)
	log.SetOutput(complaints{logger})
	m := &icon{words: b, ctx: ctx, presses: make(chan Press),
		titles: map[*systray.MenuItem]string{}, visible: map[*systray.MenuItem]bool{}}
	loop(m.build, func() { run(m) })
}

func (m *icon) build() {
	b := m.words
	systray.SetTitle("Shoal")
	systray.SetOnTapped(func() { m.press(Press{Act: Open}) })
	m.state = m.entry("", Press{Act: OpenState})
	m.open = m.entry(b.Say("Open Shoal"), Press{Act: Open})
	systray.AddSeparator()
	m.recent = systray.AddMenuItem(b.Say("Last received"), "")
	for i := range m.files {
		m.files[i] = m.recent.AddSubMenuItem("", "")
		m.files[i].Hide()
		m.follow(m.files[i], Press{OpenRecent, i})
	}
	m.recent.Hide()
	m.devices = systray.AddMenuItem(b.Say("Devices"), "")
	for i := range m.peers {
		m.peers[i] = m.devices.AddSubMenuItem("", "")
		m.peers[i].Disable()
		m.peers[i].Hide()
	}
	m.devices.Hide()
	systray.AddSeparator()
	m.hour = systray.AddMenuItem(b.Say("Pause for an hour"), "")
	m.follow(m.hour, Press{Act: PauseHour})
	m.day = m.entry(b.Say("Pause until tomorrow"), Press{Act: PauseDay})
	m.settings = m.entry(b.Say("Settings"), Press{Act: OpenSettings})
	quit := systray.AddMenuItem(b.Say("Quit"), "")
	hide := quit.AddSubMenuItem(b.Say("Hide this icon and go on syncing"), "")
	m.follow(hide, Press{Act: Hide})
	end := quit.AddSubMenuItem(b.Say("Stop syncing"), "")
	m.follow(end, Press{Act: Quit})
}

func (m *icon) entry(text string, p Press) *systray.MenuItem {
	item := systray.AddMenuItem(text, "")
	m.follow(item, p)
	return item
}

// follow turns clicks into presses until the context ends.
func (m *icon) follow(item *systray.MenuItem, p Press) {
	go func() {
		for {
			select {
			case <-item.ClickedCh:
				m.press(p)
			case <-m.ctx.Done():
				return
			}
		}
	}()
}

func (m *icon) press(p Press) {
	select {
	case m.presses <- p:
	case <-m.ctx.Done():
	}
}

// Presses implements Menu.
func (m *icon) Presses() <-chan Press { return m.presses }

// Show implements Menu. Only what differs is sent: each change wakes the panel up.
func (m *icon) Show(f Face) {
	if f.Mood != m.mood {
		m.mood = f.Mood
		systray.SetIcon(shaped(assets.Tray(string(f.Mood))))
	}
	if f.Line != m.line {
		m.line = f.Line
		m.state.SetTitle(f.Line)
		systray.SetTooltip("Shoal: " + f.Line)
	}
	switch {
	case !f.Running:
		m.retitle(m.hour, m.words.Say("Start syncing"))
	case f.Resting:
		m.retitle(m.hour, m.words.Say("Resume"))
	default:
		m.retitle(m.hour, m.words.Say("Pause for an hour"))
	}
	m.shown(m.day, f.Running && !f.Resting)
	m.shown(m.settings, f.Running)
	m.list(m.devices, m.peers[:], f.Devices)
}

// Recent implements Menu.
func (m *icon) Recent(names []string) { m.list(m.recent, m.files[:], names) }

func (m *icon) list(parent *systray.MenuItem, items []*systray.MenuItem, names []string) {
	m.shown(parent, len(names) > 0)
	for i, item := range items {
		if i < len(names) {
			m.retitle(item, names[i])
		}
		m.shown(item, i < len(names))
	}
}

func (m *icon) retitle(item *systray.MenuItem, text string) {
	if m.titles[item] != text {
		m.titles[item] = text
		item.SetTitle(text)
	}
}

func (m *icon) shown(item *systray.MenuItem, yes bool) {
	if was, known := m.visible[item]; known && was == yes {
		return
	}
	m.visible[item] = yes
	if yes {
		item.Show()
	} else {
		item.Hide()
	}
}

// complaints turns what the library prints into lines of our log.
type complaints struct{ log *slog.Logger }

func (c complaints) Write(text []byte) (int, error) {
	c.log.Info("no place for the icon yet", "reason", strings.TrimSpace(string(text)))
	return len(text), nil
}
