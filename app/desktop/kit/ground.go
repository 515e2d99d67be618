//go:build !darwin || cgo

package kit

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Ground is a rounded rectangle in colours of the theme, to put things on.
type Ground struct {
	widget.BaseWidget
	fill, edge fyne.ThemeColorName
	edgeWidth  float32
	radius     float32
	raised     bool
}

// NewGround returns a ground; an empty edge draws none.
func NewGround(fill, edge fyne.ThemeColorName, radius float32) *Ground {
	g := &Ground{fill: fill, edge: edge, edgeWidth: 1, radius: radius}
	g.ExtendBaseWidget(g)
	return g
}

// Set changes the colours.
func (g *Ground) Set(fill, edge fyne.ThemeColorName, edgeWidth float32) {
	if g.fill != fill || g.edge != edge || g.edgeWidth != edgeWidth {
		g.fill, g.edge, g.edgeWidth = fill, edge, edgeWidth
		g.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (g *Ground) CreateRenderer() fyne.WidgetRenderer {
	rect := canvas.NewRectangle(color.Transparent)
	r := &groundRenderer{WidgetRenderer: widget.NewSimpleRenderer(rect), of: g, rect: rect}
	r.update()
	return r
}

type groundRenderer struct {
	fyne.WidgetRenderer
	of   *Ground
	rect *canvas.Rectangle
}

func (r *groundRenderer) update() {
	r.rect.CornerRadius = r.of.radius
	r.rect.FillColor, r.rect.StrokeColor, r.rect.StrokeWidth = color.Transparent, color.Transparent, 0
	if r.of.fill != "" {
		r.rect.FillColor = theme.Color(r.of.fill)
	}
	if r.of.edge != "" {
		r.rect.StrokeColor, r.rect.StrokeWidth = theme.Color(r.of.edge), r.of.edgeWidth
	}
	if r.of.raised {
		r.rect.Shadow = canvas.Shadow{
			Color: theme.Color(theme.ColorNameShadow), BlurRadius: 28, Offset: fyne.NewPos(0, 8),
		}
	}
}

func (r *groundRenderer) Refresh() {
	r.update()
	canvas.Refresh(r.rect)
}

// Icon is one of our pictures in a colour of the theme.
type Icon struct {
	widget.BaseWidget
	name  string
	ink   fyne.ThemeColorName
	size  float32
	image *canvas.Image
}

// NewIcon returns a picture of the given width and height.
func NewIcon(name string, ink fyne.ThemeColorName, size float32) *Icon {
	i := &Icon{name: name, ink: ink, size: size}
	i.ExtendBaseWidget(i)
	return i
}

// Set changes the picture or its colour.
func (i *Icon) Set(name string, ink fyne.ThemeColorName) {
	if i.name == name && i.ink == ink {
		return
	}
	i.name, i.ink = name, ink
	if i.image != nil {
		i.image.Resource = icon(name, ink)
	}
	i.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (i *Icon) CreateRenderer() fyne.WidgetRenderer {
	i.image = canvas.NewImageFromResource(icon(i.name, i.ink))
	i.image.FillMode = canvas.ImageFillContain
	i.image.SetMinSize(fyne.NewSquareSize(i.size))
	return widget.NewSimpleRenderer(i.image)
}

// Dot is a small filled circle, as a lamp.
func Dot(tone Tone) *Lamp {
	l := &Lamp{Ground: NewGround(tone.Ink(), "", 3.5)}
	return l
}

// Lamp is a small circle whose colour says how something is.
type Lamp struct{ *Ground }

// Tone changes what the lamp says.
func (l *Lamp) Tone(t Tone) { l.Set(t.Ink(), "", 0) }

// Place returns the lamp in its size.
func (l *Lamp) Place() fyne.CanvasObject { return Fixed(7, 7, l.Ground) }

// Pill is a word and a sign on a tinted ground, saying how something is.
type Pill struct {
	widget.BaseWidget
	ground *Ground
	sign   *Icon
	text   *Text
	box    *fyne.Container
}

// NewPill returns an empty pill.
func NewPill() *Pill {
	p := &Pill{ground: NewGround(TintQuiet, "", 11), sign: NewIcon("clock", Muted, 14),
		text: NewText("", Look{Size: Small, Ink: Muted, Strong: true})}
	p.box = container.NewStack(p.ground, Inset(3, 10, 3, 8, Row(5, p.sign, p.text)))
	p.ExtendBaseWidget(p)
	return p
}

// Set says what the pill shows.
func (p *Pill) Set(sign, text string, tone Tone) *Pill {
	p.ground.Set(tone.Tint(), "", 0)
	p.sign.Set(sign, tone.Ink())
	p.text.Paint(tone.Ink())
	if p.text.Content() != text {
		p.text.Set(text)
		p.box.Refresh()
	}
	return p
}

// AccessibilityLabel implements fyne.Accessible.
func (p *Pill) AccessibilityLabel() string { return p.text.Content() }

// AccessibilityRole implements fyne.Accessible.
func (p *Pill) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// CreateRenderer implements fyne.Widget.
func (p *Pill) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(p.box) }

// Tile is a picture on a tinted square, at the head of a card.
type Tile struct {
	ground *Ground
	sign   *Icon
	Box    *fyne.Container
}

// NewTile returns a tile.
func NewTile(sign string, tone Tone) *Tile {
	t := &Tile{ground: NewGround(tone.Tint(), "", 10), sign: NewIcon(sign, tone.Ink(), 22)}
	t.Box = Fixed(40, 40, container.NewStack(t.ground, container.NewCenter(t.sign)))
	return t
}

// Set changes picture and tone.
func (t *Tile) Set(sign string, tone Tone) {
	t.ground.Set(tone.Tint(), "", 0)
	t.sign.Set(sign, tone.Ink())
}

// Card puts things that belong together on a ground of their own.
func Card(content fyne.CanvasObject) fyne.CanvasObject {
	return container.NewStack(NewGround(CardFill, Border, 12), Pad(16, 18, content))
}

// TapCard is a card that opens something.
type TapCard struct {
	widget.BaseWidget
	Touch
	ground *Ground
	box    *fyne.Container
}

// NewTapCard returns a card that is a button as well; says tells what it opens to those
// who do not see it.
func NewTapCard(says string, content fyne.CanvasObject, tapped func()) *TapCard {
	c := &TapCard{ground: NewGround(CardFill, Border, 12)}
	c.box = container.NewStack(c.ground, Pad(16, 18, content))
	c.ExtendBaseWidget(c)
	c.Touch = Touch{Says: says, OnTap: tapped, self: c, paint: c.repaint}
	return c
}

func (c *TapCard) repaint() {
	switch {
	case c.focused:
		c.ground.Set(CardFill, Ring, 2)
	case c.hovered:
		c.ground.Set(CardFill, theme.ColorNameInputBorder, 1)
	default:
		c.ground.Set(CardFill, Border, 1)
	}
}

// CreateRenderer implements fyne.Widget.
func (c *TapCard) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(c.box) }

// Framed draws a line around a choice, as around a place to type in.
func Framed(o fyne.CanvasObject) fyne.CanvasObject {
	return container.NewStack(NewGround(theme.ColorNameInputBackground, theme.ColorNameInputBorder, 8), o)
}
