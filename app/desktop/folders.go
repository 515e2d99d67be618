//go:build !darwin || cgo

package desktop

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// folders is the page of all folders: a card for each.
type folders struct {
	w     *Window
	head  *header
	cards map[ident.FolderID]*folderCard
	list  *fyne.Container
	none  fyne.CanvasObject
	usual fyne.CanvasObject
	first *first
	// asking are devices that ask to be linked: nobody should have to look for them.
	asking *askingCards
	offers map[string]*offerCard // by folder
	root   fyne.CanvasObject
}

func newFolders(w *Window) *folders {
	p := &folders{w: w, cards: map[ident.FolderID]*folderCard{}, list: kit.Col(12),
		first: newFirst(w), asking: newAskingCards(w), offers: map[string]*offerCard{}}
	p.head = newHeader(say("Folders"), w.folderActions()...)
	p.none = empty("folder-simple", say("No folders yet"),
		say("A folder that you add here stays the same on all devices you share it with."))
	p.usual = scrolled(p.head.box, kit.Col(12, p.list, p.none))
	p.first.root.Hide()
	p.root = container.NewStack(p.usual, p.first.root)
	return p
}

// folderActions are the buttons that begin something new.
func (w *Window) folderActions() []fyne.CanvasObject {
	return []fyne.CanvasObject{kit.NewButton(say("Link a device"), "qr-code", kit.Plain, w.Link),
		kit.NewButton(say("Add folder"), "plus", kit.Main, func() { w.AddFolder("") })}
}

func (p *folders) content() fyne.CanvasObject { return p.root }

func (p *folders) update() {
	w := p.w
	first := w.isFirst()
	show(p.first.root, first)
	show(p.usual, !first)
	if first {
		p.first.update()
	}
	p.head.line.Set(w.summary())
	order := append(p.asking.of(w.view.Asking), p.offerCards(w.view.Offers)...)
	seen := map[ident.FolderID]bool{}
	for _, f := range w.view.Folders {
		card := p.cards[f.ID]
		if card == nil {
			card = newFolderCard(w, f.ID)
			p.cards[f.ID] = card
		}
		card.set(f)
		seen[f.ID] = true
		order = append(order, card.box)
	}
	for id := range p.cards {
		if !seen[id] {
			delete(p.cards, id)
		}
	}
	if !slices.Equal(order, p.list.Objects) {
		p.list.Objects = order
		p.list.Refresh()
	}
	show(p.none, w.heard && len(w.view.Folders)+len(w.view.Offers) == 0)
}

// summary says how all folders are in one line.
func (w *Window) summary() string {
	v := w.view
	if !w.heard {
		if w.missing != "" {
			return w.missing
		}
		return say("Asking Shoal how things are …")
	}
	fine, left := 0, int64(0)
	for _, f := range v.Folders {
		if f.State == status.UpToDate {
			fine++
		}
		left += f.NeedBytes
	}
	if len(v.Folders) == 0 {
		return ""
	}
	text := say("%d of %d up to date", fine, len(v.Folders))
	if left > 0 {
		text += " · " + say("%s left", sized(left))
	}
	return text
}

// folderCard shows one folder.
type folderCard struct {
	w        *Window
	box      *kit.TapCard
	tile     *kit.Tile
	name     *kit.Text
	about    *kit.Text
	pill     *kit.Pill
	progress *kit.Progress
	doing    *kit.Text
	left     *kit.Text
	going    *fyne.Container
	note     *kit.Para
	chips    *fyne.Container
	members  map[ident.DeviceID]*chip
	all      *fyne.Container
}

func newFolderCard(w *Window, id ident.FolderID) *folderCard {
	c := &folderCard{w: w, tile: kit.NewTile("folder-simple", kit.Busy), pill: kit.NewPill(),
		name:     kit.NewText("", kit.Look{Size: kit.Name, Strong: true, Elide: kit.End}),
		about:    kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.Middle}),
		progress: kit.NewProgress(), members: map[ident.DeviceID]*chip{}, chips: kit.Flow(8),
		doing: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.Middle}),
		left:  kit.NewText("", kit.Look{Size: kit.Small, Strong: true}),
		note:  kit.NewPara("", kit.Look{Size: kit.Small, Ink: kit.Muted}),
	}
	c.going = kit.Col(7, c.progress, kit.Bar(10, 0, c.doing, c.left))
	c.all = kit.Col(11, kit.Bar(12, 1, c.tile.Box, kit.Col(2, c.name, c.about), c.pill),
		c.going, c.note, c.chips)
	c.box = kit.NewTapCard("", c.all, func() { w.Show(folderPage(id)) })
	return c
}

func (c *folderCard) set(f status.Folder) {
	sign, words, tone := stateShown(f)
	c.tile.Set(folderSign(f.Name), tone)
	c.name.Set(f.Name)
	c.about.Set(say("%s · %s · %s", shortPath(f.Path), files(f.Files), sized(f.Bytes)))
	c.pill.Set(sign, words, tone)
	c.box.Says = say("Folder %s: %s", f.Name, words)
	shown := c.shape()
	if p := f.Progress; p != nil {
		c.progress.Set(part(p.BytesDone, p.BytesTotal), tone)
		doing, left := progressWords(f)
		c.doing.Set(doing)
		c.left.Set(left)
		c.going.Show()
	} else {
		c.going.Hide()
	}
	note := folderNote(f, c.w.moment())
	c.note.Set(note)
	show(c.note, note != "")
	c.setMembers(f)
	if c.shape() != shown {
		c.all.Refresh()
	}
}

// shape is how much room the card takes; when it changes, what is below moves.
func (c *folderCard) shape() [4]float32 {
	return [4]float32{size(c.going), size(c.note), size(c.chips), c.pill.MinSize().Width}
}

func size(o fyne.CanvasObject) float32 {
	if !o.Visible() {
		return -1
	}
	return o.MinSize().Height
}

func (c *folderCard) setMembers(f status.Folder) {
	var order []fyne.CanvasObject
	seen := map[ident.DeviceID]bool{}
	for _, m := range f.Members {
		one := c.members[m.ID]
		if one == nil {
			one = newChip()
			c.members[m.ID] = one
		}
		word, tone := memberShown(m)
		one.set(m.Name, word, tone)
		seen[m.ID] = true
		order = append(order, one.box)
	}
	for id := range c.members {
		if !seen[id] {
			delete(c.members, id)
		}
	}
	if !slices.Equal(order, c.chips.Objects) {
		c.chips.Objects = order
		c.chips.Refresh()
	}
	if len(order) == 0 {
		c.chips.Hide()
	} else {
		c.chips.Show()
	}
}

// chip is a device on a small ground of its own, with a lamp and a word.
type chip struct {
	name, word *kit.Text
	lamp       *kit.Lamp
	box        *fyne.Container
}

func newChip() *chip {
	c := &chip{name: kit.NewText("", kit.Look{Size: kit.Small, Strong: true}), lamp: kit.Dot(kit.Quiet),
		word: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted})}
	c.box = container.NewStack(kit.NewGround(kit.TintQuiet, "", 8),
		kit.Pad(5, 10, kit.Row(7, c.lamp.Place(), c.name, c.word)))
	return c
}

func (c *chip) set(name, word string, tone kit.Tone) {
	if c.name.Content() != name || c.word.Content() != word {
		c.name.Set(name)
		c.word.Set(word)
		c.box.Refresh()
	}
	c.lamp.Tone(tone)
}

// stateShown says how a folder is, in few words that stay the same everywhere.
func stateShown(f status.Folder) (sign, words string, tone kit.Tone) {
	switch f.State {
	case status.UpToDate:
		return "check-circle", say("Up to date"), kit.Fine
	case status.Scanning:
		return "arrows-clockwise", say("Checking"), kit.Busy
	case status.Syncing:
		if f.Progress != nil && f.Progress.BytesTotal > 0 && f.NeedFiles > 0 {
			// Rounded down: 100 % is only shown when nothing is left.
			done := int(part(f.Progress.BytesDone, f.Progress.BytesTotal) * 100)
			return "arrow-down", say("Syncing %d %%", min(done, 99)), kit.Busy
		}
		return "arrows-clockwise", say("Syncing"), kit.Busy
	case status.Waiting:
		if len(f.Members) == 1 {
			return "clock", say("Waiting for %s", f.Members[0].Name), kit.Quiet
		}
		if len(f.Members) == 0 {
			return "users", say("Not shared yet"), kit.Quiet
		}
		return "clock", say("Waiting for a device"), kit.Quiet
	case status.Paused:
		return "pause-circle", say("Paused"), kit.Quiet
	case status.NeedsYou:
		return "warning-circle", say("Needs you"), kit.Care
	}
	return "question", status.Plain(string(f.State)), kit.Quiet
}

func memberShown(m status.Member) (string, kit.Tone) {
	switch {
	case m.Connected && m.UpToDate:
		return say("same"), kit.Fine
	case m.Connected:
		return say("catching up"), kit.Busy
	case m.Linked:
		return say("not sharing now"), kit.Quiet
	case m.Unsought:
		return say("not tried now"), kit.Quiet
	}
	return say("away"), kit.Quiet
}

func progressWords(f status.Folder) (doing, left string) {
	p := f.Progress
	if f.NeedFiles == 0 {
		if p.Current != "" {
			doing = say("Reading %s", p.Current)
		}
		return doing, ""
	}
	doing = many(f.NeedFiles, "Getting %s file", "Getting %s files")
	if p.Current != "" {
		doing += ": " + p.Current
	}
	left = say("%s left", sized(f.NeedBytes))
	if p.RateBps > 0 {
		left = rate(float64(p.RateBps)) + " · " + left
	}
	if eta := float64(p.ETA); eta > 0 && eta < 365*24*3600 {
		left += " · " + duration(time.Duration(eta*float64(time.Second)))
	}
	return doing, left
}

// folderNote says the one thing about a folder that a person should know first.
func folderNote(f status.Folder, now status.Moment) string {
	switch {
	case f.Paused != nil:
		return restWords(f.Paused, now)
	case f.Held > 0:
		return say("Many files were deleted at once. They are kept until you say that they may go.")
	case f.Conflicts > 0:
		return folderNoteConflicts(f)
	case f.LocalChanges > 0:
		return folderNoteLocal(f)
	case len(f.Problems) > 0:
		p := f.Problems[0]
		if p.Path != "" {
			return p.Path + ": " + p.Reason
		}
		return p.Reason
	case f.State == status.Waiting && f.LastEqual != nil:
		return say("Last the same as %s %s", f.LastEqual.Name, ago(f.LastEqual.When, now))
	case f.State == status.Waiting && len(f.Members) == 0:
		return say("Open it to choose the devices that should have it.")
	}
	return ""
}

func folderNoteConflicts(f status.Folder) string {
	return many(int64(f.Conflicts), "%s file was changed on two devices at once. Both versions are kept.",
		"%s files were changed on two devices at once. Both versions are kept.")
}

func folderNoteLocal(f status.Folder) string {
	return many(int64(f.LocalChanges), "%s name was changed here, where the folder may only be read.",
		"%s names were changed here, where the folder may only be read.")
}

func restWords(r *status.Rest, now status.Moment) string {
	text := say("Rests until you resume it")
	if !r.Until.IsZero() && r.Until > now {
		text = say("Rests for another %s", duration(r.Until.Sub(now)))
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
}

// folderSign picks a picture by what people call such folders.
func folderSign(name string) string {
	switch {
	case containsAny(name, []string{"photo", "picture", "foto", "bilder", "imagen", "image"}):
		return "image"
	case containsAny(name, []string{"document", "dokument", "notes", "papers"}):
		return "file-text"
	}
	return "folder-simple"
}

// shortPath writes a path below the person's own directory as people do.
func shortPath(path string) string {
	dir, err := os.UserHomeDir()
	if err != nil || dir == "" || dir == string(filepath.Separator) {
		return path
	}
	if rest, ok := strings.CutPrefix(path, dir); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		return "~" + rest
	}
	return path
}

func part(done, total int64) float64 {
	if total <= 0 {
		return 0
	}
	return min(max(float64(done)/float64(total), 0), 1)
}
