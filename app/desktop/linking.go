//go:build !darwin || cgo

package desktop

import (
	"context"
	"image"
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/qr"
)

// linkSheet links another device: it shows a code at once, lists who is nearby, and takes a
// code of the other one. Both screens then show the same words.
type linkSheet struct {
	w     *Window
	sheet *kit.Sheet
	end   context.CancelFunc
	ctx   context.Context
	turn  int // counts the conversations, of which only the last may draw
	body  *fyne.Container
	note  *kit.Para
	near  *fyne.Container
	entry *kit.Entry
	// address takes where the device is whose code was entered, when it is not found.
	address *kit.Entry
	offers  map[ident.FolderID]bool // folders of this device that the other one is offered

	inviting bool   // whether a code is shown
	resting  bool   // whether nobody looks at who is nearby, as no code is shown
	found    string // who is nearby, to see a change
}

// Link opens the sheet that links another device.
func (w *Window) Link() {
	l := &linkSheet{w: w, body: kit.Col(14), note: kit.NewPara("", kit.Look{Size: kit.Small, Ink: kit.Muted}),
		near: kit.Col(8), entry: kit.NewEntry(say("Code or link of the other device")),
		address: kit.NewEntry(say("Address of the other device, as HOST:PORT, when it is not found")),
		offers:  map[ident.FolderID]bool{}}
	if own := l.ownFolders(); len(own) == 1 {
		l.offers[own[0].ID] = true // who has one folder and links a device wants it there
	}
	l.ctx, l.end = context.WithCancel(w.ctx)
	l.sheet = kit.NewSheet(w.win.Canvas(), 640, say("Link a device"), l.body)
	l.sheet.OnClosed(func() {
		l.end()
		w.linking = nil
	})
	w.linking = l
	l.entry.OnSubmitted = func(string) { l.enter() }
	l.address.OnSubmitted = func(string) { l.enter() }
	l.fill(kit.NewText(say("Making a code …"), kit.Look{Ink: kit.Muted}))
	l.sheet.Show()
	l.invite()
	l.lookAround()
}

// invite shows a code that offers what was chosen.
func (l *linkSheet) invite() { l.begin(api.LinkRequest{Folders: l.offered()}) }

// enter uses the code that a person typed.
func (l *linkSheet) enter() {
	r := api.LinkRequest{Code: strings.TrimSpace(l.entry.Text)}
	if r.Code == "" {
		l.w.win.Canvas().Focus(l.entry)
		return
	}
	if at := strings.TrimSpace(l.address.Text); at != "" {
		r.Addresses = []string{"tcp://" + strings.TrimPrefix(at, "tcp://")}
	}
	l.begin(r)
}

// ownFolders are those that this device may offer: owners say who shares a folder.
func (l *linkSheet) ownFolders() (own []status.Folder) {
	for _, f := range l.w.view.Folders {
		if f.Role == status.Owner {
			own = append(own, f)
		}
	}
	return own
}

func (l *linkSheet) offered() (out []string) {
	for _, f := range l.ownFolders() {
		if l.offers[f.ID] {
			out = append(out, f.ID.String())
		}
	}
	return out
}

// offerChips let a person choose which folders the other device is offered; another choice
// makes another code, as the one before stands for what was offered with it.
func (l *linkSheet) offerChips() fyne.CanvasObject {
	chips := kit.Flow(8)
	for _, f := range l.ownFolders() {
		sign := "plus"
		if l.offers[f.ID] {
			sign = "check"
		}
		chips.Add(kit.NewButton(f.Name, sign, kit.Plain, func() {
			l.offers[f.ID] = !l.offers[f.ID]
			l.invite()
		}))
	}
	return kit.Col(6, kit.NewText(say("Offer it"), kit.Look{Size: kit.Small, Strong: true}), chips)
}

func (l *linkSheet) fill(parts ...fyne.CanvasObject) {
	l.body.Objects = parts
	l.body.Refresh()
	l.sheet.Top()
}

// tell says something below the code, and takes no room for nothing.
func (l *linkSheet) tell(text string) {
	l.note.Set(text)
	show(l.note, text != "")
	l.body.Refresh()
}

// begin holds one conversation, in place of the one before.
func (l *linkSheet) begin(r api.LinkRequest) {
	l.turn++
	turn := l.turn
	l.tell("")
	l.inviting = false
	if r.Code != "" || r.Nearby != "" {
		l.fill(kit.NewText(say("Looking for the other device …"), kit.Look{Ink: kit.Muted}), l.note)
	}
	current := func(f func()) {
		l.w.post(func() {
			if turn == l.turn && l.ctx.Err() == nil {
				f()
			}
		})
	}
	go func() {
		err := l.w.agent.Link(l.ctx, r, func(e api.LinkEvent) error {
			current(func() { l.happened(e) })
			return nil
		})
		if err != nil {
			current(func() { l.failed(err) })
		}
	}()
}

func (l *linkSheet) happened(e api.LinkEvent) {
	switch e.Event {
	case api.LinkCode:
		l.showCode(e)
	case api.LinkCarry:
		l.showCarry(e)
	case api.LinkLooking:
		l.tell(e.Text)
	case api.LinkWaiting:
		l.fill(kit.NewText(say("Waiting for a yes at %s …", e.Name), kit.Look{}), l.note)
	case api.LinkQuestion:
		l.ask(e)
	case api.LinkAsking:
		l.inviting = false
		card := newAskingCard(l.w, e.ID)
		card.set(status.Asking{ID: e.ID, Name: e.Name, Words: e.Words})
		card.then = l.sheet.Close
		l.fill(card.box, kit.Row(8, l.codeAgain()))
	case api.LinkLinked:
		l.sheet.Close()
		l.w.linked(e)
	}
}

// linked leads to what comes after two devices know each other: the folders that they share
// by now, or the question which one that should be.
func (w *Window) linked(e api.LinkEvent) {
	switch {
	case len(e.Folders) > 0:
		w.Show(foldersPage)
	case len(w.view.Folders) == 0:
		w.Show(foldersPage)
		w.addFolder("", e.ID, e.Name)
	default:
		w.Show(devicesPage)
	}
}

func (l *linkSheet) codeAgain() *kit.Button {
	return kit.NewButton(say("Show a code again"), "arrows-clockwise", kit.Plain, l.invite)
}

func (l *linkSheet) failed(err error) {
	l.inviting = false
	l.fill(kit.NewPara(err.Error(), kit.Look{}), kit.Row(8, l.codeAgain()))
}

// showCode draws the code, its picture, who is nearby, and a place for a code of theirs.
func (l *linkSheet) showCode(e api.LinkEvent) {
	if l.found == "" {
		l.tell(e.Text)
	}
	l.inviting = true
	if l.resting {
		l.resting = false
		l.lookAround()
	}
	code := container.NewStack(kit.NewGround(kit.TintBusy, "", 10), kit.Pad(12, 14,
		kit.NewText(e.Code, kit.Look{Size: kit.Heading, Strong: true, Ink: kit.Primary, Align: fyne.TextAlignCenter})))
	link := e.Link
	take := kit.NewButton(say("Copy the link"), "copy", kit.Plain, func() { fyne.CurrentApp().Clipboard().SetContent(link) })
	steps := kit.Col(12, kit.NewPara(say("On the other device open Shoal, choose Link a device, and enter this code or scan the picture."), kit.Look{}),
		code, kit.Row(8, take))
	enter := kit.NewButton(say("Use this code"), "", kit.Plain, l.enter)
	parts := []fyne.CanvasObject{kit.Bar(22, 1, qrPicture(e.Link, 190), steps), l.note, l.near}
	if len(l.ownFolders()) > 0 {
		parts = append(parts, l.offerChips())
	}
	scan := kit.NewButton(say("Read a picture …"), "qr-code", kit.Plain, l.choosePicture)
	paste := kit.NewButton(say("Paste"), "copy", kit.Plain, l.paste)
	byHand := kit.NewButton(say("By mail or chat …"), "", kit.Plain, func() {
		l.begin(api.LinkRequest{ByHand: true, Folders: l.offered()})
	})
	l.fill(append(parts, kit.Bar(8, 0, l.entry, enter), kit.Row(8, scan, paste, byHand))...)
	if l.turn == 1 { // who has the other one's code can enter it at once
		l.w.win.Canvas().Focus(l.entry)
	}
}

// showCarry shows a text that goes by mail or chat, and for an invitation takes the text
// that comes back.
func (l *linkSheet) showCarry(e api.LinkEvent) {
	text := e.Link
	take := kit.NewButton(say("Copy the text"), "copy", kit.Main, func() { fyne.CurrentApp().Clipboard().SetContent(text) })
	says := say("Carry this text back to %s, by mail or chat, and enter it there:", e.Name)
	if e.Name == "" {
		says = say("Send this text to the other device by mail or chat, and enter it there as a code. Then enter here the text that it shows in return.")
	}
	steps := kit.Col(12, kit.NewPara(says, kit.Look{}), kit.Row(8, take))
	parts := []fyne.CanvasObject{kit.Bar(22, 1, qrPicture(text, 260), steps), l.note}
	if e.Name == "" {
		l.entry.SetText("")
		parts = append(parts, kit.Bar(8, 0, l.entry, kit.NewButton(say("Use this text"), "", kit.Plain, l.enter)),
			kit.Row(8, kit.NewButton(say("Paste"), "copy", kit.Plain, l.paste), l.codeAgain()))
	}
	l.fill(parts...)
}

// ask shows the words that must be the same on both screens, and where folders would go.
func (l *linkSheet) ask(e api.LinkEvent) {
	words := container.NewStack(kit.NewGround(kit.TintBusy, "", 10), kit.Pad(14, 14,
		kit.NewText(e.Words, kit.Look{Size: kit.Heading, Strong: true, Ink: kit.Primary, Align: fyne.TextAlignCenter})))
	parts := []fyne.CanvasObject{kit.NewPara(say("Does the screen of %s show the same words?", e.Name), kit.Look{})}
	if e.Words == "" {
		parts = []fyne.CanvasObject{kit.NewPara(say("Link with %s?", e.Name), kit.Look{})}
	} else {
		parts = append(parts, words)
	}
	var places []*kit.Entry
	for _, f := range e.Offers {
		place := kit.NewEntry(say("Place"))
		place.SetText(f.Path)
		places = append(places, place)
		parts = append(parts, kit.NewText(say("It offers %s, %s. It goes to:", f.Name, sized(int64(f.Bytes))), kit.Look{Size: kit.Small}), place)
	}
	answer := func(yes bool) func() {
		return func() {
			reply := api.LinkAnswer{Ticket: e.Ticket, Yes: yes}
			for i, f := range e.Offers {
				if path := strings.TrimSpace(places[i].Text); yes && path != "" {
					reply.Places = append(reply.Places, api.LinkPlace{Folder: f.ID, Path: path})
				}
			}
			l.w.ask(reply, nil, func(err error) {
				if err != nil {
					l.tell(err.Error()) // a place will not do: nothing is agreed on yet
				}
			})
		}
	}
	l.tell("")
	l.fill(append(parts, l.note, kit.Row(9, kit.NewButton(say("Yes, link"), "check", kit.Main, answer(true)),
		kit.NewButton(say("No"), "", kit.Plain, answer(false))))...)
}

// qrPicture draws a text as a QR code: black on white in either appearance, as cameras
// expect it.
func qrPicture(text string, side float32) fyne.CanvasObject {
	rows, err := qr.Squares(strings.ToUpper(text)) // capital letters make a smaller picture
	if err != nil {
		return container.NewWithoutLayout() // the code beside it does as well
	}
	n := len(rows) + 2*qr.Quiet
	img := image.NewGray(image.Rect(0, 0, n, n))
	for i := range img.Pix {
		img.Pix[i] = 0xFF
	}
	for y, row := range rows {
		for x, black := range row {
			if black {
				img.SetGray(x+qr.Quiet, y+qr.Quiet, color.Gray{})
			}
		}
	}
	drawn := canvas.NewImageFromImage(img)
	drawn.ScaleMode = canvas.ImageScalePixels
	drawn.FillMode = canvas.ImageFillContain
	return kit.Fixed(side, side, drawn)
}
