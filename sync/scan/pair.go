package scan

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// origin finds the row of a file or link that is new by name but known by identity; nil
// when there is none. Vanished tells that nothing of the kind has the row's name any more,
// so that this can only be a move. A file with several names is never moved: which of its
// names would have gone where is anybody's guess. What has changed as well is found only
// if it is sure to be the same file and has moved.
func (r *run) origin(s tree.Stat) (row *tree.Base, vanished bool, err error) {
	if r.fresh || s.File.IsZero() {
		return nil, false, nil
	}
	rows, err := r.options.Known.ByFile(s.File)
	if err != nil {
		return nil, false, err
	}
	for i := range rows {
		same := rows[i].Stat.SameContent(s)
		if !same && (rows[i].Stat.Kind != tree.File || s.Kind != tree.File || !surelyOne(s)) {
			continue
		}
		if row == nil && same {
			row = &rows[i]
		}
		if s.Links > 1 || r.isClaimed(rows[i].Entry) {
			continue
		}
		now, missing, err := r.lookUp(rows[i].Entry)
		if err != nil {
			return nil, false, err
		}
		if missing || now.Kind != 0 && now.Kind != s.Kind {
			return &rows[i], true, nil
		}
	}
	return row, false, nil
}

// surelyOne reports whether a file that is known by identity is the known one, whatever it
// holds now: the number of a deleted file is given out again, but not with its birth time.
func surelyOne(s tree.Stat) bool { return s.File.Birth != 0 }

// lookUp says what is now where the index knows an entry. Missing is told only when it is
// certain that nothing is there.
func (r *run) lookUp(entry ident.EntryID) (s tree.Stat, missing bool, err error) {
	old, ok, err := r.options.Known.Path(entry)
	if err != nil || !ok {
		return s, false, err
	}
	s, failed := r.top.look(old)
	return s, errors.Is(failed, fs.ErrNotExist) || isNoDirectory(failed), nil
}

// arrived finds the rows of a directory that is known by identity and no longer where it
// was, and claims them. Twins come together.
func (r *run) arrived(s tree.Stat) ([]tree.Base, error) {
	if r.fresh || s.File.IsZero() {
		return nil, nil
	}
	rows, err := r.options.Known.ByFile(s.File)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(b tree.Base) bool { return b.Stat.Kind != tree.Dir })
	for _, first := range rows {
		now, missing, err := r.lookUp(first.Entry)
		if err != nil {
			return nil, err
		}
		elsewhere := missing || now.Kind != 0 && now.File != s.File
		if !elsewhere || !r.claim(first.Entry) {
			continue
		}
		twins := slices.DeleteFunc(rows, func(b tree.Base) bool {
			return b.Parent != first.Parent || b.Name != first.Name ||
				b.Entry != first.Entry && !r.claim(b.Entry)
		})
		return twins, nil
	}
	return nil, nil
}

// doubt is a known name that has something else now: another directory, which the index
// does not know, or another kind. If the old one has been moved, this one is new. If not,
// a directory was made anew, as restoring a backup does, and is the same entry.
type doubt struct {
	place
	stat tree.Stat
}

func (r *run) doubt(p place, s tree.Stat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubtful = append(r.doubtful, doubt{p, s})
}

// decideDoubtful decides what the walk so far left open, and reports whether there was
// anything.
func (r *run) decideDoubtful() bool {
	r.mu.Lock()
	doubts := r.doubtful
	r.doubtful = nil
	r.mu.Unlock()
	for _, d := range doubts {
		// What stays here cannot turn up elsewhere later in the walk.
		if !r.claim(d.rows[0].Entry) {
			d.rows = nil
		}
		if err := r.decide(d.place, d.stat); err != nil {
			r.fail(err)
		}
	}
	return len(doubts) > 0
}

func (r *run) decide(p place, s tree.Stat) error {
	switch s.Kind {
	case tree.File:
		return r.judgeFile(p, s)
	case tree.Link:
		return r.judgeLink(p, s)
	}
	r.batch.add(p.finding(s))
	d := directory{path: p.path}
	if len(p.rows) > 0 && p.rows[0].Stat.Kind == tree.Dir {
		d.ids = entries(p.rows)
	}
	r.enter(d)
	return nil
}

// vanish reports the known names that were found nowhere. Everything has been seen now.
func (r *run) vanish() {
	r.pairing.Wait()
	if r.ctx.Err() != nil || len(r.thinned)+len(r.gone) == 0 {
		return
	}
	// A disk that was unmounted during the walk looks like a folder emptied by hand.
	if r.options.Check != nil {
		if err := r.options.Check(); err != nil {
			r.fail(err)
			return
		}
	}
	for _, g := range r.gone {
		r.vanishName(g)
	}
	buffer := make([]byte, 32<<10)
	for _, d := range r.thinned {
		if err := r.vanishFrom(d, buffer); err != nil {
			r.fail(err)
			return
		}
	}
}

// vanishName reports one name, if it is still missing.
func (r *run) vanishName(g gone) {
	if r.isClaimed(g.row.Entry) {
		return
	}
	if !g.replaced {
		_, err := r.top.look(g.path)
		if !errors.Is(err, fs.ErrNotExist) && !isNoDirectory(err) {
			r.again(g.path)
			return
		}
	}
	r.batch.add(tree.Finding{Path: g.path, Known: g.row.Entry, Rev: g.row.Rev, Gone: true})
}

// vanishFrom lists a directory once more and reports what the index knows in it beyond
// that. Keeping the names since the walk would take memory for every deleted file.
func (r *run) vanishFrom(d directory, buffer []byte) error {
	if r.ctx.Err() != nil {
		return nil
	}
	names, l, err := r.list(d, buffer)
	if err != nil {
		r.again(d.path)
		return nil
	}
	l.close() // opened for reading, so closing has nothing to say
	rows, err := r.rows(d.ids)
	if err != nil {
		return err
	}
	var reported tree.Base
	missing := r.missing(d, names, rows)
	for _, row := range rows {
		name := path.Join(d.path, row.Name)
		again := row.Name == reported.Name && row.Stat.File == reported.Stat.File // a twin
		if again || r.seen[name] || r.isClaimed(row.Entry) {
			continue
		}
		if !missing(row.Name) {
			continue
		}
		if r.ignored(name, row.Stat.Kind == tree.Dir) {
			continue
		}
		reported = row
		r.batch.add(tree.Finding{Path: name, Known: row.Entry, Rev: row.Rev, Gone: true})
	}
	return nil
}
