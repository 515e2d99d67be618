package index

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// A first scan comes in directories of benchPerDir files, in batches as the loop makes
// them under load.
const (
	benchPerDir = 50
	benchBatch  = 2000
)

func benchID(n uint64) ident.EntryID {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	return ident.EntryID(sum[:16])
}

func benchRow(n uint64) tree.Row {
	v := version.Version{Dot: version.Dot{Replica: 77, Counter: n}}
	v.Seen = version.Vector{v.Dot}
	v.Stamp = version.Stamp{Time: version.HybridOf(1_700_000_000_000 + int64(n)), Replica: 77}
	e := tree.Entry{ID: benchID(n), Kind: tree.File}
	e.Place = tree.Placement{Version: v, Context: v.Seen, Parent: benchID(1<<40 + n/benchPerDir),
		Name: fmt.Sprintf("photograph %07d.jpg", n)}
	e.Content = tree.Content{Version: v, Context: v.Seen, ID: sha256.Sum256(e.ID[:]), Size: int64(n)}
	e.Attrs = tree.Attributes{Version: v, Context: v.Seen, Mode: 0o644, Mtime: 1_700_000_000_123_456_789}
	return tree.Row{Entry: e, Seq: n}
}

func benchBase(r *tree.Row) tree.Base {
	return tree.Base{Entry: r.Entry.ID, Parent: r.Entry.Place.Parent, Name: r.Entry.Place.Name,
		Content: r.Entry.Content.ID, Rev: r.Seq,
		Stat: tree.Stat{Kind: tree.File, Size: r.Entry.Content.Size, Mtime: r.Entry.Attrs.Mtime,
			Mode: 0o644, Links: 1, File: tree.FileID{Volume: 64769, Inode: 1<<20 + r.Seq, Birth: 5}},
		SawPlace: r.Entry.Place.Context, SawContent: r.Entry.Content.Context, SawAttrs: r.Entry.Attrs.Context}
}

func benchOpen(b *testing.B) *Store {
	s, _, err := Open(filepath.Join(b.TempDir(), "folder.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// benchFill brings n files into the index as a first scan does.
func benchFill(b *testing.B, s *Store, from, n uint64, withBase bool) {
	for n > 0 {
		var batch tree.Batch
		for range min(n, benchBatch) {
			from++
			batch.Rows = append(batch.Rows, benchRow(from))
			if withBase {
				batch.Placed = append(batch.Placed, benchBase(&batch.Rows[len(batch.Rows)-1]))
			}
		}
		n -= min(n, benchBatch)
		s.Apply(batch)
		if err := s.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplyRows(b *testing.B) {
	s := benchOpen(b)
	b.ResetTimer()
	benchFill(b, s, 0, uint64(b.N), false)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkApplyPairs(b *testing.B) {
	s := benchOpen(b)
	b.ResetTimer()
	benchFill(b, s, 0, uint64(b.N), true)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
}

func BenchmarkReplaceRows(b *testing.B) {
	s := benchOpen(b)
	const known = 100_000
	benchFill(b, s, 0, known, false)
	b.ResetTimer()
	var batch tree.Batch
	for n := range uint64(b.N) {
		row := benchRow(1 + n*7919%known)
		row.Seq = known + 1 + n
		if batch.Rows = append(batch.Rows, row); len(batch.Rows) == benchBatch || n == uint64(b.N-1) {
			s.Apply(batch)
			if err := s.Commit(); err != nil {
				b.Fatal(err)
			}
			batch.Rows = batch.Rows[:0]
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkCommit is a durable commit of one new file.
func BenchmarkCommit(b *testing.B) {
	s := benchOpen(b)
	benchFill(b, s, 0, 100_000, true)
	b.ResetTimer()
	for n := range uint64(b.N) {
		benchFill(b, s, 100_000+n, 1, true)
	}
}

func BenchmarkRead(b *testing.B) {
	s := benchOpen(b)
	const known = 100_000
	benchFill(b, s, 0, known, true)
	view, err := s.View()
	if err != nil {
		b.Fatal(err)
	}
	rows := make([]tree.Row, known)
	for i := range rows {
		rows[i] = benchRow(1 + uint64(i*7919%known))
	}
	for _, c := range []struct {
		name string
		read func(*tree.Row) bool
	}{
		{"Entry", func(r *tree.Row) bool { _, ok := s.Entry(r.Entry.ID); return ok }},
		{"Base", func(r *tree.Row) bool { _, ok := s.Base(r.Entry.ID); return ok }},
		{"Placed", func(r *tree.Row) bool { return len(s.Placed(r.Entry.Place.Parent, r.Entry.Place.Name)) == 1 }},
		{"BaseAt", func(r *tree.Row) bool { return len(s.BaseAt(r.Entry.Place.Parent, r.Entry.Place.Name)) == 1 }},
		{"Holding", func(r *tree.Row) bool { _, ok := s.Holding(r.Entry.Content.ID); return ok }},
		{"View.BaseList", func(r *tree.Row) bool {
			list, err := view.BaseList(r.Entry.Place.Parent)
			return len(list) >= benchPerDir-1 && err == nil
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				if !c.read(&rows[i%known]) {
					b.Fatal("not found")
				}
				i++
			}
		})
	}
	b.Run("View.EachEntry", func(b *testing.B) {
		n := 0
		for b.Loop() {
			if err := view.EachEntry(func(r *tree.Row) error { n++; tree.Digest(&r.Entry); return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("View.EachRecord", func(b *testing.B) {
		n := 0
		for b.Loop() {
			if err := view.EachRecord(func(r Record) error { n++; tree.DigestOf(r.Body); return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
	})
	if err := view.Close(); err != nil {
		b.Fatal(err)
	}
}
