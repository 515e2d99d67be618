//go:build !darwin || cgo

package desktop

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/assets"
)

// The names of the pages.
const (
	foldersPage   = "folders"
	devicesPage   = "devices"
	transfersPage = "transfers"
	searchPage    = "search"
	conflictsPage = "conflicts"
	heldPage      = "held"
	trashPage     = "trash"
	settingsPage  = "settings"
	doctorPage    = "doctor"
)

// place is one row of the sidebar.
type place struct {
	name, sign string
	text       func() string
	open       func(*Window) page
	// badge is the number beside the row; nil shows none.
	badge func(*Window) (string, kit.Tone)
}

// places are the rows of the sidebar, from the top. The first nine have a key of their own.
var places []place

// Filled here, as pages lead to one another.
func init() {
	places = []place{
		{name: foldersPage, sign: "folder-simple", text: func() string { return say("Folders") },
			open: func(w *Window) page { return newFolders(w) }},
		{name: devicesPage, sign: "devices", text: func() string { return say("Devices") },
			open: func(w *Window) page { return newDevices(w) }, badge: askingBadge},
		{name: transfersPage, sign: "arrows-down-up", text: func() string { return say("Transfers") },
			open: func(w *Window) page { return newTransfers(w) }},
		{name: searchPage, sign: "magnifying-glass", text: func() string { return say("Search") },
			open: func(w *Window) page { return newSearch(w) }},
		{name: conflictsPage, sign: "git-fork", text: func() string { return say("Conflicts") },
			open: func(w *Window) page { return newConflicts(w) }, badge: conflictBadge},
		{name: heldPage, sign: "hand-palm", text: func() string { return say("Held changes") },
			open: func(w *Window) page { return newHeld(w) }, badge: heldBadge},
		{name: trashPage, sign: "trash", text: func() string { return say("Trash and history") },
			open: func(w *Window) page { return newTrash(w) }},
		{name: settingsPage, sign: "gear-six", text: func() string { return say("Settings") },
			open: func(w *Window) page { return newSettings(w) }},
		{name: doctorPage, sign: "stethoscope", text: func() string { return say("Doctor") },
			open: func(w *Window) page { return newDoctor(w) }},
	}
}

func askingBadge(w *Window) (string, kit.Tone) { return badge(len(w.view.Asking)), kit.Care }

func conflictBadge(w *Window) (string, kit.Tone) {
	n := 0
	for _, f := range w.view.Folders {
		n += f.Conflicts
	}
	return badge(n), kit.Care
}

func heldBadge(w *Window) (string, kit.Tone) {
	n := 0
	for _, f := range w.view.Folders {
		n += f.Held
	}
	return badge(n), kit.Care
}

// badge writes a number beside a row; nobody counts beyond a thousand there.
func badge(n int) string {
	switch {
	case n == 0:
		return ""
	case n > 999:
		return "999+"
	}
	return grouped(int64(n))
}

// open makes a page by its name; nil when there is none of that name.
func (w *Window) open(name string) page {
	for _, p := range places {
		if p.name == name {
			return p.open(w)
		}
	}
	for _, f := range w.view.Folders {
		if folderPage(f.ID) == name {
			return newFolder(w, f.ID)
		}
	}
	return nil
}

// shell is what is around every page: the sidebar, and the place where pages are shown.
type shell struct {
	w     *Window
	root  fyne.CanvasObject
	side  fyne.CanvasObject
	body  *fyne.Container
	rows  map[string]*kit.NavItem
	name  *kit.Text
	in    *kit.Text
	out   *kit.Text
	rates *fyne.Container
	graph *kit.Graph
	note  *kit.Text
	notes *fyne.Container
}

// sidebarWidth holds the longest of the rows in every language, in text of the usual size.
const sidebarWidth = 216

func newShell(w *Window) *shell {
	s := &shell{w: w, body: container.NewStack(), rows: map[string]*kit.NavItem{},
		name:  kit.NewText("", kit.Look{Strong: true, Elide: kit.End}),
		in:    kit.NewText("", kit.Look{Size: kit.Small, Strong: true}),
		out:   kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted}),
		graph: kit.NewGraph(36, 0),
		note:  kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Bad, Elide: kit.End}),
	}
	logo := canvas.NewImageFromResource(fyne.NewStaticResource("icon.svg", assets.Icon()))
	logo.FillMode = canvas.ImageFillContain
	head := kit.Inset(2, 0, 12, 6, kit.Bar(10, 1, kit.Fixed(28, 28, logo),
		kit.NewText("Shoal", kit.Look{Size: kit.Heading, Strong: true})))
	list := kit.Col(3, head)
	for _, p := range places {
		row := kit.NewNavItem(p.text(), p.sign, func() { w.Show(p.name) })
		s.rows[p.name] = row
		list.Add(row)
	}
	s.notes = kit.Inset(6, 0, 0, 0, kit.Bar(6, 1, kit.NewIcon("warning-circle", kit.Bad, 14), s.note))
	s.notes.Hide()
	s.rates = kit.Row(5, kit.NewIcon("arrow-down", kit.Primary, 13), s.in,
		kit.NewIcon("arrow-up", kit.Muted, 13), s.out)
	self := container.NewStack(kit.NewGround(kit.CardFill, kit.Border, 10), kit.Pad(10, 12, kit.Col(6,
		kit.Bar(8, 1, kit.NewIcon("laptop", kit.Ink, 18), s.name),
		s.rates, s.graph, s.notes)))
	side := container.NewBorder(list, self, nil, nil)
	s.side = container.NewStack(kit.NewGround(kit.Sidebar, "", 0),
		kit.AtLeast(sidebarWidth, kit.Inset(16, 12, 14, 12, side)))
	s.root = container.NewStack(kit.NewGround(kit.Paper, "", 0), container.NewBorder(nil, nil, s.side, nil, s.body))
	s.keys()
	return s
}

// keys lets the keyboard lead everywhere the pointer does.
func (s *shell) keys() {
	c := s.w.win.Canvas()
	c.SetOnTypedKey(func(key *fyne.KeyEvent) {
		if key.Name == fyne.KeyEscape {
			s.w.Back()
		}
	})
	c.AddShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyF, Modifier: fyne.KeyModifierShortcutDefault},
		func(fyne.Shortcut) { s.w.find() })
	for i, p := range places {
		if i > 8 {
			break
		}
		key := fyne.KeyName(string(rune('1' + i)))
		c.AddShortcut(&desktop.CustomShortcut{KeyName: key, Modifier: fyne.KeyModifierShortcutDefault},
			func(fyne.Shortcut) { s.w.Show(p.name) })
	}
}

// put shows a page.
func (s *shell) put(content fyne.CanvasObject) {
	s.body.Objects = []fyne.CanvasObject{content}
	s.body.Refresh()
}

func (s *shell) update() {
	w := s.w
	// Nobody needs a way to empty pages; what the agent does not tell is told beside them.
	if bare := w.shown == foldersPage && w.isFirst() && w.missing == ""; bare == s.side.Visible() {
		show(s.side, !bare)
		s.root.Refresh()
	}
	for _, p := range places {
		row := s.rows[p.name]
		row.Select(p.name == w.shown || p.name == foldersPage && strings.HasPrefix(w.shown, "folder:"))
		if p.badge != nil {
			row.Badge(p.badge(w))
		}
	}
	s.name.Set(w.view.Device.Name)
	in, out := w.speed.total()
	s.in.Set(rate(in))
	s.out.Set(rate(out))
	s.rates.Refresh() // below a sheet nobody else gives a longer text its room
	s.graph.Set(w.speed.in, w.speed.out, say("Getting %s, sending %s", rate(in), rate(out)))
	note := ""
	switch {
	case w.missing != "":
		note = say("Not running")
	case w.view.Device.Paused != nil:
		note = say("Everything is paused")
	}
	s.note.Set(note)
	if note == "" {
		s.notes.Hide()
	} else {
		s.notes.Show()
	}
}

// header is the head of a page: its title, a line below it, and what can be done.
type header struct {
	box  *fyne.Container
	text *kit.Text
	line *kit.Text
}

func newHeader(title string, actions ...fyne.CanvasObject) *header {
	h := &header{text: kit.NewText(title, kit.Look{Size: kit.Title, Strong: true, Elide: kit.End}),
		line: kit.NewText("", kit.Look{Ink: kit.Muted, Elide: kit.End})}
	h.box = kit.Inset(22, 26, 14, 28, kit.Bar(12, 0, kit.Col(3, h.text, h.line), kit.Row(9, actions...)))
	return h
}

// scrolled is a page below its head, which stays while the rest scrolls.
func scrolled(head fyne.CanvasObject, body fyne.CanvasObject) fyne.CanvasObject {
	return container.NewBorder(head, nil, nil, nil,
		container.NewVScroll(kit.Inset(2, 26, 22, 28, body)))
}

// empty is what a page shows in place of things there are none of.
func empty(sign, title, text string, actions ...fyne.CanvasObject) fyne.CanvasObject {
	parts := []fyne.CanvasObject{
		container.NewCenter(kit.NewTile(sign, kit.Busy).Box),
		kit.NewText(title, kit.Look{Size: kit.Heading, Strong: true, Align: fyne.TextAlignCenter}),
		container.NewCenter(kit.NewText(text, kit.Look{Ink: kit.Muted})),
	}
	if len(actions) > 0 {
		parts = append(parts, kit.Inset(8, 0, 0, 0, container.NewCenter(kit.Row(10, actions...))))
	}
	return kit.Inset(70, 0, 0, 0, kit.Col(8, parts...))
}
