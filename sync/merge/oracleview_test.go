package merge

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// room is a directory as people see it: one or more entries, and where it lies.
type room struct {
	path string // with a slash at the end, or empty
	dirs []*believed
}

// paths says what everybody sees, top down: path to what it holds.
func (o *oracle) paths() map[string]string {
	out := map[string]string{}
	away := o.undone()
	o.fill(room{}, away, out)
	return out
}

// fill lists a directory and all below it. Those whose move was undone come last: nobody
// gives way to them.
func (o *oracle) fill(r room, away map[ident.EntryID]value, out map[string]string) {
	var inside []*believed
	for _, b := range o.all() {
		if _, elsewhere := away[b.id]; !elsewhere && !b.beside && r.has(b.place.parent) {
			inside = append(inside, b)
		}
	}
	names := map[string][]*believed{}
	for _, b := range inside {
		names[b.place.name] = append(names[b.place.name], b)
	}
	var rooms []room
	for name, placed := range names {
		standing := o.standing(placed)
		var dirs, files []*believed
		for _, b := range standing {
			if b.kind == tree.Dir {
				dirs = append(dirs, b)
			} else {
				files = append(files, b)
			}
		}
		if len(dirs) > 0 {
			out[r.path+name] = "dir"
			rooms = append(rooms, room{r.path + name + "/", dirs})
		}
		losers := files
		if len(dirs) == 0 && len(files) > 0 {
			out[r.path+name] = "file " + trimmed(files[0].content.content)
			losers = files[1:]
		}
		o.nameLosers(name, append(losers, o.resting(placed)...), names, func(b *believed, as string) {
			out[r.path+as] = "file " + trimmed(b.content.content)
		})
	}
	for _, b := range o.all() {
		if at, elsewhere := away[b.id]; elsewhere && r.has(at.parent) {
			name := at.name
			if len(o.standing(names[name])) > 0 {
				mark := ConflictName(name, author(ident.ReplicaID(b.place.stamp.Replica)), b.place.stamp.Time.UnixMilli())
				name = Numbered(mark, ownNumber(b.id))
			}
			out[r.path+name] = "dir"
			rooms = append(rooms, room{r.path + name + "/", []*believed{b}})
		}
	}
	for _, below := range rooms {
		o.fill(below, away, out)
	}
}

func (r room) has(parent ident.EntryID) bool {
	if len(r.dirs) == 0 {
		return parent.IsRoot()
	}
	return slices.ContainsFunc(r.dirs, func(d *believed) bool { return d.id == parent })
}

// standing are those placed under one name that are to be seen there, or beside it: who
// comes first keeps the name. Equal files are one, and what a first scan found is one with
// a real file that holds it, replaced it or deleted it.
func (o *oracle) standing(placed []*believed) (out []*believed) {
	placed = slices.Clone(placed)
	slices.SortFunc(placed, olderPlace)
	for _, b := range placed {
		if b.kind == tree.Dir {
			if o.shown(b, nil) {
				out = append(out, b)
			}
			continue
		}
		if !b.live || b.content.null && b.place.null && slices.ContainsFunc(placed, func(real *believed) bool {
			return real.kind == b.kind && !real.content.null &&
				(real.content.content == b.content.content || slices.Contains(real.content.from, b.content.content))
		}) {
			continue
		}
		if !slices.ContainsFunc(out, func(first *believed) bool {
			return first.kind == b.kind && first.content.content == b.content.content
		}) {
			out = append(out, b)
		}
	}
	return out
}

// shown reports whether a directory lives or holds something that does.
func (o *oracle) shown(b *believed, above []ident.EntryID) bool {
	if b.live || slices.Contains(above, b.id) {
		return b.live
	}
	for _, below := range o.entries {
		if below.place.parent == b.id && o.shown(below, append(above, b.id)) {
			return true
		}
	}
	return false
}

// resting are the kept losers beside any of some entries, and beside those.
func (o *oracle) resting(origins []*believed) (out []*believed) {
	for _, b := range o.all() {
		if b.beside && slices.ContainsFunc(origins, func(at *believed) bool { return at.id == b.place.parent }) {
			if b.live {
				out = append(out, b)
			}
			out = append(out, o.resting([]*believed{b})...)
		}
	}
	return out
}

// nameLosers gives conflict names: those that would be alike are numbered by id, past the
// names that others have.
func (o *oracle) nameLosers(name string, losers []*believed, names map[string][]*believed, give func(*believed, string)) {
	alike := map[string][]*believed{}
	for _, b := range losers {
		mark := ConflictName(name, author(b.place.stamp.Replica), b.place.stamp.Time.UnixMilli())
		alike[mark] = append(alike[mark], b)
	}
	for mark, of := range alike {
		slices.SortFunc(of, func(a, b *believed) int { return slices.Compare(a.id[:], b.id[:]) })
		number := 1
		for _, b := range of {
			for ; ; number++ {
				as := mark
				if number > 1 {
					as = Numbered(mark, number)
				}
				if len(o.standing(names[as])) == 0 {
					give(b, as)
					number++
					break
				}
			}
		}
	}
}

// undone finds the directories whose move does not hold, because moves made a cycle, and
// where they are seen: where they were before, or at the top.
func (o *oracle) undone() map[ident.EntryID]value {
	out := map[ident.EntryID]value{}
	for _, b := range o.all() {
		cycle := o.cycle(b)
		if len(cycle) == 0 || slices.MaxFunc(cycle, func(a, b *believed) int {
			return a.place.stamp.Compare(b.place.stamp)
		}) != b || !o.shown(b, nil) {
			continue
		}
		home := value{name: b.place.name}
		if o.reachable(b.place.wasParent, cycle) && b.place.wasName != "" {
			home.parent, home.name = b.place.wasParent, b.place.wasName
		}
		out[b.id] = home
	}
	return out
}

// cycle returns the directories that lie in one another, when b is one of them.
func (o *oracle) cycle(b *believed) (out []*believed) {
	for at := b; at != nil && len(out) <= len(o.entries); at = o.entries[at.place.parent] {
		if len(out) > 0 && at == b {
			return out
		}
		out = append(out, at)
	}
	return nil
}

// reachable reports whether a directory still lies below the top, living and outside a
// cycle.
func (o *oracle) reachable(dir ident.EntryID, cycle []*believed) bool {
	for range len(o.entries) + 1 {
		if dir.IsRoot() {
			return true
		}
		b := o.entries[dir]
		if b == nil || !b.live || b.kind != tree.Dir || slices.Contains(cycle, b) {
			return false
		}
		dir = b.place.parent
	}
	return false
}
