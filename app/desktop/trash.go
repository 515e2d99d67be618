//go:build !darwin || cgo

package desktop

import (
	"path"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// trash is the page of what was taken away and can be had back, and of what has happened.
type trash struct {
	w       *Window
	head    *header
	tabs    *kit.Tabs
	filter  *kit.Entry
	all     []api.Trashed
	shown   []api.Trashed
	list    *widget.List
	none    fyne.CanvasObject
	history *history
	body    *fyne.Container
	root    fyne.CanvasObject
	load    loader
}

func newTrash(w *Window) *trash {
	p := &trash{w: w, filter: kit.NewEntry(say("Find a name"))}
	drop := kit.NewButton(say("Empty the trash …"), "trash", kit.Plain, p.empty)
	again := kit.SignButton("arrows-clockwise", say("Look again"), p.ask)
	p.head = newHeader(say("Trash and history"), again, drop)
	p.tabs = kit.NewTabs([]string{say("Trash"), say("What has happened")}, func(int) { p.arrange() })
	p.filter.OnChanged = func(string) { p.sift() }
	p.list = widget.NewList(func() int { return len(p.shown) }, func() fyne.CanvasObject { return newTrashRow(w, p) },
		func(i widget.ListItemID, o fyne.CanvasObject) { o.(*trashRow).set(p.shown[i]) })
	p.list.HideSeparators = true
	p.none = empty("trash", say("The trash is empty"),
		say("What is deleted or replaced in a folder rests here for a while, on every device that had it."))
	p.history = newHistory(w, nil)
	p.body = container.NewStack()
	bar := kit.Inset(0, 26, 12, 28, kit.Bar(12, 1, p.tabs.Box, p.filter))
	p.root = container.NewBorder(kit.Col(0, p.head.box, bar), nil, nil, nil, kit.Inset(0, 20, 12, 22, p.body))
	p.arrange()
	return p
}

func (p *trash) content() fyne.CanvasObject { return p.root }

func (p *trash) update() {
	p.load.when(p.w, "", p.ask)
	p.history.update()
}

func (p *trash) happened(status.Event) { p.history.update() }

func (p *trash) arrange() {
	switch {
	case p.tabs.Chosen() == 1:
		p.body.Objects = []fyne.CanvasObject{p.history.box}
	case len(p.shown) == 0 && !p.load.waiting:
		p.body.Objects = []fyne.CanvasObject{p.none}
	default:
		p.body.Objects = []fyne.CanvasObject{p.list}
	}
	p.body.Refresh()
}

func (p *trash) ask() {
	var all []api.Trashed
	p.head.line.Set(say("Asking the connected devices what they hold …"))
	p.w.ask(api.TrashList{}, &all, func(err error) {
		p.load.done()
		if err != nil {
			p.head.line.Set(err.Error())
			return
		}
		p.all = all
		p.sift()
	})
}

// sift shows what fits the filter.
func (p *trash) sift() {
	want := strings.ToLower(strings.TrimSpace(p.filter.Text))
	p.shown = p.shown[:0]
	var total int64
	for _, t := range p.all {
		if want == "" || strings.Contains(strings.ToLower(t.Path), want) {
			p.shown = append(p.shown, t)
			total += t.Size
		}
	}
	p.head.line.Set(files(int64(len(p.shown))) + " · " + sized(total))
	p.list.Refresh()
	p.history.filter(want)
	p.arrange()
}

func (p *trash) restore(t api.Trashed) {
	where := api.Where{Folder: t.Folder.String(), Path: t.Path}
	p.w.order(api.TrashRestore{Where: where, Version: t.Version}, p.ask)
}

func (p *trash) empty() {
	p.w.confirm(say("Empty the trash on this device?"),
		say("What this device holds of deleted and replaced files goes for good. What other devices hold stays there."),
		say("Empty it"), kit.Danger, func() { p.w.order(api.TrashEmpty{}, p.ask) })
}

// trashRow is one file that can be had back.
type trashRow struct {
	widget.BaseWidget
	name, about, size *kit.Text
	back              *kit.Button
	shown             api.Trashed
	w                 *Window
	box               *fyne.Container
}

func newTrashRow(w *Window, p *trash) *trashRow {
	r := &trashRow{w: w, name: kit.NewText("", kit.Look{Strong: true, Elide: kit.Middle}),
		about: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.Middle}),
		size:  kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Align: fyne.TextAlignTrailing})}
	r.back = kit.NewButton(say("Restore"), "arrow-counter-clockwise", kit.Plain, func() { p.restore(r.shown) })
	r.box = kit.Pad(7, 8, kit.Bar(12, 1, kit.NewIcon("file", kit.Muted, 20), kit.Col(2, r.name, r.about),
		kit.Fixed(80, 0, r.size), r.back))
	r.ExtendBaseWidget(r)
	return r
}

// CreateRenderer implements fyne.Widget.
func (r *trashRow) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(r.box) }

func (r *trashRow) set(t api.Trashed) {
	r.shown = t
	r.name.Set(path.Base(t.Path))
	r.size.Set(sized(t.Size))
	r.back.Says = say("Restore %s", t.Path)
	what := say("deleted")
	switch t.Why {
	case "replaced":
		what = say("replaced by another version")
	case "changed":
		what = say("written to after it was taken away")
	}
	if t.ByName != "" {
		what = say("%s by %s", what, t.ByName)
	}
	where := t.FolderName
	if dir := path.Dir(t.Path); dir != "." {
		where += "/" + dir
	}
	r.about.Set(where + " · " + what + " · " + ago(t.Taken, r.w.moment()) + " · " + say("held by %s", t.HolderName))
}
