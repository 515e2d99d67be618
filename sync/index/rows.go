package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// The methods here turn rows into values. Both the writer and the views use them, each on
// its own connection.

// row reads a row of the log into r, a zero one.
func (c *conn) row(s *sqlite.Stmt, r *tree.Row) error {
	if err := r.Entry.Parse(c.bytes(s, 2)); err != nil {
		return fmt.Errorf("%w: row %d of the log: %w", ErrDamaged, s.ColumnInt64(0), err)
	}
	r.Seq, r.Need, r.Died = uint64(s.ColumnInt64(0)), s.ColumnBool(1), s.ColumnInt64(3)
	return nil
}

// addRow reads a row of the log to the end of a list.
func (c *conn) addRow(s *sqlite.Stmt, rows *[]tree.Row) error {
	*rows = append(*rows, tree.Row{})
	return c.row(s, &(*rows)[len(*rows)-1])
}

// idNumber returns the number of an id that has one.
func (c *conn) idNumber(id ident.EntryID) (n int64, err error) {
	s, err := c.stmt(idNumber)
	if err != nil {
		return 0, err
	}
	s.BindBytes(1, id[:])
	_, err = one(s, func(s *sqlite.Stmt) error {
		n = s.ColumnInt64(0)
		return nil
	})
	return n, err
}

func (c *conn) rows(q query, bind func(*sqlite.Stmt)) (out []tree.Row, err error) {
	s, err := c.stmt(q)
	if err != nil {
		return nil, err
	}
	bind(s)
	err = each(s, func(s *sqlite.Stmt) error { return c.addRow(s, &out) })
	return out, err
}

func (c *conn) entry(id ident.EntryID) (row tree.Row, found bool, err error) {
	s, err := c.stmt(entryByID)
	if err != nil {
		return row, false, err
	}
	s.BindBytes(1, id[:])
	found, err = one(s, func(s *sqlite.Stmt) error { return c.row(s, &row) })
	return row, found, err
}

func (c *conn) placed(parent ident.EntryID, name string) ([]tree.Row, error) {
	rows, err := c.rows(entriesAt, func(s *sqlite.Stmt) {
		s.BindBytes(1, parent[:])
		s.BindBytes(2, []byte(name))
	})
	slices.SortFunc(rows, func(a, b tree.Row) int { return compareIDs(a.Entry.ID, b.Entry.ID) })
	return rows, err
}

func (c *conn) children(parent, after ident.EntryID, limit int) ([]tree.Row, error) {
	return c.rows(entriesIn, func(s *sqlite.Stmt) {
		s.BindBytes(1, parent[:])
		s.BindBytes(2, after[:])
		s.BindInt64(3, int64(max(limit, 0)))
	})
}

// numbered answers a query over sequence numbers.
func (c *conn) numbered(q query, after uint64, limit int) ([]tree.Row, error) {
	return c.rows(q, func(s *sqlite.Stmt) { bindPage(s, after, limit) })
}

func bindPage(s *sqlite.Stmt, after uint64, limit int) {
	s.BindInt64(1, int64(min(after, math.MaxInt64)))
	s.BindInt64(2, int64(max(limit, 0)))
}

// shown returns rows of the log and what is on disk for those of them that are.
func (c *conn) shown(q query, after uint64, limit int) (page, error) {
	s, err := c.stmt(q)
	if err != nil {
		return page{}, err
	}
	bindPage(s, after, limit)
	// Who goes through all rows is likely to get as many as the last time: rows are large,
	// and to copy them while the list grows is a tenth of the work.
	room := max(0, min(limit, c.lastPage))
	p := page{make([]tree.Row, 0, room), make([]tree.Base, 0, room)}
	err = each(s, func(s *sqlite.Stmt) error {
		if err := c.addRow(s, &p.rows); err != nil || s.ColumnIsNull(4) {
			return err
		}
		p.onDisk = append(p.onDisk, tree.Base{})
		return c.readBaseAt(s, 4, &p.onDisk[len(p.onDisk)-1], &p.rows[len(p.rows)-1].Entry)
	})
	c.lastPage = len(p.rows)
	for i := range p.rows {
		clipRow(&p.rows[i])
	}
	for i := range p.onDisk {
		clipBase(&p.onDisk[i])
	}
	return p, err
}

// namesOf returns a query for the names in a directory and who has them, in no useful order.
func (c *conn) namesOf(q query) func(parent ident.EntryID, limit int) ([]taken, error) {
	return func(parent ident.EntryID, limit int) (out []taken, err error) {
		s, err := c.stmt(q)
		if err != nil {
			return nil, err
		}
		s.BindBytes(1, parent[:])
		s.BindInt64(2, int64(limit))
		err = each(s, func(s *sqlite.Stmt) error {
			t := taken{name: string(c.bytes(s, 0))}
			s.ColumnBytes(1, t.id[:])
			out = append(out, t)
			return nil
		})
		return out, err
	}
}

func compareIDs(a, b ident.EntryID) int { return bytes.Compare(a[:], b[:]) }

// head and tail of a content id are its two columns.
func head(id ident.ContentID) int64 { return int64(binary.BigEndian.Uint64(id[:8])) }

func bindContent(s *sqlite.Stmt, at int, id ident.ContentID) {
	if id.IsZero() {
		s.BindNull(at)
		s.BindNull(at + 1)
		return
	}
	s.BindInt64(at, head(id))
	s.BindBytes(at+1, id[8:])
}

// bindBase binds a base row's columns; room is lent for what it encodes.
func bindBase(s *sqlite.Stmt, b *tree.Base, room []byte) []byte {
	s.BindBytes(1, b.Entry[:])
	s.BindBytes(2, b.Parent[:])
	s.BindBytes(3, []byte(b.Name))
	bindContent(s, 4, b.Content)
	s.BindInt64(6, int64(b.Rev))
	room = appendSaw(room[:0], b)
	s.BindBytes(7, room)
	s.BindBool(8, b.Racy)
	s.BindInt64(9, int64(b.Stat.Kind))
	s.BindInt64(10, b.Stat.Size)
	s.BindInt64(11, b.Stat.Mtime)
	s.BindInt64(12, int64(uint64(b.Stat.Traits)<<32|uint64(b.Stat.Mode)))
	s.BindInt64(13, int64(b.Stat.Links))
	if b.Stat.File.IsZero() {
		s.BindNull(14)
		s.BindNull(15)
		s.BindNull(16)
		return room
	}
	s.BindInt64(14, int64(b.Stat.File.Volume))
	s.BindInt64(15, int64(b.Stat.File.Inode))
	s.BindInt64(16, b.Stat.File.Birth)
	return room
}

func (c *conn) readBase(s *sqlite.Stmt) (b tree.Base, err error) {
	var unknown tree.Entry
	err = c.readBaseAt(s, 0, &b, &unknown)
	return b, err
}

// readBaseAt reads a base row, into a zero one, from the columns after the first so many.
// What the row has in common with its entry, which may be unknown, shares the memory of
// that.
func (c *conn) readBaseAt(s *sqlite.Stmt, at int, b *tree.Base, e *tree.Entry) error {
	entry, parent := s.ColumnBytes(at, b.Entry[:]), s.ColumnBytes(at+1, b.Parent[:])
	name := c.bytes(s, at+2)
	if entry != len(b.Entry) || parent != len(b.Parent) || len(name) > tree.NameMax {
		return fmt.Errorf("%w: a base row holds no ids or no name", ErrDamaged)
	}
	if b.Name = e.Place.Name; string(name) != b.Name {
		b.Name = string(name)
	}
	if !s.ColumnIsNull(at + 3) {
		binary.BigEndian.PutUint64(b.Content[:8], uint64(s.ColumnInt64(at+3)))
		s.ColumnBytes(at+4, b.Content[8:])
	}
	b.Rev = uint64(s.ColumnInt64(at + 5))
	if err := parseSaw(c.bytes(s, at+6), b, e.Place.Context); err != nil {
		return err
	}
	b.Racy = s.ColumnBool(at + 7)
	b.Stat = tree.Stat{
		Kind: tree.Kind(s.ColumnInt64(at + 8)), Size: s.ColumnInt64(at + 9), Mtime: s.ColumnInt64(at + 10),
		Mode: uint32(s.ColumnInt64(at + 11)), Traits: uint32(s.ColumnInt64(at+11) >> 32), Links: uint32(s.ColumnInt64(at + 12)),
		File: tree.FileID{
			Volume: uint64(s.ColumnInt64(at + 13)),
			Inode:  uint64(s.ColumnInt64(at + 14)),
			Birth:  s.ColumnInt64(at + 15),
		},
	}
	return nil
}

func (c *conn) base(id ident.EntryID) (b tree.Base, found bool, err error) {
	s, err := c.stmt(baseByID)
	if err != nil {
		return b, false, err
	}
	s.BindBytes(1, id[:])
	found, err = one(s, func(s *sqlite.Stmt) (err error) {
		b, err = c.readBase(s)
		return err
	})
	return b, found, err
}

func (c *conn) bases(q query, bind func(*sqlite.Stmt)) (out []tree.Base, err error) {
	s, err := c.stmt(q)
	if err != nil {
		return nil, err
	}
	bind(s)
	err = each(s, func(s *sqlite.Stmt) error {
		b, err := c.readBase(s)
		out = append(out, b)
		return err
	})
	return out, err
}

func (c *conn) baseAt(parent ident.EntryID, name string) ([]tree.Base, error) {
	out, err := c.bases(baseAt, func(s *sqlite.Stmt) {
		s.BindBytes(1, parent[:])
		s.BindBytes(2, []byte(name))
	})
	slices.SortFunc(out, func(a, b tree.Base) int { return compareIDs(a.Entry, b.Entry) })
	return out, err
}

// errEnough ends a listing that has reached its limit.
var errEnough = errors.New("enough")

// baseChildren does not split twins over two pages, because the next page begins after
// their name: the last name of a page brings all its rows.
func (c *conn) baseChildren(parent ident.EntryID, after string, limit int) (out []tree.Base, err error) {
	s, err := c.stmt(baseIn)
	if err != nil || limit <= 0 {
		return nil, err
	}
	s.BindBytes(1, parent[:])
	s.BindBytes(2, []byte(after))
	err = each(s, func(s *sqlite.Stmt) error {
		b, err := c.readBase(s)
		if err != nil {
			return err
		}
		if n := len(out); n >= limit && out[n-1].Name != b.Name {
			return errEnough
		}
		out = append(out, b)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	slices.SortFunc(out, func(a, b tree.Base) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), compareIDs(a.Entry, b.Entry))
	})
	return out, err
}

func (c *conn) holding(content ident.ContentID, limit int) ([]tree.Base, error) {
	if content.IsZero() {
		return nil, nil
	}
	return c.bases(baseHolding, func(s *sqlite.Stmt) {
		bindContent(s, 1, content)
		s.BindInt64(3, int64(limit))
	})
}

func (c *conn) cursor(device ident.DeviceID) (out tree.Cursor, found bool, err error) {
	s, err := c.stmt(cursorGet)
	if err != nil {
		return out, false, err
	}
	s.BindBytes(1, device[:])
	found, err = one(s, func(s *sqlite.Stmt) error {
		out = tree.Cursor{Device: device, Log: ident.LogID(s.ColumnInt64(0)), Seq: uint64(s.ColumnInt64(1)),
			Life: uint64(s.ColumnInt64(2))}
		return nil
	})
	return out, found, err
}

func (c *conn) intents() (out []tree.Intent, err error) {
	s, err := c.stmt(intentsAll)
	if err != nil {
		return nil, err
	}
	err = each(s, func(s *sqlite.Stmt) error {
		i := tree.Intent{Number: uint64(s.ColumnInt64(0))}
		i.Body = append([]byte(nil), c.bytes(s, 1)...)
		out = append(out, i)
		return nil
	})
	return out, err
}

func (c *conn) notes() (out []tree.Note, err error) {
	s, err := c.stmt(notesAll)
	if err != nil {
		return nil, err
	}
	err = each(s, func(s *sqlite.Stmt) error {
		n := tree.Note{Key: string(c.bytes(s, 0))}
		n.Body = append([]byte(nil), c.bytes(s, 1)...)
		out = append(out, n)
		return nil
	})
	return out, err
}

func (c *conn) replicas() (out []tree.Replica, err error) {
	s, err := c.stmt(replicasAll)
	if err != nil {
		return nil, err
	}
	err = each(s, func(s *sqlite.Stmt) error {
		r := tree.Replica{ID: ident.ReplicaID(s.ColumnInt64(0))}
		s.ColumnBytes(1, r.Device[:])
		r.Name = string(c.bytes(s, 2))
		out = append(out, r)
		return nil
	})
	slices.SortFunc(out, func(a, b tree.Replica) int { return cmp.Compare(a.ID, b.ID) })
	return out, err
}

func (c *conn) counts() (t tree.Totals, lastNumber int64, err error) {
	s, err := c.stmt(countsGet)
	if err != nil {
		return t, 0, err
	}
	_, err = one(s, func(s *sqlite.Stmt) error {
		t = tree.Totals{Files: s.ColumnInt64(0), Bytes: s.ColumnInt64(1), Needs: s.ColumnInt64(2),
			NeedFiles: s.ColumnInt64(3), NeedBytes: s.ColumnInt64(4), Conflicts: s.ColumnInt64(5)}
		lastNumber = s.ColumnInt64(6)
		return nil
	})
	return t, lastNumber, err
}

func (c *conn) state() (out tree.State, err error) {
	s, err := c.stmt(stateGet)
	if err != nil {
		return out, err
	}
	_, err = one(s, func(s *sqlite.Stmt) (err error) {
		out = tree.State{
			Replica: ident.ReplicaID(s.ColumnInt64(0)), Log: ident.LogID(s.ColumnInt64(1)),
			Head: uint64(s.ColumnInt64(2)), Counter: uint64(s.ColumnInt64(3)),
			Rev: uint64(s.ColumnInt64(4)), Clock: uint64(s.ColumnInt64(5)),
			Scanned: s.ColumnBool(6),
		}
		if out.Knowledge, err = parseVector(c.bytes(s, 7), nil); err != nil {
			return err
		}
		out.Life = uint64(s.ColumnInt64(9))
		if out.Collected, err = parseVector(c.bytes(s, 8), nil); err != nil {
			return err
		}
		out.Lives, err = parseLives(c.bytes(s, 10))
		return err
	})
	return out, err
}
