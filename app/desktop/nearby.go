//go:build !darwin || cgo

package desktop

import (
	"fmt"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
)

// nearbyEvery is the pause between two looks at who is nearby. A look takes the agent up to
// four seconds, so that a person who waits for an empty list is told why within five.
const nearbyEvery = time.Second

// lookAround lists who is nearby, and again as long as the sheet shows its code.
func (l *linkSheet) lookAround() {
	var found api.Nearby
	l.w.ask(api.NearbyList{}, &found, func(err error) {
		if l.ctx.Err() != nil {
			return
		}
		if err == nil { // the code works without
			l.showNearby(found)
		}
		go func() {
			select {
			case <-l.ctx.Done():
			case <-time.After(nearbyEvery):
				l.w.post(l.lookAgain)
			}
		}()
	})
}

// lookAgain looks at once while there is something to be seen, and later otherwise.
func (l *linkSheet) lookAgain() {
	switch {
	case l.ctx.Err() != nil:
	case l.inviting:
		l.lookAround()
	default:
		l.resting = true // until a code is shown again
	}
}

// showNearby draws who is nearby, or why nobody is and what can be done. What is the same
// as before stays, so that the keyboard stays where it is.
func (l *linkSheet) showNearby(found api.Nearby) {
	mark := fmt.Sprintf("%+v", found)
	if mark == l.found {
		return
	}
	l.found = mark
	l.near.Objects = nil
	for _, d := range found.Devices {
		if d.Linked {
			continue
		}
		l.near.Add(kit.Bar(10, 1, kit.NewIcon(deviceSign(d.Name), kit.Muted, 20), kit.NewText(d.Name, kit.Look{Strong: true, Elide: kit.End}),
			kit.NewButton(say("Link with %s", d.Name), "", kit.Main, func() {
				l.begin(api.LinkRequest{Nearby: d.ID.String(), Folders: l.offered()})
			})))
	}
	if len(l.near.Objects) == 0 {
		l.near.Objects = l.nobody(found)
	}
	l.near.Refresh()
	l.body.Refresh()
}

// nobody says why nobody is nearby, with the remedy that there is.
func (l *linkSheet) nobody(found api.Nearby) []fyne.CanvasObject {
	text := say("No device nearby wants to be linked.")
	if r := found.Reason; r != "" {
		text += " " + strings.ToUpper(r[:1]) + r[1:] + "."
		l.tell("") // it says no more than this
	}
	parts := []fyne.CanvasObject{kit.Bar(10, 1, kit.Inset(2, 0, 0, 0, kit.NewIcon("wifi-high", kit.Muted, 18)),
		kit.NewPara(text, kit.Look{Size: kit.Small, Ink: kit.Muted}))}
	switch {
	case found.Cause == api.LookingOff:
		parts = append(parts, kit.Row(8, kit.NewButton(say("Find devices on the local network"), "wifi-high", kit.Plain, l.findDevices)))
	case found.Remedy != "":
		parts = append(parts, kit.NewPara(found.Remedy, kit.Look{Size: kit.Small}),
			kit.Row(8, kit.NewButton(say("Copy this command"), "copy", kit.Plain, func() {
				fyne.CurrentApp().Clipboard().SetContent(found.Remedy)
			})))
	}
	return append(parts, l.address)
}

// findDevices turns on what was turned off.
func (l *linkSheet) findDevices() {
	var change api.SettingChange
	l.w.ask(api.SettingSet{Key: "mdns", Value: "on"}, &change, func(err error) {
		switch {
		case err != nil:
			l.tell(err.Error())
		case change.Setting.Override != "":
			l.tell(say("this run: %s, from the command line", change.Setting.Override))
		case change.Setting.Restart:
			l.tell(say("holds after a restart"))
		}
	})
}
