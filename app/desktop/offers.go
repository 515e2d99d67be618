//go:build !darwin || cgo

package desktop

import (
	"strings"

	"fyne.io/fyne/v2"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// offerCard shows a folder that a linked device shares and that is not kept here.
type offerCard struct {
	name  *kit.Text
	about *kit.Text
	box   fyne.CanvasObject
}

func newOfferCard(w *Window, o status.Offer) *offerCard {
	c := &offerCard{name: kit.NewText("", kit.Look{Size: kit.Name, Strong: true, Elide: kit.End}),
		about: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted})}
	id, place := o.Folder.String(), kit.NewEntry(say("Where it goes (if not in the home)"))
	keep := func() {
		w.order(api.FolderAccept{Folder: id, Path: strings.TrimSpace(place.Text)}, nil)
	}
	place.OnSubmitted = func(string) { keep() }
	c.box = kit.Card(kit.Col(12,
		kit.Bar(12, 1, kit.NewTile("folder-simple", kit.Care).Box, kit.Col(2, c.name, c.about)), place,
		kit.Row(9, kit.NewButton(say("Keep it here"), "check", kit.Main, keep),
			kit.NewButton(say("Not here"), "", kit.Plain, func() { w.order(api.FolderDecline{Folder: id}, nil) }))))
	return c
}

func (c *offerCard) set(o status.Offer) {
	c.name.Set(say("%s shares %s with this device", o.DeviceName, o.Name))
	c.about.Set(files(int64(o.Files)) + " · " + sized(int64(o.Bytes)))
}

// offerCards returns the cards of what is offered now, each the same as long as it is.
func (p *folders) offerCards(offers []status.Offer) (order []fyne.CanvasObject) {
	known := map[string]bool{}
	for _, o := range offers {
		id := o.Folder.String()
		if p.offers[id] == nil {
			p.offers[id] = newOfferCard(p.w, o)
		}
		p.offers[id].set(o)
		known[id] = true
		order = append(order, p.offers[id].box)
	}
	keepOnly(p.offers, known)
	return order
}
