package index

import "github.com/shoal-sync/shoal/internal/ident"

// forget removes the row of an entry, and its number, unless something of it is on disk.
func (s *Store) forget(id ident.EntryID) error {
	number, known, err := s.number(id)
	if err != nil || !known {
		return err
	}
	old, _, err := s.oldFacts(id, number)
	if err != nil {
		return err
	}
	st, err := s.c.stmt(entryDelete)
	if err != nil {
		return err
	}
	st.BindInt64(1, number)
	if err := run(st); err != nil {
		return err
	}
	if err := s.putSought(number, old.name, ""); err != nil {
		return err
	}
	s.count(old, -1)
	s.near.forgot(id)
	if _, onDisk, err := s.c.base(id); err != nil || onDisk {
		return err
	}
	if st, err = s.c.stmt(idDelete); err != nil {
		return err
	}
	st.BindBytes(1, id[:])
	return run(st)
}
