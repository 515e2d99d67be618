package index

import (
	"math/rand/v2"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

func randomEntry(r *rand.Rand) (id ident.EntryID) {
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

// TestMet tries that nothing with a number is said to have none, over several filters, and
// that it mostly knows.
func TestMet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m := met{whole: true}
	var ids []ident.EntryID
	for range 100_000 {
		ids = append(ids, randomEntry(r))
		m.add(ids[len(ids)-1])
	}
	for _, id := range ids {
		if m.never(id) {
			t.Fatalf("%v was met", id)
		}
	}
	unsure := 0
	for range 10_000 {
		if !m.never(randomEntry(r)) {
			unsure++
		}
	}
	if unsure > 500 {
		t.Errorf("it did not know of %d in 10,000", unsure)
	}
}

// TestMetOnlyOfANewIndex tries that an index with rows of an earlier run asks for them.
func TestMetOnlyOfANewIndex(t *testing.T) {
	var m met
	if m.never(ident.EntryID{1}) {
		t.Error("nothing is known of what was there before")
	}
}

// TestMetEnds tries that beyond its bound it knows nothing any more.
func TestMetEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	m := met{whole: true, ids: metFirst << 9, layers: make([][]uint64, metLayers)}
	for i := range m.layers {
		m.layers[i] = make([]uint64, 64)
	}
	m.add(randomEntry(r))
	if m.whole || m.layers != nil || m.never(randomEntry(r)) {
		t.Error("it goes on beyond its bound")
	}
}
