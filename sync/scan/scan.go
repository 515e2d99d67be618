// Package scan walks a folder, reads what changed and says what it found.
//
// It knows how to compare what is on disk with what the index last knew, name by name and
// directory by directory, and how to read a file so that a torn or changing one is never
// taken for content. It leaves to others when to look (package settle), what a finding
// means (package folder), and where findings and recipes are kept (the host hands in
// functions). It changes nothing on disk.
//
// A look goes through these stations; nothing in them grows with the size of the folder:
//
//	directories ──▶ walkers ──▶ files to be read ──▶ hashers ──▶ batch ──▶ Recipes, Report
//	     ▲             │                                           ▲
//	     └─────────────┴──────── directories, known moves ─────────┘
//
// Findings come while the look goes on, a directory before what is in it. Names that
// vanished come last, because until everything was seen they may turn up elsewhere as
// moves. Of a directory that vanished only its own name is reported. Below a directory
// that cannot be read nothing is ever reported as gone.
//
// A name keeps its entry whatever file lies there now, because that is how programs save;
// a vanished name is paired with a new one by file identity. A directory follows its file
// identity first. A name whose kind changed is one finding, with the row that was there
// as Known and the new kind in Stat.
package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/tree"
)

// ErrRootGone reports that the folder's top is not there, or is not a directory. Nothing
// may be concluded from it about the entries of the folder: a disk that is not mounted
// looks the same.
var ErrRootGone = errors.New("the folder is not there")

const (
	// racyTime is how long after a change a file may change again without its time
	// showing it: FAT counts in steps of 2 s, and network clocks differ a little.
	racyTime = 2 * time.Second
	// namesMax bounds the lists of names in a Result. A caller that gets more names than
	// it wants to look at one by one walks the folder anyway.
	namesMax = 10_001
	// slowFrom is what hashing must take to be told of.
	slowFrom = 100 * time.Millisecond
	slowMax  = 1000
)

// Known is what the index knows of the names on disk. Its methods are called from several
// goroutines at once. An error ends the look.
type Known interface {
	// List returns the rows whose parent is dir, ordered by name, then entry.
	List(dir ident.EntryID) ([]tree.Base, error)
	// At returns the rows of a name in a directory, ordered by entry.
	At(dir ident.EntryID, name string) ([]tree.Base, error)
	// ByFile returns the rows whose file has the identity, ordered by entry.
	ByFile(id tree.FileID) ([]tree.Base, error)
	// Path returns where an entry is according to its row and those of its parents;
	// false when it has no row, or a parent has none.
	Path(entry ident.EntryID) (string, bool, error)
}

// Recipe is the encoded recipe of a content (package recipe). Contents whose recipe
// follows from id and size are not among them.
type Recipe struct {
	Content ident.ContentID
	Encoded []byte
}

// Options is what a Scanner needs of others. All but Check, Ignored, Own, Volume, Progress
// and Prospects must be set.
type Options struct {
	Known Known
	// Recipes keeps the recipes of contents that are reported next. Report takes in what
	// was found. Both are called in turn, never at the same time, and may block. They
	// own the slice. An error ends the look.
	Recipes func([]Recipe) error
	Report  func([]tree.Finding) error
	// Check returns an error when the directory is not the folder it should be: its
	// identity is missing or another one. It is asked before a look begins, and again
	// before any name is reported as gone.
	Check func() error
	// Ignored says that a name is to be left alone: not reported, not entered, not missed.
	// It may be nil.
	Ignored func(path string, dir bool) bool
	// Own says that the caller put this file in place itself, or is about to, and that it
	// looks as the caller left it: it is not read, and not reported. It may be nil.
	Own func(path string, s tree.Stat) bool
	// Traits returns the traits of a file or directory, empty when it has gone or cannot be
	// asked. It is nil where the folder carries none.
	Traits func(path string) tree.Traits
	// Volume says which names the volume takes for one.
	Volume names.Volume
	// Progress is told a few times a second how much has been read.
	Progress func(Progress)
	// Prospects hears of the parts of large files while these are being read. It may be nil.
	Prospects Prospects
	// Now is the wall clock in nanoseconds since 1970.
	Now func() int64
}

// Progress says how far a look has come.
type Progress struct {
	Files, Bytes int64  // read and hashed so far
	Path         string // read last
}

// Slow names a file whose hashing took long.
type Slow struct {
	Path string
	Took time.Duration
}

// Result sums up a look.
type Result struct {
	Findings     int
	Files, Bytes int64 // read and hashed
	HashTime     time.Duration
	// Again are names that changed while they were read. They were not reported: look at
	// them again when they have settled.
	Again []string
	// Racy are names that were reported with Finding.Racy: look at them once more after
	// a little more than 2 s.
	Racy []string
	// Slow are files whose hashing took longer than 0.1 s.
	Slow []Slow
}

// Scanner looks at one folder. Its looks may run at the same time, though one after the
// other is faster.
type Scanner struct {
	root    string
	options Options
	// between, when a test sets it, is called after a file was read and before it is
	// looked at again.
	between func(path string)
}

// New returns a scanner for the directory root.
func New(root string, options Options) *Scanner { return &Scanner{root: root, options: options} }

// Folder looks at everything. The result is meaningful also when there is an error: it
// covers what was reported until then. The error wraps ErrRootGone, or is that of a
// function in Options or of the context; what it wraps decides what the caller may do.
func (s *Scanner) Folder(ctx context.Context) (Result, error) {
	return s.look(ctx, func(r *run) error {
		top := directory{ids: []ident.EntryID{ident.Root}}
		rows, err := s.options.Known.List(ident.Root)
		if err != nil {
			return err
		}
		// A first scan need not ask for each file whether it has been moved.
		r.fresh = len(rows) == 0
		r.enter(top)
		return nil
	})
}

// Names looks at these names only. Of a directory that was known its content is compared
// but known directories in it are not entered; new directories are walked whole. A name in
// a directory that is not known, or no longer there, stands for the nearest directory
// above that can be compared.
func (s *Scanner) Names(ctx context.Context, paths []string) (Result, error) {
	return s.look(ctx, func(r *run) error { return r.names(paths) })
}

// look runs one look, which begin starts.
func (s *Scanner) look(
	ctx context.Context, begin func(*run) error,
) (result Result, err error) {
	top, err := s.open()
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, top.close()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := newRun(ctx, cancel, s.options, top)
	r.between = s.between
	r.start()
	if err := begin(r); err != nil {
		r.fail(err)
	}
	r.walk()
	r.vanish()
	r.finish()
	if err := context.Cause(ctx); err != nil {
		return r.result, fmt.Errorf("scan %q: %w", s.root, err)
	}
	return r.result, nil
}

func (s *Scanner) open() (*volume, error) {
	top, err := openVolume(s.root)
	switch {
	case errors.Is(err, fs.ErrNotExist) || isNoDirectory(err):
		return nil, fmt.Errorf("scan %q: %w; mount its disk, put it back or remove the folder",
			s.root, ErrRootGone)
	case err != nil:
		return nil, fmt.Errorf("scan %q: %w", s.root, err)
	}
	if s.options.Check == nil {
		return top, nil
	}
	if err := s.options.Check(); err != nil {
		return nil, errors.Join(fmt.Errorf("scan %q: %w", s.root, err), top.close())
	}
	return top, nil
}

// tally counts what was read, for Progress and Result.
type tally struct {
	files, bytes atomic.Int64
	nanoseconds  atomic.Int64 // spent reading and hashing
	last         atomic.Pointer[string]
}

func (t *tally) progress() Progress {
	p := Progress{Files: t.files.Load(), Bytes: t.bytes.Load()}
	if last := t.last.Load(); last != nil {
		p.Path = *last
	}
	return p
}
