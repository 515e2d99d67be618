//go:build !darwin || cgo

package desktop

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/desktop/kit"
)

// act is one thing that can be done with something.
type act struct {
	text string
	do   func()
}

// moreButton opens a menu of what else can be done; acts says what that is at the time.
func (w *Window) moreButton(says string, acts func() []act) *kit.Button {
	return w.menuButton(kit.SignButton("dots-three", says, nil), acts)
}

// menuButton lets a button open a menu.
func (w *Window) menuButton(b *kit.Button, acts func() []act) *kit.Button {
	b.OnTap = func() {
		var items []*fyne.MenuItem
		for _, a := range acts() {
			items = append(items, fyne.NewMenuItem(a.text, a.do))
		}
		c := w.win.Canvas()
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(b)
		menu := widget.NewPopUpMenu(fyne.NewMenu("", items...), c)
		width := menu.MinSize().Width
		menu.ShowAtPosition(fyne.NewPos(at.X+b.Size().Width-width, at.Y+b.Size().Height+4))
	}
	return b
}

// confirm asks before something is done that cannot be taken back by a press.
func (w *Window) confirm(title, text, yes string, weight kit.Weight, do func()) {
	kit.Ask(w.win.Canvas(), title, kit.NewPara(text, kit.Look{}),
		kit.Answer{Text: say("Cancel")}, kit.Answer{Text: yes, Weight: weight, Do: do})
}

// askText asks for one line of text.
func (w *Window) askText(title, says, value, yes string, do func(string)) {
	entry := kit.NewEntry(says)
	entry.SetText(value)
	var sheet *kit.Sheet
	done := func() {
		sheet.Close()
		do(entry.Text)
	}
	entry.OnSubmitted = func(string) { done() }
	sheet = kit.Ask(w.win.Canvas(), title, entry, kit.Answer{Text: say("Cancel")},
		kit.Answer{Text: yes, Weight: kit.Main, Stays: true, Do: done})
	w.win.Canvas().Focus(entry)
}

// pauseActs are the ways to let something rest, or to end its rest.
func (w *Window) pauseActs(what string, paused bool) []act {
	if paused {
		return []act{{say("Resume"), func() { w.order(resume(what), nil) }}}
	}
	return []act{
		{say("Pause for an hour"), func() { w.order(pauseFor(what, hour), nil) }},
		{say("Pause until tomorrow"), func() { w.order(pauseFor(what, w.untilTomorrow()), nil) }},
		{say("Pause until I resume it"), func() { w.order(pauseFor(what, 0), nil) }},
	}
}

// containsAny reports whether a name holds one of the words, in whatever case.
func containsAny(name string, words []string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) })
}
