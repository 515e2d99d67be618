package merge

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Shown says how an entry appears to a person. It is derived, never written back.
type Shown struct {
	// Visible entries have a place of their own on disk.
	Visible bool
	Parent  ident.EntryID // the directory it is shown in
	Name    string
	// Twin is set when the entry has no place of its own because another entry, with the
	// same content under the same name, stands for it too.
	Twin ident.EntryID
	// Waiting is set when a directory above it is not known here yet.
	Waiting bool
	// Renamed is set when the name is a conflict name.
	Renamed bool
	// Away is set when it is not shown where it is placed, as when moves made a cycle (R10).
	// Its name then depends on others that cannot know of it.
	Away bool
}

// View answers how entries appear, reading records through a tree.Reader. It remembers
// what it worked out about directories; Forget must be called when any record of a
// directory, or of something inside a deleted directory, has changed.
type View struct {
	read   tree.Reader
	author func(ident.ReplicaID) string
	dirs   map[ident.EntryID]folderView
}

// folderView is what View remembers of a directory.
type folderView struct {
	visible bool
	waiting bool
	parent  ident.EntryID
	name    string          // of one that is away: unless others have it there
	away    bool            // not where it is placed
	twins   []ident.EntryID // itself included, by id
}

// dirsMax bounds the memory of a View: about 100 bytes each.
const dirsMax = 1 << 16

// NewView returns a View of the records behind read. Author names the device whose
// replica made a write, as recorded when that replica joined.
func NewView(read tree.Reader, author func(ident.ReplicaID) string) *View {
	return &View{read: read, author: author, dirs: map[ident.EntryID]folderView{}}
}

// Forget drops what was remembered of directories.
func (v *View) Forget() { clear(v.dirs) }

// Of returns how the entry of a row appears.
func (v *View) Of(row *tree.Row) Shown {
	v.bound()
	e := &row.Entry
	if e.Kind == tree.Dir {
		d := v.dir(row)
		shown := Shown{Visible: d.visible, Waiting: d.waiting, Parent: d.parent, Name: d.name, Away: d.away}
		if d.away {
			// Files come and go there, of which nothing is remembered.
			shown.Name = v.nameAway(e, home{parent: d.parent, name: d.name, away: true})
			shown.Renamed = shown.Name != d.name
		}
		return shown
	}
	if !e.Live() {
		return Shown{}
	}
	if e.IsConflict() {
		return v.beside(e)
	}
	h := v.homeOfFile(e)
	if h.waiting {
		return Shown{Waiting: true}
	}
	return v.among(e, h)
}

// Twins returns the directories that are shown as one with the given one (rule R6),
// itself included, ordered by id.
func (v *View) Twins(dir ident.EntryID) []ident.EntryID {
	v.bound()
	return v.twins(dir)
}

// bound keeps the memory of a View small. It is called before a question is answered, not
// in the middle: climb relies on all that was remembered together.
func (v *View) bound() {
	if len(v.dirs) >= dirsMax {
		v.Forget()
	}
}

func (v *View) twins(dir ident.EntryID) []ident.EntryID {
	if dir.IsRoot() {
		return []ident.EntryID{ident.Root}
	}
	if d, known := v.dirs[dir]; known {
		return d.twins
	}
	row, ok := v.read.Entry(dir)
	if !ok || row.Entry.Kind != tree.Dir {
		return []ident.EntryID{dir}
	}
	return v.dir(&row).twins
}

// homeOfFile is homeOf, for what cannot be in a cycle itself.
func (v *View) homeOfFile(e *tree.Entry) home {
	at := e.Place.Parent
	v.twins(at) // remembered, so that the way up is short
	if above, known := v.dirs[at]; known || at.IsRoot() {
		waiting := above.waiting || e.Place.Name == "" // as in homeOf
		return home{waiting: waiting, parent: at, name: e.Place.Name}
	}
	return v.homeOf(e)
}

// alone reports whether nothing else is placed, or was before it ended, where an entry is:
// so it is with nearly all, and then there is nothing to settle.
func (v *View) alone(e *tree.Entry, h home) bool {
	dirs := v.twins(h.parent)
	if len(dirs) > 1 {
		return false
	}
	rows := v.read.Placed(dirs[0], h.name)
	return len(rows) == 1 && rows[0].Entry.ID == e.ID
}

// among settles which of the live entries of one name keeps it (R6, R7, R11).
func (v *View) among(e *tree.Entry, h home) Shown {
	shown := Shown{Visible: true, Parent: h.parent, Name: h.name}
	if v.alone(e, h) {
		return shown
	}
	if o := v.absorber(e, h); o != nil {
		return Shown{Twin: o.ID}
	}
	for i, o := range v.claims(h) {
		switch {
		case o.ID == e.ID && i == 0:
			return shown
		case o.ID == e.ID:
			shown.Name, shown.Renamed = v.conflictName(e, h), true
			return shown
		case sameFile(&o, e):
			return Shown{Twin: o.ID}
		}
	}
	// The others of the name do not know of it: it is placed elsewhere.
	shown.Name, shown.Away = v.nameAway(e, h), true
	shown.Renamed = shown.Name != h.name
	return shown
}

// claims returns the entries that would have a name, the one that keeps it first.
func (v *View) claims(h home) []tree.Entry {
	var out []tree.Entry
	for _, dir := range v.twins(h.parent) {
		for _, row := range v.read.Placed(dir, h.name) {
			e := &row.Entry
			if e.Kind == tree.Dir && v.standsAsDir(e) ||
				e.Kind != tree.Dir && e.Live() && v.absorber(e, h) == nil {
				out = append(out, *e)
			}
		}
	}
	slices.SortFunc(out, func(a, b tree.Entry) int { return nameOrder(&a, &b) })
	return out
}

// sameFile reports whether two entries of one name are one file to a person.
func sameFile(a, b *tree.Entry) bool {
	return a.Kind == b.Kind && a.Kind != tree.Dir &&
		a.Content.ID == b.Content.ID && a.Content.Target == b.Content.Target
}

// absorber returns the entry that stands for e when e is a null version: a file found by
// a first scan that a real entry of the same name holds, or knowingly replaced or deleted.
// That is how a rebuilt index or an old backup meets its peers without conflicts and
// without bringing deleted files back.
func (v *View) absorber(e *tree.Entry, h home) *tree.Entry {
	if !e.Content.IsNull() || !e.Place.IsNull() {
		return nil
	}
	var found *tree.Entry
	for _, dir := range v.twins(h.parent) {
		for _, row := range v.read.Placed(dir, h.name) {
			o := &row.Entry
			if o.Content.IsNull() || o.Kind != e.Kind || !o.Content.Descends(e.Content.ID) {
				continue
			}
			// A live one stands before one that only remembers a delete.
			if found == nil || o.Live() && (!found.Live() || nameOrder(o, found) < 0) {
				found = o
			}
		}
	}
	return found
}

// nameOrder sorts entries that would have one name: directories before files (R7), real
// placements before null ones, then the older placement (R11).
func nameOrder(a, b *tree.Entry) int {
	return cmp.Or(
		boolOrder(b.Kind == tree.Dir, a.Kind == tree.Dir),
		boolOrder(a.Place.IsNull(), b.Place.IsNull()),
		a.Place.Stamp.Compare(b.Place.Stamp),
		bytes.Compare(a.ID[:], b.ID[:]),
	)
}

// beside places a kept loser next to the entry it lost to (R4).
func (v *View) beside(e *tree.Entry) Shown {
	origin := e
	for depth := 0; origin.IsConflict(); depth++ {
		row, ok := v.read.Entry(origin.Place.Parent)
		if !ok || depth > chainMax {
			return Shown{Waiting: true}
		}
		origin = &row.Entry
	}
	h := v.homeOfFile(origin)
	if h.waiting {
		return Shown{Waiting: true}
	}
	return Shown{Visible: true, Parent: h.parent, Name: v.conflictName(e, h), Renamed: true}
}
