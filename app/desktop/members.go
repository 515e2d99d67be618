//go:build !darwin || cgo

package desktop

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/desktop/kit"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// folderMembers is the tab of the devices that share the folder, and of those that could.
type folderMembers struct {
	w     *Window
	own   *kit.Para
	list  *fyne.Container
	rows  map[ident.DeviceID]*memberRow
	spare *fyne.Container
	box   fyne.CanvasObject
	mark  string
}

func newFolderMembers(w *Window) *folderMembers {
	p := &folderMembers{w: w, own: kit.NewPara("", kit.Look{Ink: kit.Muted}), list: kit.Col(10), spare: kit.Col(10),
		rows: map[ident.DeviceID]*memberRow{}}
	p.box = container.NewVScroll(kit.Inset(2, 26, 22, 28, kit.Col(14, p.own, p.list, p.spare)))
	return p
}

func (p *folderMembers) content() fyne.CanvasObject { return p.box }

func (p *folderMembers) set(f status.Folder) {
	p.own.Set(ownRole(f.Role))
	var order []fyne.CanvasObject
	shared := map[ident.DeviceID]bool{}
	for _, m := range f.Members {
		row := p.rows[m.ID]
		if row == nil {
			row = newMemberRow(p.w, f.ID, m.ID)
			p.rows[m.ID] = row
		}
		row.set(m, f.Role == status.Owner)
		shared[m.ID] = true
		order = append(order, row.box)
	}
	keepOnly(p.rows, shared)
	if !slices.Equal(order, p.list.Objects) {
		p.list.Objects = order
		p.list.Refresh()
	}
	p.offer(f, shared)
}

// offer lists the devices that do not share the folder yet.
func (p *folderMembers) offer(f status.Folder, shared map[ident.DeviceID]bool) {
	mark := f.ID.String() + string(f.Role)
	for _, d := range p.w.view.Devices {
		if !shared[d.ID] {
			mark += d.ID.String() + d.Name
		}
	}
	if mark == p.mark {
		return
	}
	p.mark = mark
	var out []fyne.CanvasObject
	for _, d := range p.w.view.Devices {
		if shared[d.ID] || f.Role == status.Reader {
			continue
		}
		share := kit.NewButton(say("Share with it"), "plus", kit.Plain, func() {
			p.w.order(api.FolderShare{Folder: f.ID.String(), Device: d.ID.String()}, nil)
		})
		out = append(out, kit.Card(kit.Bar(12, 1, kit.NewIcon(deviceSign(d.Name), kit.Muted, 20),
			kit.NewText(d.Name, kit.Look{Elide: kit.End}), share)))
	}
	if len(out) > 0 {
		out = append([]fyne.CanvasObject{kit.NewText(say("Not shared with"), kit.Look{Size: kit.Small, Ink: kit.Muted, Strong: true})}, out...)
	}
	p.spare.Objects = out
	p.spare.Refresh()
}

func ownRole(r status.Role) string {
	switch r {
	case status.Owner:
		return say("This device owns the folder: it says who shares it, and who may change files.")
	case status.Writer:
		return say("This device may change files. The folder's owners say who shares it.")
	case status.Reader:
		return say("This device may only read. What is changed here stays here.")
	}
	return say("This device does not share the folder any more.")
}

// memberRow is one device that shares the folder.
type memberRow struct {
	w      *Window
	folder ident.FolderID
	id     ident.DeviceID
	name   *kit.Text
	about  *kit.Text
	lamp   *kit.Lamp
	role   *widget.Select
	choice fyne.CanvasObject
	fixed  *kit.Text
	drop   *kit.Button
	shown  status.Member
	box    fyne.CanvasObject
}

var roles = []status.Role{status.Owner, status.Writer, status.Reader}

func roleName(r status.Role) string {
	switch r {
	case status.Owner:
		return say("Owner")
	case status.Writer:
		return say("May change files")
	case status.Reader:
		return say("May only read")
	}
	return string(r)
}

func newMemberRow(w *Window, folder ident.FolderID, id ident.DeviceID) *memberRow {
	r := &memberRow{w: w, folder: folder, id: id, lamp: kit.Dot(kit.Quiet),
		name:  kit.NewText("", kit.Look{Strong: true, Elide: kit.End}),
		about: kit.NewText("", kit.Look{Size: kit.Small, Ink: kit.Muted, Elide: kit.End}),
		fixed: kit.NewText("", kit.Look{Ink: kit.Muted})}
	var words []string
	for _, role := range roles {
		words = append(words, roleName(role))
	}
	r.role = widget.NewSelect(words, nil)
	r.choice = kit.Framed(r.role)
	r.drop = kit.SignButton("x", say("Stop sharing with it"), func() {
		w.confirm(say("Stop sharing with %s?", r.shown.Name), say("It keeps the files it has and gets no more changes."),
			say("Stop sharing"), kit.Danger, func() {
				w.order(api.FolderUnshare{Folder: folder.String(), Device: id.String()}, nil)
			})
	})
	r.box = kit.Card(kit.Bar(12, 1, r.lamp.Place(), kit.Col(2, r.name, r.about), kit.Fixed(190, 0, r.choice), r.fixed, r.drop))
	return r
}

func (r *memberRow) set(m status.Member, mayChange bool) {
	word, tone := memberShown(m)
	if m.Guest {
		word += " · " + say("known to this device alone")
	}
	r.name.Set(m.Name)
	r.about.Set(word)
	r.lamp.Tone(tone)
	if m.Role != r.shown.Role {
		r.showRole(m.Role)
	}
	r.fixed.Set(roleName(m.Role))
	show(r.choice, mayChange)
	show(r.fixed, !mayChange)
	show(r.drop, mayChange || m.Guest)
	r.shown = m
}

func (r *memberRow) choose(role status.Role) {
	if role == r.shown.Role {
		return
	}
	intent := api.FolderShare{Folder: r.folder.String(), Device: r.id.String(), Role: role}
	r.w.askLong(intent, nil, func(err error) {
		if err != nil {
			r.showRole(r.shown.Role) // what was chosen did not come to be
			r.w.complain(err)
		}
	})
}

// showRole shows a role that nobody has to be asked about.
func (r *memberRow) showRole(role status.Role) {
	r.role.OnChanged = nil
	r.role.SetSelectedIndex(slices.Index(roles, role))
	r.role.OnChanged = func(string) { r.choose(roles[r.role.SelectedIndex()]) }
}
