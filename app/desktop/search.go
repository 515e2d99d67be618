//go:build !darwin || cgo

package desktop

import (
	"path"
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
)

// searchElsewhere is how long nobody must type until other devices are asked too: they are
// not bothered with every letter.
const searchElsewhere = 350 * time.Millisecond

// search is the page that finds files by their names, here while a person types, and on
// connected devices once the typing rests.
type search struct {
	w     *Window
	head  *header
	entry *kit.Entry
	found []api.Match
	list  *widget.List
	none  fyne.CanvasObject
	body  *fyne.Container
	root  fyne.CanvasObject

	typed  int    // counts what was typed, to know what an answer is to
	asked  string // what is being asked for here, empty while nothing is
	resume func()
	begun  bool
}

func newSearch(w *Window) *search {
	p := &search{w: w, entry: kit.NewEntry(say("Words of a name"))}
	p.head = newHeader(say("Search"))
	p.list = widget.NewList(func() int { return len(p.found) }, func() fyne.CanvasObject { return newMatchRow(w, p) },
		func(i widget.ListItemID, o fyne.CanvasObject) { o.(*matchRow).set(p.found[i]) })
	p.list.HideSeparators = true
	p.entry.OnChanged = func(string) { p.change() }
	p.none = empty("magnifying-glass", say("Find a file in all folders"),
		say("Here while you type, and on the devices that are connected. What is not here can be fetched."))
	p.body = container.NewStack(p.list, p.none)
	p.root = container.NewBorder(kit.Col(0, p.head.box, kit.Inset(0, 26, 12, 28, p.entry)), nil, nil, nil,
		kit.Inset(0, 20, 12, 22, p.body))
	return p
}

func (p *search) content() fyne.CanvasObject { return p.root }

func (p *search) update() {
	if !p.begun {
		p.begun = true
		p.w.win.Canvas().Focus(p.entry)
	}
}

func (p *search) change() {
	p.typed++
	words := strings.Fields(p.entry.Text)
	if len(words) == 0 {
		p.set(nil, "")
		return
	}
	p.askHere()
	at := p.typed
	time.AfterFunc(searchElsewhere, func() {
		p.w.post(func() {
			if at == p.typed && p.w.ctx.Err() == nil {
				p.ask(api.Search{Words: words})
			}
		})
	})
}

// askHere asks this device's own index, one question at a time: while one is on its way,
// only the newest text waits.
func (p *search) askHere() {
	if p.asked != "" {
		p.resume = p.askHere
		return
	}
	p.asked = strings.TrimSpace(p.entry.Text)
	if p.asked == "" {
		return
	}
	p.ask(api.Search{Words: strings.Fields(p.asked), Here: true})
}

func (p *search) ask(intent api.Search) {
	at := p.typed
	var found []api.Match
	p.w.ask(intent, &found, func(err error) {
		if intent.Here {
			p.asked = ""
			if next := p.resume; next != nil {
				p.resume = nil
				next()
			}
		}
		switch {
		case at != p.typed && !intent.Here, strings.TrimSpace(p.entry.Text) == "":
			return // an answer to what nobody asks any more
		case err != nil:
			p.head.line.Set(err.Error())
			return
		}
		note := say("asking other devices …")
		if !intent.Here {
			note = say("here and on connected devices")
		}
		p.set(found, note)
	})
}

func (p *search) set(found []api.Match, note string) {
	p.found = found
	p.head.line.Set("")
	if note != "" {
		number := many(int64(len(found)), "%s found", "%s found")
		if len(found) >= api.SearchLimitUsual {
			number = say("the best %s", grouped(int64(len(found))))
		}
		p.head.line.Set(number + " · " + note)
	}
	show(p.none, len(found) == 0 && note == "")
	show(p.list, len(found) > 0)
	p.list.UnselectAll()
	p.list.ScrollToTop()
	p.list.Refresh()
}

// fetch brings a file that is on other devices alone.
func (p *search) fetch(m api.Match) {
	p.head.line.Set(say("Fetching %s …", m.Path))
	var here api.Fetched
	p.w.askLong(api.Fetch{Result: m.Result}, &here, func(err error) {
		if err != nil {
			p.head.line.Set("")
			p.w.complain(err)
			return
		}
		p.head.line.Set(say("%s is here now", m.Path))
		p.w.showFiles(filepath.Dir(here.At))
	})
}

// matchRow is one file that was found.
type matchRow struct {
	widget.BaseWidget
	w                 *Window
	sign              *kit.Icon
	name, about, size *kit.Text
	open              *kit.Button
	shown             api.Match
	box               *fyne.Container
}

func newMatchRow(w *Window, p *search) *matchRow {
	r := &matchRow{w: w, sign: kit.NewIcon("file", kit.Muted, 20),
		name:  kit.NewText("", kit.Look{Strong: true, Elide: kit.Middle}),
		about: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.Middle}),
		size:  kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Align: fyne.TextAlignTrailing})}
	r.open = kit.NewButton(say("Show"), "", kit.Plain, func() {
		if r.here() {
			w.showFiles(r.dir())
		} else {
			p.fetch(r.shown)
		}
	})
	r.box = kit.Pad(7, 8, kit.Bar(12, 1, r.sign, kit.Col(2, r.name, r.about), kit.Fixed(80, 0, r.size), r.open))
	r.ExtendBaseWidget(r)
	return r
}

// CreateRenderer implements fyne.Widget.
func (r *matchRow) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(r.box) }

func (r *matchRow) here() bool {
	return len(r.shown.Devices) > 0 && r.shown.Devices[0].ID == r.w.view.Device.ID
}

// dir is where the file lies on this device.
func (r *matchRow) dir() string {
	for _, f := range r.w.view.Folders {
		if f.ID == r.shown.Folder {
			return filepath.Join(f.Path, filepath.FromSlash(path.Dir(r.shown.Path)))
		}
	}
	return ""
}

func (r *matchRow) set(m api.Match) {
	r.shown = m
	sign := fileSign(m.Path)
	if m.Kind == "dir" {
		sign = "folder-simple"
	}
	r.sign.Set(sign, kit.Muted)
	r.name.Set(path.Base(m.Path))
	where := m.FolderName
	if dir := path.Dir(m.Path); dir != "." {
		where += "/" + dir
	}
	var holders []string
	for _, d := range m.Devices {
		name := d.Name
		if d.ID == r.w.view.Device.ID {
			name = say("this device")
		}
		holders = append(holders, name)
	}
	text := say("on a device that is not connected")
	if len(holders) > 0 {
		text = say("on %s", strings.Join(holders, ", "))
	}
	r.about.Set(where + " · " + text)
	r.size.Set("")
	if m.Kind == "file" {
		r.size.Set(sized(m.Size))
	}
	r.open.Set(say("Show"))
	if !r.here() {
		r.open.Set(say("Fetch"))
	}
	r.open.Off(len(m.Devices) == 0 || !r.here() && m.Kind != "file")
	r.open.Says = r.open.Says + " " + m.Path
}

// find leads to the search, ready to type.
func (w *Window) find() {
	w.Show(searchPage)
	if p, ok := w.pages[searchPage].(*search); ok {
		w.win.Canvas().Focus(p.entry)
	}
}
