package folder

import (
	"fmt"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
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
	if c.planAlike(row, base, onDisk, shown, parent) {
		return
	}
	if onDisk && c.leaveTwin(row, base) {
		return
	}
	occupant, taken := c.occupant(row, parent, shown.Name)
	switch {
	case taken && row.Entry.Kind == tree.Dir && occupant.Stat.Kind == tree.Dir && !onDisk &&
		c.isTwin(row.Entry.ID, occupant.Entry):
		c.shareDirectory(row, occupant)
	case taken && row.Entry.Kind == tree.Dir && occupant.Stat.Kind == tree.Dir &&
		c.isTwin(row.Entry.ID, occupant.Entry):
		c.dissolve(row, base)
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
	dir, ok := c.directoryOf(parent)
	if !ok && !c.blockedWith(row, parent) {
		c.awaitFirst(row, parent)
	}
	return dir, ok
}

// directoryOf returns the entry under which a directory is on disk: of twins that are in
// several places, one that is where the view shows it.
func (c *Core) directoryOf(parent ident.EntryID) (ident.EntryID, bool) {
	if parent.IsRoot() {
		return parent, true
	}
	var found ident.EntryID
	twins := c.view.Twins(parent)
	for _, dir := range twins {
		b, ok := c.index.Base(dir)
		if ok && (len(twins) == 1 || c.inPlace(b)) {
			return dir, true
		}
		if ok && found.IsRoot() {
			found = dir
		}
	}
	return found, !found.IsRoot()
}

// inPlace reports whether a directory is on disk where the view shows it.
func (c *Core) inPlace(b tree.Base) bool {
	row, ok := c.index.Entry(b.Entry)
	if !ok {
		return false
	}
	shown := c.view.Of(&row)
	above, there := c.directoryOf(shown.Parent)
	return there && shown.Visible && shown.Name == b.Name && c.sameDirectory(above, b.Parent)
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
	return x.Name == y.Name && x.Name != "" && c.sameDirectory(x.Parent, y.Parent)
}

func (c *Core) isTwin(a, b ident.EntryID) bool {
	for _, t := range c.view.Twins(a) {
		if t == b {
			return true
		}
	}
	return false
}

// occupant returns what is under a name of a directory on disk, other than the entry itself.
func (c *Core) occupant(row *tree.Row, parent ident.EntryID, name string) (tree.Base, bool) {
	for _, dir := range c.view.Twins(parent) {
		if !c.sameDirectory(dir, parent) {
			continue // a twin that is still elsewhere
		}
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
	if c.waitsFor(occupant.Entry, row.Entry.ID) && c.acts[occupant.Entry] == nil &&
		!c.resting(occupant.Entry) {
		if c.park(row, &o, occupant) {
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
	sawAll(&b, &row.Entry)
	c.setBase(b)
	c.touch(row.Entry.ID)
	c.wake(row.Entry.ID)
}

// dissolve empties and removes a directory whose twin is in the place of both: what is in
// it moves over there first.
func (c *Core) dissolve(row *tree.Row, base tree.Base) {
	if c.leaveTwin(row, base) {
		return
	}
	if below := c.index.BaseChildren(base.Entry, "", 1); len(below) > 0 {
		c.awaitFirst(row, below[0].Entry)
		return
	}
	path, ok := c.pathOf(row, base.Parent, base.Name)
	if !ok || c.isBusy(row, path) {
		return
	}
	victim := base.Stat
	c.order(row, tree.Order{Op: tree.Remove, Path: path, Victim: &victim}, base.Parent, base.Name)
}

// attributes returns what the attributes of an entry on disk should be. Directories shown
// as one have those that were written last.
func (c *Core) attributes(e *tree.Entry) attributes {
	if e.Kind != tree.Dir {
		return attributes{e.Attrs.Mode, e.Attrs.Mtime, e.Attrs.Traits.Only(c.cfg.Carry)}
	}
	last := e.Attrs
	for _, id := range c.view.Twins(e.ID) {
		if twin, ok := c.index.Entry(id); ok && merge.LaterAttributes(twin.Entry.Attrs, last) {
			last = twin.Entry.Attrs
		}
	}
	return attributes{last.Mode | dirBits(e), last.Mtime, last.Traits.Only(c.cfg.Carry)}
}

// restat notes in the rows of all twins what a look at the directory they share shows. Was
// is what it was known by until now: it may have been made anew since.
func (c *Core) restat(b tree.Base, was tree.FileID) {
	if b.Stat.Kind != tree.Dir {
		return
	}
	for _, dir := range c.view.Twins(b.Parent) {
		for _, o := range c.index.BaseAt(dir, b.Name) {
			if o.Entry != b.Entry && (o.Stat.File == b.Stat.File || o.Stat.File == was) && o.Stat != b.Stat {
				o.Stat = b.Stat
				c.setBase(o)
			}
		}
	}
}

// sharing returns another entry that is the same file or directory on disk.
func (c *Core) sharing(base tree.Base) (found tree.Base, shared bool) {
	c.eachSharing(base, func(o *tree.Base) {
		if !shared && c.acts[o.Entry] == nil {
			found, shared = *o, true
		}
	})
	return found, shared
}

// eachSharing shows the rows of all others that are the same file or directory on disk.
func (c *Core) eachSharing(base tree.Base, show func(*tree.Base)) {
	for _, dir := range c.view.Twins(base.Parent) {
		for _, o := range c.index.BaseAt(dir, base.Name) {
			if o.Entry != base.Entry && o.Stat.File == base.Stat.File {
				show(&o)
			}
		}
	}
}

// leaveTwin lets an entry leave what it shares on disk; it is put in its own place anew. It
// does so at once, not only when that place is free: what rests in its rows might be what is
// in the way of others, and would not be found there. False: it shares nothing.
func (c *Core) leaveTwin(row *tree.Row, base tree.Base) bool {
	twin, shared := c.sharing(base)
	if shared {
		c.handOver(base, twin)
		c.touch(row.Entry.ID)
	}
	return shared
}

// handOver leaves to a twin what two entries share on disk. What is in a directory is in
// the twin's from now on, and what is recorded in the one that goes has to follow it.
func (c *Core) handOver(base, twin tree.Base) {
	// What is recorded in the one that goes, or in another that goes with it, may rest in
	// the rows of any that stays. It may have been planned while one of them was still here.
	c.eachSharing(base, func(o *tree.Base) {
		c.eachInside(o.Entry, func(b *tree.Base) {
			if row, ok := c.index.Entry(b.Entry); ok && row.Entry.Place.Parent != o.Entry {
				c.touch(b.Entry)
			}
		})
	})
	const page = 256
	for {
		below := c.index.BaseChildren(base.Entry, "", page)
		if len(below) == 0 {
			break
		}
		for _, b := range below {
			b.Parent = twin.Entry
			c.setBase(b)
			c.touch(b.Entry)
		}
	}
	c.clearBase(base.Entry)
	c.touch(twin.Entry) // it may have attributes that only the one that goes is to have
}

func (c *Core) planMakeDir(row *tree.Row, parent ident.EntryID, name string) {
	path, ok := c.pathOf(row, parent, name)
	if !ok || c.isBusy(row, path) {
		return
	}
	mode := row.Entry.Attrs.Mode | 0o700 // the agent must be able to work inside
	c.order(row, tree.Order{Op: tree.MakeDir, Path: path, Mode: mode,
		Traits: row.Entry.Attrs.Traits.Only(c.cfg.Carry)}, parent, name)
}

func (c *Core) planMove(row *tree.Row, base tree.Base, parent ident.EntryID, name string) {
	if row.Entry.Kind == tree.Dir && c.inside(parent, row.Entry.ID) {
		first := c.misplaced(parent, row.Entry.ID)
		c.touch(first)
		c.await(row, first) // the parent is still on disk inside this directory: it moves first
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

// misplaced returns the directory, of those from one on disk up to another that it lies in,
// that the view shows elsewhere: the uppermost, for what is in it moves along.
func (c *Core) misplaced(dir, above ident.EntryID) ident.EntryID {
	found := dir
	for at := dir; at != above; {
		b, ok := c.index.Base(at)
		if !ok {
			break
		}
		if row, ok := c.index.Entry(at); ok && !c.isTwin(c.view.Of(&row).Parent, b.Parent) {
			found = at
		}
		at = b.Parent
	}
	return found
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
		c.gaveUp(occupant.Entry)
		c.touch(occupant.Entry)
		c.touch(row.Entry.ID)
		c.wake(row.Entry.ID)
		return
	}
	if c.losersFirst(row, occupant) {
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
	if wanted := c.attributes(e); c.lacksAttributes(e, &base, &wanted) {
		c.planAttributes(row, base, &wanted)
		return
	}
	if !c.reader && e.Kind == tree.File && e.Content.Deleted && e.Content.Size != base.Stat.Size {
		// Deleted by somebody who did not know it any more, and moved meanwhile (rule R15):
		// without its size nobody can fetch it. A reader leaves that to those who write.
		c.keepHere(row, base)
		return
	}
	if !c.upToDate(&base, e) {
		sawAll(&base, e)
		c.setBase(base)
	}
	c.settled(row)
}

// lacksAttributes reports whether what is on disk should have other attributes, and takes
// from those what the volume does not keep.
func (c *Core) lacksAttributes(e *tree.Entry, base *tree.Base, wanted *attributes) bool {
	if c.cfg.Volume.NoModes {
		wanted.mode = base.Stat.Mode & 0o777
	}
	if asked, known := c.unkept[e.ID]; known && asked == *wanted || e.Kind == tree.Link {
		return false // asking for them again would not help
	}
	if wanted.traits != "" && tree.TraitsDiffer(base.Stat.Traits, wanted.traits.Mark()) {
		return true
	}
	return attributesDiffer(&base.Stat, wanted.mode, wanted.mtime) &&
		(e.Kind == tree.File || base.Stat.Mode&0o777|dirBits(e) != wanted.mode)
}

// dirBits are the permission bits a directory always has on disk, whatever is shared.
func dirBits(e *tree.Entry) uint32 {
	if e.Kind == tree.Dir {
		return 0o700
	}
	return 0
}

func (c *Core) planAttributes(row *tree.Row, base tree.Base, wanted *attributes) {
	path, ok := c.pathOf(row, base.Parent, base.Name)
	if !ok || c.isBusy(row, path) {
		return
	}
	victim := base.Stat
	c.order(row, tree.Order{
		Op: tree.SetAttributes, Path: path, Victim: &victim, Mode: wanted.mode, Mtime: row.Entry.Attrs.Mtime,
		Traits: wanted.traits,
	}, base.Parent, base.Name)
}

// upToDate reports whether a base row notes that the disk shows all that is recorded.
func (c *Core) upToDate(b *tree.Base, e *tree.Entry) bool {
	return b.SawPlace.CoversAll(e.Place.Context) && b.SawContent.CoversAll(e.Content.Context) &&
		b.SawAttrs.CoversAll(e.Attrs.Context)
}

// losersFirst holds a replacement or a removal back while the file on disk is the only sure
// place of a content that a conflict entry is to keep: that one is copied from here first.
func (c *Core) losersFirst(row *tree.Row, base tree.Base) bool {
	for _, loser := range c.losersOf(&base) {
		if !loser.Need {
			continue
		}
		if _, has := c.index.Base(loser.Entry.ID); !has {
			if !c.keepBlocked(&loser) {
				c.touch(loser.Entry.ID)
			}
			c.await(row, loser.Entry.ID)
			return true
		}
	}
	return c.mayKeep(row, &base)
}

// losersOf returns the live entries that keep the very write whose content a base row
// shows. They may have a name of their own by now, so they are found by their derived ids.
func (c *Core) losersOf(b *tree.Base) (out []tree.Row) {
	for _, dot := range append([]version.Dot{{}}, b.SawContent...) {
		row, ok := c.index.Entry(ident.ConflictEntry(b.Entry, dot.Replica, dot.Counter, b.Content))
		if ok && row.Entry.Live() && row.Entry.Content.Dot == dot && row.Entry.Content.ID == b.Content {
			out = append(out, row)
		}
	}
	return out
}

// describe names an entry for people when it has no path on disk.
func describe(e *tree.Entry) string {
	if e.Place.Name != "" {
		return e.Place.Name
	}
	return fmt.Sprintf("conflict copy %s", e.ID.String()[:8])
}
