package index

import (
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

func openForTest(t *testing.T) *Store {
	s, _, err := Open(filepath.Join(t.TempDir(), "folder.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func commitForTest(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestPagesReadAheadShowWhatIsThere changes rows, or does not, between any two pages, and
// compares each page, and what it left near, with what the database says.
func TestPagesReadAheadShowWhatIsThere(t *testing.T) {
	s := openForTest(t)
	r := rand.New(rand.NewPCG(1, 1))
	const entries, limit = 60, 7
	seq := uint64(0)
	put := func(n uint64) {
		seq++
		row := benchRow(n)
		row.Seq = seq
		row.Entry.Content.Size = int64(seq)
		b := tree.Batch{Rows: []tree.Row{row}}
		if r.IntN(4) == 0 {
			b.Cleared = []ident.EntryID{row.Entry.ID}
		} else {
			b.Placed = []tree.Base{benchBase(&row)}
		}
		s.Apply(b)
	}
	for n := range uint64(entries) {
		put(n + 1)
	}
	commitForTest(t, s)
	taken := 0
	for after := uint64(0); taken < 500; {
		if p := s.ahead.next; p != nil && r.IntN(2) == 0 {
			<-p.done // what is changed now is not in it
			taken++
		}
		for range max(0, r.IntN(5)-2) {
			put(uint64(1 + r.IntN(entries)))
		}
		if r.IntN(3) > 0 {
			commitForTest(t, s)
		}
		if r.IntN(8) == 0 {
			after = uint64(r.IntN(int(seq)))
		}
		got := s.Since(after, limit)
		want, err := s.c.shown(shownSince, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want.rows) || len(got) > 0 && !reflect.DeepEqual(got, want.rows) {
			t.Fatalf("after %d there are\n%+v, we got\n%+v", after, want.rows, got)
		}
		for i := range got {
			base, onDisk := s.Base(got[i].Entry.ID)
			wanted, there, err := s.c.base(got[i].Entry.ID)
			if err != nil || onDisk != there || !reflect.DeepEqual(base, wanted) {
				t.Fatalf("on disk is %+v, we got %+v (%v)", wanted, base, err)
			}
		}
		if after = 0; len(got) == limit {
			after = got[limit-1].Seq
		}
	}
}

// TestPagesAreReadAhead: who goes over all rows is given what was read meanwhile, as long as
// nothing is changed.
func TestPagesAreReadAhead(t *testing.T) {
	s := openForTest(t)
	var b tree.Batch
	for n := range uint64(20) {
		b.Rows = append(b.Rows, benchRow(n+1))
	}
	s.Apply(b)
	s.Since(0, 5)
	if s.ahead.next != nil {
		t.Error("rows that were not committed are looked for beside the one who wrote them")
	}
	commitForTest(t, s)
	for after := uint64(0); after < 15; after += 5 {
		s.Since(after, 5)
		p := s.ahead.next
		if p == nil {
			t.Fatalf("nothing is read after %d", after)
		}
		if rows := s.Since(after+5, 5); &rows[0] != &p.rows[0] {
			t.Errorf("what was read ahead after %d was read again", after)
		}
	}
	if s.Since(15, 5); s.ahead.next == nil {
		t.Error("a full page may not be the last")
	}
	if rows := s.Since(20, 5); len(rows) > 0 || s.ahead.next != nil {
		t.Errorf("after the last row come %d, and more is read ahead: %v", len(rows), s.ahead.next != nil)
	}
}
