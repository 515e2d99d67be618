package folder

import (
	"hash/fnv"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/tree"
)

// alikes finds the entries of a directory whose names the volume takes for one with a
// given name. It remembers directories that were asked about; what has left a directory
// may be among its answers, what is in it always is. On volumes that tell all names apart
// it does nothing.
type alikes struct {
	volume *names.Volume
	index  tree.Index
	dirs   map[ident.EntryID]map[uint64][]ident.EntryID // by directory and hashed key
	size   int                                          // ids in dirs
}

// alikesMax bounds the ids that are remembered, about 60 bytes each. A directory that has
// more is remembered all the same, alone.
const alikesMax = 1 << 18

func newAlikes(volume *names.Volume, index tree.Index) *alikes {
	return &alikes{volume: volume, index: index, dirs: map[ident.EntryID]map[uint64][]ident.EntryID{}}
}

// in returns, of one directory, the entries placed there, or on disk there, under a name
// like the given one.
func (a *alikes) in(dir ident.EntryID, name string) []ident.EntryID {
	if a.volume.Exact() {
		return nil
	}
	known, ok := a.dirs[dir]
	if !ok {
		known = a.load(dir)
	}
	return known[a.hash(name)]
}

func (a *alikes) load(dir ident.EntryID) map[uint64][]ident.EntryID {
	if a.size >= alikesMax {
		clear(a.dirs)
		a.size = 0
	}
	known := map[uint64][]ident.EntryID{}
	a.dirs[dir] = known
	const page = 256
	for after := (ident.EntryID{}); ; {
		rows := a.index.Children(dir, after, page)
		for i := range rows {
			after = rows[i].Entry.ID
			a.add(dir, rows[i].Entry.Place.Name, after)
		}
		if len(rows) < page {
			break
		}
	}
	for after := ""; ; {
		bases := a.index.BaseChildren(dir, after, page)
		for i := range bases {
			after = bases[i].Name
			a.add(dir, bases[i].Name, bases[i].Entry)
		}
		if len(bases) < page {
			break
		}
	}
	return known
}

// add notes that an entry is in a directory under a name.
func (a *alikes) add(dir ident.EntryID, name string, id ident.EntryID) {
	known, ok := a.dirs[dir]
	if !ok || name == "" {
		return
	}
	key := a.hash(name)
	if !slices.Contains(known[key], id) {
		known[key] = append(known[key], id)
		a.size++
	}
}

// hash shortens the key of a name. Two keys with one hash cost a comparison.
func (a *alikes) hash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(a.volume.Key(name))) // never fails
	return h.Sum64()
}

// alikeIDs returns the entries that are, or may be, shown in a directory under names like
// the given one: those placed there, and what lost to those a conflict name may be made
// of.
func (c *Core) alikeIDs(dir ident.EntryID, name string) []ident.EntryID {
	if c.cfg.Volume.Exact() {
		return nil
	}
	var out []ident.EntryID
	for marked := true; marked; name, marked = merge.Unmarked(name) {
		for _, twin := range c.view.Twins(dir) {
			for _, id := range c.alike.in(twin, name) {
				if !slices.Contains(out, id) {
					out = append(out, id)
				}
			}
		}
	}
	for i := 0; i < len(out) && len(out) < alikeMax; i++ {
		for _, row := range c.index.Placed(out[i], "") {
			out = append(out, row.Entry.ID)
		}
	}
	return out
}

// alikeMax bounds how many entries are compared because of one name.
const alikeMax = 1 << 12

// alikeRows is alikeIDs for merge.Fit. What is ignored and not on disk takes no name.
func (c *Core) alikeRows(dir ident.EntryID, name string) []tree.Row {
	var out []tree.Row
	for _, id := range c.alikeIDs(dir, name) {
		row, ok := c.index.Entry(id)
		if !ok {
			continue
		}
		base, onDisk := c.index.Base(id)
		if onDisk || !c.frozen(&base, onDisk, row.Entry.Kind == tree.Dir, c.view.Of(&row)) {
			out = append(out, row)
		}
	}
	return out
}
