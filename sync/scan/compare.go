package scan

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// place is a name on disk with the rows the index has for it, most often one or none.
// Twins share a name; what is found is reported against the first of them.
type place struct {
	path    string
	rows    []tree.Base
	traits  tree.Traits
	was     []tree.Base // rows of what was renamed to what the volume takes for the same
	shallow bool        // do not enter a known directory of that name
	once    bool        // enter it, but not the known directories in it
}

// finding begins a finding about the place.
func (p place) finding(s tree.Stat) tree.Finding {
	f := tree.Finding{Path: p.path, Stat: s, Traits: p.traits}
	if len(p.rows) > 0 {
		f.Known, f.Rev = p.rows[0].Entry, p.rows[0].Rev
	}
	return f
}

// visit compares one directory with the index. It returns an error only when the look
// cannot go on; what cannot be read becomes a problem of the name.
func (r *run) visit(d directory, buffer []byte) error {
	if r.ctx.Err() != nil {
		return nil
	}
	names, l, err := r.list(d, buffer)
	if err != nil {
		return r.unlisted(d, err)
	}
	defer l.close() // opened for reading, so closing has nothing to say
	if !r.options.Volume.Exact() {
		return r.visitSpotted(d, names, l)
	}
	rows, err := r.rows(d.ids)
	if err != nil {
		return err
	}
	missing := false
	for _, name := range names {
		for len(rows) > 0 && rows[0].Name < name {
			rows, missing = rows[1:], true
		}
		n := 0
		for n < len(rows) && rows[n].Name == name {
			n++
		}
		p := place{path: path.Join(d.path, name), rows: rows[:n:n]}
		rows = rows[n:]
		if r.seen[p.path] || d.path == "" && tree.Reserved(ident.Root, name) {
			continue
		}
		p.shallow = d.shallow
		s, err := l.look(name)
		if errors.Is(err, fs.ErrNotExist) {
			missing = missing || n > 0
			continue
		}
		if err := r.judge(p, s, err); err != nil {
			return err
		}
	}
	if missing || len(rows) > 0 {
		r.mu.Lock()
		r.thinned = append(r.thinned, d)
		r.mu.Unlock()
	}
	return nil
}

// list opens a directory and returns its names in the order of the index.
func (r *run) list(d directory, buffer []byte) ([]string, listing, error) {
	l, err := r.top.list(d.path)
	if err != nil {
		return nil, l, err
	}
	names, err := l.names(buffer)
	if err != nil {
		return nil, l, errors.Join(err, l.close())
	}
	slices.Sort(names)
	return names, l, nil
}

// unlisted deals with a directory that could not be read. What the index knows below it
// stays as it is.
func (r *run) unlisted(d directory, err error) error {
	if d.path == "" {
		return fmt.Errorf("list the folder: %w", err)
	}
	if errors.Is(err, fs.ErrNotExist) || isNoDirectory(err) {
		return r.againBelow(d)
	}
	p := tree.Finding{Path: d.path, Problem: unreadable(err)}
	if len(d.ids) > 0 {
		p.Known = d.ids[0]
	}
	r.batch.add(p)
	return nil
}

// againBelow notes that a directory which has gone while others were walked is to be looked
// at again, and of one that was to be walked all known directories in it: the look at a name
// goes no deeper than what is in it.
func (r *run) againBelow(d directory) error {
	r.again(d.path)
	if d.shallow || len(d.ids) == 0 {
		return nil
	}
	rows, err := r.rows(d.ids)
	for len(rows) > 0 && err == nil && !r.fullOfNames() {
		n := 1
		for n < len(rows) && rows[n].Name == rows[0].Name {
			n++
		}
		if rows[0].Stat.Kind == tree.Dir {
			err = r.againBelow(directory{path: path.Join(d.path, rows[0].Name), ids: entries(rows[:n])})
		}
		rows = rows[n:]
	}
	return err
}

// rows returns what the index knows in a directory, which twins may share.
func (r *run) rows(ids []ident.EntryID) ([]tree.Base, error) {
	if len(ids) == 1 {
		return r.options.Known.List(ids[0])
	}
	var all []tree.Base
	for _, id := range ids {
		rows, err := r.options.Known.List(id)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	sortRows(all)
	return all, nil
}

func sortRows(rows []tree.Base) {
	slices.SortFunc(rows, func(a, b tree.Base) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.Entry[:], b.Entry[:]))
	})
}

// judge decides what to do about a place that a look at the disk showed as s, or could
// not show because of failed.
func (r *run) judge(p place, s tree.Stat, failed error) error {
	if r.ignored(p.path, s.Kind == tree.Dir) {
		return nil
	}
	if failed != nil {
		return r.problem(p, unreadable(failed))
	}
	if err := tree.CheckName(path.Base(p.path)); err != nil {
		return r.problem(p, "its name cannot be kept in step: "+err.Error())
	}
	if s.Kind == tree.Dir || s.Kind == tree.File {
		p.traits = r.addTraits(p.path, &s)
	}
	switch {
	case s.Kind == tree.Dir:
		return r.judgeDirectory(p, s)
	case s.Kind != tree.File && s.Kind != tree.Link:
		return r.problem(p, "it is not a file, directory or link, and is left out")
	case len(p.rows) > 0 && p.rows[0].Stat.Kind != s.Kind:
		r.doubt(p, s)
		return nil
	case s.Kind == tree.File:
		return r.judgeFile(p, s)
	}
	return r.judgeLink(p, s)
}

// addTraits looks at the traits of a file or directory, where that is asked for.
func (r *run) addTraits(path string, s *tree.Stat) tree.Traits {
	if r.options.Traits == nil {
		return ""
	}
	found := r.options.Traits(path)
	if s.Traits = 0; found != "" {
		s.Traits = found.Mark()
	}
	return found
}

// otherAttributes reports whether a look shows other permissions or traits than are known,
// or traits where none are known: others may have said what they are to be.
func otherAttributes(known, s tree.Stat) bool {
	return known.Mode != s.Mode || s.Traits != 0 && known.Traits != s.Traits
}

// moved notes in a finding that it is about what the index knows elsewhere.
func (r *run) moved(f *tree.Finding, row *tree.Base) (err error) {
	f.Known, f.Rev, f.Moved = row.Entry, row.Rev, true
	f.From, _, err = r.options.Known.Path(row.Entry)
	return err
}

func (r *run) ignored(path string, dir bool) bool {
	return r.options.Ignored != nil && r.options.Ignored(path, dir)
}

// problem reports that a name cannot be read.
func (r *run) problem(p place, text string) error {
	f := p.finding(tree.Stat{})
	f.Problem = text
	r.batch.add(f)
	return nil
}

// unreadable puts an error of the system into words.
func unreadable(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "it cannot be read: permission denied; allow your user to read it"
	}
	return fmt.Sprintf("it cannot be read: %v", err)
}

func (r *run) own(p place, s tree.Stat) bool {
	return r.options.Own != nil && r.options.Own(p.path, s)
}

func (r *run) judgeFile(p place, s tree.Stat) error {
	if len(p.rows) == 0 {
		if r.own(p, s) {
			return nil
		}
		return r.judgeNewFile(p, s)
	}
	row := &p.rows[0]
	if !row.Racy && !row.Stat.SameContent(s) && r.own(p, s) {
		return nil
	}
	if row.Racy || !row.Stat.SameContent(s) {
		alone := *row // a file that waits must not keep the rows of its directory
		r.hash(file{path: p.path, row: &alone})
		return nil
	}
	if otherAttributes(row.Stat, s) {
		f := p.finding(s)
		f.Content = row.Content
		r.batch.add(f)
	}
	return nil
}

func (r *run) judgeNewFile(p place, s tree.Stat) error {
	row, vanished, err := r.origin(s)
	switch {
	case err != nil:
		return err
	case row == nil:
		r.hash(file{path: p.path})
	case vanished && (row.Racy || !row.Stat.SameContent(s)):
		r.hash(file{path: p.path, from: row})
	case row.Racy:
		r.hash(file{path: p.path})
	default:
		// The very file the index knows under another name: its content is known too.
		f := p.finding(s)
		f.Content = row.Content
		if vanished && r.claim(row.Entry) {
			if err := r.moved(&f, row); err != nil {
				return err
			}
		}
		r.batch.add(f)
	}
	return nil
}

// judgeLink reads a link that is new or another than before. Links cannot be changed,
// only replaced, so none that was looked at is racy, only one that an order is believed to
// have made. Their permission bits mean nothing.
func (r *run) judgeLink(p place, s tree.Stat) error {
	if len(p.rows) > 0 && p.rows[0].Stat.SameContent(s) && !p.rows[0].Racy {
		return nil
	}
	s, target, err := r.top.link(p.path)
	if errors.Is(err, fs.ErrNotExist) || isNoDirectory(err) || err == nil && s.Kind != tree.Link {
		r.again(p.path)
		return nil
	}
	if err != nil {
		return r.problem(p, unreadable(err))
	}
	f := p.finding(s)
	f.Target, f.Content = target, recipe.LinkID(target)
	if len(p.rows) == 0 {
		row, vanished, err := r.origin(s)
		if err != nil {
			return err
		}
		if row != nil && vanished && row.Content == f.Content && r.claim(row.Entry) {
			if err := r.moved(&f, row); err != nil {
				return err
			}
		}
	}
	r.batch.add(f)
	return nil
}

// renamedLink reports a link that was renamed to what the volume takes for the same.
func (r *run) renamedLink(p place, f tree.Finding) error {
	s, target, err := r.top.link(p.path)
	if err != nil || s.Kind != tree.Link {
		r.again(p.path)
		return nil
	}
	f.Stat, f.Target, f.Content = s, target, recipe.LinkID(target)
	r.batch.add(f)
	return nil
}

func (r *run) judgeDirectory(p place, s tree.Stat) error {
	here, others := standing(p.rows, s)
	if len(here) > 0 {
		r.displaced(p.path, others)
		p.rows = here
		if otherAttributes(p.rows[0].Stat, s) {
			r.batch.add(p.finding(s))
		}
		if !p.shallow {
			r.enter(directory{path: p.path, ids: entries(p.rows), shallow: p.once})
		}
		return nil
	}
	came, err := r.arrived(s)
	if err != nil {
		return err
	}
	switch {
	case len(came) > 0:
		f := p.finding(s)
		if err := r.moved(&f, &came[0]); err != nil {
			return err
		}
		r.batch.add(f)
		r.enter(directory{path: p.path, ids: entries(came)})
		r.displaced(p.path, p.rows)
	case len(p.rows) > 0:
		r.doubt(p, s)
	default:
		r.batch.add(p.finding(s))
		r.enter(directory{path: p.path})
	}
	return nil
}

// standing parts the rows of a name into those of the directory that a look shows there, and
// the others. While directories change places the index may know two of one name.
func standing(rows []tree.Base, s tree.Stat) (here, others []tree.Base) {
	for _, row := range rows {
		if row.Stat.Kind == tree.Dir && s.Kind == tree.Dir && row.Stat.File == s.File {
			here = append(here, row)
		} else {
			others = append(others, row)
		}
	}
	return here, others
}

// displaced has what the index knows under a name that another directory has reported as
// gone from there, unless it is found elsewhere. Twins, which are one, go together.
func (r *run) displaced(path string, rows []tree.Base) {
	r.lost(gone{path: path, replaced: true}, rows)
}

// lost notes of each file or directory that the index knows under a name that it is gone.
func (r *run) lost(g gone, rows []tree.Base) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, row := range rows {
		if i == 0 || row.Stat.File != rows[i-1].Stat.File {
			g.row = row
			r.gone = append(r.gone, g)
		}
	}
}

func entries(rows []tree.Base) []ident.EntryID {
	ids := make([]ident.EntryID, len(rows))
	for i, row := range rows {
		ids[i] = row.Entry
	}
	return ids
}
