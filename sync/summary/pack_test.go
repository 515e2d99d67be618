package summary

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

func gathered(set map[ident.EntryID]hash) *Tree {
	var g Gatherer
	for id, digest := range set {
		g.Add(id, digest)
	}
	return g.Tree()
}

// A tree that was gathered, or packed, is the same as any other: it says the same, and no
// change of one leaf shows in another, though they lie side by side in memory.
func TestGatheredAndPackedTreesChangeLikeOthers(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		set := map[ident.EntryID]hash{}
		for range r.IntN(3 * pageEntries) {
			set[randomID(r)] = randomHash(r)
		}
		tree := gathered(set)
		if tree.Len() != len(set) || tree.Root() != naiveRoot(set) {
			t.Fatalf("seed %d: gathered are %d of %d entries, or the root is another one", seed, tree.Len(), len(set))
		}
		ids := slices.SortedFunc(maps.Keys(set), func(a, b ident.EntryID) int { return bytes.Compare(a[:], b[:]) })
		for range 2000 {
			switch r.IntN(5) {
			case 0:
				id := randomID(r)
				set[id] = randomHash(r)
				tree.Set(id, set[id])
			case 1, 2:
				if len(ids) > 0 {
					id := ids[r.IntN(len(ids))]
					delete(set, id)
					tree.Remove(id)
				}
			default:
				if len(ids) > 0 {
					id := ids[r.IntN(len(ids))]
					set[id] = randomHash(r)
					tree.Set(id, set[id])
				}
			}
			if r.IntN(200) == 0 {
				tree.Pack()
			}
		}
		if tree.Len() != len(set) || tree.Root() != naiveRoot(set) {
			t.Fatalf("seed %d: %d of %d entries after changes, or the root is another one", seed, tree.Len(), len(set))
		}
		tree.Pack()
		for id, digest := range set {
			if !tree.Holds(ItemOf(id, digest)) {
				t.Fatalf("seed %d: an entry is lost", seed)
			}
		}
	}
}

func TestNothingGatheredIsAnEmptyTree(t *testing.T) {
	var g Gatherer
	if tree := g.Tree(); tree.Len() != 0 || tree.Root() != (&Tree{}).Root() {
		t.Error("nothing gathered is no empty tree")
	}
}

func BenchmarkMillionGathered(b *testing.B) {
	ids := manyIDs(1_000_000)
	for b.Loop() {
		var g Gatherer
		for _, id := range ids {
			g.Add(id, hash{1})
		}
		if g.Tree().Root() == (hash{}) {
			b.Fatal("no root")
		}
	}
}
