//go:build !darwin || cgo

package desktop

import (
	"testing"

	"fyne.io/fyne/v2"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
)

// A window that has not the room for a sheet scrolls it: everything on it can be reached,
// and its title with the sign that closes it stays in sight.
func TestSheetsFitSmallWindows(t *testing.T) {
	s := newScreen(t, kit.Light, 100)
	s.size = fyne.NewSize(620, 360)
	s.busy()
	s.agent.answers["nearby-list"] = api.Nearby{Devices: []api.NearbyDevice{{ID: deviceID(7), Name: "tv-box"}}}
	s.agent.linking = []api.LinkEvent{{Event: api.LinkCode, Code: "4829-otter-maple", Link: "shoal://link/x"}}
	s.Link()
	s.settle(2)
	s.win.Canvas().Unfocus()
	at := func(text string) (top, bottom float32) {
		t.Helper()
		s.arrange(s.win.Canvas().(interface{ Resize(fyne.Size) }))
		found := false
		s.visible(func(o fyne.CanvasObject) {
			if drawn, ok := o.(*kit.Text); ok && drawn.Content() == text && !found {
				found = true
				place := fyne.CurrentApp().Driver().AbsolutePositionForObject(o)
				top, bottom = place.Y, place.Y+o.Size().Height
				if right := place.X + o.Size().Width; place.X < 0 || right > s.size.Width {
					t.Errorf("%q lies at %.0f to %.0f", text, place.X, right)
				}
			}
		})
		if !found {
			t.Fatalf("%q is not there", text)
		}
		return top, bottom
	}
	title, below := at("Link a device")
	if title < 0 || title > 100 {
		t.Errorf("the title begins at %.0f", title)
	}
	if _, bottom := at("By mail or chat …"); bottom < s.size.Height {
		t.Fatalf("all of the sheet fits into %v: the test says nothing", s.size)
	}
	for range 5 {
		s.win.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyPageDown})
	}
	if top, bottom := at("By mail or chat …"); top < below || bottom > s.size.Height {
		t.Errorf("the last button lies at %.0f to %.0f, and is not seen", top, bottom)
	}
	if now, _ := at("Link a device"); now != title {
		t.Errorf("the title has gone to %.0f", now)
	}
	s.press("By mail or chat …")
	s.settle(1)
	if top, _ := at("4829-otter-maple"); top < below || top > s.size.Height {
		t.Errorf("what comes next is shown from %.0f on", top)
	}
}
