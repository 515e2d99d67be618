//go:build !darwin || cgo

package desktop

import (
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// comparison shows two versions of one file side by side.
type comparison struct {
	w      *Window
	shown  api.Conflict
	title  *kit.Text
	sides  [2]*version
	keep   [2]*kit.Button
	answer func(api.Conflict, api.Keep)
	box    fyne.CanvasObject
}

// version is one of the two.
type version struct {
	who   *kit.Text
	about *kit.Text
	mark  *kit.Pill
	place *fyne.Container
	box   fyne.CanvasObject
}

func newComparison(w *Window, answer func(api.Conflict, api.Keep)) *comparison {
	c := &comparison{w: w, answer: answer,
		title: kit.NewText("", kit.Look{Size: kit.Name, Strong: true, Elide: kit.Middle})}
	for i := range c.sides {
		v := &version{who: kit.NewText("", kit.Look{Strong: true, Elide: kit.End}), mark: kit.NewPill(),
			about: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.End}),
			place: container.NewStack()}
		v.box = container.NewBorder(kit.Inset(0, 0, 10, 0, kit.Bar(8, 0, kit.Col(2, v.who, v.about), v.mark)),
			nil, nil, nil, container.NewStack(kit.NewGround(kit.TintQuiet, "", 8), kit.Pad(8, 8, v.place)))
		c.sides[i] = v
		c.keep[i] = kit.NewButton(say("Keep mine"), "check", kit.Plain, func() { c.choose(i) })
	}
	both := kit.NewButton(say("Keep both"), "copy", kit.Plain, func() { c.answer(c.shown, api.Both) })
	foot := kit.Inset(12, 0, 0, 0, kit.Columns(14, []float32{1, 1}, c.keep[0], c.keep[1]))
	c.box = container.NewStack(kit.NewGround(kit.CardFill, kit.Border, 12), kit.Pad(16, 18,
		container.NewBorder(kit.Inset(0, 0, 12, 0, kit.Bar(12, 0, c.title, both)), foot, nil, nil,
			kit.Columns(14, []float32{1, 1}, c.sides[0].box, c.sides[1].box))))
	return c
}

// mineFirst says which side this person's version is on: the left one.
func (c *comparison) mineFirst() bool { return c.shown.Mine != "copy" }

func (c *comparison) choose(side int) {
	if side == 0 {
		c.answer(c.shown, api.Mine)
	} else {
		c.answer(c.shown, api.Theirs)
	}
}

// set compares the two versions of a conflict; the one that mine keeps stands left.
func (c *comparison) set(f api.Conflict) {
	c.shown = f
	c.title.Set(f.Path)
	top := [2]side{
		{device: say("The one with the name"), path: f.Path, size: f.Size},
		{device: f.Device, when: f.Time, path: f.Copy, size: f.CopySize},
	}
	if f.PathDevice != "" {
		top[0].device, top[0].when = f.PathDevice, f.PathTime
	}
	if f.Device == "" {
		top[1].device = say("Another device")
	}
	if !c.mineFirst() {
		top[0], top[1] = top[1], top[0]
	}
	mine := f.Mine == "path" || f.Mine == "copy"
	for i, s := range top {
		v := c.sides[i]
		v.who.Set(s.device)
		v.about.Set(s.about(c.w.moment()))
		show(v.mark, mine)
		if i == 0 {
			v.mark.Set("user", say("Mine"), kit.Busy)
		} else {
			v.mark.Set("users", say("Theirs"), kit.Quiet)
		}
		v.place.Objects = []fyne.CanvasObject{container.NewCenter(
			kit.NewText(say("Reading …"), kit.Look{Size: kit.Small, Ink: kit.Muted}))}
		v.place.Refresh()
	}
	if mine {
		c.keep[0].Set(say("Keep mine"))
		c.keep[1].Set(say("Keep theirs"))
	} else {
		c.keep[0].Set(say("Keep the left one"))
		c.keep[1].Set(say("Keep the right one"))
	}
	c.read(f, top)
}

// side is what is known of one version.
type side struct {
	device string
	when   status.Moment
	path   string
	size   int64
}

func (s side) about(now status.Moment) string {
	if s.size < 0 {
		return say("deleted")
	}
	if s.when.IsZero() {
		return sized(s.size)
	}
	return sized(s.size) + " · " + ago(s.when, now)
}

// read looks into both files beside the window's thread.
func (c *comparison) read(f api.Conflict, sides [2]side) {
	root := ""
	for _, folder := range c.w.view.Folders {
		if folder.ID == f.Folder {
			root = folder.Path
		}
	}
	go func() {
		var seen [2]preview
		for i, s := range sides {
			seen[i] = lookInto(filepath.Join(root, filepath.FromSlash(s.path)), s.size)
		}
		markDifferences(&seen[0], &seen[1])
		c.w.post(func() {
			if c.shown.Copy != f.Copy || c.shown.Folder != f.Folder {
				return // another one was chosen meanwhile
			}
			for i := range seen {
				c.sides[i].place.Objects = []fyne.CanvasObject{seen[i].drawn()}
				c.sides[i].place.Refresh()
			}
		})
	}()
}

// drawn returns what can be seen of a file.
func (p *preview) drawn() fyne.CanvasObject {
	switch {
	case p.picture != nil:
		img := canvas.NewImageFromImage(p.picture)
		img.FillMode = canvas.ImageFillContain
		img.ScaleMode = canvas.ImageScaleSmooth
		return container.NewBorder(nil, kit.NewText(p.note, kit.Look{Size: kit.Tiny, Ink: kit.Muted,
			Align: fyne.TextAlignCenter}), nil, nil, img)
	case p.lines != nil:
		return container.NewScroll(p.grid())
	}
	return container.NewCenter(kit.NewText(p.note, kit.Look{Size: kit.Small, Ink: kit.Muted}))
}

// grid draws the lines of a text, those that the other version lacks on a tinted ground.
func (p *preview) grid() fyne.CanvasObject {
	grid := widget.NewTextGrid()
	differs := &widget.CustomTextGridStyle{FGColor: theme.Color(kit.Warn), BGColor: theme.Color(kit.TintWarn)}
	for i, line := range p.lines {
		row := widget.TextGridRow{}
		for _, r := range line {
			row.Cells = append(row.Cells, widget.TextGridCell{Rune: r})
		}
		if p.differs[i] {
			row.Style = differs
			if len(row.Cells) == 0 {
				row.Cells = []widget.TextGridCell{{Rune: ' ', Style: differs}}
			}
		}
		grid.Rows = append(grid.Rows, row)
	}
	grid.Refresh()
	return grid
}
