package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// View reads what is committed, beside the owner. It belongs to the goroutine that asked
// for it, until its Close. Each call sees one moment; two calls may see different ones.
type View struct {
	store *Store
	c     *conn
}

// ErrCrowded reports that the index, which is in its place, could not be opened once more:
// there are too many open files, in this program or on this computer. Later it may succeed.
var ErrCrowded = errors.New("too many files are open on this computer")

// crowded tells apart why an index could not be opened once more. It does not try to open
// the file itself: to close it again would take away the locks that SQLite has on it.
func crowded(path string, err error) error {
	if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultCantOpen {
		return err
	}
	if _, gone := os.Stat(path); gone != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCrowded, err)
}

// View returns a View, to be closed soon: it is cheap, and an open one keeps memory. Any
// goroutine may call it. The error may wrap ErrCrowded.
func (s *Store) View() (*View, error) {
	c, err := s.views.take()
	if err != nil {
		return nil, fmt.Errorf("read index %q: %w", s.path, err)
	}
	return &View{s, c}, nil
}

// Close gives the View back. It may be called once.
func (v *View) Close() error {
	c := v.c
	v.c = nil
	return v.store.views.give(c)
}

// viewsIdleMax is how many connections wait for the next View: those of a scan's walkers,
// which ask for every new file where it came from, and one for everybody else. To open one
// takes longer than ten answers.
const viewsIdleMax = 4

type pool struct {
	path   string
	mu     sync.Mutex
	idle   []*conn
	closed bool
}

func (p *pool) take() (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := dial(p.path, cacheReader)
	if err != nil {
		return nil, crowded(p.path, err)
	}
	if err := c.script("PRAGMA query_only = 1"); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (p *pool) give(c *conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= viewsIdleMax {
		return c.close()
	}
	p.idle = append(p.idle, c)
	return nil
}

// drop closes the connections nobody uses; the next View opens a new one.
func (p *pool) drop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, c := range p.idle {
		err = errors.Join(err, c.close())
	}
	p.idle = nil
	return err
}

func (p *pool) close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.drop()
}

// failed names the index in an error.
func (v *View) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read index %q: %w", v.store.path, err)
}

// Since returns up to limit rows of the log after a number, in log order. Each entry
// appears once, at its last change.
func (v *View) Since(seq uint64, limit int) ([]tree.Row, error) {
	rows, err := v.c.numbered(entriesSince, seq, limit)
	return rows, v.failed(err)
}

// Told is Since, and of each row whether a file on disk holds its content: all that another
// device is told, in one question.
func (v *View) Told(seq uint64, limit int) (rows []tree.Row, has []bool, err error) {
	s, err := v.c.stmt(entriesTold)
	if err != nil {
		return nil, nil, v.failed(err)
	}
	s.BindInt64(1, int64(min(seq, math.MaxInt64)))
	s.BindInt64(2, int64(max(limit, 0)))
	room := max(0, min(limit, v.c.lastPage)) // as in shown
	rows, has = make([]tree.Row, 0, room), make([]bool, 0, room)
	err = each(s, func(s *sqlite.Stmt) error {
		err := v.c.addRow(s, &rows)
		var onDisk ident.ContentID
		if !s.ColumnIsNull(4) {
			binary.BigEndian.PutUint64(onDisk[:8], uint64(s.ColumnInt64(4)))
			s.ColumnBytes(5, onDisk[8:])
		}
		e := &rows[len(rows)-1].Entry
		has = append(has, e.Kind == tree.File && !s.ColumnIsNull(4) && onDisk == e.Content.ID)
		return err
	})
	v.c.lastPage = len(rows)
	return rows, has, v.failed(err)
}

// Needs returns up to limit rows marked Need after a log number, in log order.
func (v *View) Needs(after uint64, limit int) ([]tree.Row, error) {
	rows, err := v.c.numbered(entriesNeeded, after, limit)
	return rows, v.failed(err)
}

// Deleted returns up to limit rows of deleted entries after a log number, in log order.
func (v *View) Deleted(after uint64, limit int) ([]tree.Row, error) {
	rows, err := v.c.numbered(entriesDead, after, limit)
	return rows, v.failed(err)
}

// pageRows is how many rows are read before they are handed on: the read transaction ends
// in between, so a slow receiver does not keep the log file from shrinking.
const pageRows = 512

// EachEntry hands every row to take, live or not, each once and in no useful order, and
// stops at its first error. Of a row that changes meanwhile it is the old or the new one.
func (v *View) EachEntry(take func(*tree.Row) error) error {
	s, err := v.c.stmt(entriesAll)
	if err != nil {
		return v.failed(err)
	}
	page, last := make([]tree.Row, 0, pageRows), int64(0)
	for {
		s.BindInt64(1, last)
		s.BindInt64(2, pageRows)
		page = page[:0]
		err := each(s, func(s *sqlite.Stmt) error {
			last = s.ColumnInt64(4)
			return v.c.addRow(s, &page)
		})
		if err != nil {
			return v.failed(err)
		}
		for i := range page {
			if err := take(&page[i]); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
	}
}

// Record is a row as it is kept. Its bytes are valid until the next one is read.
type Record struct {
	ID   ident.EntryID
	Live bool
	Name []byte
	Body []byte // the canonical encoding of the entry
}

// EachRecord hands every row to take, as EachEntry does, without reading what it says: half
// the work, where the records are only hashed. Take must not wait for anything.
func (v *View) EachRecord(take func(Record) error) error {
	s, err := v.c.stmt(recordsAll)
	if err != nil {
		return v.failed(err)
	}
	var name [tree.NameMax + 1]byte
	last, read := int64(0), pageRows
	for read == pageRows {
		s.BindInt64(1, last)
		s.BindInt64(2, pageRows)
		read = 0
		err := each(s, func(s *sqlite.Stmt) error {
			r := Record{Live: s.ColumnBool(2)}
			last, read = s.ColumnInt64(0), read+1
			s.ColumnBytes(1, r.ID[:])
			r.Name = name[:s.ColumnBytes(3, name[:])]
			r.Body = v.c.bytes(s, 4)
			return take(r)
		})
		if err != nil {
			return v.failed(err)
		}
	}
	return nil
}

// Entry returns the row of an entry.
func (v *View) Entry(id ident.EntryID) (tree.Row, bool, error) {
	row, found, err := v.c.entry(id)
	return row, found, v.failed(err)
}

// Base returns what is on disk for an entry.
func (v *View) Base(id ident.EntryID) (tree.Base, bool, error) {
	b, found, err := v.c.base(id)
	return b, found, v.failed(err)
}

// BaseList returns everything on disk in one directory, ordered by name, then entry id.
func (v *View) BaseList(dir ident.EntryID) ([]tree.Base, error) {
	const all = 1<<31 - 1
	out, err := v.c.baseChildren(dir, "", all)
	return out, v.failed(err)
}

// BaseAt returns what is on disk under a name, ordered by entry id.
func (v *View) BaseAt(dir ident.EntryID, name string) ([]tree.Base, error) {
	out, err := v.c.baseAt(dir, name)
	return out, v.failed(err)
}

// BaseByFile returns the base rows of a file identity; none for the zero identity.
func (v *View) BaseByFile(f tree.FileID) ([]tree.Base, error) {
	if f.IsZero() {
		return nil, nil
	}
	out, err := v.c.bases(baseFile, func(s *sqlite.Stmt) {
		s.BindInt64(1, int64(f.Inode))
		s.BindInt64(2, int64(f.Volume))
		s.BindInt64(3, f.Birth)
	})
	return out, v.failed(err)
}

// Path returns where an entry is on disk, relative to the folder, with slashes; "" is the
// folder itself. What rests in the parking place is in tree.ParkingDir. It reports false
// when a directory above is not on disk.
func (v *View) Path(id ident.EntryID) (path string, ok bool, err error) {
	err = v.together(func() error {
		path, ok, err = v.c.path(id)
		return err
	})
	return path, ok, err
}

// holdersMax is how many holders of one content are tried for one with a path.
const holdersMax = 16

// HoldingPath returns a file on disk that holds the content, and where it is: the first that
// fits, of those the index knows.
func (v *View) HoldingPath(content ident.ContentID, fits func(string, *tree.Base) bool) (
	path string, b tree.Base, ok bool, err error,
) {
	err = v.together(func() error {
		holders, err := v.c.holding(content, holdersMax)
		for i := 0; i < len(holders) && err == nil && !ok; i++ {
			b = holders[i]
			path, ok, err = v.c.path(b.Entry)
			ok = ok && fits(path, &b)
		}
		return err
	})
	if !ok {
		return "", tree.Base{}, false, err
	}
	return path, b, true, err
}

// FilesWith returns up to limit files on disk that likely hold a chunk, each of another
// content, and where they are. The first call after a while reads all recipes: a second for
// some three million chunks.
func (v *View) FilesWith(chunk ident.ChunkID, limit int) (files []File, err error) {
	if err := v.store.chunks.buildOnce(v.c, &v.store.waiting); err != nil {
		return nil, v.failed(err)
	}
	heads, err := v.store.chunks.contents(chunk, limit)
	if err != nil {
		return nil, v.failed(err)
	}
	for _, head := range heads {
		err := v.together(func() error {
			holders, err := v.c.bases(baseLikely, func(s *sqlite.Stmt) {
				s.BindInt64(1, int64(head))
				s.BindInt64(2, holdersMax)
			})
			for _, b := range holders {
				path, ok, err := v.c.path(b.Entry)
				if err != nil {
					return err
				}
				if ok {
					files = append(files, File{path, b})
					return nil
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// File is a file on disk and where it is, relative to the folder, with slashes.
type File struct {
	Path string
	tree.Base
}

// together runs several queries that must see one moment.
func (v *View) together(read func() error) error {
	err := v.c.exec(readBegin)
	if err == nil {
		err = errors.Join(read(), v.c.rollback())
	}
	return v.failed(err)
}

// depthMax is how deep a path may be. Deeper ones do not fit into the paths of any system,
// so more steps mean that the rows form a cycle.
const depthMax = 4096

func (c *conn) path(id ident.EntryID) (path string, ok bool, err error) {
	s, err := c.stmt(basePlace)
	if err != nil {
		return "", false, err
	}
	var room [tree.NameMax + 1]byte
	for depth := 0; !id.IsRoot(); depth++ {
		if id == tree.Parking {
			return tree.ParkingDir + "/" + path, true, nil
		}
		s.BindBytes(1, id[:])
		found, err := one(s, func(s *sqlite.Stmt) error {
			s.ColumnBytes(0, id[:])
			name := string(room[:s.ColumnBytes(1, room[:])])
			if path != "" {
				name += "/" + path
			}
			path = name
			return nil
		})
		if err != nil || !found || depth == depthMax {
			return "", false, err
		}
	}
	return path, true, nil
}

// Recipe returns the recipe of a content, committed or still waiting. The caller must not
// change its bytes.
func (v *View) Recipe(content ident.ContentID) ([]byte, bool, error) {
	if body, ok := v.store.waiting.get(content); ok {
		return body, true, nil
	}
	body, found, err := v.c.recipe(content)
	return body, found, v.failed(err)
}

// Cursor returns how much of a device's log has been taken in.
func (v *View) Cursor(device ident.DeviceID) (tree.Cursor, bool, error) {
	cursor, found, err := v.c.cursor(device)
	return cursor, found, v.failed(err)
}

// Replicas returns what is known of all replicas, ordered by id.
func (v *View) Replicas() ([]tree.Replica, error) {
	replicas, err := v.c.replicas()
	return replicas, v.failed(err)
}

// Totals returns the counts over all rows.
func (v *View) Totals() (tree.Totals, error) {
	totals, _, err := v.c.counts()
	return totals, v.failed(err)
}
