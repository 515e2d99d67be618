//go:build !darwin || cgo

package desktop

import (
	"cmp"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// folderSettings is the tab of what can be set of a folder.
type folderSettings struct {
	w    *Window
	rows []*folderSetting
	box  fyne.CanvasObject
}

// folderSetting is one property of a folder.
type folderSetting struct {
	key   string
	value func(status.Folder) string
	shown string
	entry *kit.Entry
	save  *kit.Button
}

func newFolderSettings(w *Window) *folderSettings {
	p := &folderSettings{w: w}
	list := kit.Col(18)
	add := func(key, name, says string, value func(status.Folder) string) {
		row := &folderSetting{key: key, value: value, entry: kit.NewEntry(name)}
		row.save = kit.SignButton("check", say("Save"), nil)
		row.save.Off(true)
		row.entry.OnChanged = func(text string) { row.save.Off(strings.TrimSpace(text) == row.shown) }
		text := kit.Col(2, kit.NewText(name, kit.Look{Strong: true}), kit.NewPara(says, kit.Look{Size: kit.Small, Ink: kit.Muted}))
		list.Add(kit.Bar(24, 0, text, kit.Fixed(settingWidth, 0, kit.Bar(4, 0, row.entry, row.save))))
		p.rows = append(p.rows, row)
	}
	add("name", say("Name"), say("What the folder is called on this device."),
		func(f status.Folder) string { return f.Name })
	add("path", say("Place"), say("Where it lies. Move it with your file manager first, then say here where it is."),
		func(f status.Folder) string { return f.Path })
	add("limits", say("Limits"), say("How fast its content may travel, such as up: 2MB/s 08:00-18:00 Mon-Fri; down: 5MB/s. unlimited is none."),
		func(f status.Folder) string { return cmp.Or(f.Set.Limits, "unlimited") })
	add("brake", say("Brake"), say("How many deletes within a minute wait for your yes: on (more than 100 files and a third), off, a number such as 500, or a part such as %s.", "20%"),
		func(f status.Folder) string { return cmp.Or(f.Set.Brake, "on") })
	add("trash", say("Trash"), say("What is kept of deleted files: on (30 days, a tenth of the disk), off, a time, a size, or both, such as 14d 20GB."),
		func(f status.Folder) string { return cmp.Or(f.Set.Trash, "on") })
	p.box = container.NewVScroll(kit.Inset(2, 26, 22, 28, kit.Card(list)))
	return p
}

func (p *folderSettings) content() fyne.CanvasObject { return p.box }

// set shows the values as they are. What a person is typing is left alone.
func (p *folderSettings) set(f status.Folder) {
	for _, row := range p.rows {
		value := row.value(f)
		put := func() {
			text := strings.TrimSpace(row.entry.Text)
			if text == row.shown {
				return
			}
			p.w.order(api.FolderSet{Folder: f.ID.String(), Key: row.key, Value: text}, func() {
				row.shown = text
				row.save.Off(true)
			})
		}
		row.save.OnTap = put
		row.entry.OnSubmitted = func(string) { put() }
		if typing := row.entry.Text != row.shown; value != row.shown && !typing {
			row.shown = value
			row.entry.SetText(value)
			row.save.Off(true)
		}
	}
}
