package summary

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

type hash = [32]byte

// naiveRoot says what a root is, straight from the package comment.
func naiveRoot(set map[ident.EntryID]hash) hash {
	ids := make([]ident.EntryID, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b ident.EntryID) int { return bytes.Compare(a[:], b[:]) })
	return naiveSubtree(set, ids, 0)
}

func naiveSubtree(set map[ident.EntryID]hash, ids []ident.EntryID, depth int) hash {
	if len(ids) <= 32 {
		text := []byte("shoal summary leaf 1\x00")
		for _, id := range ids {
			digest := set[id]
			text = append(append(text, id[:]...), digest[:16]...)
		}
		return sha256.Sum256(text)
	}
	text := []byte("shoal summary branch 2\x00")
	for d := range byte(16) {
		var part []ident.EntryID
		for _, id := range ids {
			if id[depth/2]>>(4-depth%2*4)&15 == d {
				part = append(part, id)
			}
		}
		child := naiveSubtree(set, part, depth+1)
		if len(part) == 0 {
			child = hash{}
		}
		text = append(text, child[:16]...)
	}
	return sha256.Sum256(text)
}

func randomHash(r *rand.Rand) (h hash) {
	for i := 0; i < len(h); i += 8 {
		binary.LittleEndian.PutUint64(h[i:], r.Uint64())
	}
	return h
}

// randomID draws ids of which many share long prefixes, so that deep branches occur.
func randomID(r *rand.Rand) ident.EntryID {
	h := randomHash(r)
	id := ident.EntryID(h[:16])
	if r.IntN(2) == 0 {
		copy(id[:], make([]byte, 15))
	} else if r.IntN(2) == 0 {
		copy(id[:], make([]byte, r.IntN(16)))
	}
	return id
}

func TestRootIsAFunctionOfTheSet(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 1))
		set := map[ident.EntryID]hash{}
		var tree Tree
		var ids []ident.EntryID
		for step := range 1500 {
			switch {
			case len(ids) > 0 && r.IntN(10) < 3+step/300: // grows first, shrinks later
				i := r.IntN(len(ids))
				tree.Remove(ids[i])
				delete(set, ids[i])
				ids = slices.Delete(ids, i, i+1)
			case len(ids) > 0 && r.IntN(4) == 0:
				id := ids[r.IntN(len(ids))]
				set[id] = randomHash(r)
				tree.Set(id, set[id])
			default:
				id := randomID(r)
				if _, there := set[id]; !there {
					ids = append(ids, id)
				}
				set[id] = randomHash(r)
				tree.Set(id, set[id])
			}
			if tree.Len() != len(set) {
				t.Fatalf("seed %d step %d: Len %d, want %d", seed, step, tree.Len(), len(set))
			}
			if r.IntN(40) == 0 && tree.Root() != naiveRoot(set) {
				t.Fatalf("seed %d step %d: root of %d entries differs from a rebuild",
					seed, step, len(set))
			}
		}
	}
}

func TestRootDoesNotDependOnOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	ids := make([]ident.EntryID, 400)
	digests := make([]hash, len(ids))
	for i := range ids {
		ids[i], digests[i] = randomID(r), randomHash(r)
	}
	ids = slices.Compact(slices.SortedFunc(slices.Values(ids),
		func(a, b ident.EntryID) int { return bytes.Compare(a[:], b[:]) }))
	var first hash
	for round := range 20 {
		var tree Tree
		for _, i := range r.Perm(len(ids)) {
			tree.Set(ids[i], digests[i])
			if r.IntN(5) == 0 {
				tree.Root()
			}
			if r.IntN(5) == 0 {
				passing := randomID(r)
				if !slices.Contains(ids, passing) {
					tree.Set(passing, digests[i])
					tree.Remove(passing)
				}
			}
		}
		if root := tree.Root(); round == 0 {
			first = root
		} else if root != first {
			t.Fatalf("round %d: another order gave another root", round)
		}
	}
}

// pinned builds a tree whose root other programs can check.
func pinned(n uint64) *Tree {
	var tree Tree
	for i := range n {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, i))
		tree.Set(ident.EntryID(sum[:16]), sha256.Sum256(sum[:]))
	}
	return &tree
}

func TestPinnedRoots(t *testing.T) {
	pins := []struct {
		entries uint64
		root    string
	}{
		{0, "2fdb7620be1240ec7a6f117ef2529c69e6dbd438665b566ace157cc22eef963c"},
		{1, "b430d8cf8b62be482db01151fb54f09b7d96c48e406307f85448652ed30b3257"},
		{32, "20c897006574c79343a074037be027c6ab1cc31b37bcb277d0de9518e71fd193"},
		{33, "2f407a3989ba53e226baa5376ca862a37a25e5d7986accb14c32c8a2e9cb998b"},
		{10000, "0f1cfb76a752d6c27dddcc71cd858362532446e8d57897b49531e74caafcefd3"},
	}
	for _, pin := range pins {
		if root := pinned(pin.entries).Root(); hex.EncodeToString(root[:]) != pin.root {
			t.Errorf("%d entries: root %x, pinned %s", pin.entries, root, pin.root)
		}
	}
}

func TestBorderOfALeafRoundTrip(t *testing.T) {
	tree := pinned(33)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, 32))
	tree.Remove(ident.EntryID(sum[:16]))
	if tree.Root() != pinned(32).Root() {
		t.Error("33 entries less one have another root than the 32")
	}
	tree.Remove(ident.EntryID(sum[:16]))
	if tree.Len() != 32 {
		t.Errorf("removing what is not there left %d entries", tree.Len())
	}
	for i := range uint64(32) {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, i))
		tree.Remove(ident.EntryID(sum[:16]))
	}
	if tree.Root() != new(Tree).Root() {
		t.Error("an emptied tree has another root than an empty one")
	}
}

func TestUnchangedDigestKeepsHashes(t *testing.T) {
	tree := pinned(1000)
	tree.Root()
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, 5))
	tree.Set(ident.EntryID(sum[:16]), sha256.Sum256(sum[:]))
	if !tree.top.hashed {
		t.Error("setting the same digest again made the root be hashed again")
	}
}

func TestSharedPrefixesEndInALeaf(t *testing.T) {
	set := map[ident.EntryID]hash{}
	var tree Tree
	for last := range 256 {
		id := ident.EntryID{15: byte(last)}
		set[id] = hash{byte(last)}
		tree.Set(id, set[id])
	}
	if tree.Root() != naiveRoot(set) {
		t.Error("ids that differ in their last digits alone: root differs from a rebuild")
	}
	for last := range 256 {
		tree.Remove(ident.EntryID{15: byte(last)})
	}
	if tree.top.children != nil {
		t.Error("branches are left of an emptied tree")
	}
}

func TestEmptiedSubtreesTakeNoMemory(t *testing.T) {
	var tree Tree
	ids := manyIDs(1000)
	for _, id := range ids {
		tree.Set(id, hash{})
	}
	for _, id := range ids {
		if digit(id, 0) == 5 {
			tree.Remove(id)
		}
	}
	if tree.top.children[5] != nil {
		t.Error("a subtree without entries is kept")
	}
}

func manyIDs(n int) []ident.EntryID {
	r := rand.New(rand.NewPCG(3, 4))
	ids := make([]ident.EntryID, n)
	for i := range ids {
		h := randomHash(r)
		ids[i] = ident.EntryID(h[:16])
	}
	return ids
}

// TestMemoryPerEntry holds the tree to what makes a million entries bearable.
func TestMemoryPerEntry(t *testing.T) {
	const n = 1_000_000
	ids := manyIDs(n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var tree Tree
	for _, id := range ids {
		tree.Set(id, hash{1})
	}
	tree.Root()
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.1f bytes per entry", per)
	if per > 60 {
		t.Errorf("%.1f bytes per entry, more than 60", per)
	}
	runtime.KeepAlive(ids)
	runtime.KeepAlive(&tree)
}

func BenchmarkMillionSetsAndRoot(b *testing.B) {
	ids := manyIDs(1_000_000)
	for b.Loop() {
		var tree Tree
		for _, id := range ids {
			tree.Set(id, hash{1})
		}
		tree.Root()
	}
}

func BenchmarkRootAfterOneChange(b *testing.B) {
	ids := manyIDs(1_000_000)
	var tree Tree
	for _, id := range ids {
		tree.Set(id, hash{1})
	}
	tree.Root()
	for i := 0; b.Loop(); i++ {
		var digest hash
		binary.LittleEndian.PutUint64(digest[:], uint64(i)+2)
		tree.Set(ids[i%len(ids)], digest)
		tree.Root()
	}
}
