package scan

import (
	"context"
	"encoding/binary"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// book is an index in memory that takes findings in as package folder does.
type book struct {
	t       testing.TB
	mu      sync.Mutex
	rows    map[ident.EntryID]tree.Base
	recipes map[ident.ContentID][]byte
	pending []tree.Finding // not yet taken in
	late    bool           // take findings in only when the look is over
	last    uint64
	rev     uint64
	log     []tree.Finding // of the last look
}

func (b *book) List(dir ident.EntryID) ([]tree.Base, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.where(func(r tree.Base) bool { return r.Parent == dir }), nil
}

func (b *book) At(dir ident.EntryID, name string) ([]tree.Base, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.where(func(r tree.Base) bool { return r.Parent == dir && r.Name == name }), nil
}

func (b *book) ByFile(id tree.FileID) ([]tree.Base, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.where(func(r tree.Base) bool { return r.Stat.File == id }), nil
}

func (b *book) Path(entry ident.EntryID) (string, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.path(entry)
	return p, ok, nil
}

func (b *book) where(match func(tree.Base) bool) []tree.Base {
	var found []tree.Base
	for _, r := range b.rows {
		if match(r) {
			found = append(found, r)
		}
	}
	sortRows(found)
	return found
}

func (b *book) path(entry ident.EntryID) (string, bool) {
	if entry.IsRoot() {
		return "", true
	}
	r, ok := b.rows[entry]
	if !ok {
		return "", false
	}
	above, ok := b.path(r.Parent)
	return path.Join(above, r.Name), ok
}

func (b *book) report(findings []tree.Finding) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, findings...)
	b.pending = append(b.pending, findings...)
	if !b.late {
		b.takeIn()
	}
	return nil
}

func (b *book) keep(recipes []Recipe) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range recipes {
		b.recipes[r.Content] = r.Encoded
	}
	return nil
}

func (b *book) takeIn() {
	for _, f := range b.pending {
		if f.Problem == "" {
			b.take(f)
		}
	}
	b.pending = nil
}

func (b *book) take(f tree.Finding) {
	row := tree.Base{Entry: f.Known}
	if !f.Known.IsRoot() {
		known, ok := b.rows[f.Known]
		if !ok || known.Rev != f.Rev {
			b.t.Errorf("%q: made against row %v rev %d, there is %+v", f.Path, f.Known, f.Rev, known)
			return
		}
		row = known
	}
	if f.Gone || !f.Known.IsRoot() && !f.Moved && row.Stat.Kind != f.Stat.Kind {
		b.remove(row.Entry)
		if f.Gone {
			return
		}
		row = tree.Base{}
	}
	fresh := row.Entry.IsRoot()
	if fresh {
		b.last++
		binary.BigEndian.PutUint64(row.Entry[:], b.last)
	}
	row.Name = path.Base(f.Path)
	parents := b.at(path.Dir("/" + f.Path)[1:])
	if len(parents) == 0 {
		b.t.Errorf("%q was reported before its directory", f.Path)
		return
	}
	if fresh || f.Moved {
		row.Parent = parents[0]
	}
	b.rev++
	row.Stat, row.Content, row.Racy, row.Rev = f.Stat, f.Content, f.Racy, b.rev
	b.rows[row.Entry] = row
	if _, implied := recipe.Implied(f.Content, f.Stat.Size); f.Stat.Kind == tree.File && !implied {
		if encoded, ok := b.recipes[f.Content]; !ok {
			b.t.Errorf("%q: no recipe", f.Path)
		} else if r, err := recipe.Parse(encoded); err != nil || r.Verify(f.Content) != nil {
			b.t.Errorf("%q: recipe: %v", f.Path, err)
		}
	}
}

func (b *book) remove(entry ident.EntryID) {
	delete(b.rows, entry)
	for _, r := range b.where(func(r tree.Base) bool { return r.Parent == entry }) {
		b.remove(r.Entry)
	}
}

// at returns the entries of a path.
func (b *book) at(p string) []ident.EntryID {
	if p == "" {
		return []ident.EntryID{ident.Root}
	}
	var ids []ident.EntryID
	for _, parent := range b.at(path.Dir("/" + p)[1:]) {
		ids = append(ids, entries(b.where(func(r tree.Base) bool {
			return r.Parent == parent && r.Name == path.Base(p)
		}))...)
	}
	return ids
}

// bed is a folder on disk with a book about it.
type bed struct {
	t    testing.TB
	root string
	*book
	scanner *Scanner
	ahead   time.Duration // how much later than the real one the scanner's clock is,
	stands  time.Time     // unless it stands still
}

// newBed returns an empty folder, and a scanner whose clock is far enough ahead for
// nothing to be racy.
func newBed(t testing.TB) *bed {
	b := &bed{t: t, root: t.TempDir(), ahead: time.Minute, book: &book{
		t: t, rows: make(map[ident.EntryID]tree.Base),
		recipes: make(map[ident.ContentID][]byte),
	}}
	b.scanner = New(b.root, Options{
		Known: b.book, Recipes: b.keep, Report: b.report,
		Now: func() int64 {
			if !b.stands.IsZero() {
				return b.stands.UnixNano()
			}
			return time.Now().Add(b.ahead).UnixNano()
		},
	})
	return b
}

func (b *bed) full(p string) string { return filepath.Join(b.root, filepath.FromSlash(p)) }

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// write makes a file, and the directories it is in.
func (b *bed) write(p, content string) {
	b.t.Helper()
	b.must(os.MkdirAll(filepath.Dir(b.full(p)), 0o755))
	b.must(os.WriteFile(b.full(p), []byte(content), 0o644))
}

func (b *bed) rename(from, to string) {
	b.t.Helper()
	b.must(os.Rename(b.full(from), b.full(to)))
}

// folder scans everything and returns what was found, in words and sorted.
func (b *bed) folder() []string {
	b.t.Helper()
	return b.done(b.scanner.Folder(context.Background()))
}

func (b *bed) names(paths ...string) []string {
	b.t.Helper()
	return b.done(b.scanner.Names(context.Background(), paths))
}

func (b *bed) done(result Result, err error) []string {
	b.t.Helper()
	b.must(err)
	if result.Findings != len(b.log) {
		b.t.Errorf("%d findings counted, %d reported", result.Findings, len(b.log))
	}
	return b.words()
}

// words takes the findings of the last look in and puts them into words.
func (b *bed) words() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	words := []string{}
	for _, f := range b.log {
		if was, _ := b.path(f.Known); f.Moved && (f.From == "" || b.late && f.From != was) {
			b.t.Errorf("%q is said to have moved from %q, was at %q", f.Path, f.From, was)
		}
		words = append(words, word(f))
	}
	b.log = nil
	b.takeIn()
	slices.Sort(words)
	return words
}

func word(f tree.Finding) string {
	switch {
	case f.Problem != "":
		return "problem " + f.Path
	case f.Gone:
		return "gone " + f.Path
	case f.Moved:
		return "moved " + f.Path
	case f.Known.IsRoot():
		return "new " + f.Stat.Kind.String() + " " + f.Path
	}
	return "changed " + f.Path
}

func (b *bed) want(got []string, want ...string) {
	b.t.Helper()
	if !slices.Equal(got, want) {
		b.t.Fatalf("got  %q\nwant %q", got, want)
	}
}

// entry returns the id of what the book has at a path.
func (b *bed) entry(p string) ident.EntryID {
	b.t.Helper()
	ids := b.at(p)
	if len(ids) != 1 {
		b.t.Fatalf("%q: %d entries", p, len(ids))
	}
	return ids[0]
}

// agree compares the book with the disk, content and all.
func (b *bed) agree() {
	b.t.Helper()
	onDisk := make(map[string]string)
	b.must(filepath.WalkDir(b.root, func(p string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(b.root, p)
		if err != nil || relErr != nil || rel == "." {
			return err
		}
		switch d.Type() {
		case fs.ModeDir:
			onDisk[filepath.ToSlash(rel)] = "dir"
		case fs.ModeSymlink:
			target, err := os.Readlink(p)
			onDisk[filepath.ToSlash(rel)] = recipe.LinkID(target).String()
			return err
		case 0:
			content, err := os.ReadFile(p)
			onDisk[filepath.ToSlash(rel)] = recipe.Of(content).ID().String()
			return err
		}
		return nil
	}))
	inBook := make(map[string]string)
	for id, r := range b.rows {
		p, ok := b.path(id)
		if !ok {
			b.t.Fatalf("row without a place: %+v", r)
		}
		if _, twice := inBook[p]; twice {
			b.t.Fatalf("two rows at %q", p)
		}
		inBook[p] = r.Content.String()
		if r.Stat.Kind == tree.Dir {
			inBook[p] = "dir"
		}
	}
	if !maps.Equal(onDisk, inBook) {
		for p, c := range onDisk {
			if inBook[p] != c {
				b.t.Errorf("%q on disk %.8s, in the book %.8s", p, c, inBook[p])
			}
		}
		for p := range inBook {
			if _, ok := onDisk[p]; !ok {
				b.t.Errorf("%q is in the book only", p)
			}
		}
		b.t.FailNow()
	}
}
