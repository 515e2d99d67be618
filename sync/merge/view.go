package merge

import (
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
	// Renamed is set when the name is not the entry's own: a conflict name.
	Renamed bool
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
	name    string
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
	e := &row.Entry
	if e.Kind == tree.Dir {
		d := v.dir(row)
		return Shown{Visible: d.visible, Waiting: d.waiting, Parent: d.parent, Name: d.name}
	}
	if !e.Live() {
		return Shown{}
	}
	if e.IsConflict() {
		return v.beside(e)
	}
	parent, waiting := v.parentOf(e)
	if waiting {
		return Shown{Waiting: true}
	}
	return v.among(e, parent, e.Place.Name)
}

// Twins returns the directories that are shown as one with the given one (rule R6),
// itself included, ordered by id.
func (v *View) Twins(dir ident.EntryID) []ident.EntryID {
	if dir.IsRoot() {
		return []ident.EntryID{ident.Root}
	}
	row, ok := v.read.Entry(dir)
	if !ok || row.Entry.Kind != tree.Dir {
		return []ident.EntryID{dir}
	}
	return v.dir(&row).twins
}

// among settles which of the live entries of one name keeps it (R6, R7, R11).
func (v *View) among(e *tree.Entry, parent ident.EntryID, name string) Shown {
	shown := Shown{Visible: true, Parent: parent, Name: name}
	keeper := e
	contested := false
	for _, dir := range v.Twins(parent) {
		for _, row := range v.read.Placed(dir, name) {
			o := row.Entry
			if o.ID == e.ID {
				continue
			}
			if absorbs(&o, e) {
				return Shown{Twin: o.ID}
			}
			if !o.Live() && !(o.Kind == tree.Dir && v.dir(&row).visible) {
				continue
			}
			if keepsName(&o, keeper) {
				keeper, contested = &o, true
			}
		}
	}
	if !contested {
		return shown
	}
	if keeper.Kind == e.Kind && keeper.Content.ID == e.Content.ID &&
		keeper.Content.Target == e.Content.Target && e.Kind != tree.Dir {
		return Shown{Twin: keeper.ID}
	}
	shown.Name = ConflictName(name, v.author(e.Place.Dot.Replica), e.Place.Stamp.Time.UnixMilli())
	shown.Renamed = true
	return shown
}

// absorbs reports whether o stands for the null version e: a file found by a first scan
// that a real entry of the same name holds, or knowingly replaced or deleted. That is how
// a rebuilt index or an old backup meets its peers without conflicts and without bringing
// deleted files back.
func absorbs(o, e *tree.Entry) bool {
	return e.Content.IsNull() && e.Place.IsNull() && !o.Content.IsNull() &&
		o.Kind == e.Kind && o.Content.Descends(e.Content.ID) && o.Content.Target == e.Content.Target
}

// keepsName reports whether o keeps a name that e would have too: directories before
// files (R7), real placements before null ones, then the older placement (R11).
func keepsName(o, e *tree.Entry) bool {
	if (o.Kind == tree.Dir) != (e.Kind == tree.Dir) {
		return o.Kind == tree.Dir
	}
	if o.Place.IsNull() != e.Place.IsNull() {
		return e.Place.IsNull()
	}
	if c := o.Place.Stamp.Compare(e.Place.Stamp); c != 0 {
		return c < 0
	}
	return slices.Compare(o.ID[:], e.ID[:]) < 0
}

// beside places a kept loser next to the entry it lost to (R4).
func (v *View) beside(e *tree.Entry) Shown {
	origin, ok := v.read.Entry(e.Place.Parent)
	if !ok {
		return Shown{Waiting: true}
	}
	name := origin.Entry.Place.Name
	place := &origin.Entry
	for depth := 0; place.IsConflict(); depth++ {
		row, ok := v.read.Entry(place.Place.Parent)
		if !ok || depth > chainMax {
			return Shown{Waiting: true}
		}
		place, name = &row.Entry, row.Entry.Place.Name
	}
	parent, waiting := v.parentOf(place)
	if waiting {
		return Shown{Waiting: true}
	}
	author, at := v.author(e.Content.Dot.Replica), e.Content.Stamp.Time.UnixMilli()
	name = ConflictName(name, author, at)
	for n, taken := 2, v.taken(e, parent, name); taken; n++ {
		numbered := Numbered(name, n)
		if taken = v.taken(e, parent, numbered); !taken {
			name = numbered
		}
	}
	return Shown{Visible: true, Parent: parent, Name: name, Renamed: true}
}

// taken reports whether another live entry is really placed under a conflict name, or a
// sibling loser with the same author and second comes before this one.
func (v *View) taken(e *tree.Entry, parent ident.EntryID, name string) bool {
	for _, dir := range v.Twins(parent) {
		for _, row := range v.read.Placed(dir, name) {
			if row.Entry.Live() && row.Entry.ID != e.ID {
				return true
			}
		}
	}
	base := ConflictName("", v.author(e.Content.Dot.Replica), e.Content.Stamp.Time.UnixMilli())
	before := 1
	for _, row := range v.read.Placed(e.Place.Parent, "") {
		o := &row.Entry
		same := ConflictName("", v.author(o.Content.Dot.Replica), o.Content.Stamp.Time.UnixMilli()) == base
		if o.ID != e.ID && o.Live() && same && slices.Compare(o.ID[:], e.ID[:]) < 0 {
			before++
		}
	}
	return numberOf(name) < before
}
