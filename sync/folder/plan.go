package folder

import (
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// act is an order under way for one entry.
type act struct {
	entry  ident.EntryID
	ticket step.Ticket
	order  tree.Order
	// What the entry was when the order was given: that, and no later write, is what the
	// disk will show.
	parent                       ident.EntryID
	name                         string
	sawPlace, sawContent, sawAtt version.Vector
	content                      ident.ContentID
	// over is the entry whose file the order replaces, when it is another's.
	over ident.EntryID
	// intent is the number of the intent the order was recorded in.
	intent uint64
	errand bool // about a name that has no entry
}

// pathMax bounds the depth of a path.
const pathMax = 2048

// touch queues an entry for planning.
func (c *Core) touch(id ident.EntryID) {
	if c.queued[id] {
		return
	}
	if len(c.queue) >= queueMax {
		// Its row is, or will be marked Need below; the paging comes back to it.
		if row, ok := c.index.Entry(id); ok {
			c.setNeed(&row, true)
		}
		c.needs.rewind()
		return
	}
	c.queued[id] = true
	c.queue = append(c.queue, id)
}

// touchAround queues the entries whose appearance may depend on e: those of its name, and
// deleted directories above it with those of theirs.
func (c *Core) touchAround(e *tree.Entry) {
	c.touchNamesakes(e)
	for at, depth := e.Place.Parent, 0; !at.IsRoot() && depth < pathMax; depth++ {
		row, ok := c.index.Entry(at)
		if !ok || row.Entry.Live() {
			break
		}
		c.touch(at)
		c.touchNamesakes(&row.Entry)
		at = row.Entry.Place.Parent
	}
}

// touchNamesakes queues the others of an entry's name and the losers kept beside them: all
// of these are named with a view to one another. A name that looks like a conflict name
// may be in the way of one, so those it would be made of are queued as well.
func (c *Core) touchNamesakes(e *tree.Entry) {
	origin := e
	for depth := 0; origin.IsConflict(); depth++ {
		row, ok := c.index.Entry(origin.Place.Parent)
		if !ok || depth > pathMax {
			return
		}
		origin = &row.Entry
	}
	name, marked := origin.Place.Name, true
	for marked {
		for _, dir := range c.view.Twins(origin.Place.Parent) {
			for _, row := range c.index.Placed(dir, name) {
				c.touchWithLosers(&row.Entry, e.ID, 0)
			}
			for _, id := range c.alikeIDs(dir, name) {
				if id != e.ID {
					c.touch(id)
				}
			}
		}
		name, marked = merge.Unmarked(name)
	}
	for _, id := range c.away {
		c.touch(id)
	}
}

// touchWithLosers queues an entry, unless it is the one left out, and what lost to it.
func (c *Core) touchWithLosers(e *tree.Entry, out ident.EntryID, depth int) {
	if e.ID != out {
		c.touch(e.ID)
	}
	if e.Kind == tree.Dir || depth > pathMax {
		return
	}
	for _, row := range c.index.Placed(e.ID, "") {
		c.touchWithLosers(&row.Entry, out, depth+1)
	}
}

// touchInside queues the namesakes of what was deleted in a directory that has become one
// with others of its name, or in one below it: a file that was found there may be what was
// deleted here, and deletes may be heard of before the directory they were in.
func (c *Core) touchInside(e *tree.Entry, depth int) {
	const page = 256
	if e.Kind != tree.Dir || depth > pathMax || len(c.view.Twins(e.ID)) < 2 {
		return
	}
	for after := (ident.EntryID{}); ; {
		below := c.index.Children(e.ID, after, page)
		for i := range below {
			o := &below[i].Entry
			if after = o.ID; !o.Live() {
				c.touchNamesakes(o)
			}
			c.touchInside(o, depth+1)
		}
		if len(below) < page {
			return
		}
	}
}

// touchCycle queues the directories that a placement of one of them joins in a cycle, and
// who would have their names: which of them is shown elsewhere depends on all (rule R10).
func (c *Core) touchCycle(id, parent ident.EntryID) {
	var chain []ident.EntryID
	for at := parent; !at.IsRoot() && len(chain) < pathMax; {
		chain = append(chain, at)
		if at == id {
			for _, member := range chain {
				c.touch(member)
				if row, ok := c.index.Entry(member); ok {
					c.touchNamesakes(&row.Entry)
				}
			}
			return
		}
		row, ok := c.index.Entry(at)
		if !ok {
			return
		}
		at = row.Entry.Place.Parent
	}
}

// wake queues the entries that waited for this one.
func (c *Core) wake(id ident.EntryID) {
	waiting := c.waits[id]
	if len(waiting) == 0 {
		return
	}
	delete(c.waits, id)
	for _, w := range waiting {
		if c.waitsOn[w] == id {
			delete(c.waitsOn, w)
		}
		c.touch(w)
	}
	c.needs.resume()
}

// await lets an entry wait until something changes for another one.
func (c *Core) await(row *tree.Row, other ident.EntryID) {
	c.setNeed(row, true)
	c.waitAgain()
	id := row.Entry.ID
	if on, waits := c.waitsOn[id]; waits && on == other {
		return
	}
	if len(c.waitsOn) >= waitsMax {
		c.needs.rewind()
		c.needs.block()
		return
	}
	c.waits[other] = append(c.waits[other], id)
	c.waitsOn[id] = other
}

// awaitFirst lets an entry wait for another one, which is planned first. One that waits
// itself, or for which an order is under way, has been: else whoever is deep in directories
// would have all above them planned anew, each of those all above it, and so on.
func (c *Core) awaitFirst(row *tree.Row, other ident.EntryID) {
	if _, waits := c.waitsOn[other]; !waits && c.acts[other] == nil {
		c.touch(other)
	}
	c.await(row, other)
}

// planQueued plans queued entries while there is room for more orders. Nothing is planned
// before the first full scan has shown what is on disk.
func (c *Core) planQueued() {
	if c.scanning || len(c.queue) == 0 {
		return
	}
	var first ident.EntryID
	if first, c.gated = c.gate(); c.gated {
		c.plan(first)
		return
	}
	done := 0
	for ; done < len(c.queue) && len(c.acts) < actsMax; done++ {
		id := c.queue[done]
		delete(c.queued, id)
		if !c.passOver(id) {
			c.plan(id)
		}
	}
	c.queue = c.queue[done:]
	c.marked = max(0, c.marked-done)
	if len(c.queue) == 0 {
		c.queue = nil
	}
}

// passOver leaves a new file to the paging while as many contents as can be are being
// fetched: to plan it now would only find that out, and of a large folder that comes in
// nearly all would be planned twice.
func (c *Core) passOver(id ident.EntryID) bool {
	if len(c.fetches) < actsMax {
		return false
	}
	row, ok := c.index.Entry(id)
	content := row.Entry.Content.ID
	if !ok || row.Entry.Kind != tree.File || !row.Entry.Live() || c.fetches[content] != nil ||
		content == recipe.Empty || c.acts[id] != nil || c.resting(id) {
		return false
	}
	if _, onDisk := c.index.Base(id); onDisk {
		return false
	}
	if _, here := c.index.Holding(content); here {
		return false // it is copied, and need not wait for a slow peer
	}
	c.setNeed(&row, true)
	c.needs.rewind()
	c.needs.block()
	return true
}

// markQueued marks what has to wait to be planned as needy: the queue does not outlive the
// agent, and without the mark nobody would come back to an entry whose record changed.
func (c *Core) markQueued() {
	for _, id := range c.queue[c.marked:] {
		if row, ok := c.index.Entry(id); ok {
			c.setNeed(&row, true)
		}
	}
	c.marked = len(c.queue)
}

// plan compares what the view wants of an entry with what is on disk, and orders the
// first step that brings them together.
func (c *Core) plan(id ident.EntryID) {
	row, ok := c.index.Entry(id)
	if !ok || c.acts[id] != nil || c.resting(id) {
		return
	}
	base, onDisk := c.index.Base(id)
	shown := c.view.Of(&row)
	c.noteShown(&row.Entry, shown)
	c.noteAway(id, shown)
	if onDisk && c.isHeld(id) {
		c.planHeld(&row, &base)
		return
	}
	c.reconsider(&row, shown)
	switch {
	case shown.Waiting:
		c.await(&row, c.firstUnknown(&row.Entry))
	case c.reader && c.planLocal(&row, &base, onDisk, shown):
	case c.frozen(&base, onDisk, row.Entry.Kind == tree.Dir, shown):
		c.settled(&row)
	case !onDisk && !c.reader && c.foundDeleted(&row, shown):
		c.join(c.deletion(&row.Entry), "")
	case !shown.Visible && !onDisk:
		c.tellDeleted(&row, shown)
		c.settled(&row)
	case shown.Twin != (ident.EntryID{}):
		c.yield(&row, base, c.standIn(shown.Twin))
	case !shown.Visible && c.keptForAnswer(&row):
		c.settled(&row)
	case !shown.Visible && c.unchecked(&row):
	case !shown.Visible:
		c.planRemove(&row, base, nil)
	default:
		c.planShown(&row, base, onDisk, shown)
	}
}

// planShown is plan for what a person is to see.
func (c *Core) planShown(row *tree.Row, base tree.Base, onDisk bool, shown merge.Shown) {
	why := c.fit.Of(row, shown)
	if why.Reason == "" || !why.Under.IsRoot() {
		c.freeBelow(row.Entry.ID)
	}
	switch {
	case tree.Reserved(shown.Parent, shown.Name):
		why = merge.Block{Reason: "this name belongs to Shoal itself; rename it on another device"}
		c.blockHere(row, shown, why)
	case row.Entry.Kind > tree.Link || row.Entry.Kind < tree.File:
		c.block(row, ident.Root, Trouble{
			Path: c.shownPath(shown.Parent, shown.Name), Kind: BlockedKind, NextTry: step.Never,
			Reason: "made by a newer version of Shoal; update this one",
		})
	case why.Reason != "":
		c.planBlocked(row, base, onDisk, shown, why)
	case c.ownRenamed(row, &base, onDisk, shown):
		c.nameRenamed(row, &base, shown)
	case !onDisk && c.isHeld(shown.Parent):
		top, _ := c.heldAbove(shown.Parent) // somebody put something into it
		c.undo(top)
		c.touch(row.Entry.ID)
	default:
		c.planVisible(row, base, onDisk, shown)
	}
}

// foundDeleted reports whether an entry is what a first scan found of a file that others had
// deleted: an entry that only remembers the delete hides it. It has to be deleted itself,
// for one day nobody remembers that delete any more. Directories shown as one may part
// again, so only of those that are in one by their records it is certain.
func (c *Core) foundDeleted(row *tree.Row, shown merge.Shown) bool {
	if shown.Twin == (ident.EntryID{}) || !row.Entry.Content.IsNull() || !row.Entry.Live() {
		return false
	}
	keeper, ok := c.index.Entry(shown.Twin)
	return ok && !keeper.Entry.Live() && keeper.Entry.Place.Parent == row.Entry.Place.Parent
}

// settled notes that the disk shows what the view wants of an entry.
func (c *Core) settled(row *tree.Row) {
	c.setNeed(row, false)
	delete(c.troubles, row.Entry.ID)
}

// standIn returns the entry that is seen for the given one: what a first scan found may be
// an entry's that another one of its name and content stands for itself.
func (c *Core) standIn(id ident.EntryID) ident.EntryID {
	for range 2 {
		row, ok := c.index.Entry(id)
		if !ok || !row.Entry.Live() {
			return id
		}
		next := c.view.Of(&row).Twin
		if next == (ident.EntryID{}) {
			return id
		}
		id = next
	}
	return id
}

// yield lets the entry that stands for this one have the file on disk too.
func (c *Core) yield(row *tree.Row, base tree.Base, keeper ident.EntryID) {
	kept, ok := c.index.Entry(keeper)
	if _, has := c.index.Base(keeper); ok && !has && c.acts[keeper] == nil &&
		c.view.Of(&kept).Visible && kept.Entry.Content.ID == base.Content &&
		kept.Entry.Place.Name == base.Name && c.isTwin(kept.Entry.Place.Parent, base.Parent) {
		handed := base
		handed.Entry = keeper
		sawAll(&handed, &kept.Entry)
		c.clearBase(base.Entry)
		c.setBase(handed)
		c.touch(keeper)
		c.settled(row)
		c.gaveUp(row.Entry.ID)
		return
	}
	if ok && c.asksFirst(row, &base, &kept) {
		return
	}
	if !ok || !kept.Entry.Live() || kept.Entry.Content.ID != row.Entry.Content.ID {
		c.planRemove(row, base, nil) // it was replaced or deleted knowingly
		return
	}
	other, has := c.index.Base(keeper)
	if !has || other.Content != row.Entry.Content.ID {
		c.touch(keeper)
		c.await(row, keeper) // it may have to be copied from here
		return
	}
	c.planRemove(row, base, &other)
}

// endFound deletes an entry that a first scan found and another one stands for, once the
// file on this disk is that one's, or gone. Else it would come up again, without its
// bytes, when the other one is moved by somebody who does not know of it.
func (c *Core) endFound(row *tree.Row) {
	e := &row.Entry
	if !c.reader && e.Kind != tree.Dir && e.Live() && e.Content.IsNull() && e.Place.IsNull() {
		c.join(c.deletion(e), "")
	}
}

// gaveUp notes that nothing is on disk for an entry any more because another one stands for
// it. Of two that were both found, either may be the one that stays.
func (c *Core) gaveUp(id ident.EntryID) {
	row, ok := c.index.Entry(id)
	if !ok {
		return
	}
	keeper, ok := c.index.Entry(c.view.Of(&row).Twin)
	if ok && !keeper.Entry.Content.IsNull() {
		c.endFound(&row)
	}
}

// planRemove takes from disk what the view does not show. A name another entry is about
// to take is left to that one's order, which replaces it in one step. With a keeper, the
// file may go only while the keeper's still is what it was: a person may be shuffling both.
func (c *Core) planRemove(row *tree.Row, base tree.Base, keeper *tree.Base) {
	if twin, shared := c.sharing(base); shared {
		c.handOver(base, twin) // the file belongs to a twin that stays
		c.settled(row)
		return
	}
	if row.Entry.Kind != tree.Dir && c.losersFirst(row, base) {
		return
	}
	if heir, ok := c.heirOf(base); ok && row.Entry.Kind != tree.Dir {
		c.touch(heir)
		c.await(row, heir)
		return
	}
	if row.Entry.Kind == tree.Dir {
		if below := c.index.BaseChildren(base.Entry, "", 1); len(below) > 0 {
			if c.keptBelow(base.Entry, 0) {
				c.settled(row) // it is planned again when the last in it is gone
				c.touch(base.Parent)
				return
			}
			c.awaitFirst(row, below[0].Entry)
			return
		}
	}
	path, ok := c.pathOf(row, base.Parent, base.Name)
	if !ok {
		return
	}
	victim := base.Stat
	o := tree.Order{Op: tree.Remove, Path: path, Victim: &victim, Old: base.Content}
	if keeper != nil {
		if o.Copy, ok = c.pathOf(row, keeper.Parent, keeper.Name); !ok {
			return
		}
		o.CopyStat = keeper.Stat
	}
	c.order(row, o, base.Parent, base.Name)
}

// heirOf returns a visible file that is not on disk yet and wants the name of a file that
// is to go; it will replace it.
func (c *Core) heirOf(base tree.Base) (ident.EntryID, bool) {
	for _, dir := range c.view.Twins(base.Parent) {
		for _, o := range c.index.Placed(dir, base.Name) {
			if o.Entry.ID == base.Entry || o.Entry.Kind == tree.Dir || !o.Need {
				continue
			}
			shown := c.view.Of(&o)
			if _, has := c.index.Base(o.Entry.ID); has || !shown.Visible || shown.Name != base.Name ||
				c.fit.Of(&o, shown).Reason != "" {
				continue
			}
			if at, ok := c.directoryOf(shown.Parent); ok && c.sameDirectory(at, base.Parent) {
				return o.Entry.ID, true
			}
		}
	}
	return ident.EntryID{}, false
}

// firstUnknown returns the nearest directory above an entry whose record is not here.
func (c *Core) firstUnknown(e *tree.Entry) ident.EntryID {
	at := e.Place.Parent
	for depth := 0; depth < pathMax; depth++ {
		row, ok := c.index.Entry(at)
		if !ok {
			return at
		}
		at = row.Entry.Place.Parent
	}
	return at
}

// pathOf returns the path of a name in a directory on disk. False: an order is moving, or
// removing, a directory on the way; the entry then waits for it.
func (c *Core) pathOf(row *tree.Row, dir ident.EntryID, name string) (string, bool) {
	parts := []string{name}
	for at, depth := dir, 0; !at.IsRoot(); depth++ {
		if at == tree.Parking {
			parts = append(parts, tree.ParkingDir)
			break
		}
		if a := c.acts[at]; a != nil && (a.order.Op == tree.Move || a.order.Op == tree.Remove) {
			c.await(row, at)
			return "", false
		}
		b, ok := c.index.Base(at)
		if !ok || depth > pathMax {
			c.touch(at)
			c.await(row, at)
			return "", false
		}
		parts = append(parts, b.Name)
		at = b.Parent
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, "/"), true
}

// order gives an order for an entry and notes what the disk will then show.
func (c *Core) order(row *tree.Row, o tree.Order, parent ident.EntryID, name string) *act {
	c.ticket++
	o.Ticket, o.Entry = c.ticket, row.Entry.ID
	if o.Op != tree.Remove && o.Op != tree.SetAttributes {
		o.Into = c.identityOf(parent)
	}
	e := &row.Entry
	a := &act{
		entry: e.ID, ticket: c.ticket, order: o, parent: parent, name: name,
		sawPlace: e.Place.Context, sawContent: e.Content.Context, sawAtt: e.Attrs.Context,
		content: e.Content.ID,
	}
	if o.Victim != nil {
		a.order.By = c.names[e.Content.Dot.Replica].Device
		o.By = a.order.By
	}
	c.setNeed(row, true)
	c.under(a)
	c.orders = append(c.orders, o)
	return a
}

// under notes that an order is under way.
func (c *Core) under(a *act) {
	c.acts[a.entry] = a
	c.tickets[a.ticket] = a
	if a.order.Op == tree.InstallFile {
		c.installing[a.order.Content] = a.entry
	}
	c.busy[a.order.Path]++
	if a.order.To != "" {
		c.busy[a.order.To]++
	}
}
