package folder

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// What lies in a directory whose record nobody has any more would wait for ever: all had
// heard that the directory was deleted and forgot it, and then somebody told of something in
// it, found by a first scan or remembered longer. When every member has said several times
// that it lacks that record, what lies in it is placed at the folder's top under its own
// name (docs/decisions/0075). Devices that do so at once write the same place.

// askedInVain is after how many questions to all members, waitMax apart, that is done: what
// is on its way by another peer comes sooner.
const askedInVain = 3

// countInVain counts the questions about records that all members were asked for, and
// places what waits for one that nobody has.
func (c *Core) countInVain(lacking []ident.EntryID) {
	for id := range c.inVain {
		if !slices.Contains(lacking, id) {
			delete(c.inVain, id)
		}
	}
	if c.reader || len(c.repairs) > 0 || len(c.halfway) > 0 || !c.allStand() {
		return
	}
	for _, id := range lacking {
		if c.inVain[id]++; c.inVain[id] > askedInVain {
			delete(c.inVain, id)
			c.placeOrphans(id)
		}
	}
}

// allStand reports whether every member has joined, but for those that only read: what they
// hold the writers do.
func (c *Core) allStand() bool {
	for member := range c.horizon.members {
		if _, stands := c.standing[member]; !stands && !c.horizon.readers[member] {
			return false
		}
	}
	return len(c.standing) > 0
}

// placeOrphans places what is to be seen and lies in a directory that nobody knows.
func (c *Core) placeOrphans(dir ident.EntryID) {
	const page = 256
	for after := (ident.EntryID{}); ; {
		below := c.index.Children(dir, after, page)
		for i := range below {
			after = below[i].Entry.ID
			if !c.view.Of(&below[i]).Waiting {
				continue // deleted, and nothing lives in it
			}
			e := below[i].Entry.Clone()
			v, live := c.nextVersion(e.Place.Context), e.Live()
			e.Place = tree.Placement{Version: v, Context: v.Seen, Parent: ident.Root, Name: describe(&e)}
			if !live {
				e = c.deletion(&e) // the delete has to have seen the place (R15)
			}
			c.writeLocal(e)
		}
		if len(below) < page {
			return
		}
	}
}
