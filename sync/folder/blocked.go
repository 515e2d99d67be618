package folder

import (
	"fmt"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
)

// An entry is blocked when this volume cannot show it: its name is one that the volume
// refuses or takes for another entry's, or it is of a kind that the volume does not have.
// It keeps its name in the shared tree, is not fetched, and does not count as needed; what
// of it is on disk already rests in the parking place, from where peers are served. As
// soon as nothing blocks it any more it is put in its place (docs/decisions/0018).
//
// Its row stays marked Need, so that after a restart it is met again and blocked anew.

// blocked is what is remembered of a blocked entry.
type blocked struct {
	kind  tree.Kind
	file  bool          // it counts as a needed file
	size  int64         // bytes that it would count as needed
	under ident.EntryID // the blocked directory above that is why; zero when it is itself
}

const (
	// blockedMax bounds the blocked entries that are remembered. More count as needed.
	blockedMax = 1 << 20
	// blockedAgain is when the disk is asked again about what it refused to hold.
	blockedAgain = time.Hour
)

// blockHere notes that an entry cannot be shown on this volume; nothing but a change of
// entries can help.
func (c *Core) blockHere(row *tree.Row, shown merge.Shown, why merge.Block) {
	t := Trouble{Kind: BlockedName, Reason: why.Reason, NextTry: step.Never}
	if why.Under.IsRoot() {
		t.Path = c.shownPath(shown.Parent, shown.Name)
	}
	c.block(row, why.Under, t)
}

// block notes that an entry is blocked, and why: because of itself, or of a directory
// above it, whose trouble it shares.
func (c *Core) block(row *tree.Row, under ident.EntryID, t Trouble) {
	e := &row.Entry
	c.setNeed(row, true)
	c.unblock(e.ID)
	if len(c.blocked) < blockedMax {
		b := blocked{kind: e.Kind, under: under, file: e.Live() && e.Kind == tree.File}
		if b.file {
			b.size = e.Content.Size
		}
		c.blocked[e.ID] = b
		c.countBlocked(b, 1)
		c.wake(e.ID) // what lies in it has no place either
	}
	old := c.troubles[e.ID]
	switch {
	case !under.IsRoot():
		delete(c.troubles, e.ID)
		return
	case old == nil && len(c.troubles) >= troublesMax:
		return
	}
	c.troubles[e.ID] = &t
	c.dueAt(t.NextTry)
	if old == nil || old.Reason != t.Reason {
		c.emit(Notice{Kind: ProblemFound, Path: t.Path, Detail: t.Reason})
	}
}

// blockedWith blocks what lies in a directory that is blocked. False: it is not.
func (c *Core) blockedWith(row *tree.Row, dir ident.EntryID) bool {
	for _, twin := range c.view.Twins(dir) {
		if b, is := c.blocked[twin]; is {
			under := b.under
			if under.IsRoot() {
				under = twin
			}
			c.block(row, under, Trouble{NextTry: step.Never})
			return true
		}
	}
	return false
}

// unblock forgets that an entry was blocked, if it was.
func (c *Core) unblock(id ident.EntryID) (b blocked, was bool) {
	if b, was = c.blocked[id]; was {
		delete(c.blocked, id)
		c.countBlocked(b, -1)
	}
	return b, was
}

// reconsider forgets that an entry was blocked, before it is planned anew. With a directory
// that is blocked because of another one goes all that is: some of it may lie in this one.
func (c *Core) reconsider(row *tree.Row, shown merge.Shown) {
	b, was := c.unblock(row.Entry.ID)
	under, emptied := c.emptying[row.Entry.ID]
	if delete(c.emptying, row.Entry.ID); !emptied {
		under, emptied = b.under, was && b.kind == tree.Dir
	}
	if !emptied {
		return
	}
	if why := c.fit.Of(row, shown); !shown.Visible || why.Reason == "" || why.Under != under {
		c.freeWith(row.Entry.ID, under)
	}
}

// freeWith lets be planned anew what was blocked like a directory, because of another one;
// or, when the directory was blocked by itself, what was blocked because of it, however
// deep, for directories on the way may have left it; and what lies in it and was blocked
// because of another one: that one may have been above it, or shown as one with it, for a
// while.
func (c *Core) freeWith(dir, under ident.EntryID) {
	if !under.IsRoot() {
		c.freeBelow(under)
		return
	}
	const page = 256
	for _, twin := range c.view.Twins(dir) {
		c.freeBelow(twin)
		for after := (ident.EntryID{}); ; {
			below := c.index.Children(twin, after, page)
			for i := range below {
				after = below[i].Entry.ID
				if b, is := c.blocked[after]; is && !b.under.IsRoot() {
					c.unblock(after)
					c.needs.rewind()
				}
			}
			if len(below) < page {
				break
			}
		}
	}
}

func (c *Core) countBlocked(b blocked, sign int64) {
	t := &c.blockedTotals
	t.Needs += sign
	if b.file {
		t.NeedFiles += sign
		t.NeedBytes += sign * b.size
	}
	if c.below[b.under] += sign; c.below[b.under] == 0 || b.under.IsRoot() {
		delete(c.below, b.under)
	}
	c.stateNew = true // the totals that peers are told change with the next commit
}

// freeBelow lets what was blocked because of a directory be planned anew.
func (c *Core) freeBelow(dir ident.EntryID) {
	if c.below[dir] == 0 {
		return
	}
	for id, b := range c.blocked {
		if b.under == dir {
			c.unblock(id)
		}
	}
	c.needs.rewind()
}

// planBlocked takes from its place what cannot be shown there, without losing it: files
// and links go to the parking place, directories are made anew some day.
func (c *Core) planBlocked(row *tree.Row, base tree.Base, onDisk bool, shown merge.Shown, why merge.Block) {
	switch {
	case onDisk && base.Parent == tree.Parking && c.restsOlder(row, base):
		c.planInstall(row, base, true)
	case !onDisk, base.Parent == tree.Parking && row.Entry.Kind != tree.Dir:
		c.blockHere(row, shown, why)
	case row.Entry.Kind == tree.Dir:
		c.planEmpty(row, base, shown, why)
	default:
		if twin, shared := c.sharing(base); shared {
			c.handOver(base, twin)
			c.touch(row.Entry.ID)
			return
		}
		c.park(row, row, base)
	}
}

// restsOlder reports whether an entry lives on although its newest content was deleted,
// and an older one rests here. It is the last when nobody has the newest, and to know that
// this device must ask for it, whether or not it can show the name: see keepOlder.
func (c *Core) restsOlder(row *tree.Row, base tree.Base) bool {
	e := &row.Entry
	return !c.reader && e.Kind == tree.File && e.Live() && e.Content.Deleted && base.Content != e.Content.ID
}

// planEmpty empties and removes a directory that cannot be shown.
func (c *Core) planEmpty(row *tree.Row, base tree.Base, shown merge.Shown, why merge.Block) {
	const page = 256
	below := c.index.BaseChildren(base.Entry, "", page)
	first := ident.Root
	for i := range below {
		child, ok := c.index.Entry(below[i].Entry)
		if ok && c.frozen(&below[i], true, child.Entry.Kind == tree.Dir, c.view.Of(&child)) {
			continue
		}
		if c.touch(below[i].Entry); first.IsRoot() {
			first = below[i].Entry
		}
	}
	if first.IsRoot() && len(below) > 0 {
		why.Reason += "; what is ignored in it stays where it is"
		c.blockHere(row, shown, why)
		return
	}
	// What was in it is blocked before it is itself. A person may yet move it to where it
	// has a place, until it is gone.
	c.emptying[row.Entry.ID] = why.Under
	if first.IsRoot() {
		c.dissolve(row, base)
	} else {
		c.await(row, first)
	}
}

// park orders that what an entry has on disk goes to the parking place. Asker waits for
// what is in the way of that.
func (c *Core) park(asker, row *tree.Row, base tree.Base) bool {
	path, ok := c.pathOf(asker, base.Parent, base.Name)
	if !ok || c.isBusy(asker, path) {
		return false
	}
	name, victim := base.Entry.String(), base.Stat
	c.order(row, tree.Order{
		Op: tree.Move, Path: path, To: tree.ParkingDir + "/" + name, Victim: &victim,
	}, tree.Parking, name)
	return true
}

// planAlike deals with names that are another name, but the same to the volume, of what is
// on disk. It reports whether there is nothing else to do now.
//
// Parent is under which the directory is on disk.
func (c *Core) planAlike(row *tree.Row, base tree.Base, onDisk bool, shown merge.Shown, parent ident.EntryID) bool {
	v := &c.cfg.Volume
	if v.Exact() {
		return false
	}
	if onDisk && c.sameDirectory(base.Parent, parent) && v.Key(base.Name) == v.Key(shown.Name) {
		if twin, shared := c.sharing(base); shared {
			c.handOver(base, twin) // the twin goes; this one is put in its place anew
			c.touch(row.Entry.ID)
		} else if v.Renamed(base.Name, shown.Name) {
			c.park(row, row, base) // no volume renames to what it takes for the same
		} else {
			c.rename(row, base, shown.Name)
		}
		return true
	}
	for _, id := range c.alikeIDs(shown.Parent, shown.Name) {
		o, taken := c.index.Base(id)
		if !taken || id == row.Entry.ID || o.Name == shown.Name ||
			v.Key(o.Name) != v.Key(shown.Name) || !c.sameDirectory(o.Parent, parent) {
			continue
		}
		other, _ := c.index.Entry(id)
		if c.frozen(&o, true, other.Entry.Kind == tree.Dir, c.view.Of(&other)) {
			c.blockHere(row, shown, merge.Block{Reason: fmt.Sprintf(
				"this name cannot be shown here beside %q, which is ignored", o.Name)})
		} else {
			c.makeWay(row, o)
		}
		return true
	}
	return false
}

// keepBlocked puts the content of a loser that has no place here into the parking place:
// what holds it now is about to go. False: it has a place, or may get one.
func (c *Core) keepBlocked(loser *tree.Row) bool {
	id := loser.Entry.ID
	if _, is := c.blocked[id]; !is {
		return false
	}
	if c.acts[id] == nil {
		c.unblock(id)
		c.planInstall(loser, tree.Base{Parent: tree.Parking, Name: id.String()}, false)
	}
	return true
}

// ownSpelling reports whether what a look found under a new name is what we put there
// ourselves under another one, which this volume shows otherwise: the look was on its way
// when that was recorded, or it is not recorded yet.
func (c *Core) ownSpelling(f *tree.Finding, dirs []ident.EntryID, name string) bool {
	v := &c.cfg.Volume
	if v.Exact() {
		return false
	}
	key := v.Key(f.Path)
	for _, a := range c.acts {
		if v.Key(a.place()) == key {
			return true
		}
	}
	for _, id := range c.alikeIDs(dirs[0], name) {
		b, onDisk := c.index.Base(id)
		if onDisk && !b.Stat.File.IsZero() && b.Stat.File == f.Stat.File && b.Name != name &&
			v.Key(b.Name) == v.Key(name) && c.sameDirectory(b.Parent, dirs[0]) {
			return true
		}
	}
	return false
}

// rename notes that what is on disk has another name, which the volume cannot show.
func (c *Core) rename(row *tree.Row, base tree.Base, name string) {
	was := c.basePath(&base)
	base.Name, base.SawPlace = name, row.Entry.Place.Context
	c.setBase(base)
	c.emit(NameMoved{From: was, To: c.basePath(&base)})
	c.forget()
	c.touch(row.Entry.ID)
}

// forget drops what was worked out about directories.
func (c *Core) forget() {
	c.view.Forget()
	c.fit.Forget()
}
