package indextest

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// facts is an index that looks at everything for every answer: too slow to be wrong.
type facts struct {
	rows  map[ident.EntryID]tree.Row
	bases map[ident.EntryID]tree.Base
}

func (f *facts) apply(b tree.Batch) {
	for _, r := range b.Rows {
		f.rows[r.Entry.ID] = r
	}
	for _, id := range b.Cleared {
		delete(f.bases, id)
	}
	for _, b := range b.Placed {
		f.bases[b.Entry] = b
	}
	for _, id := range b.Forgotten {
		delete(f.rows, id)
	}
}

func (f *facts) placed(keep func(*tree.Placement) bool) (out []tree.Row) {
	for _, r := range f.rows {
		if keep(&r.Entry.Place) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b tree.Row) int { return bytes.Compare(a.Entry.ID[:], b.Entry.ID[:]) })
	return out
}

func (f *facts) onDisk(keep func(*tree.Base) bool) (out []tree.Base) {
	for _, b := range f.bases {
		if keep(&b) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b tree.Base) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), bytes.Compare(a.Entry[:], b.Entry[:]))
	})
	return out
}

func (f *facts) totals() (t tree.Totals) {
	for _, r := range f.rows {
		if r.Need {
			t.Needs++
		}
		if r.Entry.Live() && r.Entry.Place.Name == "" {
			t.Conflicts++
		}
		if r.Entry.Kind != tree.File || !r.Entry.Live() {
			continue
		}
		t.Files++
		t.Bytes += r.Entry.Content.Size
		if r.Need {
			t.NeedFiles++
			t.NeedBytes += r.Entry.Content.Size
		}
	}
	return t
}

const (
	anySeed   = 20
	anyRounds = 60
	anyIDs    = 40 // so that rows are replaced, moved and cleared often
	fewIDs    = 5  // so that names are often free, or of one entry
)

func anyBatches(t *testing.T, x Index) { randomBatches(t, x, anyIDs) }

func fewEntries(t *testing.T, x Index) { randomBatches(t, x, fewIDs) }

func randomBatches(t *testing.T, x Index, ids int) {
	random := rand.New(rand.NewPCG(anySeed, anySeed))
	f := facts{map[ident.EntryID]tree.Row{}, map[ident.EntryID]tree.Base{}}
	for seq := uint64(1); seq < anyRounds*8; seq += 8 {
		b := anyBatch(random, seq, ids)
		for n := byte(1); n <= byte(ids) && random.IntN(2) == 0; n++ {
			if _, known := f.rows[id(n)]; known {
				b.Forgotten = append(b.Forgotten, id(n))
			}
		}
		x.Apply(b)
		f.apply(b)
		if random.IntN(3) == 0 {
			if err := x.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		f.compare(t, x)
	}
}

var anyNames = []string{"a", "b", "B", "\xff"}

func anyBatch(r *rand.Rand, seq uint64, ids int) (b tree.Batch) {
	anyID := func() byte { return byte(1 + r.IntN(ids)) }
	for range r.IntN(8) {
		row := file(anyID(), seq, id(byte(r.IntN(3))), append([]string{""}, anyNames...)[r.IntN(5)])
		row.Need = r.IntN(2) == 0
		row.Entry.Content.Deleted = r.IntN(4) == 0
		if row.Entry.Content.Deleted && r.IntN(2) == 0 {
			row.Entry.Content.SawPlace = row.Entry.Place.Seen
		}
		b.Rows = append(b.Rows, row)
		seq++
	}
	for range r.IntN(6) {
		base := onDisk(anyID(), id(byte(r.IntN(3))), anyNames[r.IntN(4)])
		base.Content, base.Rev = content(byte(r.IntN(4))), seq
		if base.Entry[0]%2 == 0 {
			base.Stat.Kind = tree.Dir
		}
		b.Placed = append(b.Placed, base)
	}
	for range r.IntN(3) {
		b.Cleared = append(b.Cleared, id(anyID()))
	}
	return b
}

func (f *facts) compare(t *testing.T, x Index) {
	t.Helper()
	same(t, "totals", x.Totals(), f.totals())
	for n := byte(1); n <= anyIDs; n++ {
		row, found := x.Entry(id(n))
		want, known := f.rows[id(n)]
		same(t, "entry", row, want)
		same(t, "entry found", found, known)
		base, found := x.Base(id(n))
		wantBase, known := f.bases[id(n)]
		same(t, "base", base, wantBase)
		same(t, "base found", found, known)
	}
	for p := range byte(3) {
		parent := id(p)
		same(t, "children", x.Children(parent, ident.Root, anyIDs),
			f.placed(func(at *tree.Placement) bool { return at.Parent == parent }))
		same(t, "base children", x.BaseChildren(parent, "", anyIDs),
			f.onDisk(func(b *tree.Base) bool { return b.Parent == parent }))
		for _, name := range append([]string{""}, anyNames...) {
			same(t, "placed", x.Placed(parent, name),
				f.placed(func(at *tree.Placement) bool { return at.Parent == parent && at.Name == name }))
			same(t, "base at", x.BaseAt(parent, name),
				f.onDisk(func(b *tree.Base) bool { return b.Parent == parent && b.Name == name }))
		}
	}
	for n := range byte(4) {
		held := f.onDisk(func(b *tree.Base) bool { return b.Content == content(n) && n > 0 })
		b, found := x.Holding(content(n))
		if found != (len(held) > 0) || found && !slices.ContainsFunc(held, func(h tree.Base) bool { return reflect.DeepEqual(h, b) }) {
			t.Fatalf("holding %v: %+v, want one of %+v", content(n), b, held)
		}
	}
}
