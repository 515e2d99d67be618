package scan

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Some volumes take several names for one, and show others than they were given. There a
// name can only be met in a listing of its directory: a look at "A.txt" also shows the
// file that is called "a.txt". What is found is told of under the name that the index
// knows it by, or is to know it by from now on (names.Spot).

// visitSpotted is visit for such volumes.
func (r *run) visitSpotted(d directory, shown []string, l listing) error {
	rows, err := r.rows(d.ids)
	if err != nil {
		return err
	}
	met := map[string]bool{}
	for _, n := range r.spot(d, shown, rows) {
		met[n.Name], met[n.Was] = true, true
		p := place{
			path: path.Join(d.path, n.Name), rows: named(rows, n.Name),
			shallow: d.shallow, once: d.only != nil,
		}
		if n.Was != "" {
			p.was = named(rows, n.Was)
		}
		if r.seen[p.path] || d.path == "" && tree.Reserved(ident.Root, n.Shown) {
			continue
		}
		s, err := l.look(n.Shown)
		if errors.Is(err, fs.ErrNotExist) {
			r.again(p.path)
			continue
		}
		if err := r.judgeSpotted(p, s, err); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if !met[row.Name] && r.concerns(d, row.Name) {
			r.mu.Lock()
			r.thinned = append(r.thinned, d)
			r.mu.Unlock()
			return nil
		}
	}
	return nil
}

// spot tells what the names that a directory shows stand for.
func (r *run) spot(d directory, shown []string, rows []tree.Base) []names.Spotted {
	recorded := make([]string, 0, len(rows))
	for _, row := range rows {
		if n := len(recorded); n == 0 || recorded[n-1] != row.Name {
			recorded = append(recorded, row.Name)
		}
	}
	return slices.DeleteFunc(r.options.Volume.Spot(shown, recorded), func(n names.Spotted) bool {
		return !r.concerns(d, n.Shown)
	})
}

// concerns reports whether a name in a directory is to be looked at.
func (r *run) concerns(d directory, name string) bool {
	return d.only == nil || d.only[r.options.Volume.Key(name)]
}

// missing reports, of a directory listed once more, whether nothing stands for a name.
func (r *run) missing(d directory, shown []string, rows []tree.Base) func(name string) bool {
	if r.options.Volume.Exact() {
		return func(name string) bool {
			_, there := slices.BinarySearch(shown, name)
			return !there
		}
	}
	met := map[string]bool{}
	for _, n := range r.spot(d, shown, rows) {
		met[n.Name], met[n.Was] = true, true
	}
	return func(name string) bool { return !met[name] && r.concerns(d, name) }
}

// named returns the rows of a name among rows that are ordered by name.
func named(rows []tree.Base, name string) []tree.Base {
	from, found := slices.BinarySearchFunc(rows, name, func(row tree.Base, name string) int {
		return strings.Compare(row.Name, name)
	})
	if !found {
		return nil
	}
	to := from
	for to < len(rows) && rows[to].Name == name {
		to++
	}
	return rows[from:to:to]
}

// judgeSpotted is judge, for what may have been renamed to what the volume takes for the
// same: then it is no new thing, and the old name is not gone.
func (r *run) judgeSpotted(p place, s tree.Stat, failed error) error {
	if len(p.was) == 0 || failed != nil || r.ignored(p.path, s.Kind == tree.Dir) {
		return r.judge(p, s, failed)
	}
	row := p.was[0]
	if row.Stat.Kind != s.Kind {
		r.mu.Lock()
		r.gone = append(r.gone, gone{path: path.Join(path.Dir(p.path), row.Name), row: row, replaced: true})
		r.mu.Unlock()
		return r.judge(p, s, nil)
	}
	if s.Kind == tree.File && (row.Racy || !row.Stat.SameContent(s)) {
		alone := row // a file that waits must not keep the rows of its directory
		r.hash(file{path: p.path, from: &alone, renamed: true})
		return nil
	}
	if !r.claim(row.Entry) {
		return r.judge(p, s, nil) // that was met under another name already: this is a new thing
	}
	f := p.finding(s)
	f.Content = row.Content
	if err := r.moved(&f, &row); err != nil {
		return err
	}
	if s.Kind == tree.Link {
		return r.renamedLink(p, f)
	}
	r.batch.add(f)
	if s.Kind == tree.Dir {
		for _, twin := range p.was[1:] {
			r.claim(twin.Entry)
		}
		r.enter(directory{path: p.path, ids: entries(p.was), shallow: p.once})
	}
	return nil
}

// enterFor has a directory walked because of one name in it, together with others.
func (f *finder) enterFor(d directory, key string) {
	if f.wanted == nil {
		f.wanted = map[string]directory{}
	}
	if _, known := f.wanted[d.path]; !known {
		d.only = map[string]bool{}
		f.wanted[d.path] = d
	}
	f.wanted[d.path].only[key] = true
}

// spotted is name for volumes that take several names for one: it finds the nearest
// directory on the way to a name that disk and index agree on.
func (f *finder) spotted(name string) error {
	d := directory{ids: []ident.EntryID{ident.Root}}
	for {
		part, rest, more := strings.Cut(name, "/")
		key := f.options.Volume.Key(part)
		if !more {
			f.enterFor(d, key)
			return nil
		}
		rows, err := f.recordedLike(d.ids, part, key)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			f.enterFor(d, key)
			return nil
		}
		below := path.Join(d.path, rows[0].Name)
		s, err := f.top.look(below)
		here, _ := standing(rows, s)
		if err != nil || len(here) == 0 {
			f.enterFor(d, key)
			return nil
		}
		d, name = directory{path: below, ids: entries(here)}, rest
	}
}

// recordedLike returns the rows of a name, or of one that the volume takes for the same.
func (f *finder) recordedLike(ids []ident.EntryID, name, key string) ([]tree.Base, error) {
	var rows []tree.Base
	for _, id := range ids {
		at, err := f.options.Known.At(id, name)
		if err != nil {
			return nil, err
		}
		rows = append(rows, at...)
	}
	if sortRows(rows); len(rows) > 0 {
		return rows, nil
	}
	all, err := f.rows(ids)
	if err != nil {
		return nil, err
	}
	for _, row := range all {
		if f.options.Volume.Key(row.Name) == key {
			return named(all, row.Name), nil
		}
	}
	return nil, nil
}
