//go:build !darwin || cgo

package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Touch is what all our widgets that can be pressed have in common: by pointer, by
// keyboard, and told to those who do not see the screen.
type Touch struct {
	// Says is what a screen reader says of it.
	Says  string
	OnTap func()

	off, hovered, focused bool
	self                  fyne.CanvasObject
	paint                 func()
}

// Tapped implements fyne.Tappable.
func (t *Touch) Tapped(*fyne.PointEvent) {
	if !t.off && t.OnTap != nil {
		t.OnTap()
	}
}

// MouseIn implements desktop.Hoverable.
func (t *Touch) MouseIn(*desktop.MouseEvent) { t.hovered = true; t.paint() }

// MouseMoved implements desktop.Hoverable.
func (t *Touch) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (t *Touch) MouseOut() { t.hovered = false; t.paint() }

// FocusGained implements fyne.Focusable.
func (t *Touch) FocusGained() { t.focused = true; t.paint() }

// FocusLost implements fyne.Focusable.
func (t *Touch) FocusLost() { t.focused = false; t.paint() }

// TypedRune implements fyne.Focusable.
func (t *Touch) TypedRune(rune) {}

// TypedKey implements fyne.Focusable: space and return press it, what it does not know
// goes on to the window.
func (t *Touch) TypedKey(key *fyne.KeyEvent) {
	switch key.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		t.Tapped(nil)
	default:
		passOn(t.self, key)
	}
}

// passOn gives a key that a widget has no use for to the window it is in.
func passOn(from fyne.CanvasObject, key *fyne.KeyEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(from); c != nil {
		if typed := c.OnTypedKey(); typed != nil {
			typed(key)
		}
	}
}

// Cursor implements desktop.Cursorable.
func (t *Touch) Cursor() desktop.Cursor {
	if t.off {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// Off greys it out, or makes it work again.
func (t *Touch) Off(off bool) {
	if t.off != off {
		t.off = off
		t.paint()
	}
}

// Disable implements fyne.Disableable: the keyboard passes over what is greyed out.
func (t *Touch) Disable() { t.Off(true) }

// Enable implements fyne.Disableable.
func (t *Touch) Enable() { t.Off(false) }

// Disabled implements fyne.Disableable.
func (t *Touch) Disabled() bool { return t.off }

// AccessibilityLabel implements fyne.Accessible.
func (t *Touch) AccessibilityLabel() string { return t.Says }

// AccessibilityRole implements fyne.Accessible.
func (t *Touch) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// Weight says how much a button asks to be pressed.
type Weight int

// The weights.
const (
	Plain  Weight = iota // one of several
	Main                 // what most people want here; one in a place
	Faint                // there when needed
	Danger               // takes something away
)

// Button is a word, a sign, or both, to be pressed.
type Button struct {
	widget.BaseWidget
	Touch
	weight Weight
	ground *Ground
	sign   *Icon
	name   string
	text   *Text
	box    *fyne.Container
}

// NewButton returns a button. An empty sign shows none.
func NewButton(text, sign string, weight Weight, tapped func()) *Button {
	b := &Button{weight: weight, name: sign, ground: NewGround("", "", 8)}
	b.text = NewText(text, Look{Strong: true, Ink: Ink})
	var parts []fyne.CanvasObject
	if sign != "" {
		b.sign = NewIcon(sign, Ink, 17)
		parts = append(parts, b.sign)
	}
	height, width := float32(8), float32(13)
	if text == "" {
		width = 8
	} else {
		parts = append(parts, b.text)
	}
	b.box = container.NewStack(b.ground, Pad(height, width, container.NewCenter(Row(7, parts...))))
	b.ExtendBaseWidget(b)
	b.Touch = Touch{Says: text, OnTap: tapped, self: b, paint: b.repaint}
	b.repaint()
	return b
}

// SignButton is a button with a sign alone; says is what it does.
func SignButton(sign, says string, tapped func()) *Button {
	b := NewButton("", sign, Faint, tapped)
	b.Says = says
	return b
}

// Set changes the word.
func (b *Button) Set(text string) {
	if text == b.text.Content() {
		return
	}
	b.Says = text
	b.text.Set(text)
	b.box.Refresh()
}

// Sign changes the sign.
func (b *Button) Sign(name string) {
	b.name = name
	b.repaint()
}

func (b *Button) repaint() {
	fill, edge, ink := fyne.ThemeColorName(""), fyne.ThemeColorName(""), fyne.ThemeColorName(Ink)
	switch b.weight {
	case Plain:
		fill, edge = theme.ColorNameButton, theme.ColorNameInputBorder
	case Main:
		fill, ink = Primary, OnPrimary
	case Danger:
		fill, edge, ink = theme.ColorNameButton, theme.ColorNameInputBorder, Bad
	}
	width := float32(1)
	switch {
	case b.off:
		ink = theme.ColorNameDisabled
		if b.weight != Faint {
			fill = theme.ColorNameDisabledButton
		}
	case b.focused && b.weight == Main:
		// A ring in the button's own colour would not be seen.
		edge, width = Ink, 2
	case b.focused:
		edge, width = Ring, 2
	case b.hovered && b.weight == Main:
		edge = Ink
	case b.hovered:
		fill = TintQuiet
	}
	b.ground.Set(fill, edge, width)
	b.text.Paint(ink)
	if b.sign != nil {
		b.sign.Set(b.name, ink)
	}
}

// CreateRenderer implements fyne.Widget.
func (b *Button) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(b.box) }

// NavItem is one row of the sidebar.
type NavItem struct {
	widget.BaseWidget
	Touch
	selected bool
	ground   *Ground
	sign     *Icon
	name     string
	text     *Text
	count    *Text
	badge    *fyne.Container
	lamp     *Ground
	box      *fyne.Container
}

// NewNavItem returns a row that leads to a page.
func NewNavItem(text, sign string, tapped func()) *NavItem {
	n := &NavItem{ground: NewGround("", "", 8), sign: NewIcon(sign, Muted, 20), name: sign,
		text: NewText(text, Look{}), lamp: NewGround(Primary, "", 9),
		count: NewText("", Look{Size: Tiny, Strong: true, Ink: OnPrimary})}
	n.badge = container.NewStack(n.lamp, Pad(1, 7, n.count))
	n.badge.Hide()
	n.box = container.NewStack(n.ground, Pad(8, 10, Bar(10, 1, n.sign, n.text, n.badge)))
	n.ExtendBaseWidget(n)
	n.Touch = Touch{Says: text, OnTap: tapped, self: n, paint: n.repaint}
	return n
}

// Select marks the row as the page that is shown.
func (n *NavItem) Select(on bool) {
	if n.selected != on {
		n.selected = on
		n.text.look.Strong = on
		n.text.Refresh()
		n.repaint()
	}
}

// Badge shows a number beside the name; an empty text shows none.
func (n *NavItem) Badge(text string, tone Tone) {
	n.Says = n.text.Content()
	if text != "" {
		n.Says += ", " + text
	}
	n.lamp.Set(tone.Ink(), "", 0)
	if n.count.Content() == text {
		return
	}
	n.count.Set(text)
	if text == "" {
		n.badge.Hide()
	} else {
		n.badge.Show()
	}
	n.box.Refresh()
}

func (n *NavItem) repaint() {
	fill, edge, ink := fyne.ThemeColorName(""), fyne.ThemeColorName(""), Muted
	switch {
	case n.selected:
		fill, ink = TintBusy, Primary
	case n.hovered:
		fill = theme.ColorNameHover
	}
	if n.focused {
		edge = Ring
	}
	n.ground.Set(fill, edge, 2)
	n.sign.Set(n.name, ink)
}

// CreateRenderer implements fyne.Widget.
func (n *NavItem) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(n.box)
}

// Tabs lets one of a few words be chosen, side by side.
type Tabs struct {
	Box    *fyne.Container
	items  []*tab
	chosen int
	change func(int)
}

type tab struct {
	widget.BaseWidget
	Touch
	on     bool
	ground *Ground
	text   *Text
	box    *fyne.Container
}

// NewTabs returns tabs of which the first is chosen; change is told of another choice.
func NewTabs(words []string, change func(int)) *Tabs {
	t := &Tabs{change: change}
	row := Row(2)
	for i, word := range words {
		item := &tab{ground: NewGround("", "", 7), text: NewText(word, Look{Size: Body, Ink: Muted})}
		item.box = container.NewStack(item.ground, Pad(6, 13, container.NewCenter(item.text)))
		item.ExtendBaseWidget(item)
		item.Touch = Touch{Says: word, OnTap: func() { t.Choose(i) }, self: item, paint: item.repaint}
		t.items = append(t.items, item)
		row.Add(item)
	}
	t.Box = container.NewHBox(container.NewStack(NewGround(TintQuiet, "", 9), Pad(3, 3, row)))
	t.mark()
	return t
}

// Choose chooses a tab, as pressing it does.
func (t *Tabs) Choose(i int) {
	if i == t.chosen {
		return
	}
	t.chosen = i
	t.mark()
	if t.change != nil {
		t.change(i)
	}
}

// Show chooses a tab and tells nobody.
func (t *Tabs) Show(i int) {
	t.chosen = i
	t.mark()
}

// Chosen returns the number of the tab that is chosen.
func (t *Tabs) Chosen() int { return t.chosen }

// Rename changes the word of a tab.
func (t *Tabs) Rename(i int, word string) {
	if t.items[i].text.Content() != word {
		t.items[i].text.Set(word)
		t.items[i].Says = word
		t.Box.Refresh()
	}
}

func (t *Tabs) mark() {
	for i, item := range t.items {
		item.on = i == t.chosen
		item.repaint()
	}
}

func (t *tab) repaint() {
	fill, edge, ink := fyne.ThemeColorName(""), fyne.ThemeColorName(""), Muted
	switch {
	case t.on:
		fill, edge, ink = CardFill, Border, Ink
	case t.hovered:
		fill = theme.ColorNameHover
	}
	width := float32(1)
	if t.focused {
		edge, width = Ring, 2
	}
	t.ground.Set(fill, edge, width)
	t.text.look.Strong = t.on
	t.text.Paint(ink)
	t.text.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (t *tab) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(t.box) }

// Entry is a line to type in that passes Escape on to the window.
type Entry struct {
	widget.Entry
	says string
}

// NewEntry returns an empty line; says is what belongs in it.
func NewEntry(says string) *Entry {
	e := &Entry{says: says}
	e.ExtendBaseWidget(e)
	e.PlaceHolder = says
	return e
}

// NewTextArea returns a place for several lines.
func NewTextArea(says string) *Entry {
	e := NewEntry(says)
	e.MultiLine = true
	e.Wrapping = fyne.TextWrapOff
	return e
}

// TypedKey implements fyne.Focusable.
func (e *Entry) TypedKey(key *fyne.KeyEvent) {
	if key.Name == fyne.KeyEscape {
		passOn(e, key)
		return
	}
	e.Entry.TypedKey(key)
}

// AccessibilityLabel implements fyne.Accessible.
func (e *Entry) AccessibilityLabel() string { return e.says }

// AccessibilityRole implements fyne.Accessible.
func (e *Entry) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// Progress is a thin bar that fills from the left.
type Progress struct {
	widget.BaseWidget
	part float64
	tone Tone
}

// NewProgress returns an empty bar.
func NewProgress() *Progress {
	p := &Progress{tone: Busy}
	p.ExtendBaseWidget(p)
	return p
}

// Set says how much is done, from 0 to 1.
func (p *Progress) Set(part float64, tone Tone) {
	part = min(max(part, 0), 1)
	if part != p.part || tone != p.tone {
		p.part, p.tone = part, tone
		p.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (p *Progress) CreateRenderer() fyne.WidgetRenderer {
	r := &progressRenderer{of: p, track: canvas.NewRectangle(theme.Color(Track)),
		fill: canvas.NewRectangle(theme.Color(Primary))}
	r.track.CornerRadius, r.fill.CornerRadius = 3, 3
	return r
}

type progressRenderer struct {
	of          *Progress
	track, fill *canvas.Rectangle
}

func (r *progressRenderer) Destroy() {}

func (r *progressRenderer) Layout(size fyne.Size) {
	r.track.Resize(size)
	width := size.Width * float32(r.of.part)
	if r.of.part > 0 {
		width = max(width, size.Height) // less could not be drawn round
	}
	r.fill.Resize(fyne.NewSize(width, size.Height))
}

func (r *progressRenderer) MinSize() fyne.Size { return fyne.NewSize(60, 6) }

func (r *progressRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.track, r.fill}
}

func (r *progressRenderer) Refresh() {
	r.track.FillColor, r.fill.FillColor = theme.Color(Track), theme.Color(r.of.tone.Ink())
	r.Layout(r.of.Size())
	canvas.Refresh(r.track)
	canvas.Refresh(r.fill)
}
