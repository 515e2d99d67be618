package folder

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// group is a directory with those it is shown as one with.
type group struct {
	dir  ident.EntryID
	with []ident.EntryID
}

// groupsOf returns the groups that a record may change, as they are before it is put: that
// of the directory it is of, and those of the deleted directories above, which are shown
// for as long as something lives in them (R12).
func (c *Core) groupsOf(old *tree.Row, e *tree.Entry) []group {
	var out []group
	add := func(id ident.EntryID) {
		out = append(out, group{id, slices.Clone(c.view.Twins(id))})
	}
	if old != nil && e.Kind == tree.Dir {
		add(e.ID)
	}
	above := func(at ident.EntryID) {
		for depth := 0; !at.IsRoot() && depth < pathMax; depth++ {
			row, ok := c.index.Entry(at)
			if !ok || row.Entry.Live() {
				return
			}
			add(at)
			at = row.Entry.Place.Parent
		}
	}
	above(e.Place.Parent)
	if old != nil && old.Entry.Place.Parent != e.Place.Parent {
		above(old.Entry.Place.Parent)
	}
	return out
}

// regrouped plans what is in directories that have become one with others, or have parted,
// since the given groups were asked for: what stands for what in them is different now, and
// no record of it changes. A file that was found, for one, is hidden by the memory of its
// delete only while both are in one directory.
func (c *Core) regrouped(groups []group) {
	for _, g := range groups {
		now := c.view.Twins(g.dir)
		if slices.Equal(now, g.with) {
			continue
		}
		union := slices.Clone(g.with)
		for _, id := range now {
			if !slices.Contains(union, id) {
				union = append(union, id)
			}
		}
		c.touchMixed(union, 0)
	}
}

// touchMixed queues what is in directories of which some are, or were, shown as one, and in
// those of one name in them.
func (c *Core) touchMixed(dirs []ident.EntryID, depth int) {
	const page = 256
	if len(dirs) < 2 || depth > pathMax {
		return
	}
	var names []string
	inner := map[string][]ident.EntryID{}
	for _, dir := range dirs {
		for after := (ident.EntryID{}); ; {
			below := c.index.Children(dir, after, page)
			for i := range below {
				o := &below[i].Entry
				after = o.ID
				if o.Live() {
					c.touch(o.ID)
				}
				if o.Kind == tree.Dir {
					if inner[o.Place.Name] == nil {
						names = append(names, o.Place.Name)
					}
					inner[o.Place.Name] = append(inner[o.Place.Name], o.ID)
				}
			}
			if len(below) < page {
				break
			}
		}
	}
	for _, name := range names {
		c.touchMixed(inner[name], depth+1)
	}
}
