package folder

import (
	"fmt"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
)

// planVisible orders the next step for an entry that is to be seen: a place, a content,
// attributes, in that order.
func (c *Core) planVisible(row *tree.Row, base tree.Base, onDisk bool, shown merge.Shown) {
	parent, ok := c.parentOnDisk(row, shown.Parent)
	if !ok {
		return
	}
	if onDisk && c.sameDirectory(base.Parent, parent) && base.Name == shown.Name {
		c.planContent(row, base)
		return
	}
	occupant, taken := c.occupant(row, shown.Parent, shown.Name)
	switch {
	case taken && row.Entry.Kind == tree.Dir && occupant.Stat.Kind == tree.Dir && !onDisk &&
		c.isTwin(row.Entry.ID, occupant.Entry):
		c.shareDirectory(row, occupant)
	case taken && !c.replaceable(row, occupant, onDisk):
		c.makeWay(row, occupant)
	case onDisk:
		c.planMove(row, base, parent, shown.Name)
	case row.Entry.Kind == tree.Dir:
		c.planMakeDir(row, parent, shown.Name)
	case taken:
		c.planTakeOver(row, occupant, parent, shown.Name)
	default:
		c.planInstall(row, tree.Base{Parent: parent, Name: shown.Name}, false)
	}
}

// parentOnDisk returns the entry under which the parent directory is on disk. False: it
// is not there yet; the entry waits for it.
func (c *Core) parentOnDisk(row *tree.Row, parent ident.EntryID) (ident.EntryID, bool) {
	if parent.IsRoot() {
		return parent, true
	}
	for _, dir := range c.view.Twins(parent) {
		if _, ok := c.index.Base(dir); ok {
			return dir, true
		}
	}
	c.touch(parent)
	c.await(row, parent)
	return parent, false
}

// sameDirectory reports whether two entries are one directory on disk.
func (c *Core) sameDirectory(a, b ident.EntryID) bool {
	if a == b {
		return true
	}
	if a == tree.Parking || b == tree.Parking || a.IsRoot() || b.IsRoot() {
		return false
	}
	x, _ := c.index.Base(a)
	y, _ := c.index.Base(b)
	return x.Parent == y.Parent && x.Name == y.Name && x.Name != ""
}

func (c *Core) isTwin(a, b ident.EntryID) bool {
	for _, t := range c.view.Twins(a) {
		if t == b {
			return true
		}
	}
	return false
}

// occupant returns what is on disk under a name, other than the entry itself.
func (c *Core) occupant(row *tree.Row, parent ident.EntryID, name string) (tree.Base, bool) {
	for _, dir := range c.view.Twins(parent) {
		for _, b := range c.index.BaseAt(dir, name) {
			if b.Entry != row.Entry.ID {
				return b, true
			}
		}
	}
	return tree.Base{}, false
}

// replaceable reports whether an occupant is a file that the view shows nowhere: the new
// file may replace it in one step.
func (c *Core) replaceable(row *tree.Row, occupant tree.Base, onDisk bool) bool {
	if onDisk || row.Entry.Kind == tree.Dir || occupant.Stat.Kind == tree.Dir || c.acts[occupant.Entry] != nil {
		return false
	}
	o, ok := c.index.Entry(occupant.Entry)
	return ok && !c.view.Of(&o).Visible
}

// makeWay lets an entry wait until the occupant of its name has gone. Two that wait for
// each other's names would wait for ever: then the occupant is parked.
func (c *Core) makeWay(row *tree.Row, occupant tree.Base) {
	o, ok := c.index.Entry(occupant.Entry)
	if !ok {
		panic("bug: a base row without its entry")
	}
	if c.waitsFor(occupant.Entry, row.Entry.ID) && c.acts[occupant.Entry] == nil {
		if path, ok := c.pathOf(row, occupant.Parent, occupant.Name); ok {
			victim := occupant.Stat
			name := occupant.Entry.String()
			c.order(&o, tree.Order{
				Op: tree.Move, Path: path, To: tree.ParkingDir + "/" + name, Victim: &victim,
			}, tree.Parking, name)
			c.await(row, occupant.Entry)
		}
		return
	}
	c.touch(occupant.Entry)
	c.await(row, occupant.Entry)
}

// waitsFor reports whether a waits, perhaps through others, for b.
func (c *Core) waitsFor(a, b ident.EntryID) bool {
	seen := map[ident.EntryID]bool{}
	next := []ident.EntryID{b}
	for len(next) > 0 {
		at := next[len(next)-1]
		next = next[:len(next)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		for _, w := range c.waits[at] {
			if w == a {
				return true
			}
			next = append(next, w)
		}
	}
	return false
}

// shareDirectory notes that an entry is the directory its twin has on disk already.
func (c *Core) shareDirectory(row *tree.Row, twin tree.Base) {
	b := twin
	b.Entry = row.Entry.ID
	b.Parent = row.Entry.Place.Parent
	sawAll(&b, &row.Entry)
	c.setBase(b)
	c.settled(row)
	c.wake(row.Entry.ID)
}

func (c *Core) planMakeDir(row *tree.Row, parent ident.EntryID, name string) {
	path, ok := c.pathOf(row, parent, name)
	if !ok || c.isBusy(row, path) {
		return
	}
	mode := row.Entry.Attrs.Mode | 0o700 // the agent must be able to work inside
	c.order(row, tree.Order{Op: tree.MakeDir, Path: path, Mode: mode}, parent, name)
}

func (c *Core) planMove(row *tree.Row, base tree.Base, parent ident.EntryID, name string) {
	if row.Entry.Kind == tree.Dir && c.inside(parent, row.Entry.ID) {
		c.await(row, parent) // the parent is still on disk inside this directory: it moves first
		return
	}
	from, ok := c.pathOf(row, base.Parent, base.Name)
	if !ok {
		return
	}
	to, ok := c.pathOf(row, parent, name)
	if !ok || c.isBusy(row, from) || c.isBusy(row, to) {
		return
	}
	victim := base.Stat
	c.order(row, tree.Order{Op: tree.Move, Path: from, To: to, Victim: &victim}, parent, name)
}

// isBusy lets an entry wait while another order uses a path it needs.
func (c *Core) isBusy(row *tree.Row, path string) bool {
	if c.busy[path] == 0 {
		return false
	}
	for _, a := range c.acts {
		if a.order.Path == path || a.order.To == path {
			c.await(row, a.entry)
			return true
		}
	}
	panic("bug: a path is busy without an order")
}

// planTakeOver puts an entry in the place of one that is to go: without touching the disk
// when the content is the same.
func (c *Core) planTakeOver(row *tree.Row, occupant tree.Base, parent ident.EntryID, name string) {
	if occupant.Content == row.Entry.Content.ID && occupant.Stat.Kind == row.Entry.Kind {
		b := occupant
		b.Entry, b.Parent, b.Name = row.Entry.ID, parent, name
		sawAll(&b, &row.Entry)
		c.clearBase(occupant.Entry)
		c.setBase(b)
		c.touch(occupant.Entry)
		c.touch(row.Entry.ID)
		c.wake(row.Entry.ID)
		return
	}
	b := occupant
	b.Parent, b.Name = parent, name
	c.planInstall(row, b, true)
}

// planContent brings an entry that is in its place up to date.
func (c *Core) planContent(row *tree.Row, base tree.Base) {
	e := &row.Entry
	if e.Kind != tree.Dir && base.Content != e.Content.ID {
		if c.losersFirst(row, base) {
			return
		}
		c.planInstall(row, base, true)
		return
	}
	mode, mtime := e.Attrs.Mode, e.Attrs.Mtime
	if e.Kind == tree.Dir {
		mode |= 0o700
	}
	if e.Kind != tree.Link && attributesDiffer(&base.Stat, mode, mtime) && base.Stat.Mode&0o777|dirBits(e) != mode {
		c.planAttributes(row, base, mode)
		return
	}
	if e.Kind == tree.File && attributesDiffer(&base.Stat, mode, mtime) {
		c.planAttributes(row, base, mode)
		return
	}
	if !c.upToDate(&base, e) {
		sawAll(&base, e)
		c.setBase(base)
	}
	c.settled(row)
}

// dirBits are the permission bits a directory always has on disk, whatever is shared.
func dirBits(e *tree.Entry) uint32 {
	if e.Kind == tree.Dir {
		return 0o700
	}
	return 0
}

func (c *Core) planAttributes(row *tree.Row, base tree.Base, mode uint32) {
	path, ok := c.pathOf(row, base.Parent, base.Name)
	if !ok || c.isBusy(row, path) {
		return
	}
	victim := base.Stat
	c.order(row, tree.Order{
		Op: tree.SetAttributes, Path: path, Victim: &victim, Mode: mode, Mtime: row.Entry.Attrs.Mtime,
	}, base.Parent, base.Name)
}

// upToDate reports whether a base row notes that the disk shows all that is recorded.
func (c *Core) upToDate(b *tree.Base, e *tree.Entry) bool {
	return b.SawPlace.CoversAll(e.Place.Context) && b.SawContent.CoversAll(e.Content.Context) &&
		b.SawAttrs.CoversAll(e.Attrs.Context)
}

// losersFirst holds a replacement back while the file on disk is the only sure place of a
// content that a conflict entry is to keep: that one is copied from here first.
func (c *Core) losersFirst(row *tree.Row, base tree.Base) bool {
	for _, loser := range c.index.Placed(row.Entry.ID, "") {
		if loser.Need && loser.Entry.Live() && loser.Entry.Content.ID == base.Content {
			if _, has := c.index.Base(loser.Entry.ID); has {
				continue
			}
			c.touch(loser.Entry.ID)
			c.await(row, loser.Entry.ID)
			return true
		}
	}
	return false
}

// describe names an entry for people when it has no path on disk.
func describe(e *tree.Entry) string {
	if e.Place.Name != "" {
		return e.Place.Name
	}
	return fmt.Sprintf("conflict copy %s", e.ID.String()[:8])
}
