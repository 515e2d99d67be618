package folder

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Directories of one name are one directory on disk, and what is in it rests there in the
// row of any of them. When they part, because one is moved or deleted, that has to be told
// apart again; no record of what is in them changes then.

// parting returns what has to be planned anew because a directory is about to part from its
// twins.
func (c *Core) parting(old, now *tree.Entry) []ident.EntryID {
	stays := old.Place.Parent == now.Place.Parent && old.Place.Name == now.Place.Name
	if old.Kind != tree.Dir || stays && old.Live() == now.Live() {
		return nil
	}
	return c.guests(old.ID)
}

// guests returns what is on disk in a directory that it shares with twins, and in shared
// directories below, and is recorded in another one. A directory alone has none.
func (c *Core) guests(dir ident.EntryID) []ident.EntryID {
	var out []ident.EntryID
	seen := map[ident.EntryID]bool{}
	for next := []ident.EntryID{dir}; len(next) > 0 && len(seen) < queueMax; {
		twins := c.view.Twins(next[len(next)-1])
		next = next[:len(next)-1]
		if len(twins) < 2 || seen[twins[0]] {
			continue
		}
		for _, twin := range twins {
			seen[twin] = true
			c.eachInside(twin, func(b *tree.Base) {
				if row, ok := c.index.Entry(b.Entry); ok && row.Entry.Place.Parent != twin {
					out = append(out, b.Entry)
				}
				if b.Stat.Kind == tree.Dir {
					next = append(next, b.Entry)
				}
			})
		}
	}
	return out
}

// eachInside shows every row of a directory on disk.
func (c *Core) eachInside(dir ident.EntryID, show func(*tree.Base)) {
	const page = 256
	for after := ""; ; {
		below := c.index.BaseChildren(dir, after, page)
		for i := range below {
			show(&below[i])
			after = below[i].Name
		}
		if len(below) < page {
			return
		}
	}
}

// identityOf returns what a directory on disk is known by. Of the rows of twins it is the
// one that looks compare with.
func (c *Core) identityOf(dir ident.EntryID) tree.FileID {
	first, ok := c.index.Base(dir)
	if !ok {
		return tree.FileID{} // the top, or the parking place
	}
	for _, above := range c.view.Twins(first.Parent) {
		for _, b := range c.index.BaseAt(above, first.Name) {
			if lessID(b.Entry, first.Entry) && c.sameDirectory(b.Entry, dir) {
				first = b
			}
		}
	}
	return first.Stat.File
}

// asksFirst lets a deleted entry have the file of one that was found here and that it stands
// for, so that its delete is looked at like any other: others may have deleted many files
// with nobody asked, while the index here was being made anew.
func (c *Core) asksFirst(row *tree.Row, base *tree.Base, keeper *tree.Row) bool {
	k := &keeper.Entry
	if _, has := c.index.Base(k.ID); has || c.acts[k.ID] != nil || k.Live() || c.meant(k) || k.Kind != base.Stat.Kind ||
		k.Place.Name != base.Name || !c.isTwin(k.Place.Parent, base.Parent) || c.view.Of(keeper).Visible {
		return false
	}
	handed := *base
	handed.Entry = k.ID
	sawAll(&handed, k)
	c.clearBase(base.Entry)
	c.setBase(handed)
	c.touch(k.ID)
	c.settled(row)
	c.gaveUp(row.Entry.ID)
	return true
}

// tellDeleted records once more a delete that hides what somebody's first scan has found in
// another directory of the same name: the others may have forgotten it, as all had heard of
// it, and show the file (docs/decisions/0017). In one and the same directory what was found
// is deleted itself: see foundDeleted.
func (c *Core) tellDeleted(row *tree.Row, shown merge.Shown) {
	if c.reader || shown.Twin == (ident.EntryID{}) || !row.Entry.Live() || !row.Entry.Content.IsNull() {
		return
	}
	keeper, ok := c.index.Entry(c.standIn(shown.Twin))
	if ok && !keeper.Entry.Live() && keeper.Seq < row.Seq {
		c.put(&keeper, keeper.Entry, keeper.Need)
	}
}
