//go:build !darwin || cgo

package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// inset keeps free space around what is in it.
type inset struct{ top, right, bottom, left float32 }

// MinSize implements fyne.Layout.
func (p inset) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var m fyne.Size
	for _, o := range objects {
		if o.Visible() {
			m = m.Max(o.MinSize())
		}
	}
	return m.AddWidthHeight(p.left+p.right, p.top+p.bottom)
}

// Layout implements fyne.Layout.
func (p inset) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(p.left, p.top))
		o.Resize(size.SubtractWidthHeight(p.left+p.right, p.top+p.bottom))
	}
}

// Pad keeps free space of the given height above and below, and width on both sides.
func Pad(height, width float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(inset{height, width, height, width}, o)
}

// Inset keeps free space at each side on its own.
func Inset(top, right, bottom, left float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(inset{top, right, bottom, left}, o)
}

// stack puts things below each other. A thing whose height follows from its width, such as
// a paragraph, is given its width first.
type stack struct{ gap float32 }

// MinSize implements fyne.Layout.
func (l stack) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var m fyne.Size
	shown := 0
	for _, o := range objects {
		if o.Visible() {
			min := o.MinSize()
			m = fyne.NewSize(max(m.Width, min.Width), m.Height+min.Height)
			shown++
		}
	}
	return m.AddWidthHeight(0, l.gap*float32(max(shown-1, 0)))
}

// Layout implements fyne.Layout.
func (l stack) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	var y float32
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		if o.Size().Width != size.Width {
			o.Resize(fyne.NewSize(size.Width, o.MinSize().Height))
		}
		height := o.MinSize().Height
		o.Move(fyne.NewPos(0, y))
		o.Resize(fyne.NewSize(size.Width, height))
		y += height + l.gap
	}
}

// Col puts things below each other.
func Col(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(stack{gap}, objects...)
}

// line puts things beside each other, in the middle of its height. The one numbered grow
// gets the space that is left; none does when it is below zero.
type line struct {
	gap  float32
	grow int
}

// MinSize implements fyne.Layout.
func (l line) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var m fyne.Size
	shown := 0
	for _, o := range objects {
		if o.Visible() {
			min := o.MinSize()
			m = fyne.NewSize(m.Width+min.Width, max(m.Height, min.Height))
			shown++
		}
	}
	return m.AddWidthHeight(l.gap*float32(max(shown-1, 0)), 0)
}

// Layout implements fyne.Layout.
func (l line) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	left := size.Width - l.MinSize(objects).Width
	var x float32
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		min := o.MinSize()
		if i == l.grow {
			min.Width += max(left, 0)
			if o.Size().Width != min.Width {
				o.Resize(fyne.NewSize(min.Width, min.Height))
				min.Height = o.MinSize().Height
			}
		}
		o.Move(fyne.NewPos(x, (size.Height-min.Height)/2))
		o.Resize(min)
		x += min.Width + l.gap
	}
}

// Row puts things beside each other, each as wide as it must be.
func Row(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(line{gap, -1}, objects...)
}

// Bar puts things beside each other; the one numbered grow takes what space is left.
func Bar(gap float32, grow int, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(line{gap, grow}, objects...)
}

// flow puts things beside each other and goes on below when there is no room.
type flow struct {
	gap   float32
	width *float32 // of the last layout, from which the height follows
}

// MinSize implements fyne.Layout.
func (l flow) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var widest float32
	for _, o := range objects {
		if o.Visible() {
			widest = max(widest, o.MinSize().Width)
		}
	}
	return fyne.NewSize(widest, l.place(objects, max(*l.width, widest), nil))
}

// Layout implements fyne.Layout.
func (l flow) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	*l.width = size.Width
	l.place(objects, size.Width, func(o fyne.CanvasObject, at fyne.Position) {
		o.Move(at)
		o.Resize(o.MinSize())
	})
}

func (l flow) place(objects []fyne.CanvasObject, width float32,
	put func(fyne.CanvasObject, fyne.Position)) float32 {
	var x, y, height float32
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		if x > 0 && x+m.Width > width {
			x, y, height = 0, y+height+l.gap, 0
		}
		if put != nil {
			put(o, fyne.NewPos(x, y))
		}
		x, height = x+m.Width+l.gap, max(height, m.Height)
	}
	return y + height
}

// Flow puts things beside each other, in as many lines as they need.
func Flow(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(flow{gap, new(float32)}, objects...)
}

// fixed gives what is in it a size of its own, in the middle; zero takes all there is.
type fixed struct{ size fyne.Size }

// MinSize implements fyne.Layout.
func (f fixed) MinSize(objects []fyne.CanvasObject) fyne.Size {
	m := f.size
	for _, o := range objects {
		if f.size.Height == 0 {
			m.Height = max(m.Height, o.MinSize().Height)
		}
		if f.size.Width == 0 {
			m.Width = max(m.Width, o.MinSize().Width)
		}
	}
	return m
}

// Layout implements fyne.Layout.
func (f fixed) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	w, h := f.size.Width, f.size.Height
	if w == 0 {
		w = size.Width
	}
	if h == 0 {
		h = size.Height
	}
	for _, o := range objects {
		o.Resize(fyne.NewSize(w, h))
		o.Move(fyne.NewPos((size.Width-w)/2, (size.Height-h)/2))
	}
}

// Fixed gives o a width and a height; zero leaves that side free.
func Fixed(width, height float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(fixed{fyne.NewSize(width, height)}, o)
}

// atLeast gives what is in it all there is, and asks for a width even when that needs less.
type atLeast struct{ width float32 }

// MinSize implements fyne.Layout.
func (l atLeast) MinSize(objects []fyne.CanvasObject) fyne.Size {
	m := fyne.NewSize(l.width, 0)
	for _, o := range objects {
		m = m.Max(o.MinSize())
	}
	return m
}

// Layout implements fyne.Layout.
func (l atLeast) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Resize(size)
	}
}

// AtLeast lets o be no narrower than a width.
func AtLeast(width float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(atLeast{width}, o)
}

// columns puts things beside each other, each as wide as its share of the whole.
type columns struct {
	gap    float32
	shares []float32
}

// MinSize implements fyne.Layout.
func (c columns) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var m fyne.Size
	for _, o := range objects {
		min := o.MinSize()
		m = fyne.NewSize(m.Width+min.Width, max(m.Height, min.Height))
	}
	return m.AddWidthHeight(c.gap*float32(max(len(objects)-1, 0)), 0)
}

// Layout implements fyne.Layout.
func (c columns) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	var all float32
	for _, s := range c.shares {
		all += s
	}
	room := size.Width - c.gap*float32(max(len(objects)-1, 0))
	var x float32
	for i, o := range objects {
		w := room * c.shares[i] / all
		o.Move(fyne.NewPos(x, 0))
		o.Resize(fyne.NewSize(w, size.Height))
		x += w + c.gap
	}
}

// Columns puts things beside each other; shares says how wide each is in relation to the
// others.
func Columns(gap float32, shares []float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(columns{gap, shares}, objects...)
}
