package merge

import (
	"fmt"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Fit says which of the entries that a View shows have a place on one volume. Like the
// view it is derived and never written back: an entry without a place here keeps its name
// in the shared tree. No two entries with a place have names that the volume takes for
// one, unless the disk shows both already.
//
// Its answers follow from the records, the volume and what is on disk already, whatever
// the order of asking. It remembers those about directories: Forget must be called when
// any record, or base row, of a directory has changed.
type Fit struct {
	read   tree.Reader
	view   *View
	volume *names.Volume
	alike  func(dir ident.EntryID, name string) []tree.Row
	dirs   map[ident.EntryID]Block
}

// Block says why an entry has no place on a volume. The zero Block: it has one.
type Block struct {
	Reason string        // for people; empty when it has a place
	Under  ident.EntryID // the directory above that has none; zero when the entry itself is why
}

// NewFit returns the Fit of a view and a volume. Alike returns the rows that are, or may
// be, shown in a directory under names that the volume takes for one with the given one.
func NewFit(
	read tree.Reader, view *View, volume *names.Volume,
	alike func(dir ident.EntryID, name string) []tree.Row,
) *Fit {
	return &Fit{read: read, view: view, volume: volume, alike: alike, dirs: map[ident.EntryID]Block{}}
}

// Forget drops what was remembered of directories.
func (f *Fit) Forget() { clear(f.dirs) }

// Of says whether a row that is shown so, and is visible, has a place.
func (f *Fit) Of(row *tree.Row, shown Shown) Block {
	if f.volume.Holds() {
		return Block{}
	}
	if len(f.dirs) >= dirsMax {
		f.Forget()
	}
	return f.of(row, shown)
}

func (f *Fit) of(row *tree.Row, shown Shown) Block {
	if b := f.dir(shown.Parent); b.Reason != "" {
		if b.Under.IsRoot() {
			b.Under = shown.Parent
		}
		return b
	}
	if why := f.refused(row, shown); why != "" {
		return Block{Reason: why}
	}
	return Block{Reason: f.taken(row, shown)}
}

// dir says whether a directory has a place.
func (f *Fit) dir(id ident.EntryID) Block {
	if id.IsRoot() {
		return Block{}
	}
	if b, known := f.dirs[id]; known {
		return b
	}
	b := Block{}
	if row, ok := f.read.Entry(id); ok {
		if shown := f.view.Of(&row); shown.Visible {
			b = f.of(&row, shown)
		}
	}
	f.dirs[id] = b
	return b
}

// refused says why the volume cannot hold an entry, whatever else is there. What the disk
// shows already is possible, whatever we believe.
func (f *Fit) refused(row *tree.Row, shown Shown) string {
	if f.inPlace(row.Entry.ID, shown) {
		return ""
	}
	if row.Entry.Kind == tree.Link && f.volume.NoLinks {
		return "this volume holds no symbolic links"
	}
	why := ""
	if shown.Parent.IsRoot() {
		why = f.volume.RefusalAtTop(shown.Name)
	} else {
		why = f.volume.Refusal(shown.Name)
	}
	if why == "" && f.volume.PathMax > 0 {
		why = f.volume.PathRefusal(f.path(shown))
	}
	if why != "" {
		why = "this name cannot be shown here: " + why + "; rename it on another device"
	}
	return why
}

func (f *Fit) path(shown Shown) string {
	path := shown.Name
	for at, depth := shown.Parent, 0; !at.IsRoot() && depth < chainMax; depth++ {
		row, ok := f.read.Entry(at)
		if !ok {
			break
		}
		above := f.view.Of(&row)
		path, at = above.Name+"/"+path, above.Parent
	}
	return path
}

// taken says which other name, one with the entry's to the volume, has its place: the one
// that would keep an exact name too (R7, R11).
func (f *Fit) taken(row *tree.Row, shown Shown) string {
	if f.volume.Exact() {
		return ""
	}
	key, mine := f.volume.Key(shown.Name), &row.Entry
	var rivals []tree.Row
	for _, o := range f.alike(shown.Parent, shown.Name) {
		if o.Entry.ID == row.Entry.ID {
			continue
		}
		s := f.view.Of(&o)
		if !s.Visible || f.volume.Key(s.Name) != key || !f.sameDirectory(s.Parent, shown.Parent) {
			continue
		}
		switch {
		case s.Name == shown.Name:
			if nameOrder(&o.Entry, mine) < 0 {
				mine = &o.Entry
			}
		case f.refused(&o, s) == "" && !f.bothThere(row.Entry.ID, o.Entry.ID, shown, s):
			rivals = append(rivals, o)
		}
	}
	for i := range rivals {
		s := f.view.Of(&rivals[i])
		first := nameOrder(&rivals[i].Entry, mine) < 0
		if s.Away != shown.Away {
			first = shown.Away // those placed there cannot know of it
		}
		if first {
			return fmt.Sprintf("this name cannot be shown here beside %q, which this volume takes for the same; "+
				"rename one of the two on another device", names.Text(s.Name))
		}
	}
	return ""
}

func (f *Fit) sameDirectory(a, b ident.EntryID) bool {
	return a == b || slices.Contains(f.view.Twins(a), b)
}

// bothThere reports whether the disk shows two entries beside one another under the names
// they are to have. Twins may be in two places on disk while they become one directory.
func (f *Fit) bothThere(x, y ident.EntryID, shownX, shownY Shown) bool {
	if !f.inPlace(x, shownX) || !f.inPlace(y, shownY) {
		return false
	}
	a, _ := f.read.Base(x)
	b, _ := f.read.Base(y)
	at, other := a.Parent, b.Parent
	for depth := 0; at != other && depth < chainMax; depth++ {
		a, onDisk := f.read.Base(at)
		b, too := f.read.Base(other)
		if !onDisk || !too || a.Name != b.Name {
			return false
		}
		at, other = a.Parent, b.Parent
	}
	return at == other
}

// inPlace reports whether an entry is on disk where it is shown.
func (f *Fit) inPlace(id ident.EntryID, shown Shown) bool {
	b, onDisk := f.read.Base(id)
	return onDisk && b.Name == shown.Name && f.sameDirectory(shown.Parent, b.Parent)
}
