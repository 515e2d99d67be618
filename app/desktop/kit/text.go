//go:build !darwin || cgo

package kit

import (
	"image/color"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Elide says where a text that is too long for its place is shortened.
type Elide int

// The ways to shorten a text.
const (
	Never  Elide = iota // its place is always wide enough
	End                 // names
	Middle              // paths, whose end tells most
)

// Look is how a text is drawn.
type Look struct {
	Size   fyne.ThemeSizeName
	Ink    fyne.ThemeColorName
	Strong bool
	Mono   bool
	Elide  Elide
	// Align is where it stands in a place that is wider.
	Align fyne.TextAlign
}

// Text is one line of text.
type Text struct {
	widget.BaseWidget
	text string
	look Look
}

// NewText returns a line of text.
func NewText(text string, look Look) *Text {
	if look.Size == "" {
		look.Size = Body
	}
	if look.Ink == "" {
		look.Ink = Ink
	}
	t := &Text{text: oneLine(text), look: look}
	t.ExtendBaseWidget(t)
	return t
}

// oneLine keeps what comes from other devices from breaking a line or reversing it.
func oneLine(text string) string {
	odd := func(r rune) bool { return r != ' ' && !unicode.IsGraphic(r) }
	if !strings.ContainsFunc(text, odd) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if odd(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}

// Set replaces the text.
func (t *Text) Set(text string) {
	if text = oneLine(text); text != t.text {
		t.text = text
		t.Refresh()
	}
}

// Paint replaces the colour.
func (t *Text) Paint(ink fyne.ThemeColorName) {
	if ink != t.look.Ink {
		t.look.Ink = ink
		t.Refresh()
	}
}

// Content returns the whole text, also where it is shortened.
func (t *Text) Content() string { return t.text }

// AccessibilityLabel implements fyne.Accessible.
func (t *Text) AccessibilityLabel() string { return t.text }

// AccessibilityRole implements fyne.Accessible.
func (t *Text) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

func (t *Text) style() fyne.TextStyle {
	return fyne.TextStyle{Bold: t.look.Strong, Monospace: t.look.Mono}
}

// CreateRenderer implements fyne.Widget.
func (t *Text) CreateRenderer() fyne.WidgetRenderer {
	r := &textRenderer{of: t, drawn: canvas.NewText("", color.Black)}
	r.update()
	return r
}

type textRenderer struct {
	of    *Text
	drawn *canvas.Text
}

func (r *textRenderer) update() {
	r.drawn.TextSize = theme.Size(r.of.look.Size)
	r.drawn.TextStyle = r.of.style()
	r.drawn.Color = theme.Color(r.of.look.Ink)
	r.drawn.Alignment = r.of.look.Align
	r.drawn.Text = shortened(r.of.text, r.of.look.Elide, func(s string) bool {
		return fyne.MeasureText(s, r.drawn.TextSize, r.drawn.TextStyle).Width <= r.of.Size().Width+0.5
	})
}

func (r *textRenderer) Destroy() {}

func (r *textRenderer) Layout(size fyne.Size) {
	r.drawn.Resize(size)
	if r.of.look.Elide != Never {
		r.update()
	}
}

func (r *textRenderer) MinSize() fyne.Size {
	m := fyne.MeasureText(r.of.text, theme.Size(r.of.look.Size), r.of.style())
	if r.of.look.Elide != Never {
		m.Width = min(m.Width, 40)
	}
	return m
}

func (r *textRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.drawn} }

func (r *textRenderer) Refresh() {
	r.update()
	canvas.Refresh(r.drawn)
}

// shortened cuts a text, if need be, to the longest that fits.
func shortened(text string, how Elide, fits func(string) bool) string {
	if how == Never || text == "" || fits(text) {
		return text
	}
	runes := []rune(text)
	cut := func(keep int) string {
		if how == End {
			return string(runes[:keep]) + "…"
		}
		front := keep / 3
		return string(runes[:front]) + "…" + string(runes[len(runes)-(keep-front):])
	}
	low, high := 0, len(runes)-1
	for low < high {
		keep := (low + high + 1) / 2
		if fits(cut(keep)) {
			low = keep
		} else {
			high = keep - 1
		}
	}
	return cut(low)
}

// Para is text in as many lines as its width needs.
type Para struct {
	widget.BaseWidget
	segment *widget.TextSegment
	rich    *widget.RichText
	box     *fyne.Container
}

// NewPara returns a paragraph. Of the look, size, ink, weight and type count.
func NewPara(text string, look Look) *Para {
	if look.Size == "" {
		look.Size = Body
	}
	if look.Ink == "" {
		look.Ink = Ink
	}
	p := &Para{segment: &widget.TextSegment{Text: text, Style: widget.RichTextStyle{
		ColorName: look.Ink, SizeName: look.Size,
		TextStyle: fyne.TextStyle{Bold: look.Strong, Monospace: look.Mono},
	}}}
	p.rich = widget.NewRichText(p.segment)
	p.rich.Wrapping = fyne.TextWrapWord
	// The toolkit's text keeps a margin; ours begin where their neighbours do.
	m := -sizes[theme.SizeNameInnerPadding]
	p.box = container.New(inset{m, m, m, m}, p.rich)
	p.ExtendBaseWidget(p)
	return p
}

// Set replaces the text.
func (p *Para) Set(text string) {
	if text != p.segment.Text {
		p.segment.Text = text
		p.rich.Refresh()
	}
}

// Paint replaces the colour.
func (p *Para) Paint(ink fyne.ThemeColorName) {
	if ink != p.segment.Style.ColorName {
		p.segment.Style.ColorName = ink
		p.rich.Refresh()
	}
}

// Content returns the text.
func (p *Para) Content() string { return p.segment.Text }

// AccessibilityLabel implements fyne.Accessible.
func (p *Para) AccessibilityLabel() string { return p.segment.Text }

// AccessibilityRole implements fyne.Accessible.
func (p *Para) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// CreateRenderer implements fyne.Widget.
func (p *Para) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(p.box) }
