//go:build !darwin || cgo

package desktop

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/assets"
)

// firstWidth holds the two ways to begin side by side in every language.
const firstWidth = 640

// first is what a person sees who has neither a device nor a folder yet: two ways to begin,
// and nothing else. It stands in the place of the page of folders, without the sidebar.
type first struct {
	w      *Window
	name   *kit.Text
	asking *fyne.Container
	cards  *askingCards
	start  *fyne.Container // whether Shoal is started at login
	known  bool            // whether the settings were asked for
	root   fyne.CanvasObject
}

func newFirst(w *Window) *first {
	p := &first{w: w, asking: kit.Col(12), cards: newAskingCards(w), start: kit.Col(0),
		name: kit.NewText("", kit.Look{Size: kit.Title, Strong: true, Align: fyne.TextAlignCenter, Elide: kit.End})}
	logo := canvas.NewImageFromResource(fyne.NewStaticResource("icon.svg", assets.Icon()))
	logo.FillMode = canvas.ImageFillContain
	about := kit.NewText(say("Folders that stay the same on all your devices. No account, no cloud."), kit.Look{Ink: kit.Muted})
	ways := kit.Columns(14, []float32{1, 1},
		wayToBegin("qr-code", say("Link a device"), say("See who is nearby, or use a code."), w.Link),
		wayToBegin("folder-simple", say("Add a folder"), say("Choose what to keep the same, or drop it here."),
			func() { w.AddFolder("") }))
	p.root = container.NewVScroll(container.NewCenter(kit.Fixed(firstWidth, 0, kit.Inset(30, 0, 30, 0, kit.Col(14,
		container.NewCenter(kit.Fixed(72, 72, logo)), kit.Col(6, p.name, container.NewCenter(about)),
		kit.Inset(10, 0, 0, 0, kit.Col(14, p.asking, ways, p.start)))))))
	return p
}

// wayToBegin is a card that is one large button.
func wayToBegin(sign, title, text string, do func()) fyne.CanvasObject {
	return kit.NewTapCard(title, kit.Pad(8, 2, kit.Col(10, container.NewHBox(kit.NewTile(sign, kit.Busy).Box),
		kit.NewText(title, kit.Look{Size: kit.Heading, Strong: true}),
		kit.NewPara(text, kit.Look{Ink: kit.Muted}))), do)
}

// isFirst reports whether nothing was begun on this device yet.
func (w *Window) isFirst() bool {
	return w.heard && len(w.view.Devices) == 0 && len(w.view.Folders) == 0
}

func (p *first) update() {
	p.name.Set(say("This is %s", p.w.view.Device.Name))
	if order := p.cards.of(p.w.view.Asking); !slices.Equal(order, p.asking.Objects) {
		p.asking.Objects = order
		p.asking.Refresh()
		p.root.Refresh()
	}
	if !p.known {
		p.known = true
		p.offerStart()
	}
}

// offerStart asks whether Shoal should be there after the next login. It is asked here and
// nowhere else; the page of settings has the same switch.
func (p *first) offerStart() {
	var all []status.Setting
	p.w.ask(api.SettingList{}, &all, func(err error) {
		at := slices.IndexFunc(all, func(s status.Setting) bool { return s.Key == "autostart" })
		if err != nil || at < 0 {
			return // an older agent, or none: the two ways to begin are there all the same
		}
		values := []string{"off", "on"}
		chosen := slices.Index(values, all[at].Value)
		var tabs *kit.Tabs
		tabs = kit.NewTabs([]string{say("Off"), say("On")}, func(i int) {
			p.w.ask(api.SettingSet{Key: "autostart", Value: values[i]}, nil, func(err error) {
				if err == nil {
					chosen = i
					return
				}
				p.w.complain(err)
				tabs.Show(chosen)
			})
		})
		tabs.Show(max(chosen, 0))
		p.start.Objects = []fyne.CanvasObject{kit.Inset(6, 18, 0, 18, kit.Bar(14, 0,
			kit.Col(1, kit.NewText(say("Start at login"), kit.Look{Strong: true}),
				kit.NewText(say("So that your folders stay the same without a thought."), kit.Look{Size: kit.Small, Ink: kit.Muted})),
			tabs.Box))}
		p.start.Refresh()
		p.root.Refresh()
	})
}

// askingCards are the cards of devices that ask to be linked.
type askingCards struct {
	w     *Window
	cards map[string]*askingCard
}

func newAskingCards(w *Window) *askingCards {
	return &askingCards{w: w, cards: map[string]*askingCard{}}
}

// of returns the cards of those who ask now, each the same as long as it does.
func (c *askingCards) of(asking []status.Asking) (order []fyne.CanvasObject) {
	known := map[string]bool{}
	for _, a := range asking {
		id := a.ID.String()
		if c.cards[id] == nil {
			c.cards[id] = newAskingCard(c.w, a.ID)
		}
		c.cards[id].set(a)
		known[id] = true
		order = append(order, c.cards[id].box)
	}
	keepOnly(c.cards, known)
	return order
}
