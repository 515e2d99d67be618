//go:build !darwin || cgo

package desktop

import (
	"fmt"
	"path"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
)

// conflicts is the page of files that were changed on two devices at once.
type conflicts struct {
	w      *Window
	head   *header
	all    []api.Conflict
	at     int // the one that is compared, -1 for none
	list   *widget.List
	side   *comparison
	split  fyne.CanvasObject
	none   fyne.CanvasObject
	body   *fyne.Container
	root   fyne.CanvasObject
	bulk   *kit.Button
	load   loader
	ending bool // answers to many conflicts are being carried out
}

func newConflicts(w *Window) *conflicts {
	p := &conflicts{w: w, at: -1}
	p.bulk = w.menuButton(kit.NewButton(say("Answer all"), "caret-down", kit.Plain, nil), p.bulkActs)
	p.head = newHeader(say("Conflicts"), p.bulk)
	p.list = widget.NewList(func() int { return len(p.all) }, func() fyne.CanvasObject { return newConflictRow() },
		func(i widget.ListItemID, o fyne.CanvasObject) { o.(*conflictRow).set(p.all[i]) })
	p.list.HideSeparators = true
	p.list.OnSelected = p.pick
	p.side = newComparison(w, p.answer)
	p.split = kit.Columns(16, []float32{3, 7}, p.list, p.side.box)
	p.none = empty("git-fork", say("No conflicts"),
		say("When two people change one file at once, both versions are kept and shown here side by side."))
	p.body = container.NewStack(p.split, p.none)
	p.none.Hide()
	p.root = container.NewBorder(p.head.box, nil, nil, nil, kit.Inset(0, 26, 18, 24, p.body))
	return p
}

func (p *conflicts) content() fyne.CanvasObject { return p.root }

// update asks anew whenever the number of conflicts has changed, however they ended.
func (p *conflicts) update() { p.load.when(p.w, conflictMark(p.w.view), p.ask) }

func conflictMark(v status.View) string {
	var b strings.Builder
	for _, f := range v.Folders {
		fmt.Fprintf(&b, "%s %d;", f.ID, f.Conflicts)
	}
	return b.String()
}

func (p *conflicts) ask() {
	var all []api.Conflict
	p.w.ask(api.ConflictList{}, &all, func(err error) {
		p.load.done()
		if err != nil {
			p.head.line.Set(err.Error())
			return
		}
		p.set(all)
	})
}

// set shows the conflicts, and goes on comparing the one that was compared.
func (p *conflicts) set(all []api.Conflict) {
	var was api.Conflict
	if p.at >= 0 && p.at < len(p.all) {
		was = p.all[p.at]
	}
	p.all = all
	show(p.split, len(all) > 0)
	show(p.none, len(all) == 0)
	p.bulk.Off(len(all) == 0)
	p.head.line.Set("")
	if len(all) > 0 {
		p.head.line.Set(many(int64(len(all)), "%s file was changed on two devices at once; nothing is lost",
			"%s files were changed on two devices at once; nothing is lost"))
	}
	next := min(max(p.at, 0), len(all)-1)
	for i, c := range all {
		if c.Folder == was.Folder && c.Copy == was.Copy {
			next = i
		}
	}
	p.at = -1
	p.list.Refresh()
	p.list.UnselectAll()
	if next >= 0 {
		p.list.Select(next)
	}
}

func (p *conflicts) pick(i widget.ListItemID) {
	if i >= 0 && i < len(p.all) && i != p.at {
		p.at = i
		p.side.set(p.all[i])
	}
}

func (p *conflicts) answer(c api.Conflict, keep api.Keep) {
	p.w.order(api.ConflictResolve{Where: api.Where{Folder: c.Folder.String(), Path: c.Copy}, Keep: keep}, p.ask)
}

func (p *conflicts) bulkActs() []act {
	ask := func(keep api.Keep, text string) func() {
		return func() {
			p.w.confirm(many(int64(len(p.all)), "Answer %s conflict?", "Answer all %s conflicts?"), text,
				say("Do it"), kit.Main, func() { p.answerAll(keep) })
		}
	}
	return []act{
		{say("Keep mine, everywhere"), ask(api.Mine, say("This device's version stays; the others go to the trash."))},
		{say("Keep theirs, everywhere"), ask(api.Theirs, say("The other device's version stays; yours goes to the trash."))},
		{say("Keep both, everywhere"), ask(api.Both, say("Each copy becomes a file of its own, beside the other."))},
	}
}

// answerAll ends every conflict that is shown, one after the other, and says how many it
// could not end.
func (p *conflicts) answerAll(keep api.Keep) {
	if p.ending {
		return
	}
	p.ending = true
	rest, failed := append([]api.Conflict(nil), p.all...), 0
	var first error
	var step func()
	step = func() {
		if len(rest) == 0 {
			p.ending = false
			p.ask()
			if first != nil {
				p.w.complain(fmt.Errorf("%s: %w", many(int64(failed), "%s conflict could not be ended",
					"%s conflicts could not be ended"), first))
			}
			return
		}
		c := rest[0]
		rest = rest[1:]
		p.head.line.Set(many(int64(len(rest)+1), "%s to go", "%s to go"))
		where := api.Where{Folder: c.Folder.String(), Path: c.Copy}
		p.w.ask(api.ConflictResolve{Where: where, Keep: keep}, nil, func(err error) {
			if err != nil {
				failed++
				if first == nil {
					first = err
				}
			}
			step()
		})
	}
	step()
}

// conflictRow is one of them in the list.
type conflictRow struct {
	widget.BaseWidget
	name, about *kit.Text
	sign        *kit.Icon
	box         *fyne.Container
}

func newConflictRow() *conflictRow {
	r := &conflictRow{name: kit.NewText("", kit.Look{Strong: true, Elide: kit.Middle}),
		about: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.Middle}),
		sign:  kit.NewIcon("file", kit.Muted, 20)}
	r.box = kit.Pad(8, 8, kit.Bar(10, 1, r.sign, kit.Col(2, r.name, r.about)))
	r.ExtendBaseWidget(r)
	return r
}

// CreateRenderer implements fyne.Widget.
func (r *conflictRow) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(r.box) }

func (r *conflictRow) set(c api.Conflict) {
	r.name.Set(path.Base(c.Path))
	where := c.FolderName
	if dir := path.Dir(c.Path); dir != "." {
		where += "/" + dir
	}
	r.about.Set(where)
	r.sign.Set(fileSign(c.Path), kit.Muted)
}

// fileSign picks a picture by the end of a name.
func fileSign(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".jpg", ".jpeg", ".gif", ".cr3", ".heic", ".webp", ".tif", ".tiff", ".svg":
		return "image"
	case ".txt", ".md", ".go", ".json", ".csv", ".tex", ".html", ".odt", ".doc", ".docx", ".pdf":
		return "file-text"
	}
	return "file"
}
