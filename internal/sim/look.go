package sim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// look models one look of sync/scan: the same questions to disk and index in the same
// order, and the same findings. It goes in small steps between which the disk may change.
type look struct {
	disk *disk
	rows *rows // committed
	full bool
	// found hears findings, recipes those contents whose recipe is known from now on.
	found   func(tree.Finding)
	recipes func(*content)
	// reads and hasRead hear what is being read, and whether that was one state of the file;
	// readTime says how long it takes.
	reads    func(path string, c *content)
	hasRead  func(path string, c *content, whole bool)
	readTime func(*content) time.Duration

	todo     []directory // walked last first
	files    []hashing
	reading  *read
	seen     map[string]bool
	claimed  map[ident.EntryID]bool
	thinned  []directory
	gone     []gone
	doubtful []doubt
	fresh    bool
	vanished bool

	again, racy []string
}

type directory struct {
	path    string
	ids     []ident.EntryID
	shallow bool
	only    map[string]bool // when set, keys of the only names looked at
}

type spot struct {
	path    string
	rows    []tree.Base
	was     []tree.Base // of what somebody renamed to what the volume takes for the same
	shallow bool
	named   bool // the look is at this name alone: what is in it is compared, no deeper
}

type hashing struct {
	path      string
	row, from *tree.Base
}

type read struct {
	hashing
	file    *file
	content *content
	stat    tree.Stat
	changed int64
	began   int64
}

type gone struct {
	path     string
	row      tree.Base
	replaced bool
}

type doubt struct {
	spot
	stat tree.Stat
}

func (d *disk) newLook(known *rows, paths []string) *look {
	l := &look{
		disk: d, rows: known, full: paths == nil,
		seen: map[string]bool{}, claimed: map[ident.EntryID]bool{},
	}
	if l.full {
		l.fresh = len(known.listing[ident.Root]) == 0
		l.enter(directory{ids: []ident.EntryID{ident.Root}})
		return l
	}
	return l
}

// start looks at single names. It is not part of newLook because it finds things.
func (l *look) start(paths []string) {
	paths = slices.Clone(paths)
	slices.Sort(paths)
	for _, p := range slices.Compact(paths) {
		l.name(p)
	}
}

func (l *look) enter(d directory) { l.todo = append(l.todo, d) }

// step does one small part of the look and tells how long that took. False: it is over.
func (l *look) step() (time.Duration, bool) {
	switch {
	case l.reading != nil:
		l.endRead()
		return 0, true
	case len(l.files) > 0:
		return l.beginRead(), true
	case len(l.todo) > 0:
		d := l.todo[len(l.todo)-1]
		l.todo = l.todo[:len(l.todo)-1]
		l.visit(d)
		return 50 * time.Microsecond, true
	case len(l.doubtful) > 0:
		l.decideDoubtful()
		return 0, true
	case !l.vanished:
		l.vanished = true
		l.vanish()
		return 0, true
	}
	return 0, false
}

func (l *look) finding(p spot, s tree.Stat) tree.Finding {
	f := tree.Finding{Path: p.path, Stat: s}
	if len(p.rows) > 0 {
		f.Known, f.Rev = p.rows[0].Entry, p.rows[0].Rev
	}
	return f
}

// moved notes in a finding that it is about what the index knows elsewhere.
func (l *look) moved(f *tree.Finding, row *tree.Base) {
	f.Known, f.Rev, f.Moved = row.Entry, row.Rev, true
	f.From, _ = l.rows.pathOf(row.Entry)
}

// list returns what the index knows in a directory, which twins may share.
func (l *look) list(ids []ident.EntryID) []tree.Base {
	var all []tree.Base
	for _, id := range ids {
		for _, n := range l.rows.listing[id] {
			all = append(all, *l.rows.bases[n.id])
		}
	}
	slices.SortFunc(all, func(a, b tree.Base) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), compareIDs(a.Entry, b.Entry))
	})
	return all
}

func (l *look) visit(d directory) {
	dir := l.disk.at(d.path)
	if dir == nil || dir.kind != tree.Dir {
		l.againBelow(d)
		return
	}
	rows := l.list(d.ids)
	at, met := byName(rows), map[string]bool{}
	for _, n := range l.spot(dir, rows, d.only) {
		met[n.Name], met[n.Was] = true, true
		p := spot{path: join(d.path, n.Name), rows: at[n.Name], shallow: d.shallow, named: d.only != nil}
		if n.Was != "" {
			p.was = at[n.Was]
		}
		if !l.seen[p.path] {
			l.judge(p, dir.children.at(n.Shown))
		}
	}
	for _, row := range rows {
		if !met[row.Name] && l.concerns(d.only, row.Name) {
			l.thinned = append(l.thinned, d)
			return
		}
	}
}

// againBelow has a directory that is gone looked at again, with the known ones below it if
// it was to be walked.
func (l *look) againBelow(d directory) {
	l.again = append(l.again, d.path)
	if d.shallow {
		return
	}
	for rows := l.list(d.ids); len(rows) > 0; {
		n := 1
		for n < len(rows) && rows[n].Name == rows[0].Name {
			n++
		}
		if rows[0].Stat.Kind == tree.Dir {
			l.againBelow(directory{path: join(d.path, rows[0].Name), ids: entriesOf(rows[:n])})
		}
		rows = rows[n:]
	}
}

func (l *look) judge(p spot, f *file) {
	s := f.stat()
	if len(p.was) > 0 {
		if l.judgeRenamed(p, s) {
			return
		}
		l.gone = append(l.gone, gone{path: join(parentPath(p.path), p.was[0].Name), row: p.was[0], replaced: true})
	}
	switch {
	case s.Kind == tree.Dir:
		l.judgeDirectory(p, s)
	case len(p.rows) > 0 && p.rows[0].Stat.Kind != s.Kind:
		l.doubtful = append(l.doubtful, doubt{p, s})
	case s.Kind == tree.File:
		l.judgeFile(p, s)
	case s.Kind == tree.Link:
		l.judgeLink(p, f)
	}
}

func (l *look) judgeFile(p spot, s tree.Stat) {
	if len(p.rows) > 0 {
		row := p.rows[0]
		if row.Racy || !row.Stat.SameContent(s) {
			l.files = append(l.files, hashing{path: p.path, row: &row})
		} else if row.Stat.Mode != s.Mode {
			f := l.finding(p, s)
			f.Content = row.Content
			l.found(f)
		}
		return
	}
	row, vanished := l.origin(s)
	switch {
	case row == nil:
		l.files = append(l.files, hashing{path: p.path})
	case vanished && (row.Racy || !row.Stat.SameContent(s)):
		l.files = append(l.files, hashing{path: p.path, from: row})
	case row.Racy:
		l.files = append(l.files, hashing{path: p.path})
	default:
		f := l.finding(p, s)
		f.Content = row.Content
		if vanished && l.claim(row.Entry) {
			l.moved(&f, row)
		}
		l.found(f)
	}
}

func (l *look) judgeLink(p spot, file *file) {
	s := file.stat()
	if len(p.rows) > 0 && p.rows[0].Stat.SameContent(s) && !p.rows[0].Racy {
		return
	}
	f := l.finding(p, s)
	f.Target, f.Content = file.target, recipe.LinkID(file.target)
	if len(p.rows) == 0 {
		row, vanished := l.origin(s)
		if row != nil && vanished && row.Content == f.Content && l.claim(row.Entry) {
			l.moved(&f, row)
		}
	}
	l.found(f)
}

func (l *look) judgeDirectory(p spot, s tree.Stat) {
	if here, others := standing(p.rows, s); len(here) > 0 {
		l.lost(gone{path: p.path, replaced: true}, others)
		p.rows = here
		if p.rows[0].Stat.Mode != s.Mode {
			l.found(l.finding(p, s))
		}
		if !p.shallow {
			l.enter(directory{path: p.path, ids: entriesOf(p.rows), shallow: p.named})
		}
		return
	}
	came := l.arrived(s)
	switch {
	case len(came) > 0:
		f := l.finding(p, s)
		l.moved(&f, &came[0])
		l.found(f)
		l.enter(directory{path: p.path, ids: entriesOf(came)})
		l.lost(gone{path: p.path, replaced: true}, p.rows)
	case len(p.rows) > 0:
		l.doubtful = append(l.doubtful, doubt{p, s})
	default:
		l.found(l.finding(p, s))
		l.enter(directory{path: p.path})
	}
}

// lost notes of each file or directory that the index knows under a name that it is gone.
func (l *look) lost(g gone, rows []tree.Base) {
	for i, row := range rows {
		if i == 0 || row.Stat.File != rows[i-1].Stat.File {
			g.row = row
			l.gone = append(l.gone, g)
		}
	}
}

// standing parts the rows of a name into those of the directory that is there, and others.
func standing(rows []tree.Base, s tree.Stat) (here, others []tree.Base) {
	for _, row := range rows {
		if row.Stat.Kind == tree.Dir && row.Stat.SameContent(s) {
			here = append(here, row)
		} else {
			others = append(others, row)
		}
	}
	return here, others
}

func entriesOf(rows []tree.Base) []ident.EntryID {
	ids := make([]ident.EntryID, len(rows))
	for i, row := range rows {
		ids[i] = row.Entry
	}
	return ids
}

// beginRead reads a file; whether that was one state of it shows at the end.
func (l *look) beginRead() time.Duration {
	h := l.files[0]
	l.files = l.files[1:]
	f := l.disk.at(h.path)
	if f == nil || f.kind != tree.File {
		l.again = append(l.again, h.path)
		return 0
	}
	l.reading = &read{
		hashing: h, file: f, content: f.content, stat: f.stat(), changed: f.changed,
		began: l.disk.wall(),
	}
	if h.row == nil || h.row.Content != f.content.id {
		l.reads(h.path, f.content)
	}
	return 100*time.Microsecond + l.readTime(f.content)
}

func (l *look) endRead() {
	r := l.reading
	l.reading = nil
	named, there := l.disk.look(r.path)
	if !there || !named.SameContent(r.stat) || r.file.changed != r.changed ||
		!r.file.stat().SameContent(r.stat) {
		l.hasRead(r.path, r.content, false)
		l.again = append(l.again, r.path)
		return
	}
	l.hasRead(r.path, r.content, true)
	p := spot{path: r.path}
	if r.row != nil {
		p.rows = []tree.Base{*r.row}
	}
	f := l.finding(p, named)
	f.Content = r.content.id
	f.Racy = isRacy(r.row, f, r.began)
	if r.from != nil && l.claim(r.from.Entry) {
		l.moved(&f, r.from)
	}
	if f.Racy {
		l.racy = append(l.racy, r.path)
	}
	if row := r.row; row != nil && row.Content == f.Content && row.Racy == f.Racy && row.Stat == named {
		return
	}
	l.recipes(r.content)
	l.found(f)
}

func isRacy(row *tree.Base, f tree.Finding, now int64) bool {
	const racyTime = 2 * time.Second
	age := time.Duration(now - f.Stat.Mtime)
	if age >= racyTime {
		return false
	}
	settled := row != nil && row.Racy && row.Content == f.Content && row.Stat.SameContent(f.Stat)
	return age > -racyTime || !settled
}

func (l *look) claim(id ident.EntryID) bool {
	if l.claimed[id] {
		return false
	}
	l.claimed[id] = true
	return true
}

// basesOf returns the rows of a file identity, by entry.
func (l *look) basesOf(id tree.FileID) []tree.Base {
	var out []tree.Base
	for _, e := range l.rows.byFile[id] {
		out = append(out, *l.rows.bases[e])
	}
	return out
}

func (l *look) origin(s tree.Stat) (row *tree.Base, vanished bool) {
	if l.fresh {
		return nil, false
	}
	rows := l.basesOf(s.File)
	for i := range rows {
		same := rows[i].Stat.SameContent(s)
		if !same && (rows[i].Stat.Kind != tree.File || s.Kind != tree.File) {
			continue
		}
		if row == nil && same {
			row = &rows[i]
		}
		if l.claimed[rows[i].Entry] {
			continue
		}
		if now, missing := l.lookUp(rows[i].Entry); missing || now.Kind != 0 && now.Kind != s.Kind {
			return &rows[i], true
		}
	}
	return row, false
}

// lookUp says what is now where the index knows an entry.
func (l *look) lookUp(id ident.EntryID) (s tree.Stat, missing bool) {
	old, ok := l.rows.pathOf(id)
	if !ok {
		return s, false
	}
	s, there := l.disk.look(old)
	return s, !there
}

func (l *look) arrived(s tree.Stat) []tree.Base {
	if l.fresh {
		return nil
	}
	rows := slices.DeleteFunc(l.basesOf(s.File), func(b tree.Base) bool { return b.Stat.Kind != tree.Dir })
	for _, first := range rows {
		now, missing := l.lookUp(first.Entry)
		elsewhere := missing || now.Kind != 0 && now.File != s.File
		if !elsewhere || !l.claim(first.Entry) {
			continue
		}
		return slices.DeleteFunc(rows, func(b tree.Base) bool {
			return b.Parent != first.Parent || b.Name != first.Name ||
				b.Entry != first.Entry && !l.claim(b.Entry)
		})
	}
	return nil
}

func (l *look) decideDoubtful() {
	doubts := l.doubtful
	l.doubtful = nil
	for _, d := range doubts {
		if !l.claim(d.rows[0].Entry) {
			d.rows = nil
		}
		l.decide(d.spot, d.stat)
	}
}

func (l *look) decide(p spot, s tree.Stat) {
	switch s.Kind {
	case tree.File:
		l.judgeFile(p, s)
	case tree.Link:
		if f := l.disk.at(p.path); f != nil && f.kind == tree.Link {
			l.judgeLink(p, f)
		} else {
			l.again = append(l.again, p.path)
		}
	default:
		l.found(l.finding(p, s))
		next := directory{path: p.path}
		if len(p.rows) > 0 && p.rows[0].Stat.Kind == tree.Dir {
			next.ids = entriesOf(p.rows)
		}
		l.enter(next)
	}
}

// vanish reports the known names that were found nowhere.
func (l *look) vanish() {
	for _, g := range l.gone {
		l.vanishName(g)
	}
	for _, d := range l.thinned {
		dir := l.disk.at(d.path)
		if dir == nil || dir.kind != tree.Dir {
			l.again = append(l.again, d.path)
			continue
		}
		reported, rows, met := tree.Base{}, l.list(d.ids), map[string]bool{}
		for _, n := range l.spot(dir, rows, nil) {
			met[n.Name], met[n.Was] = true, true
		}
		for _, row := range rows {
			name := join(d.path, row.Name)
			again := row.Name == reported.Name && row.Stat.File == reported.Stat.File // a twin
			if again || l.seen[name] || l.claimed[row.Entry] || met[row.Name] ||
				!l.concerns(d.only, row.Name) {
				continue
			}
			reported = row
			l.found(tree.Finding{Path: name, Known: row.Entry, Rev: row.Rev, Gone: true})
		}
	}
}

func (l *look) vanishName(g gone) {
	if l.claimed[g.row.Entry] {
		return
	}
	if _, there := l.disk.look(g.path); there && !g.replaced {
		l.again = append(l.again, g.path)
		return
	}
	l.found(tree.Finding{Path: g.path, Known: g.row.Entry, Rev: g.row.Rev, Gone: true})
}

// name looks at one name, or at the first one on the way to it that disk and index do not
// agree on.
func (l *look) name(name string) {
	if name == "" {
		if !l.seen[""] {
			l.seen[""] = true
			l.enter(directory{ids: []ident.EntryID{ident.Root}, shallow: true})
		}
		return
	}
	if top, _, _ := strings.Cut(name, "/"); tree.Reserved(ident.Root, top) {
		return
	}
	ids, here := []ident.EntryID{ident.Root}, ""
	for {
		part, rest, more := strings.Cut(name, "/")
		if !l.disk.rules.Exact() {
			key := l.disk.rules.Key(part)
			part = l.recorded(ids, part)
			if below, known := l.knownDirectory(join(here, part), ids, part); more && known {
				ids, here, name = below, join(here, part), rest
				continue
			}
			l.enterFor(directory{path: here, ids: ids}, key)
			return
		}
		here = join(here, part)
		p := spot{path: here, shallow: true}
		for _, id := range ids {
			p.rows = append(p.rows, l.rows.baseAt(id, part)...)
		}
		slices.SortFunc(p.rows, func(a, b tree.Base) int { return compareIDs(a.Entry, b.Entry) })
		f := l.disk.at(here)
		var known []tree.Base
		if f != nil {
			known, _ = standing(p.rows, f.stat())
		}
		if !more || len(known) == 0 {
			l.judgeMet(p, f, known)
			return
		}
		ids, name = entriesOf(known), rest
	}
}

func (l *look) judgeMet(p spot, f *file, known []tree.Base) {
	if l.seen[p.path] {
		return
	}
	l.seen[p.path] = true
	if f == nil {
		l.lost(gone{path: p.path}, p.rows)
		return
	}
	if len(known) > 0 {
		l.enter(directory{path: p.path, ids: entriesOf(known), shallow: true})
	}
	l.judge(p, f)
}
