package index

import (
	"errors"
	"fmt"
	"math"

	"zombiezen.com/go/sqlite"

	"github.com/shoal-sync/shoal/internal/fault"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Apply makes a batch part of the open transaction. The owner's reads see it at once; it
// is durable, and seen by views, after Commit. When it fails, nothing since the last
// Commit has happened, it panics with a Failure, and the Store is to be closed.
func (s *Store) Apply(b tree.Batch) {
	if s.failed != nil {
		panic(Failure{s.failed})
	}
	if err := s.apply(&b); err != nil {
		panic(Failure{s.fail(err)})
	}
}

// Dirty reports whether Commit has something to make durable.
func (s *Store) Dirty() bool { return s.open || !s.waiting.empty() }

// Commit makes everything since the last Commit durable, waiting recipes included. When it
// fails, nothing of that has happened, and the Store is to be closed.
func (s *Store) Commit() error {
	if s.failed != nil {
		return s.failed
	}
	recipes := s.waiting.list()
	if !s.open && len(recipes) == 0 {
		return nil
	}
	if err := s.commit(recipes); err != nil {
		return s.fail(err)
	}
	s.waiting.written(recipes)
	s.tidier.look()
	return nil
}

func (s *Store) commit(recipes []Recipe) error {
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.c.putRecipes(recipes); err != nil {
		return err
	}
	if err := s.putCounts(); err != nil {
		return err
	}
	fault.At("index.commit")
	if err := s.c.exec(commit); err != nil {
		return err
	}
	fault.At("index.committed")
	s.open, s.committed = false, s.changes
	return nil
}

func (s *Store) begin() error {
	if s.open {
		return nil
	}
	if err := s.c.exec(begin); err != nil {
		return err
	}
	s.open = true
	return nil
}

func (s *Store) fail(err error) error {
	s.failed = fmt.Errorf("record in index %q: %w", s.path, errors.Join(err, s.c.rollback()))
	s.open = false
	return s.failed
}

func (s *Store) apply(b *tree.Batch) error {
	if err := s.begin(); err != nil {
		return err
	}
	s.changes += uint64(len(b.Rows) + len(b.Cleared) + len(b.Placed) + len(b.Forgotten))
	for i := range b.Rows {
		if err := s.putRow(&b.Rows[i]); err != nil {
			return fmt.Errorf("entry %v: %w", b.Rows[i].Entry.ID, err)
		}
	}
	for i := range b.Cleared {
		st, err := s.c.stmt(baseDelete)
		if err != nil {
			return err
		}
		st.BindBytes(1, b.Cleared[i][:])
		if err := run(st); err != nil {
			return err
		}
		s.near.cleared(b.Cleared[i])
	}
	for i := range b.Placed {
		if err := s.putBase(&b.Placed[i]); err != nil {
			return fmt.Errorf("base of %v: %w", b.Placed[i].Entry, err)
		}
	}
	for i := range b.Forgotten {
		if err := s.forget(b.Forgotten[i]); err != nil {
			return fmt.Errorf("forget %v: %w", b.Forgotten[i], err)
		}
	}
	for i := range b.Replicas {
		if err := s.putReplica(&b.Replicas[i]); err != nil {
			return err
		}
	}
	for i := range b.Cursors {
		if err := s.putCursor(&b.Cursors[i]); err != nil {
			return err
		}
	}
	for i := range b.Intents {
		if err := s.putIntent(&b.Intents[i]); err != nil {
			return err
		}
	}
	for i := range b.Notes {
		if err := s.putNote(&b.Notes[i]); err != nil {
			return err
		}
	}
	if b.State != nil {
		return s.putState(b.State)
	}
	return nil
}

// facts are what the totals need of a row. The zero facts are those of no row.
type facts struct {
	need     bool
	live     bool
	file     bool // live, and of kind file
	size     int64
	conflict bool   // live, and rests beside the entry it lost to
	name     string // by which it can be found; "" unless it is live
}

func factsOf(r *tree.Row) facts {
	f := facts{need: r.Need, live: r.Entry.Live()}
	f.conflict = f.live && r.Entry.ShowsConflict()
	if f.file = f.live && r.Entry.Kind == tree.File; f.file {
		f.size = r.Entry.Content.Size
	}
	if f.live {
		f.name = r.Entry.Place.Name
	}
	return f
}

func (s *Store) count(f facts, sign int64) {
	t := &s.totals
	if f.need {
		t.Needs += sign
	}
	if f.conflict {
		t.Conflicts += sign
	}
	if f.file {
		t.Files += sign
		t.Bytes += sign * f.size
	}
	if f.file && f.need {
		t.NeedFiles += sign
		t.NeedBytes += sign * f.size
	}
}

// number returns the number of an entry id, a new one when the id was never met.
func (s *Store) number(id ident.EntryID) (n int64, known bool, err error) {
	if n, ok := s.near.numbers.get(id); ok {
		return n, true, nil
	}
	// Most ids that are not near are new, so giving a number is tried first.
	st, err := s.c.stmt(idPut)
	if err != nil {
		return 0, false, err
	}
	st.BindBytes(1, id[:])
	st.BindInt64(2, s.lastNumber+1)
	if err := run(st); err != nil {
		return 0, false, err
	}
	if known = s.c.db.Changes() == 0; !known {
		s.lastNumber++
		n = s.lastNumber
	} else if n, err = s.c.idNumber(id); err != nil {
		return 0, false, err
	}
	s.near.numbers.put(id, n)
	s.met.add(id)
	return n, known, nil
}

func (s *Store) putRow(r *tree.Row) error {
	if err := r.Entry.Check(); err != nil {
		return err
	}
	if r.Seq == 0 || r.Seq > math.MaxInt64 {
		return fmt.Errorf("bug: %d is no log number", r.Seq)
	}
	number, known, err := s.number(r.Entry.ID)
	if err != nil {
		return err
	}
	if known && s.sameBut(r) {
		return s.putNeed(r, number)
	}
	s.room = tree.AppendEntry(s.room[:0], &r.Entry)
	if len(s.room) > tree.RecordMax {
		return fmt.Errorf("%w: its record has %d bytes", tree.ErrBadEntry, len(s.room))
	}
	var old facts
	if known {
		// The id may have been met in a base row only.
		if old, known, err = s.oldFacts(r.Entry.ID, number); err != nil {
			return err
		}
	}
	now := factsOf(r)
	if err := s.writeRow(r, now, number, known); err != nil {
		return err
	}
	if err := s.putSought(number, old.name, now.name); err != nil {
		return err
	}
	s.near.wrote(r)
	s.resting = s.resting || r.Entry.Place.Name == ""
	s.count(old, -1)
	s.count(now, 1)
	delete(s.sweep.suspects, r.Entry.Content.ID)
	return nil
}

// sameBut reports whether a row differs from the one that is there in nothing but Need, as
// far as is known without asking: a record keeps its number as long as it is the same.
func (s *Store) sameBut(r *tree.Row) bool {
	near, _ := s.near.rows.get(r.Entry.ID)
	if near.is == nil {
		return false
	}
	old := &near.is[0]
	return old.Seq == r.Seq && old.Died == r.Died && old.Entry.Place.Parent == r.Entry.Place.Parent &&
		old.Entry.Place.Name == r.Entry.Place.Name &&
		old.Entry.Content.ID == r.Entry.Content.ID && old.Entry.Live() == r.Entry.Live()
}

// putNeed is putRow for a row of which Need alone has changed. To name all columns in an
// update lets SQLite take the row out of every index and put it back.
func (s *Store) putNeed(r *tree.Row, number int64) error {
	near, _ := s.near.rows.get(r.Entry.ID)
	old := &near.is[0]
	if old.Need == r.Need {
		return nil
	}
	st, err := s.c.stmt(entryNeed)
	if err != nil {
		return err
	}
	st.BindBool(1, r.Need)
	st.BindInt64(2, number)
	if err := run(st); err != nil {
		return err
	}
	s.count(factsOf(old), -1)
	s.count(factsOf(r), 1)
	s.near.keepRow(*r)
	return nil
}

// oldFacts returns the facts of the row that an entry has, if it has one.
func (s *Store) oldFacts(id ident.EntryID, number int64) (old facts, known bool, err error) {
	if near, ok := s.near.rows.get(id); ok {
		if near.is != nil {
			old = factsOf(&near.is[0])
		}
		return old, near.is != nil, nil
	}
	st, err := s.c.stmt(entryNumbered)
	if err != nil {
		return old, false, err
	}
	st.BindInt64(1, number)
	known, err = one(st, func(st *sqlite.Stmt) error {
		var row tree.Row
		err := s.c.row(st, &row)
		old = factsOf(&row)
		return err
	})
	return old, known, err
}

func (s *Store) writeRow(r *tree.Row, now facts, number int64, known bool) error {
	q := entryInsert
	if known {
		q = entryUpdate
	}
	st, err := s.c.stmt(q)
	if err != nil {
		return err
	}
	st.BindInt64(1, int64(r.Seq))
	st.BindBytes(2, r.Entry.Place.Parent[:])
	st.BindBytes(3, []byte(r.Entry.Place.Name))
	st.BindBool(4, r.Need)
	st.BindBool(5, now.live)
	if now.file {
		st.BindInt64(6, now.size)
	} else {
		st.BindNull(6)
	}
	st.BindBytes(7, s.room)
	if now.live {
		st.BindNull(8)
	} else {
		st.BindInt64(8, r.Died)
	}
	if known {
		st.BindInt64(9, number)
	} else {
		st.BindBytes(9, r.Entry.ID[:])
		st.BindInt64(10, number)
	}
	return run(st)
}

func (s *Store) putBase(b *tree.Base) error {
	if len(b.Name) > tree.NameMax {
		return fmt.Errorf("%w: %d bytes, more than %d", tree.ErrBadName, len(b.Name), tree.NameMax)
	}
	number, _, err := s.number(b.Entry)
	if err != nil {
		return err
	}
	st, err := s.c.stmt(basePut)
	if err != nil {
		return err
	}
	s.room = bindBase(st, b, s.room)
	st.BindInt64(17, number)
	if err := run(st); err != nil {
		return err
	}
	s.near.placed(b)
	s.metOnDisk.add(b.Entry)
	return nil
}

func (s *Store) putReplica(r *tree.Replica) error {
	st, err := s.c.stmt(replicaInsert)
	if err != nil {
		return err
	}
	st.BindInt64(1, int64(r.ID))
	st.BindBytes(2, r.Device[:])
	st.BindBytes(3, []byte(r.Name))
	return run(st)
}

func (s *Store) putIntent(i *tree.Intent) error {
	query := intentPut
	if i.Body == nil {
		query = intentDrop
	}
	st, err := s.c.stmt(query)
	if err != nil {
		return err
	}
	st.BindInt64(1, int64(i.Number))
	if i.Body != nil {
		st.BindBytes(2, i.Body)
	}
	return run(st)
}

func (s *Store) putNote(n *tree.Note) error {
	query := notePut
	if n.Body == nil {
		query = noteDrop
	}
	st, err := s.c.stmt(query)
	if err != nil {
		return err
	}
	st.BindBytes(1, []byte(n.Key))
	if n.Body != nil {
		st.BindBytes(2, n.Body)
	}
	return run(st)
}

func (s *Store) putCursor(c *tree.Cursor) error {
	st, err := s.c.stmt(cursorPut)
	if err != nil {
		return err
	}
	st.BindBytes(1, c.Device[:])
	st.BindInt64(2, int64(c.Log))
	st.BindInt64(3, int64(c.Seq))
	st.BindInt64(4, int64(c.Life))
	return run(st)
}

func (s *Store) putState(state *tree.State) error {
	st, err := s.c.stmt(statePut)
	if err != nil {
		return err
	}
	st.BindInt64(1, int64(state.Replica))
	st.BindInt64(2, int64(state.Log))
	st.BindInt64(3, int64(state.Head))
	st.BindInt64(4, int64(state.Counter))
	st.BindInt64(5, int64(state.Rev))
	st.BindInt64(6, int64(state.Clock))
	st.BindBool(7, state.Scanned)
	st.BindBytes(8, appendVector(nil, state.Knowledge))
	st.BindBytes(9, appendVector(nil, state.Collected))
	st.BindInt64(10, int64(state.Life))
	st.BindBytes(11, appendLives(nil, state.Lives))
	return run(st)
}

func (s *Store) putCounts() error {
	st, err := s.c.stmt(countsPut)
	if err != nil {
		return err
	}
	st.BindInt64(1, s.totals.Files)
	st.BindInt64(2, s.totals.Bytes)
	st.BindInt64(3, s.totals.Needs)
	st.BindInt64(4, s.totals.NeedFiles)
	st.BindInt64(5, s.totals.NeedBytes)
	st.BindInt64(6, s.totals.Conflicts)
	st.BindInt64(7, s.lastNumber)
	return run(st)
}
