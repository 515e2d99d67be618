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
	entries crowd                        // names of rows, by directory
	onDisk  crowd                        // names of base rows, by directory
}

// found is an answer; what is not there, nil, is an answer, too. Answers are not changed.
// One is kept as a list of one, for who asks what has a name: that is nearly always one.
type found[V any] struct{ is *[1]V }

// get returns the answer as a query does.
func (f found[V]) get() (v V, ok bool) {
	if f.is == nil {
		return v, false
	}
	return f.is[0], true
}

type place struct {
	parent ident.EntryID
	name   string
}

// nearMax bounds the answers of one kind that are kept, to about 8 MiB of rows. A file that
// comes in is asked about when it is heard of, wanted, stored and installed; meanwhile as
// many others are as the windows of two links have room for.
const nearMax = 4096

// numbersMax bounds the numbers that are kept, to some 2 MiB. An entry's is asked for when
// it is heard of and when it is on disk: between the two lie all that are needed.
const numbersMax = 8 * nearMax

func newNear() near {
	seed := maphash.MakeSeed()
	n := near{entries: newCrowd(seed), onDisk: newCrowd(seed)}
	n.rows.most, n.bases.most, n.numbers.most = nearMax, nearMax, numbersMax
	return n
}

// keepRow notes a row as it is now. What callers append to its lists must not write into
// memory that the row here shares with theirs.
func (n *near) keepRow(r tree.Row) *[1]tree.Row {
	clipRow(&r)
	kept := &[1]tree.Row{r}
	n.rows.put(r.Entry.ID, found[tree.Row]{kept})
	return kept
}

func clipRow(r *tree.Row) {
	e := &r.Entry
	e.Place.Seen, e.Place.Context = slices.Clip(e.Place.Seen), slices.Clip(e.Place.Context)
	e.Content.Seen, e.Content.Context = slices.Clip(e.Content.Seen), slices.Clip(e.Content.Context)
	e.Attrs.Seen, e.Attrs.Context = slices.Clip(e.Attrs.Seen), slices.Clip(e.Attrs.Context)
	e.Content.SawPlace = slices.Clip(e.Content.SawPlace)
	e.Content.Ancestors = slices.Clip(e.Content.Ancestors)
	e.Extra = slices.Clip(e.Extra)
}

// keepPage notes the rows of a page and all that is on disk for them, in one piece of memory
// each. From then on nobody changes them.
func (n *near) keepPage(p page) {
	run := 0 // of rows in one directory
	for i := range p.rows {
		id, parent := p.rows[i].Entry.ID, p.rows[i].Entry.Place.Parent
		if i == 0 || parent != p.rows[i-1].Entry.Place.Parent {
			run = 0
		}
		if run++; run == crowdAsks {
			n.entries.expect(parent)
		}
		if len(p.onDisk) < len(p.rows) {
			n.bases.put(id, found[tree.Base]{})
		}
		n.rows.put(id, found[tree.Row]{(*[1]tree.Row)(p.rows[i:])})
	}
	for i := range p.onDisk {
		n.bases.put(p.onDisk[i].Entry, found[tree.Base]{(*[1]tree.Base)(p.onDisk[i:])})
	}
}

// wrote notes that a row was written.
func (n *near) wrote(r *tree.Row) {
	n.keepRow(*r)
	n.entries.add(r.Entry.Place.Parent, r.Entry.Place.Name, r.Entry.ID)
}

func (n *near) keepBase(b tree.Base) *[1]tree.Base {
	clipBase(&b)
	kept := &[1]tree.Base{b}
	n.bases.put(b.Entry, found[tree.Base]{kept})
	return kept
}

func clipBase(b *tree.Base) {
	b.SawPlace, b.SawContent = slices.Clip(b.SawPlace), slices.Clip(b.SawContent)
	b.SawAttrs = slices.Clip(b.SawAttrs)
}

// placed notes that a base row was written.
func (n *near) placed(b *tree.Base) {
	n.keepBase(*b)
	n.onDisk.add(b.Parent, b.Name, b.Entry)
}

// cleared notes that there is no base row of the entry any more.
func (n *near) cleared(id ident.EntryID) {
	n.bases.put(id, found[tree.Base]{})
}

// forgot notes that there is no row of the entry any more, nor a number, which would be
// another one if the entry came back.
func (n *near) forgot(id ident.EntryID) {
	n.rows.put(id, found[tree.Row]{})
	delete(n.numbers.young, id)
	delete(n.numbers.old, id)
}

// recent keeps the answers used last: between most and twice as many.
type recent[K comparable, V any] struct {
	most       int
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
	if r.young == nil || len(r.young) >= r.most {
		r.young, r.old = make(map[K]V, nearMax), r.young
	}
	r.young[k] = v
}

// crowd knows which names are taken in the directories asked about most lately, and by whom.
// An entry may have left its name since, so who is asked must be looked at, and only "not
// there" is an answer.
type crowd struct {
	seed  maphash.Seed
	dirs  map[ident.EntryID]*nameSet
	asked map[ident.EntryID]int // directories that are not in dirs
	total int                   // names in dirs
	clock uint64
}

type nameSet struct {
	// by is who has taken a name, by its hash: one entry, or several.
	by   map[uint64]ident.EntryID
	used uint64 // by the clock of the crowd
}

// several stands for more than one entry. No entry has the root's id.
var several = ident.Root

// taken is one name in a directory and who has it.
type taken struct {
	name string
	id   ident.EntryID
}

const (
	// crowdAsks is how often a directory is asked about before its names are read: fewer
	// cost less by queries.
	crowdAsks = 3
	// crowdLoad is how many names are read at most, one millisecond's worth. A directory
	// that has more is asked about by queries.
	crowdLoad = 4096
	// crowdDirs and crowdNames bound what is kept, about 48 bytes a name.
	crowdDirs  = 64
	crowdNames = 1 << 17
	// askedMax bounds the counts of directories that are not kept.
	askedMax = 1024
)

func newCrowd(seed maphash.Seed) crowd {
	return crowd{seed: seed, dirs: map[ident.EntryID]*nameSet{}, asked: map[ident.EntryID]int{}}
}

// who tells who has a name in a directory: nobody (free), one entry or several, which is
// also the answer when it does not know. List returns up to so many of its names.
func (c *crowd) who(at place, list func(parent ident.EntryID, limit int) ([]taken, error)) (
	id ident.EntryID, free bool, err error,
) {
	c.clock++
	dir := c.dirs[at.parent]
	if dir == nil {
		if len(c.asked) >= askedMax {
			clear(c.asked)
		}
		if c.asked[at.parent]++; c.asked[at.parent] != crowdAsks {
			return several, false, nil
		}
		all, err := list(at.parent, crowdLoad+1)
		if err != nil || len(all) > crowdLoad {
			return several, false, err
		}
		dir = c.enter(at.parent, all)
	}
	dir.used = c.clock
	id, there := dir.by[maphash.String(c.seed, at.name)]
	return id, !there, nil
}

// expect has the names of a directory read when it is asked about next: that will be more
// than once.
func (c *crowd) expect(parent ident.EntryID) {
	if c.dirs[parent] == nil && c.asked[parent] < crowdAsks-1 {
		c.asked[parent] = crowdAsks - 1
	}
}

func (c *crowd) enter(parent ident.EntryID, all []taken) *nameSet {
	delete(c.asked, parent)
	if len(c.dirs) >= crowdDirs {
		c.leave(c.oldest())
	}
	dir := &nameSet{by: make(map[uint64]ident.EntryID, len(all)), used: c.clock}
	c.dirs[parent] = dir
	for _, t := range all {
		c.add(parent, t.name, t.id)
	}
	return dir
}

// add notes that the name is taken by an entry from now on.
func (c *crowd) add(parent ident.EntryID, name string, id ident.EntryID) {
	dir := c.dirs[parent]
	if dir == nil {
		return
	}
	hash := maphash.String(c.seed, name)
	switch by, there := dir.by[hash]; {
	case !there:
		dir.by[hash] = id
		c.total++
	case by != id:
		dir.by[hash] = several
	}
	for c.total > crowdNames {
		c.leave(c.oldest())
	}
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
	c.total -= len(c.dirs[id].by)
	delete(c.dirs, id)
}
