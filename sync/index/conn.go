package index

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// ErrDamaged reports a file whose bytes cannot be a healthy index. Nothing is deleted:
// SetAside moves it out of the way, and everything in it can be found out again from disk
// and from the other devices.
var ErrDamaged = errors.New("the index is damaged")

// ErrFull reports that the volume that holds the index is full.
var ErrFull = errors.New("the volume of the index is full; free some space on it")

// busyMax is how long a connection waits for another one's write. The loop's transactions
// and checkpoints take milliseconds; longer than this means a stuck disk.
const busyMax = 20 * time.Second

// Cache sizes in KiB. The writer touches three random pages for each row of a large
// folder; readers read in order, or a few rows.
const (
	cacheWriter = 16 << 10
	cacheReader = 2 << 10
)

// conn is one SQLite connection with its prepared statements. It is used by one goroutine
// at a time.
type conn struct {
	db    *sqlite.Conn
	stmts [queries]*sqlite.Stmt
	room  []byte // of the record or body being read

	lastPage int // how many rows the last page of the log had
}

// dial opens a connection to an existing file.
func dial(path string, cacheKiB int) (*conn, error) {
	db, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, explain(err)
	}
	db.SetBusyTimeout(busyMax)
	c := &conn{db: db}
	// FULL, because a commit promises a peer that we have taken in what it sent. macOS
	// needs fullfsync to mean it. Checkpoints are run beside, not inside, a commit: they
	// made some commits take 40 ms.
	err = c.script(fmt.Sprintf(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
		PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1; PRAGMA wal_autocheckpoint = 0;
		PRAGMA cache_size = -%d; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = 1`, cacheKiB))
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// close finalizes the statements first: SQLite does not close a connection that has any.
func (c *conn) close() error {
	var err error
	for _, s := range c.stmts {
		if s != nil {
			err = errors.Join(err, s.Finalize())
		}
	}
	return explain(errors.Join(err, c.db.Close()))
}

// stmt returns the prepared statement of a query, ready to be bound.
func (c *conn) stmt(q query) (*sqlite.Stmt, error) {
	if s := c.stmts[q]; s != nil {
		return s, nil
	}
	s, rest, err := c.db.PrepareTransient(queryText[q])
	if err != nil {
		return nil, explain(err)
	}
	if rest != 0 {
		panic("bug: more than one statement in " + queryText[q])
	}
	c.stmts[q] = s
	return s, nil
}

// each runs a bound statement, hands every row to take, and makes the statement ready for
// its next use. It stops at the first error.
func each(s *sqlite.Stmt, take func(*sqlite.Stmt) error) error {
	for {
		more, err := s.Step()
		if err != nil {
			return explain(err) // Step has reset it
		}
		if !more {
			return explain(s.Reset())
		}
		if err := take(s); err != nil {
			return errors.Join(err, explain(s.Reset()))
		}
	}
}

// one runs a bound statement that has at most one row and reports whether it had one.
func one(s *sqlite.Stmt, take func(*sqlite.Stmt) error) (found bool, err error) {
	more, err := s.Step()
	if err != nil {
		return false, explain(err)
	}
	if more {
		err = take(s)
	}
	return more && err == nil, errors.Join(err, explain(s.Reset()))
}

// run runs a bound statement without rows.
func run(s *sqlite.Stmt) error {
	if _, err := s.Step(); err != nil {
		return explain(err)
	}
	return explain(s.Reset())
}

func (c *conn) exec(q query) error {
	s, err := c.stmt(q)
	if err != nil {
		return err
	}
	return run(s)
}

// rollback ends a transaction that failed. SQLite has ended it already after some errors.
func (c *conn) rollback() error {
	if c.db.AutocommitEnabled() {
		return nil
	}
	return c.exec(rollback)
}

// number runs a query whose answer is one number.
func (c *conn) number(query string) (n int64, err error) {
	s, _, err := c.db.PrepareTransient(query)
	if err != nil {
		return 0, explain(err)
	}
	if _, err = s.Step(); err == nil {
		n = s.ColumnInt64(0)
	}
	// After a failed step Finalize repeats its error.
	if end := s.Finalize(); err == nil {
		err = end
	}
	return n, explain(err)
}

// script runs statements one after another and ignores their rows.
func (c *conn) script(text string) error {
	for text = strings.TrimSpace(text); text != ""; {
		s, rest, err := c.db.PrepareTransient(text)
		if err != nil {
			return explain(err)
		}
		text = strings.TrimSpace(text[len(text)-rest:])
		more, err := s.Step()
		for more && err == nil {
			more, err = s.Step()
		}
		if end := s.Finalize(); err == nil {
			err = end
		}
		if err != nil {
			return explain(err)
		}
	}
	return nil
}

// bytes returns a BLOB column in memory that is valid until the next call.
func (c *conn) bytes(s *sqlite.Stmt, column int) []byte {
	// Nearly all fits, so its length need not be asked for first.
	if n := s.ColumnBytes(column, c.room[:cap(c.room)]); n < cap(c.room) && cap(c.room) <= roomMax {
		return c.room[:n]
	}
	n := s.ColumnLen(column)
	if cap(c.room) < n || cap(c.room) > roomMax && n <= roomMax {
		c.room = make([]byte, max(n+1, 512))
	}
	return c.room[:s.ColumnBytes(column, c.room[:n])]
}

// roomMax is the largest reading room kept: one long recipe must not cost memory forever.
const roomMax = 1 << 20

// explain gives errors of SQLite that a person can act on their name.
func explain(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB, sqlite.ResultFormat:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case sqlite.ResultFull:
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
