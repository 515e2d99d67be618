//go:build !darwin || cgo

package desktop

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// devices is the page of this person's devices, and of those that ask to be.
type devices struct {
	w      *Window
	head   *header
	asking *askingCards
	cards  map[ident.DeviceID]*deviceCard
	list   *fyne.Container
	none   fyne.CanvasObject
	root   fyne.CanvasObject
}

func newDevices(w *Window) *devices {
	p := &devices{w: w, cards: map[ident.DeviceID]*deviceCard{},
		asking: newAskingCards(w), list: kit.Col(12)}
	p.head = newHeader(say("Devices"), w.deviceActions()...)
	p.none = empty("devices", say("No other device yet"),
		say("Open Shoal on another device and link the two: no account is needed."))
	p.root = scrolled(p.head.box, container.NewStack(p.list, p.none))
	return p
}

func (p *devices) content() fyne.CanvasObject { return p.root }

func (p *devices) update() {
	v := p.w.view
	order := p.asking.of(v.Asking)
	connected := 0
	known := map[ident.DeviceID]bool{}
	for _, d := range v.Devices {
		card := p.cards[d.ID]
		if card == nil {
			card = newDeviceCard(p.w, d.ID)
			p.cards[d.ID] = card
		}
		card.set(d)
		known[d.ID] = true
		order = append(order, card.box)
		if d.Connected {
			connected++
		}
	}
	keepOnly(p.cards, known)
	p.head.line.Set("")
	if len(v.Devices) > 0 {
		p.head.line.Set(say("%d of %d connected", connected, len(v.Devices)))
	}
	if !slices.Equal(order, p.list.Objects) {
		p.list.Objects = order
		p.list.Refresh()
	}
	show(p.none, p.w.heard && len(order) == 0)
}

func keepOnly[K comparable, V any](from map[K]V, known map[K]bool) {
	for k := range from {
		if !known[k] {
			delete(from, k)
		}
	}
}

func show(o fyne.CanvasObject, visible bool) {
	if visible != o.Visible() {
		if visible {
			o.Show()
		} else {
			o.Hide()
		}
	}
}

// deviceCard shows one device.
type deviceCard struct {
	w       *Window
	id      ident.DeviceID
	shown   status.Device
	tile    *kit.Tile
	name    *kit.Text
	about   *kit.Text
	rates   *kit.Text
	pill    *kit.Pill
	note    *kit.Para
	chips   *fyne.Container
	folders map[ident.FolderID]*chip
	all     *fyne.Container
	box     fyne.CanvasObject
}

func newDeviceCard(w *Window, id ident.DeviceID) *deviceCard {
	c := &deviceCard{w: w, id: id, tile: kit.NewTile("desktop-tower", kit.Quiet), pill: kit.NewPill(),
		name:  kit.NewText("", kit.Look{Size: kit.Name, Strong: true, Elide: kit.End}),
		about: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.End}),
		rates: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted}),
		note:  kit.NewPara("", kit.Look{Size: kit.Small, Ink: kit.Muted}),
		chips: kit.Flow(8), folders: map[ident.FolderID]*chip{},
	}
	more := w.moreButton(say("More about this device"), c.acts)
	c.all = kit.Col(11, kit.Bar(12, 1, c.tile.Box, kit.Col(2, c.name, c.about), c.rates, c.pill, more),
		c.note, c.chips)
	c.box = kit.Card(c.all)
	return c
}

func (c *deviceCard) acts() []act {
	id, name := c.id.String(), c.shown.Name
	out := c.w.pauseActs(id, c.shown.Paused != nil)
	return append(out,
		act{say("Rename …"), func() {
			c.w.askText(say("Rename %s", name), say("Name"), name, say("Rename"), func(text string) {
				c.w.order(api.DeviceRename{Device: id, Name: text}, nil)
			})
		}},
		act{say("Why is it (not) connected?"), func() { c.w.diagnose(id, name) }},
		act{say("Copy its id"), func() { fyne.CurrentApp().Clipboard().SetContent(id) }},
		act{say("Unlink …"), func() {
			c.w.confirm(say("Unlink %s?", name),
				say("Nothing is exchanged with it any more. The files on both devices stay where they are."),
				say("Unlink"), kit.Danger, func() { c.w.order(api.DeviceRemove{Device: id}, nil) })
		}})
}

func (c *deviceCard) set(d status.Device) {
	c.shown = d
	now := c.w.moment()
	sign, word, tone := deviceShown(d)
	c.tile.Set(deviceSign(d.Name), tone)
	c.name.Set(d.Name)
	c.pill.Set(sign, word, tone)
	r := c.w.speed.devices[d.ID]
	rates := ""
	if r.in > 0 || r.out > 0 {
		rates = say("↓ %s  ↑ %s", rate(r.in), rate(r.out))
	}
	old := [3]float32{size(c.note), size(c.chips), c.rates.MinSize().Width + c.pill.MinSize().Width}
	c.rates.Set(rates)
	c.about.Set(deviceAbout(d, now))
	note := ""
	switch {
	case d.Paused != nil:
		note = restWords(d.Paused, now)
	case !d.Connected && d.LastProblem != "":
		note = d.LastProblem + nextTry(d.NextTry, now)
	}
	c.note.Set(note)
	show(c.note, note != "")
	c.setFolders(d.ID)
	if old != [3]float32{size(c.note), size(c.chips), c.rates.MinSize().Width + c.pill.MinSize().Width} {
		c.all.Refresh()
	}
}

func (c *deviceCard) setFolders(id ident.DeviceID) {
	var order []fyne.CanvasObject
	known := map[ident.FolderID]bool{}
	for _, f := range c.w.view.Folders {
		i := slices.IndexFunc(f.Members, func(m status.Member) bool { return m.ID == id })
		if i < 0 {
			continue
		}
		one := c.folders[f.ID]
		if one == nil {
			one = newChip()
			c.folders[f.ID] = one
		}
		word, tone := memberShown(f.Members[i])
		one.set(f.Name, word, tone)
		known[f.ID] = true
		order = append(order, one.box)
	}
	keepOnly(c.folders, known)
	if !slices.Equal(order, c.chips.Objects) {
		c.chips.Objects = order
		c.chips.Refresh()
	}
	show(c.chips, len(order) > 0)
}

func deviceShown(d status.Device) (sign, word string, tone kit.Tone) {
	switch {
	case d.Paused != nil:
		return "pause-circle", say("Paused"), kit.Quiet
	case d.Unsought:
		return "clock", say("Not tried now"), kit.Quiet
	case !d.Connected:
		return "clock", say("Away"), kit.Quiet
	}
	switch d.Route {
	case status.LAN:
		return "wifi-high", say("On this network"), kit.Fine
	case status.Direct:
		return "globe", say("Direct"), kit.Fine
	case status.Punched:
		return "globe", say("Direct, through the router"), kit.Fine
	case status.Relayed:
		return "arrows-clockwise", say("Through a relay"), kit.Busy
	}
	return "check-circle", say("Connected"), kit.Fine
}

// deviceAbout is the line below a device's name.
func deviceAbout(d status.Device, now status.Moment) string {
	if !d.Connected {
		if d.LastSeen.IsZero() {
			return say("Not seen yet")
		}
		return say("Last seen %s", ago(d.LastSeen, now))
	}
	text := say("%s received, %s sent", sized(int64(d.BytesIn)), sized(int64(d.BytesOut)))
	if d.RTT > 0 {
		text = say("Answers in %s ms", fmt.Sprintf("%.1f", float64(d.RTT))) + " · " + text
	}
	return text
}

// deviceSign guesses from a name what kind of device it is.
func deviceSign(name string) string {
	switch {
	case containsAny(name, []string{"nas", "server", "srv"}):
		return "hard-drives"
	case containsAny(name, []string{"phone", "pixel", "galaxy", "mobile"}):
		return "device-mobile"
	case containsAny(name, []string{"laptop", "book", "mac", "thinkpad"}):
		return "laptop"
	}
	return "desktop-tower"
}

func nextTry(at, now status.Moment) string {
	switch {
	case at.IsZero():
		return ""
	case at <= now:
		return " · " + say("next try now")
	}
	return " · " + say("next try in %s", duration(at.Sub(now)))
}

// deviceActions are the buttons that begin something new.
func (w *Window) deviceActions() []fyne.CanvasObject {
	return []fyne.CanvasObject{kit.NewButton(say("Link a device"), "qr-code", kit.Main, w.Link)}
}

// approve links a device that asks, as it was shown, and calls then once they are linked.
func (w *Window) approve(a status.Asking, then func()) {
	go func() {
		err := w.agent.Link(w.ctx, api.LinkRequest{Approve: a.ID.String(), Words: a.Words},
			func(e api.LinkEvent) error {
				if e.Event == api.LinkLinked {
					w.post(func() {
						if then != nil {
							then()
						}
						w.linked(e)
					})
				}
				return nil
			})
		if err != nil && w.ctx.Err() == nil {
			w.post(func() { w.complain(err) })
		}
	}()
}

// askingCard shows a device that asks to be linked.
type askingCard struct {
	w     *Window
	shown status.Asking
	name  *kit.Text
	about *kit.Para
	words *kit.Text
	box   fyne.CanvasObject
	then  func() // called once they are linked; nil is nothing
}

func newAskingCard(w *Window, id ident.DeviceID) *askingCard {
	c := &askingCard{w: w, name: kit.NewText("", kit.Look{Size: kit.Name, Strong: true, Elide: kit.End}),
		about: kit.NewPara("", kit.Look{Ink: kit.Muted}),
		words: kit.NewText("", kit.Look{Size: kit.Heading, Strong: true, Ink: kit.Primary, Align: fyne.TextAlignCenter})}
	yes := kit.NewButton(say("They are the same: link"), "check", kit.Main, func() { w.approve(c.shown, c.then) })
	no := kit.NewButton(say("Refuse"), "", kit.Plain, func() { w.order(api.DeviceRemove{Device: id.String()}, nil) })
	c.box = kit.Card(kit.Col(12, kit.Bar(12, 1, kit.NewTile("link-simple", kit.Care).Box, kit.Col(2, c.name)),
		c.about, container.NewStack(kit.NewGround(kit.TintBusy, "", 10), kit.Pad(10, 14, c.words)),
		kit.Row(9, yes, no)))
	return c
}

func (c *askingCard) set(a status.Asking) {
	c.shown = a
	name := a.Name
	if name == "" {
		name = say("A device")
	}
	c.name.Set(say("%s wants to be linked", name))
	if a.Words != "" {
		c.about.Set(say("Link it only if its screen shows these words:"))
		c.words.Set(a.Words)
		return
	}
	c.about.Set(say("It was told to trust this device by its id. Link it only if this is its id:"))
	c.words.Set(a.ID.Short())
}
