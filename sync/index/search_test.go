package index

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// shelf makes rows of a small folder, numbered as they come.
type shelf struct {
	batch tree.Batch
	seq   uint64
}

func (s *shelf) put(kind tree.Kind, parent ident.EntryID, name string) ident.EntryID {
	s.seq++
	row := benchRow(s.seq)
	row.Entry.Kind, row.Entry.Place.Parent, row.Entry.Place.Name = kind, parent, name
	if kind == tree.Dir {
		row.Entry.Content.ID, row.Entry.Content.Size = ident.ContentID{}, 0
	}
	s.batch.Rows = append(s.batch.Rows, row)
	return row.Entry.ID
}

// onDisk says that the last entry is on disk under a name, as it should be.
func (s *shelf) onDisk(name string) {
	row := &s.batch.Rows[len(s.batch.Rows)-1]
	b := benchBase(row)
	b.Name, b.Stat.Kind = name, row.Entry.Kind
	s.batch.Placed = append(s.batch.Placed, b)
}

// dead marks the row of the last entry as deleted.
func dead(row tree.Row, seq uint64) tree.Row {
	row.Seq = seq
	row.Entry.Content.Deleted, row.Entry.Content.ID, row.Entry.Content.Size = true, ident.ContentID{}, 0
	row.Entry.Content.SawPlace = row.Entry.Place.Context
	return row
}

func search(t *testing.T, s *Store, text string, limit int) (paths []string) {
	t.Helper()
	found, err := viewOf(t, s).Search(strings.Fields(text), limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		mark := ""
		if f.Here {
			mark = " *"
		}
		paths = append(paths, f.Path+mark)
	}
	return paths
}

func TestSearch(t *testing.T) {
	s := openNew(t)
	var f shelf
	trips := f.put(tree.Dir, ident.Root, "Holiday trips")
	f.onDisk("Holiday trips")
	beach := f.put(tree.File, trips, "Beach at Été.JPG")
	f.onDisk("Beach at Été.JPG")
	f.put(tree.File, trips, "beach.txt")
	f.put(tree.File, ident.Root, "my beach-house.txt")
	f.put(tree.File, ident.Root, "x")
	gone := f.put(tree.Dir, ident.Root, "gone")
	f.put(tree.File, gone, "beach that nobody sees")
	f.put(tree.File, ident.Root, "a\xffb \"quoted\" 日本語")
	f.put(tree.File, ident.Root, "shown as another")
	f.onDisk("shown as another (conflict)")
	record(t, s, f.batch)
	goneRow, _ := s.Entry(gone)
	record(t, s, tree.Batch{Rows: []tree.Row{dead(goneRow, 100)}})

	inTrips := []string{"Holiday trips/beach.txt", "Holiday trips/Beach at Été.JPG *"}
	for _, c := range []struct {
		words string
		want  []string
	}{
		{"beach", append(slices.Clone(inTrips), "my beach-house.txt")},
		{"each", []string{"Holiday trips/beach.txt", "Holiday trips/Beach at Été.JPG *", "my beach-house.txt"}},
		{"beach ete", []string{"Holiday trips/Beach at Été.JPG *"}},
		{"ÉTÉ", []string{"Holiday trips/Beach at Été.JPG *"}},
		{"holiday beach", inTrips}, {"beach holiday", inTrips},
		{"be", inTrips}, {"b ete", []string{"Holiday trips/Beach at Été.JPG *"}},
		{"trips", []string{"Holiday trips *"}},
		{"my house", []string{"my beach-house.txt"}},
		{"x", []string{"x"}},
		{"quoted\"", []string{"a\xffb \"quoted\" 日本語"}}, {"本語", nil}, {"日本語", []string{"a\xffb \"quoted\" 日本語"}},
		{"another", []string{"shown as another (conflict) *"}},
		{"gone", nil}, {"", nil}, {"beach nowhere", nil}, {"' OR 1=1", nil}, {"\x02\x02b", inTrips},
	} {
		if got := search(t, s, c.words, 10); !slices.Equal(got, c.want) {
			t.Errorf("%q finds %q, want %q", c.words, got, c.want)
		}
	}
	if got := search(t, s, "beach", 1); !slices.Equal(got, inTrips[:1]) {
		t.Errorf("the first is %q", got)
	}
	if _, err := viewOf(t, s).Search(strings.Fields(strings.Repeat("w ", 40)+"v"), 3); err != nil {
		t.Errorf("one word forty times: %v", err)
	}
	many := make([]string, SearchWordsMax+1)
	for i := range many {
		many[i] = fmt.Sprint("word", i)
	}
	if _, err := viewOf(t, s).Search(many, 3); err == nil {
		t.Error("more words than may be are looked for")
	}

	// What is renamed is found by its new name alone, what is deleted and forgotten no more.
	moved, _ := s.Entry(beach)
	moved.Seq, moved.Entry.Place.Name = 101, "shore.jpg"
	lone := f.batch.Rows[3]
	record(t, s, tree.Batch{Rows: []tree.Row{moved, dead(lone, 102)}})
	record(t, s, tree.Batch{Forgotten: []ident.EntryID{lone.Entry.ID}})
	if got := search(t, s, "beach", 10); !slices.Equal(got, inTrips[:1]) {
		t.Errorf("after changes beach finds %q", got)
	}
	if n, err := viewOf(t, s).Check(); err != nil || n == 0 {
		t.Errorf("the check finds %v", err)
	}
}

// A name is found from the moment its row is committed, and not when the commit never came.
func TestSearchSeesCommits(t *testing.T) {
	s := openNew(t)
	var f shelf
	f.put(tree.File, ident.Root, "almost.txt")
	s.Apply(f.batch)
	if got := search(t, s, "almost", 9); got != nil {
		t.Errorf("before the commit %q is found", got)
	}
	if err := s.c.rollback(); err != nil {
		t.Fatal(err)
	}
	s.open = false
	f = shelf{seq: 1}
	f.put(tree.File, ident.Root, "really.txt")
	record(t, s, f.batch)
	if got := search(t, s, "txt", 9); !slices.Equal(got, []string{"really.txt"}) {
		t.Errorf("after the commit %q is found", got)
	}
}

// BenchmarkSearch looks names up among a million with SHOAL_BENCH_LARGE set, else among a
// hundred thousand: what is typed letter by letter, with few and with very many hits.
func BenchmarkSearch(b *testing.B) {
	s := benchOpen(b)
	n := uint64(100_000)
	if os.Getenv("SHOAL_BENCH_LARGE") != "" {
		n = 1_000_000
	}
	var f shelf
	top := f.put(tree.Dir, ident.Root, "pictures")
	s.Apply(f.batch)
	for from := uint64(1); from <= n; from += benchBatch {
		var batch tree.Batch
		for i := range min(benchBatch, n-from+1) {
			row := benchRow(from + 1 + i)
			row.Entry.Place.Parent = top
			batch.Rows = append(batch.Rows, row)
		}
		s.Apply(batch)
		if err := s.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	v, err := s.View()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := v.Close(); err != nil {
			b.Error(err)
		}
	})
	for _, text := range []string{
		"p", "ph", "photo", "graph", "jpg", "0012345", "99999.jpg", "pictures 0077777", "photo 00 jpg",
		"zzz photo", "7654 photo", "123 456 jpg",
	} {
		b.Run(strings.ReplaceAll(text, " ", "+"), func(b *testing.B) {
			worst := time.Duration(0)
			for b.Loop() {
				begun := time.Now()
				if _, err := v.Search(strings.Fields(text), 100); err != nil {
					b.Fatal(err)
				}
				worst = max(worst, time.Since(begun))
			}
			b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
		})
	}
}
