package folder

import (
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A conflict copy is named after whoever wrote it. A content that a first scan found has
// no writer: the device on whose disk it was found writes the name down, as its own, so
// that people can tell whose version it is (docs/decisions/0011).

// nameFound names a kept loser once its copy is on disk, when the file it was copied from
// shows that this device's disk held it.
func (c *Core) nameFound(id ident.EntryID) {
	row, ok := c.index.Entry(id)
	e := &row.Entry
	if c.reader || !ok || !e.IsConflict() || !e.Live() || !e.Place.IsNull() || !e.Content.IsNull() {
		return
	}
	origin, ok := c.index.Entry(e.Place.Parent)
	base, onDisk := c.index.Base(e.Place.Parent)
	if !ok || !onDisk || base.Content != e.Content.ID {
		return
	}
	parent := base.Parent
	if parent == tree.Parking { // a place of this disk alone: in a record it would lead nowhere
		shown := c.view.Of(&origin)
		if !shown.Visible {
			return
		}
		parent = shown.Parent
	}
	c.nameOwn(*e, parent, origin.Entry.Place.Name, &base.Stat)
}

// ownRenamed reports whether a name that the view made is to be written down by this
// device: for an entry its first scan found where a peer's entry keeps the name, or one it
// placed itself, once it is on disk under the conflict name.
func (c *Core) ownRenamed(row *tree.Row, base *tree.Base, onDisk bool, shown merge.Shown) bool {
	e := &row.Entry
	switch {
	case c.reader || !shown.Renamed || !onDisk || e.IsConflict() || base.Content != e.Content.ID:
		return false
	case e.Place.IsNull():
		return e.Content.IsNull() && base.Name == e.Place.Name
	}
	return e.Place.Dot.Replica == c.state.Replica && base.Name == shown.Name
}

// nameRenamed writes the name down: what the view shows, or, where nobody is known to have
// written the entry, this device and the time its file shows.
func (c *Core) nameRenamed(row *tree.Row, base *tree.Base, shown merge.Shown) {
	if row.Entry.Place.IsNull() {
		c.nameOwn(row.Entry, shown.Parent, row.Entry.Place.Name, &base.Stat)
		return
	}
	c.writeName(row.Entry, shown.Parent, shown.Name)
}

// nameOwn writes a conflict name that says that the version is this device's.
func (c *Core) nameOwn(e tree.Entry, parent ident.EntryID, plain string, found *tree.Stat) {
	at := time.Duration(found.Mtime).Milliseconds()
	c.writeName(e, parent, merge.ConflictName(plain, c.names[c.state.Replica].Name, at))
}

func (c *Core) writeName(e tree.Entry, parent ident.EntryID, name string) {
	v := c.nextVersion(e.Place.Context)
	e = e.Clone()
	e.Place = tree.Placement{
		Version: v, Context: v.Seen, Parent: parent, Name: name,
		WasParent: e.Place.Parent, WasName: e.Place.Name,
	}
	c.writeLocal(e)
	c.touch(e.ID)
}
