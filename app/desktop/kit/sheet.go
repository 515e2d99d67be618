//go:build !darwin || cgo

package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Sheet is a card before everything else that wants an answer.
type Sheet struct {
	canvas fyne.Canvas
	root   fyne.CanvasObject
	scroll *container.Scroll // of the body, where the window has not the room for it
	closed func()
	open   bool
	keys   func(*fyne.KeyEvent)
}

// Answer is one button of a sheet. Without Do it only closes it.
type Answer struct {
	Text   string
	Weight Weight
	Do     func()
	// Stays keeps the sheet open; Do closes it when it is done.
	Stays bool
}

// NewSheet returns a sheet that is not shown yet, at least as wide as width.
func NewSheet(canvas fyne.Canvas, width float32, title string, body fyne.CanvasObject) *Sheet {
	return newSheet(canvas, width, title, body, nil)
}

// Ask shows a sheet with answers below its body; the last one stands rightmost.
func Ask(canvas fyne.Canvas, title string, body fyne.CanvasObject, answers ...Answer) *Sheet {
	s := newSheet(canvas, 460, title, body, answers)
	s.Show()
	return s
}

func newSheet(canvas fyne.Canvas, width float32, title string, body fyne.CanvasObject,
	answers []Answer) *Sheet {
	s := &Sheet{canvas: canvas}
	close := SignButton("x", title+" ×", s.Close)
	// What is scrolled is cut off at its edges, and some lines are drawn across those.
	inner := func(o fyne.CanvasObject) fyne.CanvasObject { return Inset(2, 18, 2, 22, o) }
	s.scroll = container.NewVScroll(inner(body))
	parts := []fyne.CanvasObject{
		inner(Bar(8, 0, NewText(title, Look{Size: Heading, Strong: true}), close)), s.scroll,
	}
	if len(answers) > 0 {
		row := Row(8)
		for _, a := range answers {
			row.Add(NewButton(a.Text, "", a.Weight, func() {
				if !a.Stays {
					s.Close()
				}
				if a.Do != nil {
					a.Do()
				}
			}))
		}
		parts = append(parts, inner(Bar(0, 0, container.NewWithoutLayout(), row)))
	}
	ground := NewGround(CardFill, Border, 16)
	ground.raised = true
	rows := container.New(sheetRows{stack{10}, s.scroll}, parts...)
	card := container.NewStack(ground, Inset(14, 0, 16, 0, rows))
	s.root = container.NewStack(newScrim(), container.New(sheetPlace{width}, card))
	return s
}

// sheetMargin is what a sheet leaves free at each side of the window.
const sheetMargin = 12

// sheetPlace puts a sheet into the middle of the window, never larger than that.
type sheetPlace struct{ width float32 }

// MinSize implements fyne.Layout: no sheet makes a window larger.
func (l sheetPlace) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// Layout implements fyne.Layout. The height follows from the width, so that is given first.
func (l sheetPlace) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	card := objects[0]
	width := min(l.width, size.Width-2*sheetMargin)
	if card.Size().Width != width {
		card.Resize(fyne.NewSize(width, card.MinSize().Height))
	}
	height := min(card.MinSize().Height, size.Height-2*sheetMargin)
	card.Resize(fyne.NewSize(width, height))
	card.Move(fyne.NewPos((size.Width-width)/2, (size.Height-height)/2))
}

// sheetRows puts title, body and answers below each other. Without the room for all of it
// the body is scrolled, and the others stay in sight.
type sheetRows struct {
	stack
	scroll *container.Scroll
}

// MinSize implements fyne.Layout: it is that without scrolling.
func (l sheetRows) MinSize(objects []fyne.CanvasObject) fyne.Size {
	body := l.scroll.Content.MinSize()
	rest := l.stack.MinSize(objects).SubtractWidthHeight(0, l.scroll.MinSize().Height)
	return fyne.NewSize(max(body.Width, rest.Width), body.Height+rest.Height)
}

// Layout implements fyne.Layout.
func (l sheetRows) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	left := size.Height - l.stack.MinSize(objects).Height + l.scroll.MinSize().Height
	var y float32
	for _, o := range objects {
		height := o.MinSize().Height
		if o == fyne.CanvasObject(l.scroll) {
			height = max(left, height)
		}
		o.Move(fyne.NewPos(0, y))
		o.Resize(fyne.NewSize(size.Width, height))
		y += height + l.gap
	}
}

// turn scrolls the body by most of what is seen of it.
func (s *Sheet) turn(pages float32) {
	seen, all := s.scroll.Size().Height, s.scroll.Content.Size().Height
	y := s.scroll.Offset.Y + pages*seen*0.9
	s.scroll.ScrollToOffset(fyne.NewPos(0, max(0, min(y, all-seen))))
}

// Top shows the body from its beginning, as when it has been replaced.
func (s *Sheet) Top() { s.scroll.ScrollToTop() }

// OnClosed sets what is called once when the sheet goes away, however it does.
func (s *Sheet) OnClosed(f func()) { s.closed = f }

// Show puts the sheet before the window. Escape closes it; the page keys scroll it.
func (s *Sheet) Show() {
	if s.open {
		return
	}
	s.open = true
	s.keys = s.canvas.OnTypedKey()
	s.canvas.SetOnTypedKey(func(key *fyne.KeyEvent) {
		switch key.Name {
		case fyne.KeyEscape:
			s.Close()
		case fyne.KeyPageDown:
			s.turn(1)
		case fyne.KeyPageUp:
			s.turn(-1)
		}
	})
	s.canvas.Overlays().Add(s.root)
	s.root.Resize(s.canvas.Size())
	s.root.Refresh()
}

// Close takes the sheet away.
func (s *Sheet) Close() {
	if !s.open {
		return
	}
	s.open = false
	s.canvas.SetOnTypedKey(s.keys)
	s.canvas.Overlays().Remove(s.root)
	if s.closed != nil {
		s.closed()
	}
}

// scrim dims what is behind a sheet and keeps the pointer from it.
type scrim struct {
	widget.BaseWidget
	ground *Ground
}

func newScrim() *scrim {
	s := &scrim{ground: NewGround(Scrim, "", 0)}
	s.ExtendBaseWidget(s)
	return s
}

// Tapped implements fyne.Tappable: a stray press must not throw away what was typed.
func (s *scrim) Tapped(*fyne.PointEvent) {}

// CreateRenderer implements fyne.Widget.
func (s *scrim) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(s.ground) }
