// Package index keeps what a replica knows of one folder in one SQLite database: the
// entries, what is on disk for them, recipes, cursors into peers' logs, and the replica's
// own state.
//
// It decides nothing and knows nothing of disks or peers. The host opens one Store for
// each folder and hands it to the goroutine of that folder's loop, its owner:
//
//	core ──▶ Batch ──▶ Store.Apply … Store.Commit      one connection, the owner's
//	  ▲                  │
//	  └── tree.Reader ◀──┘  sees what was applied, committed or not
//
//	scanner, serving, log, status ──▶ Store.View       pooled connections, see commits
//
// Apply opens a transaction when there is none; Commit makes all since the last Commit
// durable in one step, or none of it. Recipes come from other goroutines (PutRecipes),
// are there for every View at once, and are written with the next Commit, so that they
// are durable no later than the rows that need them. A third goroutine, started by Open
// and ended by Close, moves committed pages from the log file into the database, so that
// no commit has to wait for it. While the owner goes over all rows, a goroutine reads the
// next page for it. No read transaction outlives a call, or the reading of that page.
//
// After a failed Apply or Commit nothing of that transaction is there and the Store takes
// no more changes: the core believes in facts that were not recorded, so the folder must
// be stopped and opened again.
package index

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/shoal-sync/shoal/sync/tree"
)

// ErrClosed reports a Store that was closed.
var ErrClosed = errors.New("the index is closed")

// Failure is the value that Apply and the Reader methods of a Store panic with when the
// database cannot be written or read: no rule may be applied to half of the facts. The
// host recovers it and stops the folder.
type Failure struct{ Err error }

// Error says what failed.
func (f Failure) Error() string { return "index: " + f.Err.Error() }

// Unwrap returns the error of the database.
func (f Failure) Unwrap() error { return f.Err }

// Store is the index of one folder. Its methods belong to one goroutine, its owner; only
// View and PutRecipes may be called by any.
type Store struct {
	path   string
	c      *conn
	open   bool // a write transaction is open
	totals tree.Totals
	room   []byte // for the record or vectors being written
	failed error  // set once; then nothing is read or written any more
	sweep  sweep

	lastNumber int64 // highest number given to an entry id
	resting    bool  // there may be a row without a name: an entry beside the one it lost to
	near       near
	met        met // ids with a number
	metOnDisk  met // ids that have, or had, a base row

	changes   uint64 // of rows and base rows, since Open
	committed uint64 // so many of them are
	ahead     ahead
	reading   sync.WaitGroup // pages that are read ahead

	waiting  waiting // recipes not yet written
	chunks   chunkTable
	views    pool
	tidier   *tidier
	spilling sync.Mutex // held while recipes are written outside the owner's transactions
}

var _ tree.Index = (*Store)(nil)

// Open opens the index at path, made anew when there is no file, and returns the state
// last committed, zero when there is none. Errors wrap ErrForeign, ErrFuture or ErrDamaged
// where those are the reason; the file is then left as it is.
func Open(path string) (*Store, tree.State, error) {
	// Names of files are private: SQLite gives the log beside it the same permissions.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, tree.State{}, fmt.Errorf("open index: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, tree.State{}, fmt.Errorf("open index: %w", err)
	}
	if err := removeRuns(path); err != nil {
		return nil, tree.State{}, fmt.Errorf("open index: %w", err)
	}
	s := &Store{path: path, near: newNear(), chunks: chunkTable{path: path, max: residentMax}}
	state, err := s.dial()
	if err != nil {
		if s.c != nil {
			err = errors.Join(err, s.c.close())
		}
		return nil, tree.State{}, err
	}
	s.views.path = path
	s.tidier = startTidier(path, func() error { return errors.Join(s.views.drop(), s.chunks.drop()) })
	return s, state, nil
}

func (s *Store) dial() (state tree.State, err error) {
	if s.c, err = dial(s.path, cacheWriter); err != nil {
		return state, fmt.Errorf("open index %q: %w", s.path, err)
	}
	if err = s.c.migrate(s.path); err != nil {
		return state, err
	}
	if state, err = s.c.state(); err == nil {
		s.totals, s.lastNumber, err = s.c.counts()
	}
	if err == nil {
		var resting int64
		resting, err = s.c.number("SELECT EXISTS (SELECT 1 FROM entries INDEXED BY entries_resting WHERE name = x'')")
		s.resting = resting != 0
	}
	if err == nil {
		var given int64
		given, err = s.c.number("SELECT EXISTS (SELECT 1 FROM ids)")
		s.met.whole, s.metOnDisk.whole = given == 0, given == 0
	}
	if err != nil {
		return state, fmt.Errorf("open index %q: %w", s.path, err)
	}
	return state, nil
}

// Rest gives back the memory that only speeds up what comes next. It is for an owner that
// has had nothing to do for a while, and does nothing while a transaction is open.
func (s *Store) Rest() error {
	if s.open || s.failed != nil {
		return nil
	}
	s.near, s.ahead.next = newNear(), nil
	return s.c.script("PRAGMA shrink_memory")
}

// Close undoes what was not committed, forgets waiting recipes, and returns when the
// background goroutines have ended. Views that are still out are closed by their users. The
// error says what the background goroutine could not do, too.
func (s *Store) Close() error {
	if s.c == nil {
		return nil
	}
	s.spilling.Lock()
	s.waiting.close()
	s.spilling.Unlock()
	s.reading.Wait()
	err := errors.Join(s.tidier.stop(), s.chunks.drop(), s.views.close(), s.c.rollback(), s.c.close())
	s.c, s.failed = nil, ErrClosed
	return err
}

// SetAside renames a database that cannot be used, with its log, to a free name beside it
// and returns that name. Nothing of it may be open.
func SetAside(path string) (string, error) {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.damaged-%d", path, n)
		if _, err := os.Lstat(aside); err == nil {
			continue
		} else if !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("set index aside: %w", err)
		}
		// The database goes first. A crash in between leaves a log without a database,
		// which SQLite discards; a database without its log would be taken for an older
		// state of the index, and commits that peers rely on would be forgotten.
		if err := os.Rename(path, aside); err != nil {
			return "", fmt.Errorf("set index aside: %w", err)
		}
		for _, beside := range []string{"-wal", "-shm"} {
			err := os.Rename(path+beside, aside+beside)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return aside, fmt.Errorf("set index aside: %w", err)
			}
		}
		return aside, nil
	}
}
