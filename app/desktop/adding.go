//go:build !darwin || cgo

package desktop

import (
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// AddFolder asks for a directory to keep, and for the devices to share it with. The path
// may be empty.
func (w *Window) AddFolder(path string) { w.addFolder(path, ident.DeviceID{}, "") }

// addFolder asks likewise, with one device chosen already unless it is zero: the view may
// not know it yet.
func (w *Window) addFolder(path string, with ident.DeviceID, name string) {
	entry := kit.NewEntry(say("Full path of the folder"))
	entry.SetText(path)
	pick := kit.NewButton(say("Choose …"), "folder-open", kit.Plain, func() {
		dialog.ShowFolderOpen(func(dir fyne.ListableURI, err error) {
			if err != nil {
				w.complain(err)
			} else if dir != nil {
				entry.SetText(filepath.FromSlash(dir.Path()))
			}
		}, w.win)
	})
	parts := kit.Col(12, kit.NewPara(say("What lies in it stays where it is. Nothing is deleted."), kit.Look{Ink: kit.Muted}),
		kit.Bar(8, 0, entry, pick))
	devices := w.view.Devices
	chosen := map[ident.DeviceID]bool{}
	if !with.IsZero() {
		chosen[with] = true
		if !slices.ContainsFunc(devices, func(d status.Device) bool { return d.ID == with }) {
			devices = append(slices.Clone(devices), status.Device{ID: with, Name: name})
		}
	}
	if len(devices) > 0 {
		parts.Add(kit.NewText(say("Share it with"), kit.Look{Size: kit.Small, Strong: true}))
		chips := kit.Flow(8)
		sign := map[bool]string{true: "check", false: "plus"}
		for _, d := range devices {
			var b *kit.Button
			b = kit.NewButton(d.Name, sign[chosen[d.ID]], kit.Plain, func() {
				chosen[d.ID] = !chosen[d.ID]
				b.Sign(sign[chosen[d.ID]])
			})
			chips.Add(b)
		}
		parts.Add(chips)
	}
	var sheet *kit.Sheet
	add := func() {
		text := strings.TrimSpace(entry.Text)
		if text == "" {
			return
		}
		var made api.Folder
		w.askLong(api.FolderAdd{Path: text}, &made, func(err error) {
			if err != nil {
				w.complain(err)
				return
			}
			sheet.Close()
			for id, yes := range chosen {
				if yes {
					w.order(api.FolderShare{Folder: made.ID.String(), Device: id.String()}, nil)
				}
			}
		})
	}
	entry.OnSubmitted = func(string) { add() }
	title := say("Add a folder")
	if !with.IsZero() {
		title = say("What should be the same here and on %s?", name)
	}
	sheet = kit.Ask(w.win.Canvas(), title, parts, kit.Answer{Text: say("Cancel")},
		kit.Answer{Text: say("Add folder"), Weight: kit.Main, Stays: true, Do: add})
	w.win.Canvas().Focus(entry)
}

// dropped adds the folder that a person lets fall on the window, or links by a picture.
func (w *Window) dropped(_ fyne.Position, list []fyne.URI) {
	if len(list) == 0 || list[0].Scheme() != "file" {
		return
	}
	path := filepath.FromSlash(list[0].Path())
	if isPicture(path) {
		w.LinkByPicture(path)
		return
	}
	w.AddFolder(path)
}
