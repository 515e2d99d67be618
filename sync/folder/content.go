package folder

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// fetch is a content on its way into the stage.
type fetch struct {
	size    int64
	staged  bool
	asked   bool // a person wants it, whatever entries do
	waiting []ident.EntryID
}

// planInstall puts an entry's content at a place: over what is there when replace is set.
// A content that is nowhere on this device is fetched first.
func (c *Core) planInstall(row *tree.Row, at tree.Base, replace bool) {
	e := &row.Entry
	path, ok := c.pathOf(row, at.Parent, at.Name)
	if !ok || c.isBusy(row, path) {
		return
	}
	o := tree.Order{
		Op: tree.InstallFile, Path: path, Content: e.Content.ID, Size: e.Content.Size,
		Mode: e.Attrs.Mode, Mtime: e.Attrs.Mtime, Traits: e.Attrs.Traits.Only(c.cfg.Carry),
	}
	if replace {
		victim := at.Stat
		o.Victim, o.Old = &victim, at.Content
	}
	if e.Kind == tree.Link {
		o.Op, o.Target = tree.InstallLink, e.Content.Target
	} else if !c.source(row, &o, at, replace) {
		return
	}
	a := c.order(row, o, at.Parent, at.Name)
	if replace && at.Entry != e.ID {
		a.over = at.Entry
	}
}

// source finds where the bytes come from: the stage, another file of this folder, or the
// peers. False: they are not here yet.
func (c *Core) source(row *tree.Row, o *tree.Order, at tree.Base, replace bool) bool {
	content := row.Entry.Content.ID
	if content == recipe.Empty && row.Entry.Content.Size == 0 {
		return true
	}
	if f := c.fetches[content]; f != nil && f.staged {
		c.endFetch(content, f)
		return true
	}
	if c.inStage[content] {
		delete(c.inStage, content)
		return true
	}
	if other, busy := c.installing[content]; busy && other != row.Entry.ID {
		c.await(row, other) // then it is on disk here, to be copied
		return false
	}
	holder, ok := c.index.Holding(content)
	if ok && c.copyable(holder.Entry) && !c.isHeld(holder.Entry) && !c.changedHere(&holder) {
		if path, ok := c.pathOf(row, holder.Parent, holder.Name); ok {
			o.Copy, o.CopyStat = path, holder.Stat
			return true
		}
		return false
	}
	var old *OldContent
	if replace && at.Stat.Kind == tree.File {
		old = &OldContent{Path: o.Path, Content: at.Content, Stat: at.Stat}
	}
	c.fetch(row, old)
	return false
}

// inStageMax bounds the contents that are remembered to be staged. Others are fetched anew.
const inStageMax = 4096

// stillStaged remembers that a content whose installation was refused waits in the stage. It
// need not be fetched again, and nobody else may have it any more.
func (c *Core) stillStaged(a *act, o *tree.Outcome) {
	if a.order.Op != tree.InstallFile || a.order.Copy != "" || o.Recalled || o.Refusal == tree.ContentGone {
		return
	}
	if len(c.inStage) >= inStageMax {
		clear(c.inStage)
	}
	c.inStage[a.order.Content] = true
}

// copyable reports whether what an entry has on disk can be copied by an order given now.
// The disk makes all copies of a batch before it replaces anything, so an order not handed
// out yet takes nothing away: two files that swapped names are copied from each other.
func (c *Core) copyable(id ident.EntryID) bool {
	a := c.acts[id]
	return a == nil || a.order.Op == tree.InstallFile && len(c.orders) > 0 &&
		a.ticket >= c.orders[0].Ticket
}

// fetch asks for a content, or joins those that wait for it.
func (c *Core) fetch(row *tree.Row, old *OldContent) {
	c.setNeed(row, true)
	id, content := row.Entry.ID, row.Entry.Content
	f := c.fetches[content.ID]
	if f == nil {
		if len(c.fetches) >= actsMax {
			c.needs.rewind()
			c.needs.block()
			return
		}
		if content.Size > fetchSmall && c.fetched > 0 && c.fetched+content.Size > fetchBytesMax {
			c.needs.passed = true
			return
		}
		f = &fetch{size: content.Size}
		c.fetches[content.ID] = f
		if f.size > fetchSmall {
			c.fetched += f.size
		}
		c.emit(FetchContent{Content: content.ID, Name: describe(&row.Entry), Size: content.Size, Old: old})
		c.emit(Notice{Kind: ItemStarted, Path: describe(&row.Entry)})
	}
	if !slices.Contains(f.waiting, id) {
		f.waiting = append(f.waiting, id)
	}
}

// contentStaged plans the entries that waited for a content. One that nobody wants any
// more is dropped.
func (c *Core) contentStaged(content ident.ContentID) {
	f := c.fetches[content]
	if f == nil {
		c.emit(DropContent{Content: content})
		return
	}
	f.staged = true
	wanted := f.asked
	if f.asked {
		c.emit(ContentHere{content})
	}
	for _, id := range f.waiting {
		if row, ok := c.index.Entry(id); ok && row.Need && row.Entry.Content.ID == content {
			wanted = true
		}
		delete(c.troubles, id)
		c.touch(id)
	}
	f.waiting = nil
	if !wanted {
		c.endFetch(content, f)
		c.emit(DropContent{Content: content})
	}
}

// contentFailed notes why a content cannot be had, with the entries that want it. The
// swarm keeps looking; the fetch stays.
func (c *Core) contentFailed(e ContentFailed) {
	f := c.fetches[e.Content]
	if f == nil {
		return
	}
	waiting := f.waiting
	c.endFetch(e.Content, f)
	if f.asked {
		c.emit(ContentLacking{Content: e.Content, Reason: e.Reason})
	}
	for _, id := range waiting {
		row, ok := c.index.Entry(id)
		_, blocked := c.blocked[id]
		if !ok || !row.Need || !row.Entry.Live() || blocked || row.Entry.Content.ID != e.Content ||
			e.Kind == ContentMissing && (c.keepOlder(&row) || c.stayedGone(&row) || c.endMoved(&row)) {
			continue // or it waits for something else by now, or for no content at all
		}
		c.fail(&row, Trouble{Kind: e.Kind, Reason: e.Reason})
	}
}

// keepOlder lets an entry go on with the content it has on disk here, when it was deleted
// after an edit that nobody fetched, and lives on because somebody else had moved it
// meanwhile (rule R15): the mover's file, and not the deleted one, is what still exists.
// What others have may be older than that, replaced by somebody who had it: while the mover
// is there it is for him to say.
func (c *Core) keepOlder(row *tree.Row) bool {
	b, onDisk := c.index.Base(row.Entry.ID)
	if c.reader || !row.Entry.Content.Deleted || !row.Entry.Live() || !onDisk || c.acts[b.Entry] != nil {
		return false
	}
	mover := c.names[row.Entry.Place.Dot.Replica].Device
	if _, there := c.standing[mover]; there && !c.horizon.readers[mover] {
		return false
	}
	c.keepHere(row, b)
	return true
}

// endMoved deletes an entry that lives on only because it was moved here (rule R15), when
// nobody has its content and the mover has no file of it either: what was moved has become
// one with another file of its name and content (rule R11), and lives on as that one. There
// is nothing to put back, and it is for nobody else to say so (docs/decisions/0089).
func (c *Core) endMoved(row *tree.Row) bool {
	e := &row.Entry
	_, onDisk := c.index.Base(e.ID)
	if c.reader || onDisk || !e.Content.Deleted || !e.Live() || e.Place.Dot.Replica != c.state.Replica ||
		c.acts[e.ID] != nil || c.rejected[e.ID] {
		return false
	}
	c.join(c.deletion(e), "")
	return true
}

// keepHere writes the content that an entry has on disk as its content from now on.
func (c *Core) keepHere(row *tree.Row, b tree.Base) {
	c.keepContent(row, b, &tree.Content{ID: b.Content, Size: b.Stat.Size, Target: row.Entry.Content.Target})
}

func (c *Core) keepContent(row *tree.Row, b tree.Base, here *tree.Content) {
	e := row.Entry.Clone()
	v := c.nextVersion(e.Content.Context)
	e.Content = tree.Content{
		Version: v, Context: v.Seen, ID: here.ID, Size: here.Size, Target: here.Target,
		Ancestors: replaced(&row.Entry.Content, row.Entry.Content.ID),
	}
	b.SawContent = v.Seen
	c.setBase(b)
	c.writeLocal(e)
	c.touch(e.ID)
}

func (c *Core) endFetch(content ident.ContentID, f *fetch) {
	delete(c.fetches, content)
	if len(c.fetches) < actsMax/2 {
		c.needs.resume()
	}
	if f.size > fetchSmall {
		c.fetched -= f.size
		c.needs.meetPassed()
	}
}
