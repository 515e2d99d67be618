//go:build !darwin || cgo

package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// folderIgnore is the tab of what is left alone in a folder: patterns on the left, what
// they match on the right while they are typed.
type folderIgnore struct {
	w       *Window
	id      string
	was     api.IgnoreTexts
	texts   api.IgnoreTexts
	tabs    *kit.Tabs
	text    *kit.Entry
	note    *kit.Text
	save    *kit.Button
	found   api.Ignores
	list    *widget.List
	counted *kit.Text
	asking  bool
	again   bool // the text changed while a preview was asked for
	filling bool
	box     fyne.CanvasObject
	loaded  bool
}

func newFolderIgnore(w *Window) *folderIgnore {
	p := &folderIgnore{w: w, text: kit.NewTextArea("*.tmp\nnode_modules/"),
		note:    kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.End}),
		counted: kit.NewText("", kit.Look{Strong: true, Elide: kit.End})}
	p.text.TextStyle = fyne.TextStyle{Monospace: true}
	p.tabs = kit.NewTabs([]string{say("On all devices"), say("On this device only")}, func(int) { p.fill() })
	p.save = kit.NewButton(say("Save"), "check", kit.Main, p.write)
	p.save.Off(true)
	p.text.OnChanged = p.typed
	p.list = widget.NewList(func() int { return len(p.found.Paths) },
		func() fyne.CanvasObject {
			return kit.Pad(3, 6, kit.NewText("", kit.Look{Size: kit.Small, Elide: kit.Middle}))
		},
		func(i widget.ListItemID, o fyne.CanvasObject) {
			o.(*fyne.Container).Objects[0].(*kit.Text).Set(p.found.Paths[i])
		})
	p.list.HideSeparators = true
	left := container.NewBorder(kit.Inset(0, 0, 10, 0, kit.Bar(10, 0, p.tabs.Box, p.save)),
		kit.Inset(8, 0, 0, 0, p.note), nil, nil, p.text)
	right := container.NewBorder(kit.Inset(6, 0, 12, 0, p.counted), nil, nil, nil,
		container.NewStack(kit.NewGround(kit.CardFill, kit.Border, 10), kit.Pad(8, 6, p.list)))
	p.box = kit.Inset(2, 26, 20, 28, kit.Columns(20, []float32{1, 1}, left, right))
	return p
}

func (p *folderIgnore) content() fyne.CanvasObject { return p.box }

func (p *folderIgnore) set(f status.Folder) {
	if p.loaded {
		return
	}
	p.loaded, p.id = true, f.ID.String()
	p.read()
}

func (p *folderIgnore) read() {
	var texts api.IgnoreTexts
	p.w.ask(api.IgnoreRead{Folder: p.id}, &texts, func(err error) {
		if err != nil {
			p.loaded = false // asked again with the next view
			p.note.Set(err.Error())
			return
		}
		p.was, p.texts = texts, texts
		p.fill()
		p.preview()
	})
}

// fill shows the patterns of the tab that is chosen.
func (p *folderIgnore) fill() {
	p.filling = true
	if p.tabs.Chosen() == 0 {
		p.text.SetText(p.texts.Shared)
		p.note.Set(say("One pattern a line, as in .gitignore. They travel with the folder."))
	} else {
		p.text.SetText(p.texts.Own)
		p.note.Set(say("One pattern a line, as in .gitignore. They win over those for all devices."))
	}
	p.filling = false
	p.save.Off(p.texts == p.was)
}

func (p *folderIgnore) typed(text string) {
	if p.filling {
		return
	}
	if p.tabs.Chosen() == 0 {
		p.texts.Shared = text
	} else {
		p.texts.Own = text
	}
	p.save.Off(p.texts == p.was)
	p.preview()
}

// preview asks what the patterns match, one question at a time; what is typed meanwhile is
// asked about next.
func (p *folderIgnore) preview() {
	if p.asking {
		p.again = true
		return
	}
	p.asking, p.again = true, false
	var found api.Ignores
	p.w.ask(api.IgnorePreview{Folder: p.id, Shared: p.texts.Shared, Own: p.texts.Own}, &found, func(err error) {
		p.asking = false
		if p.again {
			p.preview()
		}
		if err != nil {
			p.counted.Set(err.Error())
			p.counted.Paint(kit.Bad)
			return
		}
		p.found = found
		text := many(int64(found.Names), "Leaves %s name of %s alone", "Leaves %s names of %s alone", grouped(int64(found.All)))
		if found.Partial {
			text += " " + say("(in the part that was looked at)")
		}
		p.counted.Set(text)
		p.counted.Paint(kit.Ink)
		p.list.Refresh()
	})
}

func (p *folderIgnore) write() {
	texts, was := p.texts, p.was
	intent := api.IgnoreWrite{Folder: p.id, Texts: texts, Was: was}
	p.w.order(intent, func() {
		p.was = texts
		p.save.Off(p.texts == p.was)
		p.note.Set(say("Saved"))
	})
}
