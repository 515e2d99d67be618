package sim

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// What a look does about names on a volume that takes several for one.

// spot tells what the names in a directory stand for.
func (l *look) spot(dir *file, rows []tree.Base, only map[string]bool) (out []names.Spotted) {
	var recorded []string
	for _, row := range rows {
		if len(recorded) == 0 || recorded[len(recorded)-1] != row.Name {
			recorded = append(recorded, row.Name)
		}
	}
	for _, n := range l.disk.rules.Spot(dir.names(), recorded) {
		if l.concerns(only, n.Shown) {
			out = append(out, n)
		}
	}
	return out
}

func (l *look) concerns(only map[string]bool, name string) bool {
	return only == nil || only[l.disk.rules.Key(name)]
}

func byName(rows []tree.Base) map[string][]tree.Base {
	out := map[string][]tree.Base{}
	for _, row := range rows {
		out[row.Name] = append(out[row.Name], row)
	}
	return out
}

// judgeRenamed reports what has another name now that is the same to the volume. False: it
// is of another kind, or what had the old name was met elsewhere, so it is not that.
func (l *look) judgeRenamed(p spot, s tree.Stat) bool {
	row := p.was[0]
	if row.Stat.Kind != s.Kind {
		return false
	}
	if s.Kind == tree.File && (row.Racy || !row.Stat.SameContent(s)) {
		l.files = append(l.files, hashing{path: p.path, from: &row})
		return true
	}
	if !l.claim(row.Entry) {
		return false
	}
	f := l.finding(p, s)
	l.moved(&f, &row)
	f.Content = row.Content
	if s.Kind == tree.Link {
		f.Target = l.disk.at(p.path).target
		f.Content = recipe.LinkID(f.Target)
	}
	l.found(f)
	if s.Kind == tree.Dir {
		for _, twin := range p.was {
			l.claim(twin.Entry)
		}
		l.enter(directory{path: p.path, ids: entriesOf(p.was), shallow: p.named})
	}
	return true
}

// enterFor has a directory walked because of one name in it, together with others.
func (l *look) enterFor(d directory, key string) {
	i := slices.IndexFunc(l.todo, func(o directory) bool { return o.path == d.path && o.only != nil })
	if i < 0 {
		d.only = map[string]bool{}
		i = len(l.todo)
		l.enter(d)
	}
	l.todo[i].only[key] = true
}

// recorded is the name under which the index knows a name of a directory, if it does.
func (l *look) recorded(ids []ident.EntryID, name string) string {
	key, found := l.disk.rules.Key(name), name
	for _, row := range l.list(ids) {
		if row.Name == name {
			return name
		}
		if l.disk.rules.Key(row.Name) == key {
			found = row.Name
		}
	}
	return found
}

// knownDirectory returns what the index knows a directory by, when the disk agrees.
func (l *look) knownDirectory(path string, ids []ident.EntryID, name string) ([]ident.EntryID, bool) {
	rows := byName(l.list(ids))[name]
	f := l.disk.at(path)
	if f == nil {
		return nil, false
	}
	here, _ := standing(rows, f.stat())
	return entriesOf(here), len(here) > 0
}
