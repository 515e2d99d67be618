//go:build !darwin || cgo

package desktop

import (
	"testing"

	"fyne.io/fyne/v2"

	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/words"
)

// In every language, and with larger text, every word that is not shortened on purpose has
// the room that it needs, and lies within the window.
func TestWordsHaveRoom(t *testing.T) {
	if raced {
		t.Skip("the same is drawn without the race detector")
	}
	defer func() { tongueTried = words.English }()
	for _, l := range words.Languages() {
		tongueTried = l.Language
		for _, p := range pagesDrawn {
			if p.name == "pictures" {
				continue // as conflicts
			}
			s := newScreen(t, kit.Light, 100)
			s.busy()
			p.open(s)
			s.wordsFit(string(l.Language) + ", " + p.name)
		}
	}
	tongueTried = words.German
	for _, name := range []string{foldersPage, devicesPage, transfersPage} {
		s := newScreen(t, kit.Light, 130)
		s.busy()
		s.Show(name)
		s.wordsFit("large, " + name)
	}
}

func (s *screen) wordsFit(where string) {
	s.t.Helper()
	driver := fyne.CurrentApp().Driver()
	s.arrange(s.win.Canvas().(interface{ Resize(fyne.Size) }))
	s.visible(func(o fyne.CanvasObject) {
		text, ok := o.(*kit.Text)
		if !ok || text.Content() == "" {
			return
		}
		at := driver.AbsolutePositionForObject(o)
		if need := o.MinSize().Width; o.Size().Width < need-0.5 {
			s.t.Errorf("%s: %q needs %.0f and has %.0f", where, text.Content(), need, o.Size().Width)
		} else if right := at.X + o.Size().Width; right > s.win.Canvas().Size().Width+0.5 {
			s.t.Errorf("%s: %q ends at %.0f, outside of the window", where, text.Content(), right)
		}
	})
	for _, row := range s.shell.rows {
		if need := row.MinSize().Width; s.look.TextSize == 100 && need > sidebarWidth-24 {
			s.t.Errorf("%s: a row of the sidebar needs %.0f", where, need)
		}
	}
}
