package scan

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// names looks at names one by one; the directories among them are walked afterwards.
func (r *run) names(paths []string) error {
	paths = slices.Clone(paths)
	slices.Sort(paths)
	f := finder{run: r, met: make(map[string]meeting)}
	for _, p := range slices.Compact(paths) {
		if r.ctx.Err() != nil {
			return nil
		}
		if err := f.name(p); err != nil {
			return err
		}
	}
	for _, d := range f.wanted {
		f.enter(d)
	}
	return nil
}

// finder resolves names through directories that are both on disk and in the index.
type finder struct {
	*run
	met map[string]meeting
	// wanted are directories that are walked for some names only, by path.
	wanted map[string]directory
}

// meeting is a name with what disk and index say of it.
type meeting struct {
	place
	stat   tree.Stat
	failed error           // the disk could not be looked at
	ids    []ident.EntryID // set for a directory known to both
}

// name looks at one name, or where the way to it ends, at the first name on the way that
// disk and index do not agree on: that name's directory will be walked whole, or is gone
// with all that was in it.
func (f *finder) name(name string) error {
	if name == "" {
		if !f.seen[""] {
			f.seen[""] = true
			f.enter(directory{ids: []ident.EntryID{ident.Root}, shallow: true})
		}
		return nil
	}
	top, _, _ := strings.Cut(name, "/")
	if tree.Reserved(ident.Root, top) || path.Clean("/"+name) != "/"+name {
		return nil // nothing that could be an entry
	}
	if !f.options.Volume.Exact() {
		return f.spotted(name)
	}
	ids, here := []ident.EntryID{ident.Root}, ""
	for {
		step, rest, more := strings.Cut(name, "/")
		here = path.Join(here, step)
		m, err := f.meet(here, ids)
		if err != nil {
			return err
		}
		if !more || m.ids == nil {
			return f.judgeMet(m)
		}
		ids, name = m.ids, rest
	}
}

// meet asks disk and index about a name in a directory known by the given ids.
func (f *finder) meet(here string, ids []ident.EntryID) (meeting, error) {
	if m, ok := f.met[here]; ok {
		return m, nil
	}
	m := meeting{place: place{path: here, shallow: true}}
	for _, id := range ids {
		rows, err := f.options.Known.At(id, path.Base(here))
		if err != nil {
			return m, err
		}
		m.rows = append(m.rows, rows...)
	}
	sortRows(m.rows)
	m.stat, m.failed = f.top.look(here)
	if m.failed == nil {
		if standing, _ := standing(m.rows, m.stat); len(standing) > 0 {
			m.ids = entries(standing)
		}
	}
	f.met[here] = m
	return m, nil
}

// judgeMet decides what to do about a name, once.
func (f *finder) judgeMet(m meeting) error {
	if f.seen[m.path] {
		return nil
	}
	f.seen[m.path] = true
	if errors.Is(m.failed, fs.ErrNotExist) || isNoDirectory(m.failed) {
		if len(m.rows) > 0 && !f.ignored(m.path, m.rows[0].Stat.Kind == tree.Dir) {
			f.lost(gone{path: m.path}, m.rows)
		}
		return nil
	}
	if m.ids != nil {
		f.enter(directory{path: m.path, ids: m.ids, shallow: true})
	}
	return f.judge(m.place, m.stat, m.failed)
}
