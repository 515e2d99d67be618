package index

import (
	"fmt"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// nearPair makes the rows of a file with a number in a directory.
func nearPair(dir ident.EntryID, n uint64) tree.Batch {
	row := benchRow(n)
	row.Entry.Place.Parent = dir
	b := benchBase(&row)
	return tree.Batch{Rows: []tree.Row{row}, Placed: []tree.Base{b}}
}

// asked asks about a name as the core does for each file it finds.
func asked(s *Store, dir ident.EntryID, n uint64) (row, base bool) {
	name := benchRow(n).Entry.Place.Name
	return len(s.Placed(dir, name)) > 0, len(s.BaseAt(dir, name)) > 0
}

// Who has a name is asked some ten times for each file: what is near is lent, not copied.
func TestNearIsLent(t *testing.T) {
	s := openNew(t)
	dir := benchID(1 << 50)
	s.Apply(nearPair(dir, 1))
	for range crowdAsks {
		asked(s, dir, 1)
	}
	name := benchRow(1).Entry.Place.Name
	lent := testing.AllocsPerRun(100, func() {
		if len(s.Placed(dir, name)) != 1 || len(s.BaseAt(dir, name)) != 1 {
			t.Error("a file is not there")
		}
	})
	if lent > 0 {
		t.Errorf("%v allocations to tell who has a name", lent)
	}
}

// What is asked of more directories, and of larger ones, than are kept near, is answered as
// if nothing were.
func TestManyAndLargeDirectories(t *testing.T) {
	s := openNew(t)
	const dirs, large = crowdDirs + 10, crowdLoad + 10
	dir := func(d uint64) ident.EntryID { return benchID(1<<50 + d) }
	var n uint64
	first := map[uint64]uint64{}
	for d := range uint64(dirs) {
		files := uint64(5)
		if d == 3 {
			files = large
		}
		first[d] = n + 1
		for range files {
			n++
			s.Apply(nearPair(dir(d), n))
		}
	}
	for round := range 4 {
		for d := range uint64(dirs) {
			if row, base := asked(s, dir(d), first[d]); !row || !base {
				t.Fatalf("round %d: a file of directory %d is not there", round, d)
			}
			if row, base := asked(s, dir(d), first[(d+1)%dirs]); row || base {
				t.Fatalf("round %d: directory %d has a file of another one", round, d)
			}
		}
	}
	n++
	s.Apply(nearPair(dir(3), n))
	if row, base := asked(s, dir(3), n); !row || !base {
		t.Error("a file added to a large directory is not there")
	}
}

// A name that a row left is free, and one it came to is taken, near or not.
func TestMovedWhileNear(t *testing.T) {
	s := openNew(t)
	a, b := benchID(1<<50), benchID(1<<50+1)
	for n := uint64(1); n <= 5; n++ {
		s.Apply(nearPair(a, n))
	}
	for range 2 * crowdAsks {
		asked(s, a, 99)
		asked(s, b, 1)
	}
	s.Apply(nearPair(b, 1))
	if row, base := asked(s, a, 1); row || base {
		t.Error("it is still where it was")
	}
	if row, base := asked(s, b, 1); !row || !base {
		t.Error("it is not where it moved")
	}
}

// What a caller appends to a list of a row it was given is not seen by the next caller.
func TestCallersDoNotShare(t *testing.T) {
	s := openNew(t)
	s.Apply(nearPair(ident.Root, 1))
	first, _ := s.Entry(benchID(1))
	_ = append(first.Entry.Place.Seen, first.Entry.Place.Seen[0])
	one := append(first.Entry.Content.Ancestors, ident.ContentID{1})
	again, _ := s.Entry(benchID(1))
	two := append(again.Entry.Content.Ancestors, ident.ContentID{2})
	if fmt.Sprint(one) == fmt.Sprint(two) {
		t.Error("one wrote into the other's list")
	}
}
