package sim

import (
	"cmp"
	"maps"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
)

// index models sync/index: what the folder core works on, and beside it what is durable.
// A crash takes everything back to the latter.
type index struct {
	live rows // seen by the core
	kept rows // committed: what a crash leaves, and what everybody but the core reads

	dirtyRows  map[ident.EntryID]bool
	dirtyBases map[ident.EntryID]bool
	dirtySmall bool // replicas, cursors, intents or notes
	dirty      bool
}

func newIndex() *index {
	return &index{
		live: newRows(), kept: newRows(),
		dirtyRows: map[ident.EntryID]bool{}, dirtyBases: map[ident.EntryID]bool{},
	}
}

// Apply implements tree.Index.
func (x *index) Apply(b tree.Batch) {
	x.dirty = true
	for i := range b.Rows {
		x.live.putRow(&b.Rows[i])
		x.dirtyRows[b.Rows[i].Entry.ID] = true
	}
	for _, id := range b.Cleared {
		x.live.clearBase(id)
		x.dirtyBases[id] = true
	}
	for i := range b.Placed {
		x.live.putBase(&b.Placed[i])
		x.dirtyBases[b.Placed[i].Entry] = true
	}
	x.dirtySmall = x.dirtySmall || len(b.Replicas)+len(b.Cursors)+len(b.Intents)+len(b.Notes) > 0
	for _, id := range b.Forgotten {
		x.live.dropRow(id)
		x.dirtyRows[id] = true
	}
	for _, r := range b.Replicas {
		if _, known := x.live.replicas[r.ID]; !known {
			x.live.replicas[r.ID] = r
		}
	}
	for _, c := range b.Cursors {
		x.live.cursors[c.Device] = c
	}
	for _, i := range b.Intents {
		if i.Body == nil {
			delete(x.live.intents, i.Number)
		} else {
			x.live.intents[i.Number] = i
		}
	}
	for _, n := range b.Notes {
		if n.Body == nil {
			delete(x.live.notes, n.Key)
		} else {
			x.live.notes[n.Key] = n
		}
	}
	if b.State != nil {
		x.live.state = *b.State
	}
}

// commit makes everything applied durable.
func (x *index) commit() { x.copyOver(&x.kept, &x.live) }

// rollBack forgets what was not committed, as a crash does.
func (x *index) rollBack() { x.copyOver(&x.live, &x.kept) }

func (x *index) copyOver(to, from *rows) {
	for id := range x.dirtyRows {
		if r := from.entries[id]; r != nil {
			to.putRow(r)
		} else {
			to.dropRow(id)
		}
	}
	for id := range x.dirtyBases {
		if b := from.bases[id]; b != nil {
			to.putBase(b)
		} else {
			to.clearBase(id)
		}
	}
	if x.dirtySmall {
		to.replicas, to.cursors = maps.Clone(from.replicas), maps.Clone(from.cursors)
		to.intents, to.notes = maps.Clone(from.intents), maps.Clone(from.notes)
		x.dirtySmall = false
	}
	to.state = from.state
	clear(x.dirtyRows)
	clear(x.dirtyBases)
	x.dirty = false
}

// The methods of tree.Reader.

// Entry implements tree.Reader.
func (x *index) Entry(id ident.EntryID) (tree.Row, bool) { return x.live.entry(id) }

// Placed implements tree.Reader.
func (x *index) Placed(parent ident.EntryID, name string) []tree.Row {
	return x.live.placed(parent, name)
}

// Children implements tree.Reader.
func (x *index) Children(parent, after ident.EntryID, limit int) []tree.Row {
	return x.live.children(parent, after, limit)
}

// Base implements tree.Reader.
func (x *index) Base(id ident.EntryID) (tree.Base, bool) { return x.live.base(id) }

// BaseAt implements tree.Reader.
func (x *index) BaseAt(parent ident.EntryID, name string) []tree.Base {
	return x.live.baseAt(parent, name)
}

// BaseChildren implements tree.Reader.
func (x *index) BaseChildren(parent ident.EntryID, after string, limit int) []tree.Base {
	return x.live.baseChildren(parent, after, limit)
}

// Holding implements tree.Reader.
func (x *index) Holding(content ident.ContentID) (tree.Base, bool) {
	for _, id := range x.live.byContent[content] {
		return *x.live.bases[id], true
	}
	return tree.Base{}, false
}

// rows is one state of an index. Rows are shared between states and never changed.
type rows struct {
	entries  map[ident.EntryID]*tree.Row
	places   map[place][]ident.EntryID         // by id
	within   map[ident.EntryID][]ident.EntryID // children by id
	log      []logged                          // by number; superseded ones stay until there are many
	stale    int
	needs    int
	bases    map[ident.EntryID]*tree.Base
	listing  map[ident.EntryID][]named // by name, then id
	byFile   map[tree.FileID][]ident.EntryID
	replicas map[ident.ReplicaID]tree.Replica
	cursors  map[ident.DeviceID]tree.Cursor
	intents  map[uint64]tree.Intent
	notes    map[string]tree.Note
	state    tree.State

	byContent map[ident.ContentID][]ident.EntryID
}

type place struct {
	parent ident.EntryID
	name   string
}

type named struct {
	name string
	id   ident.EntryID
}

type logged struct {
	seq uint64
	id  ident.EntryID
}

func newRows() rows {
	return rows{
		entries:   map[ident.EntryID]*tree.Row{},
		places:    map[place][]ident.EntryID{},
		within:    map[ident.EntryID][]ident.EntryID{},
		bases:     map[ident.EntryID]*tree.Base{},
		listing:   map[ident.EntryID][]named{},
		byFile:    map[tree.FileID][]ident.EntryID{},
		byContent: map[ident.ContentID][]ident.EntryID{},
		replicas:  map[ident.ReplicaID]tree.Replica{},
		cursors:   map[ident.DeviceID]tree.Cursor{},
		intents:   map[uint64]tree.Intent{},
		notes:     map[string]tree.Note{},
	}
}

func compareIDs(a, b ident.EntryID) int { return slices.Compare(a[:], b[:]) }

func compareNamed(a, b named) int {
	return cmp.Or(cmp.Compare(a.name, b.name), compareIDs(a.id, b.id))
}

// insert and remove keep a map's lists sorted.
func insert[K comparable, V any](m map[K][]V, k K, v V, compare func(a, b V) int) {
	if i, found := slices.BinarySearchFunc(m[k], v, compare); !found {
		m[k] = slices.Insert(m[k], i, v)
	}
}

func remove[K comparable, V any](m map[K][]V, k K, v V, compare func(a, b V) int) {
	i, found := slices.BinarySearchFunc(m[k], v, compare)
	if !found {
		return
	}
	if len(m[k]) == 1 {
		delete(m, k)
		return
	}
	m[k] = slices.Delete(m[k], i, i+1)
}

func (x *rows) putRow(r *tree.Row) {
	row := *r
	e := &row.Entry
	old := x.entries[e.ID]
	if old != nil && (old.Entry.Place.Parent != e.Place.Parent || old.Entry.Place.Name != e.Place.Name) {
		x.unplace(old)
	}
	if old == nil || old.Seq != row.Seq {
		if old != nil {
			x.stale++
		}
		x.number(logged{row.Seq, e.ID})
	}
	if old != nil && old.Need {
		x.needs--
	}
	if row.Need {
		x.needs++
	}
	x.entries[e.ID] = &row
	insert(x.places, place{e.Place.Parent, e.Place.Name}, e.ID, compareIDs)
	insert(x.within, e.Place.Parent, e.ID, compareIDs)
}

func (x *rows) dropRow(id ident.EntryID) {
	if old := x.entries[id]; old != nil {
		x.unplace(old)
		if old.Need {
			x.needs--
		}
		delete(x.entries, id)
		x.stale++
	}
}

func (x *rows) unplace(r *tree.Row) {
	p := &r.Entry.Place
	remove(x.places, place{p.Parent, p.Name}, r.Entry.ID, compareIDs)
	remove(x.within, p.Parent, r.Entry.ID, compareIDs)
}

func compareLogged(a, b logged) int { return cmp.Compare(a.seq, b.seq) }

func (x *rows) number(l logged) {
	i, found := slices.BinarySearchFunc(x.log, l, compareLogged)
	if found {
		x.log[i] = l
	} else {
		x.log = slices.Insert(x.log, i, l)
	}
	if x.stale > 64 && x.stale > len(x.log)/2 {
		x.log = slices.DeleteFunc(x.log, func(o logged) bool { return o != l && !x.current(o) })
		x.stale = 0
	}
}

// current reports whether a number is that of its entry's newest change.
func (x *rows) current(l logged) bool {
	r := x.entries[l.id]
	return r != nil && r.Seq == l.seq
}

func (x *rows) clearBase(id ident.EntryID) {
	b := x.bases[id]
	if b == nil {
		return
	}
	delete(x.bases, id)
	remove(x.listing, b.Parent, named{b.Name, id}, compareNamed)
	remove(x.byFile, b.Stat.File, id, compareIDs)
	remove(x.byContent, b.Content, id, compareIDs)
}

func (x *rows) putBase(b *tree.Base) {
	x.clearBase(b.Entry)
	row := *b
	x.bases[b.Entry] = &row
	insert(x.listing, b.Parent, named{b.Name, b.Entry}, compareNamed)
	insert(x.byFile, b.Stat.File, b.Entry, compareIDs)
	if !b.Content.IsZero() {
		insert(x.byContent, b.Content, b.Entry, compareIDs)
	}
}

func (x *rows) entry(id ident.EntryID) (tree.Row, bool) {
	if r := x.entries[id]; r != nil {
		return *r, true
	}
	return tree.Row{}, false
}

func (x *rows) rowsOf(ids []ident.EntryID) []tree.Row {
	if len(ids) == 0 {
		return nil
	}
	out := make([]tree.Row, len(ids))
	for i, id := range ids {
		out[i] = *x.entries[id]
	}
	return out
}

func (x *rows) placed(parent ident.EntryID, name string) []tree.Row {
	return x.rowsOf(x.places[place{parent, name}])
}

func (x *rows) children(parent, after ident.EntryID, limit int) []tree.Row {
	ids := x.within[parent]
	from, found := slices.BinarySearchFunc(ids, after, compareIDs)
	if found {
		from++
	}
	return x.rowsOf(ids[from:min(len(ids), from+limit)])
}

func (x *rows) base(id ident.EntryID) (tree.Base, bool) {
	if b := x.bases[id]; b != nil {
		return *b, true
	}
	return tree.Base{}, false
}

func (x *rows) baseAt(parent ident.EntryID, name string) []tree.Base {
	list := x.listing[parent]
	i, _ := slices.BinarySearchFunc(list, named{name: name}, compareNamed)
	var out []tree.Base
	for ; i < len(list) && list[i].name == name; i++ {
		out = append(out, *x.bases[list[i].id])
	}
	return out
}

func (x *rows) baseChildren(parent ident.EntryID, after string, limit int) []tree.Base {
	var out []tree.Base
	for _, n := range x.listing[parent] {
		// Twins of one name are never parted by the end of a page.
		if n.name > after && (len(out) < limit || out[len(out)-1].Name == n.name) {
			out = append(out, *x.bases[n.id])
		}
	}
	return out
}

// What everybody but the core asks of the committed rows.

// since returns rows of the log after a number, in its order.
func (x *rows) since(seq uint64, limit int) []tree.Row {
	return x.walk(seq, limit, func(*tree.Row) bool { return true })
}

// needed returns the rows marked Need after a number, in order of number.
func (x *rows) needed(seq uint64, limit int) []tree.Row {
	if x.needs == 0 {
		return nil
	}
	return x.walk(seq, limit, func(r *tree.Row) bool { return r.Need })
}

// deleted returns the rows of deleted entries after a number, in order of number.
func (x *rows) deleted(seq uint64) []tree.Row {
	return x.walk(seq, len(x.log), func(r *tree.Row) bool { return !r.Entry.Live() })
}

func (x *rows) walk(seq uint64, limit int, take func(*tree.Row) bool) []tree.Row {
	i, _ := slices.BinarySearchFunc(x.log, logged{seq: seq + 1}, compareLogged)
	var out []tree.Row
	for ; i < len(x.log) && len(out) < limit; i++ {
		if r := x.entries[x.log[i].id]; x.current(x.log[i]) && take(r) {
			out = append(out, *r)
		}
	}
	return out
}

// pathOf returns where an entry is on disk, by its base row and those above it.
func (x *rows) pathOf(id ident.EntryID) (string, bool) {
	path := ""
	for depth := 0; !id.IsRoot(); depth++ {
		if id == tree.Parking {
			return tree.ParkingDir + "/" + path, true
		}
		b := x.bases[id]
		if b == nil || depth > len(x.bases) {
			return "", false
		}
		if path == "" {
			path = b.Name
		} else {
			path = b.Name + "/" + path
		}
		id = b.Parent
	}
	return path, true
}

// holder returns a file on disk that holds the content, and where it is, as far as good
// says so; all are good without it.
func (x *rows) holder(content ident.ContentID, good func(string, *tree.Base) bool) (string, *tree.Base, bool) {
	for _, id := range x.byContent[content] {
		if path, ok := x.pathOf(id); ok && (good == nil || good(path, x.bases[id])) {
			return path, x.bases[id], true
		}
	}
	return "", nil, false
}

// summarize builds what a core starts with.
func (x *rows) summarize() (live, gone *summary.Tree, t tree.Totals) {
	live, gone = &summary.Tree{}, &summary.Tree{}
	for id, r := range x.entries {
		e := &r.Entry
		if r.Need {
			t.Needs++
		}
		if !e.Live() {
			gone.Set(id, tree.Digest(e))
			continue
		}
		live.Set(id, tree.Digest(e))
		if e.ShowsConflict() {
			t.Conflicts++
		}
		if e.Kind != tree.File {
			continue
		}
		t.Files++
		t.Bytes += e.Content.Size
		if r.Need {
			t.NeedFiles++
			t.NeedBytes += e.Content.Size
		}
	}
	return live, gone, t
}

func sortedReplicas(m map[ident.ReplicaID]tree.Replica) []tree.Replica {
	out := make([]tree.Replica, 0, len(m))
	for _, r := range m {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b tree.Replica) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func sortedCursors(m map[ident.DeviceID]tree.Cursor) []tree.Cursor {
	out := make([]tree.Cursor, 0, len(m))
	for _, c := range m {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b tree.Cursor) int { return slices.Compare(a.Device[:], b.Device[:]) })
	return out
}

func sortedIntents(m map[uint64]tree.Intent) []tree.Intent {
	out := make([]tree.Intent, 0, len(m))
	for _, i := range m {
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b tree.Intent) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

func sortedNotes(m map[string]tree.Note) []tree.Note {
	out := make([]tree.Note, 0, len(m))
	for _, n := range m {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b tree.Note) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

// conflicts returns the live entries whose records say that they are conflict copies.
func (r *rows) conflicts() (out []ident.EntryID) {
	for id, row := range r.entries {
		if row.Entry.Live() && row.Entry.ShowsConflict() {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, compareIDs)
	return out
}
