//go:build !darwin || cgo

package desktop

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// history lists what has happened, the newest first: in all folders, or in one.
type history struct {
	w     *Window
	only  *ident.FolderID
	want  string
	seen  uint64 // number of the newest event that is listed
	shown []status.Event
	list  *widget.List
	none  fyne.CanvasObject
	box   *fyne.Container
}

func newHistory(w *Window, only *ident.FolderID) *history {
	h := &history{w: w, only: only, none: empty("clock", say("Nothing has happened yet"),
		say("Changes here and on other devices are listed as they come."))}
	h.list = widget.NewList(func() int { return len(h.shown) }, func() fyne.CanvasObject { return newHistoryRow(w) },
		func(i widget.ListItemID, o fyne.CanvasObject) {
			o.(*historyRow).set(h.shown[len(h.shown)-1-i])
		})
	h.list.HideSeparators = true
	h.box = container.NewStack(h.list, h.none)
	return h
}

func (h *history) filter(want string) {
	h.want, h.seen, h.shown = want, 0, nil
	h.update()
}

// update lists what is new.
func (h *history) update() {
	events := h.w.recent.events
	from := len(events)
	for from > 0 && events[from-1].Seq > h.seen {
		from--
	}
	for _, e := range events[from:] {
		h.seen = e.Seq
		if h.fits(e) {
			h.shown = append(h.shown, e)
		}
	}
	h.shown = h.shown[max(0, len(h.shown)-activityMax):]
	h.list.Refresh()
	show(h.none, len(h.shown) == 0)
	show(h.list, len(h.shown) > 0)
}

// installed is a change that another event, of an item that has come, tells better.
const installed = "installed"

func (h *history) fits(e status.Event) bool {
	switch {
	case e.Kind == status.ItemStarted, e.Kind == status.RemoteChange && e.Detail == installed, h.only != nil && e.Folder != *h.only:
		return false
	}
	return h.want == "" || strings.Contains(strings.ToLower(e.Path), h.want)
}

type historyRow struct {
	widget.BaseWidget
	w    *Window
	sign *kit.Icon
	text *kit.Text
	when *kit.Text
	box  *fyne.Container
}

func newHistoryRow(w *Window) *historyRow {
	r := &historyRow{w: w, sign: kit.NewIcon("file", kit.Muted, 18),
		text: kit.NewText("", kit.Look{Elide: kit.Middle}),
		when: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Align: fyne.TextAlignTrailing})}
	r.box = kit.Pad(6, 8, kit.Bar(12, 1, r.sign, r.text, r.when))
	r.ExtendBaseWidget(r)
	return r
}

// CreateRenderer implements fyne.Widget.
func (r *historyRow) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(r.box) }

func (r *historyRow) set(e status.Event) {
	sign, ink, text := r.w.eventShown(e)
	r.sign.Set(sign, ink)
	r.text.Set(text)
	r.when.Set(ago(e.Time, r.w.moment()))
}

// eventShown says what has happened: who did what to which file.
func (w *Window) eventShown(e status.Event) (sign string, ink fyne.ThemeColorName, text string) {
	who := w.deviceName(e.Device)
	sign, ink = "info", kit.Muted
	switch e.Kind {
	case status.ItemFinished:
		sign, ink, text = "arrow-down", kit.Primary, say("Got %s", e.Path)
		if who != "" {
			text = say("Got %s from %s", e.Path, who)
		}
	case status.LocalChange, status.RemoteChange:
		sign, text = changeShown(e)
	case status.Conflict:
		sign, ink, text = "git-fork", kit.Warn, say("Changed on two devices at once: %s", e.Path)
	case status.HeldDeletes:
		sign, ink, text = "hand-palm", kit.Warn, say("Held until you answer: %s", e.Detail)
	case status.LinkUp:
		sign, ink, text = "plugs", kit.Good, say("Connected with %s", who)
	case status.LinkDown:
		sign, text = "plugs", say("Lost sight of %s", who)
	case status.Trouble:
		sign, ink, text = "warning", kit.Warn, e.Detail
		if e.Path != "" {
			text = e.Path + ": " + e.Detail
		}
	case status.PauseBegun:
		sign, text = "pause-circle", say("Paused")
	case status.PauseEnded:
		sign, text = "play", say("Resumed")
	case status.LinkAsked:
		sign, ink, text = "link-simple", kit.Primary, say("%s asked to be linked", who)
	case status.FolderOffered:
		sign, ink, text = "folder", kit.Primary, say("%s shares %s with this device", who, e.Detail)
	default:
		text = strings.TrimSpace(string(e.Kind) + " " + e.Path + " " + e.Detail)
	}
	if e.Folder != (ident.FolderID{}) && w.shown != folderPage(e.Folder) {
		if name := w.folderName(e.Folder); name != "" {
			text += " · " + name
		}
	}
	return sign, ink, text
}

// changeShown says what became of a name, here or elsewhere.
func changeShown(e status.Event) (sign, text string) {
	here := e.Kind == status.LocalChange
	switch e.Detail {
	case "deleted":
		if here {
			return "trash", say("Deleted here: %s", e.Path)
		}
		return "trash", say("Deleted elsewhere: %s", e.Path)
	case "moved":
		if here {
			return "arrow-right", say("Moved here: %s", e.Path)
		}
		return "arrow-right", say("Moved elsewhere: %s", e.Path)
	case "new":
		if here {
			return "plus", say("Added here: %s", e.Path)
		}
		return "plus", say("Added elsewhere: %s", e.Path)
	}
	if here {
		return "pencil-simple", say("Changed here: %s", e.Path)
	}
	return "pencil-simple", say("Changed elsewhere: %s", e.Path)
}

func (w *Window) deviceName(id ident.DeviceID) string {
	if id.IsZero() {
		return ""
	}
	for _, d := range w.view.Devices {
		if d.ID == id {
			return d.Name
		}
	}
	if id == w.view.Device.ID {
		return say("this device")
	}
	return id.Short()
}

func (w *Window) folderName(id ident.FolderID) string {
	for _, f := range w.view.Folders {
		if f.ID == id {
			return f.Name
		}
	}
	return ""
}
