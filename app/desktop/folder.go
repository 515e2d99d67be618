//go:build !darwin || cgo

package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// folderPage names the page of one folder.
func folderPage(id ident.FolderID) string { return "folder:" + id.String() }

// folder is the page of one folder.
type folder struct {
	w       *Window
	id      ident.FolderID
	shown   status.Folder
	head    *header
	pill    *kit.Pill
	tabs    *kit.Tabs
	parts   []folderPart
	body    *fyne.Container
	root    fyne.CanvasObject
	gone    fyne.CanvasObject
	started bool
}

// folderPart is what one tab of the page shows.
type folderPart interface {
	content() fyne.CanvasObject
	set(status.Folder)
}

func newFolder(w *Window, id ident.FolderID) *folder {
	p := &folder{w: w, id: id, pill: kit.NewPill(), body: container.NewStack()}
	back := kit.SignButton("arrow-left", say("Back"), w.Back)
	open := kit.NewButton(say("Show the files"), "folder-open", kit.Plain, func() { w.showFiles(p.shown.Path) })
	p.head = newHeader("", p.pill, open, w.moreButton(say("More about this folder"), p.acts))
	p.parts = []folderPart{newFolderState(w), newFolderHistory(w, id), newFolderMembers(w), newFolderIgnore(w),
		newFolderSettings(w)}
	p.tabs = kit.NewTabs([]string{say("Overview"), say("What has happened"), say("Members"),
		say("Ignored files"), say("Settings")}, func(int) { p.arrange() })
	p.gone = empty("folder-simple", say("This folder is not kept any more"), say("Its files stay where they are."))
	p.root = container.NewBorder(kit.Col(0, kit.Inset(0, 0, 0, 18, kit.Bar(0, 1, kit.Inset(8, 0, 0, 0, back), p.head.box)),
		kit.Inset(0, 26, 12, 28, p.tabs.Box)), nil, nil, nil, p.body)
	p.arrange()
	return p
}

func (p *folder) content() fyne.CanvasObject { return p.root }

func (p *folder) arrange() {
	p.body.Objects = []fyne.CanvasObject{p.parts[p.tabs.Chosen()].content()}
	p.body.Refresh()
	if p.started {
		p.parts[p.tabs.Chosen()].set(p.shown)
	}
}

func (p *folder) update() {
	for _, f := range p.w.view.Folders {
		if f.ID != p.id {
			continue
		}
		p.shown, p.started = f, true
		sign, words, tone := stateShown(f)
		p.pill.Set(sign, words, tone)
		p.head.text.Set(f.Name)
		p.head.line.Set(say("%s · %s · %s", shortPath(f.Path), files(f.Files), sized(f.Bytes)))
		p.parts[p.tabs.Chosen()].set(f)
		return
	}
	if p.w.heard {
		p.body.Objects = []fyne.CanvasObject{p.gone}
		p.body.Refresh()
	}
}

func (p *folder) happened(status.Event) {
	if p.started {
		p.parts[p.tabs.Chosen()].set(p.shown)
	}
}

func (p *folder) acts() []act {
	id, name := p.id.String(), p.shown.Name
	out := p.w.pauseActs(id, p.shown.Paused != nil)
	return append(out,
		act{say("Look at the whole disk again"), func() { p.w.order(api.FolderRescan{Folder: id}, nil) }},
		act{say("Verify every file …"), func() { p.w.verify(id, name) }},
		act{say("Copy its id"), func() { fyne.CurrentApp().Clipboard().SetContent(id) }},
		act{say("Stop keeping it …"), func() {
			p.w.confirm(say("Stop keeping %s?", name),
				say("Its files stay on this device and on the others; changes do not travel from or to here any more."),
				say("Stop keeping it"), kit.Danger, func() { p.w.order(api.FolderRemove{Folder: id}, p.w.Back) })
		}})
}

// verify reads every file of a folder and says what was found.
func (w *Window) verify(id, name string) {
	w.confirm(say("Verify every file of %s?", name),
		say("Every file is read and compared with what it should hold. That takes as long as reading the disk does; what is damaged is fetched again."),
		say("Verify"), kit.Main, func() {
			var found api.Verified
			w.askLong(api.FolderVerify{Folder: id}, &found, func(err error) {
				if err != nil {
					w.complain(err)
					return
				}
				text := say("%s read, %s. Nothing is damaged.", files(found.Files), sized(found.Bytes))
				if n := len(found.Damaged); n > 0 {
					text = many(int64(n), "%s file was damaged and is fetched again.", "%s files were damaged and are fetched again.")
				}
				if n := len(found.Unreadable); n > 0 {
					text += " " + many(int64(n), "%s file could not be read.", "%s files could not be read.")
				}
				kit.Ask(w.win.Canvas(), say("%s is verified", name), kit.NewPara(text, kit.Look{}),
					kit.Answer{Text: say("Close"), Weight: kit.Main})
			})
		})
}

// folderState is the tab that says how the folder is.
type folderState struct {
	w      *Window
	card   *folderCard
	list   *fyne.Container
	needs  *fyne.Container
	swarm  *swarming
	mark   string
	scroll fyne.CanvasObject
}

func newFolderState(w *Window) *folderState {
	p := &folderState{w: w, list: kit.Col(10), needs: kit.Col(10), swarm: newSwarming(w)}
	p.card = newFolderCard(w, ident.FolderID{})
	p.card.all.Objects = append(p.card.all.Objects[1:], p.swarm.box) // the page's head says the first already
	p.list.Objects = []fyne.CanvasObject{kit.Card(p.card.all), p.needs}
	p.scroll = container.NewVScroll(kit.Inset(2, 26, 22, 28, p.list))
	return p
}

func (p *folderState) content() fyne.CanvasObject { return p.scroll }

func (p *folderState) set(f status.Folder) {
	p.card.set(f)
	p.swarm.set(f)
	if f.Conflicts+f.Held+f.LocalChanges+len(f.Problems) > 0 {
		show(p.card.note, false) // it is said below, with the way on
	}
	if mark := attentionMark(f); mark != p.mark {
		p.mark = mark
		p.needs.Objects = p.attention(f)
		p.needs.Refresh()
		p.list.Refresh()
	}
}

func attentionMark(f status.Folder) string {
	text := say("%d %d %d", f.Conflicts, f.Held, f.LocalChanges)
	for _, problem := range f.Problems {
		text += "\n" + problem.Path + problem.Kind + problem.Reason + problem.NextTry.String()
	}
	return text
}

// attention lists what a person should look at, each with the way on.
func (p *folderState) attention(f status.Folder) []fyne.CanvasObject {
	var out []fyne.CanvasObject
	if f.Conflicts > 0 {
		out = append(out, notice("git-fork", kit.Care, folderNoteConflicts(f), "",
			kit.NewButton(say("Compare"), "", kit.Plain, func() { p.w.Show(conflictsPage) })))
	}
	if f.Held > 0 {
		out = append(out, notice("hand-palm", kit.Care, say("Many files were deleted at once. They are kept until you say that they may go."),
			"", kit.NewButton(say("Look at them"), "", kit.Plain, func() { p.w.Show(heldPage) })))
	}
	if f.LocalChanges > 0 {
		out = append(out, notice("lock-simple", kit.Care, folderNoteLocal(f),
			say("This device may only read the folder, so they stay here."),
			kit.NewButton(say("Put the members' version back …"), "", kit.Plain, func() {
				p.w.confirm(say("Put the members' version back?"), say("What was changed here goes to the trash."),
					say("Put it back"), kit.Main, func() { p.w.order(api.FolderRevert{Folder: f.ID.String()}, nil) })
			})))
	}
	for _, problem := range f.Problems {
		if problem.Kind == "held" {
			continue // it is said above
		}
		title := problem.Path
		if title == "" {
			title = say("The whole folder")
		}
		out = append(out, notice("warning", kit.Care, title, problem.Reason+nextTry(problem.NextTry, p.w.moment())))
	}
	return out
}

// notice is one thing to look at, with buttons that lead on.
func notice(sign string, tone kit.Tone, title, text string, actions ...fyne.CanvasObject) fyne.CanvasObject {
	words := kit.Col(3, kit.NewPara(title, kit.Look{Strong: true}))
	if text != "" {
		words.Add(kit.NewPara(text, kit.Look{Size: kit.Small, Ink: kit.Muted}))
	}
	return kit.Card(kit.Bar(14, 1, append([]fyne.CanvasObject{kit.NewIcon(sign, tone.Ink(), 22), words}, actions...)...))
}

// folderHistory is the tab of what has happened in the folder.
type folderHistory struct {
	list *history
	box  fyne.CanvasObject
}

func newFolderHistory(w *Window, id ident.FolderID) *folderHistory {
	h := &folderHistory{list: newHistory(w, &id)}
	h.box = kit.Inset(0, 20, 12, 22, h.list.box)
	return h
}

func (h *folderHistory) content() fyne.CanvasObject { return h.box }

func (h *folderHistory) set(status.Folder) { h.list.update() }
