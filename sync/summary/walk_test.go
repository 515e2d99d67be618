package summary

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

func treeOf(set map[ident.EntryID]hash) *Tree {
	var t Tree
	for id, digest := range set {
		t.Set(id, digest)
	}
	return &t
}

// walk lets one tree find what differs in another, and returns it with the number of
// questions and parts.
func walk(t *testing.T, ours, theirs *Tree, limit int) (differ []ident.EntryID, rounds, parts int) {
	t.Helper()
	w := NewWalk(ours)
	for !w.Done() {
		asked := w.Ask(limit)
		if len(asked) == 0 || len(w.Ask(limit)) != 0 {
			t.Fatal("a walk asks for something, and then waits")
		}
		var answer []Part
		for _, p := range asked {
			answer = append(answer, theirs.Part(p))
		}
		found, err := w.Take(answer)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range found {
			differ = append(differ, item.ID)
		}
		rounds++
		parts += len(asked)
	}
	return differ, rounds, parts
}

func sorted(ids []ident.EntryID) []ident.EntryID {
	return slices.SortedFunc(slices.Values(ids), func(a, b ident.EntryID) int { return bytes.Compare(a[:], b[:]) })
}

// What a walk finds is what the other tree has and ours has not, or has otherwise: no more
// and no less, for trees of every shape and size.
func TestWalkFindsTheDifference(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		ours := map[ident.EntryID]hash{}
		for range r.IntN([]int{1, 40, 700, 5000}[seed%4]) {
			ours[randomID(r)] = randomHash(r)
		}
		theirs := maps.Clone(ours)
		want := map[ident.EntryID]bool{}
		ids := slices.Collect(maps.Keys(ours))
		ids = sorted(ids)
		for range r.IntN([]int{3, 30, 2000}[seed%3]) {
			switch n := r.IntN(3); {
			case n == 0 || len(ids) == 0:
				id := randomID(r)
				theirs[id] = randomHash(r)
				want[id] = true
			case n == 1:
				id := ids[r.IntN(len(ids))]
				theirs[id] = randomHash(r)
				want[id] = true
			default:
				id := ids[r.IntN(len(ids))]
				delete(theirs, id)
				delete(want, id)
			}
		}
		found, _, _ := walk(t, treeOf(ours), treeOf(theirs), 1+r.IntN(20))
		if got, wanted := sorted(found), sorted(slices.Collect(maps.Keys(want))); !slices.Equal(got, wanted) {
			t.Fatalf("seed %d: found %d of %d differences", seed, len(got), len(wanted))
		}
	}
}

// An entry that both have, in trees whose branches lie at different depths.
func TestWalkBetweenTreesOfDifferentDepth(t *testing.T) {
	small, large := pinned(20), pinned(20000)
	if found, _, _ := walk(t, large, small, 8); len(found) != 0 {
		t.Errorf("%d entries of a subset are not in the whole", len(found))
	}
	if found, _, _ := walk(t, small, large, 64); len(found) != 20000-20 {
		t.Errorf("%d entries found", len(found))
	}
	if found, rounds, _ := walk(t, large, pinned(20000), 8); len(found) != 0 || rounds != 1 {
		t.Errorf("equal trees: %d differences in %d rounds", len(found), rounds)
	}
}

// Few differences among many entries cost few rounds and few parts.
func TestWalkIsShort(t *testing.T) {
	a, b := pinned(100_000), pinned(100_000)
	for i := range uint64(10) {
		b.Set(ident.EntryID{byte(i * 25), byte(i), 7}, hash{1})
	}
	found, rounds, parts := walk(t, a, b, 512)
	if len(found) != 10 || rounds > 5 || parts > 1+4*10 {
		t.Errorf("%d differences in %d rounds, %d parts", len(found), rounds, parts)
	}
}

// liar answers as no tree can.
type liar struct {
	r *rand.Rand
}

func (l liar) part(p Prefix) Part {
	if p.Digits == digitsMax {
		return Part{Items: []Item{{ID: p.ID}}}
	}
	out := Part{Branch: true, Count: l.r.Uint64()}
	for d := range out.Children {
		binary.LittleEndian.PutUint64(out.Children[d][:], l.r.Uint64()|1)
	}
	return out
}

// A tree without an end is left after a bounded number of parts, in bounded memory.
func TestWalkThroughATreeWithoutEnd(t *testing.T) {
	l := liar{rand.New(rand.NewPCG(1, 1))}
	w := NewWalk(pinned(1000))
	most := 0
	for {
		var answer []Part
		for _, p := range w.Ask(512) {
			answer = append(answer, l.part(p))
		}
		if _, err := w.Take(answer); err != nil {
			if !errors.Is(err, ErrNoTree) {
				t.Fatal(err)
			}
			break
		}
		most = max(most, len(w.next))
		if w.Done() {
			t.Fatal("the walk believes that it has seen everything")
		}
	}
	if limit := digitsMax * fanOut * 512; most > limit {
		t.Errorf("%d prefixes waited, more than %d", most, limit)
	}
}

func TestWalkRefusesWhatIsNoPart(t *testing.T) {
	id := ident.EntryID{0x12, 0x34}
	for name, c := range map[string]struct {
		at     Prefix
		answer []Part
	}{
		"too few":         {Prefix{}, nil},
		"too many":        {Prefix{}, make([]Part, 2)},
		"another subtree": {Prefix{ident.EntryID{0x10}, 1}, []Part{{Items: []Item{{ID: ident.EntryID{0x20}}}}}},
		"out of order":    {Prefix{}, []Part{{Items: []Item{{ID: id}, {ID: ident.EntryID{1}}}}}},
		"twice":           {Prefix{}, []Part{{Items: []Item{{ID: id}, {ID: id}}}}},
		"too full":        {Prefix{}, []Part{{Items: make([]Item, leafMax+1)}}},
		"below an id":     {Prefix{id, digitsMax}, []Part{{Branch: true}}},
	} {
		w := &Walk{ours: pinned(10), asked: []place{{Prefix: c.at}}}
		if _, err := w.Take(c.answer); !errors.Is(err, ErrNoTree) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// prove walks through the tree of a root with what another tree answers, now and then
// changed on the way. What it takes in must be of that root.
func prove(t *testing.T, ours, of *Tree, answer func(Prefix) Part, limit int) (found []Item, extra []ident.EntryID, whole bool) {
	t.Helper()
	w := NewProof(ours, of.Root())
	for !w.Done() {
		var parts []Part
		for _, p := range w.Ask(limit) {
			parts = append(parts, answer(p))
		}
		items, err := w.Take(parts)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			if !of.Holds(item) {
				t.Fatal("something was taken in that is not in the tree of the root")
			}
		}
		found, extra = append(found, items...), append(extra, w.Extra()...)
	}
	return found, extra, w.Whole()
}

// A proof finds both sides of the difference, and nothing that is not of its root.
func TestProofFindsBothSides(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 11))
		ours, theirs := map[ident.EntryID]hash{}, map[ident.EntryID]hash{}
		for range r.IntN([]int{3, 60, 900, 4000}[seed%4]) {
			id, digest := randomID(r), randomHash(r)
			if r.IntN(10) > 0 {
				ours[id] = digest
			}
			if r.IntN(10) > 0 {
				theirs[id] = digest
			}
		}
		lacking, beyond := 0, 0
		for id, digest := range theirs {
			if is, there := ours[id]; !there || is != digest {
				lacking++
			}
		}
		for id := range ours {
			if _, there := theirs[id]; !there {
				beyond++
			}
		}
		of := treeOf(theirs)
		found, extra, whole := prove(t, treeOf(ours), of, of.Part, 1+r.IntN(20))
		if len(found) != lacking || len(extra) != beyond || !whole {
			t.Fatalf("seed %d: found %d of %d, beyond %d of %d, whole %v", seed, len(found), lacking, len(extra), beyond, whole)
		}
		for _, id := range extra {
			if _, there := theirs[id]; there {
				t.Fatalf("seed %d: an entry of the root is taken for one that is not", seed)
			}
		}
	}
}

// Who answers from another tree than that of the root, or changes answers, makes the proof
// fall short and gets nothing in.
func TestProofTakesNothingForged(t *testing.T) {
	of := pinned(3000)
	of.Root()
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 12))
		answer := func(p Prefix) Part {
			part := of.Part(p)
			switch {
			case r.IntN(4) > 0:
			case part.Branch:
				part.Children[r.IntN(16)][0] ^= 1
			case len(part.Items) > 0 && r.IntN(2) == 0:
				part.Items = part.Items[1:]
			case len(part.Items) > 0:
				part.Items[0].Digest[3] ^= 1
			}
			return part
		}
		_, extra, whole := prove(t, pinned(3000), of, answer, 16)
		if !whole || len(extra) > 0 {
			t.Fatal("equal trees are not walked through")
		}
		prove(t, pinned(100), of, answer, 16)
	}
	other := pinned(3001)
	found, _, whole := prove(t, pinned(2500), of, other.Part, 16)
	if whole || len(found) != 0 {
		t.Errorf("the tree of another root passes: %d found", len(found))
	}
	if _, _, whole := prove(t, &Tree{}, &Tree{}, other.Part, 1); !whole {
		t.Error("an empty tree cannot be proven")
	}
	if _, extra, whole := prove(t, pinned(40), &Tree{}, (&Tree{}).Part, 1); !whole || len(extra) != 40 {
		t.Error("that a tree is empty cannot be proven")
	}
}

func TestPrefixes(t *testing.T) {
	id := ident.EntryID{0xab, 0xcd, 0xef}
	p := Prefix{}.below(0xa).below(0xb).below(0xc)
	if want := (Prefix{ident.EntryID{0xab, 0xc0}, 3}); p != want || !p.Valid() || !p.Covers(id) {
		t.Errorf("%+v", p)
	}
	if p.Covers(ident.EntryID{0xab, 0xdc}) || (Prefix{id, 3}).Valid() || (Prefix{Digits: 33}).Valid() {
		t.Error("a prefix covers another subtree, or has digits behind its end")
	}
}
