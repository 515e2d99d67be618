//go:build !darwin || cgo

package kit

import (
	"image"
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Graph draws one or two rows of numbers over time as lines, the newest at the right. The
// first is filled below.
type Graph struct {
	widget.BaseWidget
	first, second []float64
	rules         int // horizontal rules, the top of the graph not counted
	height        float32
	raster        *canvas.Raster
	says          string
}

// NewGraph returns an empty graph with as many rules as asked for.
func NewGraph(height float32, rules int) *Graph {
	g := &Graph{height: height, rules: rules}
	g.ExtendBaseWidget(g)
	return g
}

// Set replaces the rows; says is the same in words.
func (g *Graph) Set(first, second []float64, says string) {
	g.first, g.second, g.says = first, second, says
	if g.raster != nil {
		g.raster.Refresh()
	}
}

// AccessibilityLabel implements fyne.Accessible.
func (g *Graph) AccessibilityLabel() string { return g.says }

// AccessibilityRole implements fyne.Accessible.
func (g *Graph) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// CreateRenderer implements fyne.Widget.
func (g *Graph) CreateRenderer() fyne.WidgetRenderer {
	g.raster = canvas.NewRaster(g.draw)
	g.raster.SetMinSize(fyne.NewSize(100, g.height))
	return widget.NewSimpleRenderer(g.raster)
}

// Peak returns the largest number of both rows.
func Peak(rows ...[]float64) float64 {
	var peak float64
	for _, row := range rows {
		for _, v := range row {
			peak = max(peak, v)
		}
	}
	return peak
}

func (g *Graph) draw(w, h int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	if g.rules > 0 {
		ink := nrgba(theme.Color(theme.ColorNameSeparator))
		for i := 0; i <= g.rules; i++ {
			y := min(i*(h-1)/g.rules, h-1)
			for x := range w {
				img.SetNRGBA(x, y, ink)
			}
		}
	}
	peak := Peak(g.first, g.second)
	if peak == 0 {
		return img
	}
	drawLine(img, g.second, peak, nrgba(theme.Color(Muted)), false)
	drawLine(img, g.first, peak, nrgba(theme.Color(Primary)), true)
	return img
}

func nrgba(c color.Color) color.NRGBA { return color.NRGBAModel.Convert(c).(color.NRGBA) }

// drawLine draws values from left to right, the peak near the top. How much of a pixel the
// line covers is worked out from its distance, so that it has no stairs.
func drawLine(img *image.NRGBA, values []float64, peak float64, ink color.NRGBA, filled bool) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if len(values) < 2 || w < 2 {
		return
	}
	thick := max(1.4, float64(h)/60)
	height := func(x float64) float64 {
		at := min(max(x, 0)/float64(w-1)*float64(len(values)-1), float64(len(values)-1))
		i := min(int(at), len(values)-2)
		t := at - float64(i)
		t = t * t * (3 - 2*t)
		v := values[i]*(1-t) + values[i+1]*t
		return float64(h) - thick - v/peak*(float64(h)-2*thick-1)
	}
	for x := range w {
		y := height(float64(x))
		slope := height(float64(x)+0.5) - height(float64(x)-0.5)
		reach := thick * math.Sqrt(1+slope*slope) / 2
		for row := range h {
			alpha := min(1, max(0, reach-math.Abs(float64(row)-y)+0.5))
			if below := float64(row) - y; filled && below > 0 {
				alpha = max(alpha, 0.2*(1-below/float64(h)))
			}
			if alpha > 0 {
				blend(img, x, row, ink, alpha)
			}
		}
	}
}

func blend(img *image.NRGBA, x, y int, ink color.NRGBA, alpha float64) {
	old := img.NRGBAAt(x, y)
	a := alpha * float64(ink.A) / 255
	b := float64(old.A) / 255 * (1 - a)
	if a+b == 0 {
		return
	}
	mix := func(p, q uint8) uint8 { return uint8((float64(p)*a+float64(q)*b)/(a+b) + 0.5) }
	img.SetNRGBA(x, y, color.NRGBA{R: mix(ink.R, old.R), G: mix(ink.G, old.G), B: mix(ink.B, old.B),
		A: uint8((a+b)*255 + 0.5)})
}

// Pieces shows how much of each part of something is here, as a bar of cells. However many
// pieces there are, it has as many cells as fit.
type Pieces struct {
	widget.BaseWidget
	have   []float64
	raster *canvas.Raster
	says   string
}

// NewPieces returns an empty bar.
func NewPieces() *Pieces {
	p := &Pieces{}
	p.ExtendBaseWidget(p)
	return p
}

// Set replaces the parts: how much of each is here, from 0 to 1; says is the same in words.
func (p *Pieces) Set(have []float64, says string) {
	p.have, p.says = have, says
	if p.raster != nil {
		p.raster.Refresh()
	}
}

// AccessibilityLabel implements fyne.Accessible.
func (p *Pieces) AccessibilityLabel() string { return p.says }

// AccessibilityRole implements fyne.Accessible.
func (p *Pieces) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// CreateRenderer implements fyne.Widget.
func (p *Pieces) CreateRenderer() fyne.WidgetRenderer {
	p.raster = canvas.NewRaster(p.draw)
	p.raster.SetMinSize(fyne.NewSize(100, 10))
	return widget.NewSimpleRenderer(p.raster)
}

func (p *Pieces) draw(w, h int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	if len(p.have) == 0 || h == 0 {
		return img
	}
	empty, full := nrgba(theme.Color(Track)), nrgba(theme.Color(Primary))
	gap := max(1, h/7)
	cells := max(1, min(w/max(h, 2), w))
	for c := range cells {
		from, to := c*len(p.have)/cells, max((c+1)*len(p.have)/cells, c*len(p.have)/cells+1)
		var have float64
		for i := from; i < min(to, len(p.have)); i++ {
			have += p.have[i]
		}
		ink := mixed(empty, full, have/float64(to-from))
		for y := range h {
			for x := c * w / cells; x < (c+1)*w/cells-gap; x++ {
				img.SetNRGBA(x, y, ink)
			}
		}
	}
	return img
}

func mixed(a, b color.NRGBA, part float64) color.NRGBA {
	part = min(max(part, 0), 1)
	f := func(x, y uint8) uint8 { return uint8(float64(x)*(1-part) + float64(y)*part + 0.5) }
	return color.NRGBA{R: f(a.R, b.R), G: f(a.G, b.G), B: f(a.B, b.B), A: 255}
}
