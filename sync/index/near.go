package index

import (
	"hash/maphash"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// near is what the owner read or wrote lately, so that it need not ask SQLite, which takes
// 5 to 10 microseconds an answer. The owner is the only one who writes, so what is here is
// what a query would return. A first scan asks about each file some ten times, nearly
// always of what is not there, and about its directory, which the file before had asked of.
type near struct {
	rows    recent[ident.EntryID, found[tree.Row]]
	bases   recent[ident.EntryID, found[tree.Base]]
	numbers recent[ident.EntryID, int64] // given to ids; never changes
	dirs    recent[place, []tree.Base]   // of BaseAt, where it is directories only
	alone   recent[place, ident.EntryID] // the only row that came to a place
	entries crowd                        // names of rows, by directory
	onDisk  crowd                        // names of base rows, by directory
}

// found is an answer; what is not there is an answer, too.
type found[V any] struct {
	value V
	ok    bool
}

type place struct {
	parent ident.EntryID
	name   string
}

// nearMax bounds the answers of one kind that are kept, to about 2 MiB of rows.
const nearMax = 1024

func newNear() near {
	seed := maphash.MakeSeed()
	return near{entries: newCrowd(seed), onDisk: newCrowd(seed)}
}

// keepRow notes a row as it is now. What callers append to its lists must not write into
// memory that the row here shares with theirs.
func (n *near) keepRow(r tree.Row) tree.Row {
	e := &r.Entry
	e.Place.Seen, e.Place.Context = slices.Clip(e.Place.Seen), slices.Clip(e.Place.Context)
	e.Content.Seen, e.Content.Context = slices.Clip(e.Content.Seen), slices.Clip(e.Content.Context)
	e.Attrs.Seen, e.Attrs.Context = slices.Clip(e.Attrs.Seen), slices.Clip(e.Attrs.Context)
	e.Content.SawPlace = slices.Clip(e.Content.SawPlace)
	e.Content.Ancestors = slices.Clip(e.Content.Ancestors)
	e.Extra = slices.Clip(e.Extra)
	n.rows.put(e.ID, found[tree.Row]{r, true})
	return r
}

// keepPage notes the rows of a page: who reads one is about to ask for each of them.
func (n *near) keepPage(rows []tree.Row) []tree.Row {
	if len(rows) <= nearMax {
		for i := range rows {
			rows[i] = n.keepRow(rows[i])
		}
	}
	return rows
}

// wrote notes that a row was written, and whether its place was free before.
func (n *near) wrote(r *tree.Row) {
	n.keepRow(*r)
	at := place{r.Entry.Place.Parent, r.Entry.Place.Name}
	switch taken, known := n.entries.add(at.parent, at.name); {
	case known && !taken:
		n.alone.put(at, r.Entry.ID)
	default:
		if id, ok := n.alone.get(at); ok && id != r.Entry.ID {
			n.alone.drop(at)
		}
	}
}

// onlyRow returns the row that is alone at a place, if that is known and it is still there.
func (n *near) onlyRow(at place) (tree.Row, bool) {
	id, ok := n.alone.get(at)
	if !ok {
		return tree.Row{}, false
	}
	row, ok := n.rows.get(id)
	if !ok || row.value.Entry.Place.Parent != at.parent || row.value.Entry.Place.Name != at.name {
		return tree.Row{}, false
	}
	return row.value, true
}

func (n *near) keepBase(b tree.Base) tree.Base {
	b.SawPlace, b.SawContent = slices.Clip(b.SawPlace), slices.Clip(b.SawContent)
	b.SawAttrs = slices.Clip(b.SawAttrs)
	n.bases.put(b.Entry, found[tree.Base]{b, true})
	return b
}

// placed notes that a base row was written.
func (n *near) placed(b *tree.Base) {
	n.keepBase(*b)
	n.onDisk.add(b.Parent, b.Name)
	if b.Stat.Kind == tree.Dir {
		n.dirs.clear() // one of them may have been this one, at another place
	} else {
		n.dirs.drop(place{b.Parent, b.Name})
	}
}

// cleared notes that there is no base row of the entry any more.
func (n *near) cleared(id ident.EntryID) {
	n.bases.put(id, found[tree.Base]{})
	n.dirs.clear()
}

// recent keeps the answers used last: between nearMax and twice as many.
type recent[K comparable, V any] struct {
	young, old map[K]V
}

func (r *recent[K, V]) get(k K) (V, bool) {
	v, ok := r.young[k]
	if !ok {
		if v, ok = r.old[k]; ok {
			r.put(k, v)
		}
	}
	return v, ok
}

func (r *recent[K, V]) put(k K, v V) {
	if r.young == nil || len(r.young) >= nearMax {
		r.young, r.old = make(map[K]V, nearMax), r.young
	}
	r.young[k] = v
}

func (r *recent[K, V]) drop(k K) {
	delete(r.young, k)
	delete(r.old, k)
}

func (r *recent[K, V]) clear() {
	clear(r.young)
	clear(r.old)
}

// crowd knows which names are taken in the directories asked about most lately. A name may
// have left since, so only "not there" is an answer.
type crowd struct {
	seed  maphash.Seed
	dirs  map[ident.EntryID]*names
	asked map[ident.EntryID]int // directories that are not in dirs
	total int                   // names in dirs
	clock uint64
}

type names struct {
	hashes map[uint64]struct{}
	used   uint64 // by the clock of the crowd
}

const (
	// crowdAsks is how often a directory is asked about before its names are read: fewer
	// cost less by queries.
	crowdAsks = 3
	// crowdLoad is how many names are read at most, one millisecond's worth. A directory
	// that has more is asked about by queries.
	crowdLoad = 4096
	// crowdDirs and crowdNames bound what is kept, about 24 bytes a name.
	crowdDirs  = 64
	crowdNames = 1 << 17
	// askedMax bounds the counts of directories that are not kept.
	askedMax = 1024
)

func newCrowd(seed maphash.Seed) crowd {
	return crowd{seed: seed, dirs: map[ident.EntryID]*names{}, asked: map[ident.EntryID]int{}}
}

// lacks reports whether nothing has that name in the directory; when it does not know it
// says no. List returns up to that many names of the directory.
func (c *crowd) lacks(
	parent ident.EntryID, name string, list func(parent ident.EntryID, limit int) ([]string, error),
) (bool, error) {
	c.clock++
	dir := c.dirs[parent]
	if dir == nil {
		if len(c.asked) >= askedMax {
			clear(c.asked)
		}
		if c.asked[parent]++; c.asked[parent] != crowdAsks {
			return false, nil
		}
		all, err := list(parent, crowdLoad+1)
		if err != nil || len(all) > crowdLoad {
			return false, err
		}
		dir = c.enter(parent, all)
	}
	dir.used = c.clock
	_, taken := dir.hashes[maphash.String(c.seed, name)]
	return !taken, nil
}

func (c *crowd) enter(parent ident.EntryID, all []string) *names {
	delete(c.asked, parent)
	if len(c.dirs) >= crowdDirs {
		c.leave(c.oldest())
	}
	dir := &names{hashes: make(map[uint64]struct{}, len(all))}
	c.dirs[parent] = dir
	for _, name := range all {
		c.add(parent, name)
	}
	return dir
}

// add notes that the name is taken from now on. It reports whether it may have been taken
// before, if that is known.
func (c *crowd) add(parent ident.EntryID, name string) (taken, known bool) {
	dir := c.dirs[parent]
	if dir == nil {
		return false, false
	}
	before := len(dir.hashes)
	dir.hashes[maphash.String(c.seed, name)] = struct{}{}
	taken = len(dir.hashes) == before
	if !taken {
		c.total++
	}
	for c.total > crowdNames {
		c.leave(c.oldest())
	}
	return taken, true
}

func (c *crowd) oldest() (oldest ident.EntryID) {
	least := uint64(1<<64 - 1)
	for id, dir := range c.dirs {
		if dir.used < least {
			oldest, least = id, dir.used
		}
	}
	return oldest
}

func (c *crowd) leave(id ident.EntryID) {
	c.total -= len(c.dirs[id].hashes)
	delete(c.dirs, id)
}
