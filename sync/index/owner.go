package index

import (
	"fmt"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// The methods here are how the owner reads: they see everything that was applied,
// committed or not, and panic with a Failure when they cannot read.

// Entry returns the row of an entry.
func (s *Store) Entry(id ident.EntryID) (tree.Row, bool) {
	return found[tree.Row]{s.entry(id)}.get()
}

// entry is Entry, nil when there is none. What it returns is not to be changed.
func (s *Store) entry(id ident.EntryID) *[1]tree.Row {
	c := s.reader()
	if known, ok := s.near.rows.get(id); ok {
		return known.is
	}
	if s.met.never(id) {
		return nil
	}
	row, ok, err := c.entry(id)
	s.must(err)
	if ok {
		return s.near.keepRow(row)
	}
	s.near.rows.put(id, found[tree.Row]{})
	return nil
}

// Placed returns the rows whose winning placement is (parent, name), ordered by id. They are
// not to be changed.
func (s *Store) Placed(parent ident.EntryID, name string) []tree.Row {
	c := s.reader()
	if name == "" && !s.resting {
		return nil
	}
	id, free, err := s.near.entries.who(place{parent, name}, c.namesOf(entryNames))
	s.must(err)
	if free {
		return nil
	}
	if id != several {
		if row := s.entry(id); row != nil && row[0].Entry.Place.Parent == parent &&
			row[0].Entry.Place.Name == name {
			return row[:]
		}
	}
	rows, err := c.placed(parent, name)
	s.must(err)
	return rows
}

// Children returns up to limit rows placed in parent, ordered by id, after the given id.
func (s *Store) Children(parent, after ident.EntryID, limit int) []tree.Row {
	rows, err := s.reader().children(parent, after, limit)
	s.must(err)
	return rows
}

// Base returns what is on disk for an entry.
func (s *Store) Base(id ident.EntryID) (tree.Base, bool) {
	return found[tree.Base]{s.base(id)}.get()
}

// base is Base, nil when there is none. What it returns is not to be changed.
func (s *Store) base(id ident.EntryID) *[1]tree.Base {
	c := s.reader()
	if known, ok := s.near.bases.get(id); ok {
		return known.is
	}
	if s.metOnDisk.never(id) {
		return nil
	}
	b, ok, err := c.base(id)
	s.must(err)
	if ok {
		return s.near.keepBase(b)
	}
	s.near.bases.put(id, found[tree.Base]{})
	return nil
}

// BaseAt returns what is on disk under a name, ordered by entry id, not to be changed.
func (s *Store) BaseAt(parent ident.EntryID, name string) []tree.Base {
	c := s.reader()
	id, free, err := s.near.onDisk.who(place{parent, name}, c.namesOf(baseNames))
	s.must(err)
	if free {
		return nil
	}
	if id != several {
		if b := s.base(id); b != nil && b[0].Parent == parent && b[0].Name == name {
			return b[:]
		}
	}
	out, err := c.baseAt(parent, name)
	s.must(err)
	return out
}

// BaseChildren returns base rows of a directory, ordered by name then entry id, after the
// given name. It returns more than limit rows where the last name has twins, because the
// next page begins after that name.
func (s *Store) BaseChildren(parent ident.EntryID, after string, limit int) []tree.Base {
	out, err := s.reader().baseChildren(parent, after, limit)
	s.must(err)
	return out
}

// Holding returns one base row that holds the content.
func (s *Store) Holding(content ident.ContentID) (tree.Base, bool) {
	out, err := s.reader().holding(content, 1)
	s.must(err)
	if len(out) == 0 {
		return tree.Base{}, false
	}
	return out[0], true
}

// Since returns up to limit rows whose number is above after, in order of number. They are
// not to be changed.
func (s *Store) Since(after uint64, limit int) []tree.Row {
	p, err := s.since(after, limit)
	s.must(err)
	return s.kept(p)
}

// Needs returns up to limit rows marked Need whose number is above after, in order of
// number. They are not to be changed.
func (s *Store) Needs(after uint64, limit int) []tree.Row {
	p, err := s.reader().shown(shownNeeded, after, limit)
	s.must(err)
	return s.kept(p)
}

// kept keeps a page near, and with it what is on disk for its rows: who reads a page is
// about to ask for both of each entry, and to be asked together is a fifth of the work.
func (s *Store) kept(p page) []tree.Row {
	if len(p.rows) <= nearMax {
		s.near.keepPage(p)
	}
	return p.rows
}

// Dead returns up to limit rows of deleted entries whose number is above after, in order of
// number.
func (s *Store) Dead(after uint64, limit int) []tree.Row {
	rows, err := s.reader().numbered(entriesDead, after, limit)
	s.must(err)
	return rows
}

// Cursor returns how much of a device's log has been taken in.
func (s *Store) Cursor(device ident.DeviceID) (tree.Cursor, bool) {
	cursor, found, err := s.reader().cursor(device)
	s.must(err)
	return cursor, found
}

// Intents returns the intents that were recorded and not removed, ordered by number.
func (s *Store) Intents() []tree.Intent {
	intents, err := s.reader().intents()
	s.must(err)
	return intents
}

// Notes returns the notes that were recorded and not removed, ordered by key.
func (s *Store) Notes() []tree.Note {
	notes, err := s.reader().notes()
	s.must(err)
	return notes
}

// Replicas returns what is known of all replicas, ordered by id.
func (s *Store) Replicas() []tree.Replica {
	replicas, err := s.reader().replicas()
	s.must(err)
	return replicas
}

// State returns the state as it was last applied, zero when none ever was.
func (s *Store) State() tree.State {
	state, err := s.reader().state()
	s.must(err)
	return state
}

// Totals returns the counts over all rows.
func (s *Store) Totals() tree.Totals { return s.totals }

func (s *Store) reader() *conn {
	if s.failed != nil {
		panic(Failure{s.failed})
	}
	return s.c
}

func (s *Store) must(err error) {
	if err != nil {
		panic(Failure{fmt.Errorf("read index %q: %w", s.path, err)})
	}
}
