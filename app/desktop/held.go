//go:build !darwin || cgo

package desktop

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// held is the page of changes that wait for a person's word.
type held struct {
	w    *Window
	head *header
	list *fyne.Container
	none fyne.CanvasObject
	root fyne.CanvasObject
	load loader
}

func newHeld(w *Window) *held {
	p := &held{w: w, list: kit.Col(12)}
	p.head = newHeader(say("Held changes"))
	p.none = empty("shield-check", say("Nothing waits for you"),
		say("When many files are deleted at once, they are kept here until you say that they may go."))
	p.root = scrolled(p.head.box, container.NewStack(p.list, p.none))
	p.none.Hide()
	return p
}

func (p *held) content() fyne.CanvasObject { return p.root }

// update asks anew whenever the number of held names has changed.
func (p *held) update() {
	p.load.when(p.w, heldMark(p.w.view), func() { p.ask() })
}

func heldMark(v status.View) string {
	var b strings.Builder
	for _, f := range v.Folders {
		fmt.Fprintf(&b, "%s %d;", f.ID, f.Held)
	}
	return b.String()
}

func (p *held) ask() {
	var all []api.Held
	p.w.ask(api.HeldList{}, &all, func(err error) {
		p.load.done()
		if err != nil {
			p.head.line.Set(err.Error())
			return
		}
		p.list.Objects = nil
		for _, h := range all {
			p.list.Add(p.card(h))
		}
		p.list.Refresh()
		show(p.none, len(all) == 0)
		p.head.line.Set("")
		if len(all) > 0 {
			p.head.line.Set(many(int64(len(all)), "%s batch waits for you", "%s batches wait for you"))
		}
	})
}

// pathsShown is how many of the names of a batch are listed: enough to recognise it.
const pathsShown = 8

func (p *held) card(h api.Held) fyne.CanvasObject {
	who := h.DeviceName
	if h.Device == p.w.view.Device.ID {
		who = say("This device")
	}
	title := many(h.Files, "%[2]s deleted %[1]s file in %[3]s", "%[2]s deleted %[1]s files in %[3]s", who, h.FolderName)
	yes, no := say("Delete them everywhere"), say("Bring them back")
	if h.Kind == api.HeldPatterns {
		title = many(int64(h.Names), "New patterns in %[2]s would leave %[1]s name alone",
			"New patterns in %[2]s would leave %[1]s names alone", h.FolderName)
		yes, no = say("Ignore them"), say("Keep the old patterns")
	}
	about := kit.NewText(say("%s · %s", sized(h.Bytes), ago(h.Since, p.w.moment())), kit.Look{Size: kit.Small, Ink: kit.Muted})
	names := kit.Col(3)
	for _, path := range h.Paths[:min(len(h.Paths), pathsShown)] {
		names.Add(kit.NewText(path, kit.Look{Size: kit.Small, Elide: kit.Middle}))
	}
	if more := h.Names - len(names.Objects); more > 0 {
		names.Add(kit.NewText(many(int64(more), "and %s more", "and %s more"), kit.Look{Size: kit.Small, Ink: kit.Muted}))
	}
	answer := func(approve bool) func() {
		return func() {
			p.w.order(api.HeldAnswer{Folder: h.Folder.String(), ID: h.ID, Approve: approve}, p.ask)
		}
	}
	keep := kit.NewButton(no, "arrow-counter-clockwise", kit.Main, answer(false))
	drop := kit.NewButton(yes, "trash", kit.Danger, answer(true))
	buttons := kit.Row(9, keep, drop)
	if h.Approved {
		buttons = kit.Row(9, kit.NewPill().Set("arrows-clockwise", say("You said yes; a last look goes on"), kit.Busy))
	}
	return kit.Card(kit.Col(12, kit.Bar(12, 1, kit.NewTile("hand-palm", kit.Care).Box,
		kit.Col(2, kit.NewText(title, kit.Look{Size: kit.Name, Strong: true, Elide: kit.End}), about)),
		container.NewStack(kit.NewGround(kit.TintQuiet, "", 8), kit.Pad(10, 12, names)), buttons))
}

// loader asks for a list again when what it depends on has changed, one question at a
// time.
type loader struct {
	mark    string
	asked   bool
	waiting bool
}

func (l *loader) when(w *Window, mark string, ask func()) {
	if !w.heard || l.waiting || l.asked && l.mark == mark {
		return
	}
	l.mark, l.asked, l.waiting = mark, true, true
	ask()
}

func (l *loader) done() { l.waiting = false }
