package merge

import (
	"crypto/sha256"
	"fmt"
	"os"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// model walks every history of a few replicas: each of them writes or takes in what
// another has, in every order, up to a number of writes. After every step it asks what
// would come of it if all of them now exchanged everything.
type model struct {
	t     *testing.T
	moves bool
	mine  bool // each replica takes single records as well as everything at once
	seen  map[[32]byte]bool
	ended int // histories that were checked
}

func (m *model) walk(replicas []*replica, left int) {
	s := replicas[0].story
	key := sha256.Sum256([]byte(stateOf(replicas, left)))
	if m.seen[key] {
		return
	}
	m.seen[key] = true
	m.ended++
	m.check(s, replicas)
	for i := range replicas {
		for j := range replicas {
			if i != j && digests(replicas[i].set) != digests(replicas[j].set) {
				m.exchange(replicas, i, j, left)
			}
		}
		if left > 0 {
			m.write(replicas, i, left)
		}
	}
}

func (m *model) exchange(replicas []*replica, i, j, left int) {
	next := fork(replicas)
	next[i].from(next[j])
	m.walk(next, left)
	if !m.mine {
		return
	}
	for _, id := range ids(replicas[j].set) {
		next := fork(replicas)
		next[i].take(next[j].set[id])
		m.walk(next, left)
	}
}

func (m *model) write(replicas []*replica, i, left int) {
	for _, id := range ids(replicas[i].set) {
		e := replicas[i].set[id]
		if !e.Live() {
			continue
		}
		next := fork(replicas)
		next[i].edit(id, fmt.Sprintf("%d.%d", next[i].id, next[i].counter))
		m.walk(next, left-1)
		next = fork(replicas)
		next[i].remove(id)
		m.walk(next, left-1)
		if m.moves {
			next = fork(replicas)
			next[i].move(id, ident.Root, fmt.Sprintf("m%d.%d", next[i].id, next[i].counter))
			m.walk(next, left-1)
		}
	}
}

func (m *model) check(s *story, replicas []*replica) {
	there, back := fork(replicas), fork(replicas)
	settleAll(there)
	checkStory(m.t, s, there)
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	settleAll(back)
	checkStory(m.t, s, back)
	m.onlyRedundant(s, there[0].set, back[0].set)
	m.onlyRedundant(s, back[0].set, there[0].set)
}

// onlyRedundant: what one order of exchange gave and another did not is at most a second
// copy of something that somebody knowingly replaced (P7).
func (m *model) onlyRedundant(s *story, set, other map[ident.EntryID]tree.Entry) {
	for id, e := range set {
		o, both := other[id]
		switch {
		case both && tree.Digest(&e) != tree.Digest(&o),
			!both && !(e.IsConflict() && s.replaced(e.Content.ID)):
			m.t.Fatalf("the order of the last exchange matters:\n%s%s%s", s, showSet(set), showSet(other))
		}
	}
}

func fork(replicas []*replica) []*replica {
	s := replicas[0].story.copy()
	out := make([]*replica, len(replicas))
	for i, r := range replicas {
		out[i] = r.copy(s)
	}
	return out
}

func stateOf(replicas []*replica, left int) string {
	text := fmt.Sprint(left)
	for _, r := range replicas {
		text += fmt.Sprint("|", r.counter, r.clock.Last) + digests(r.set)
	}
	for i := range replicas[0].story.raw {
		d := tree.Digest(&replicas[0].story.raw[i])
		text += string(d[:])
	}
	return text
}

// TestEveryHistory is the small exhaustive model (P1, P2, P3, P8). Clocks are
// alike, or one is ahead of the other. With
// SHOAL_MODEL_LARGE=1 everybody writes once more, which takes minutes.
func TestEveryHistory(t *testing.T) {
	for _, c := range []struct {
		name    string
		clocks  []int64
		entries int
		writes  int
		moves   bool
		mine    bool
		null    bool
	}{
		{"two, four writes", []int64{10, 10}, 1, 4, false, false, false},
		{"two, four writes and moves", []int64{10, 10}, 1, 4, true, false, false},
		{"two, one clock ahead", []int64{10, 9000}, 1, 3, true, false, false},
		{"two, single records", []int64{10, 9000}, 1, 3, true, true, false},
		{"two, two entries", []int64{10, 10}, 2, 3, true, false, false},
		{"two, first scans", []int64{9000, 10}, 1, 2, true, false, true},
		{"three", []int64{10, 10, 10}, 1, 3, false, false, false},
		{"three, clocks fall", []int64{9000, 500, 10}, 1, 2, false, false, false},
		{"three, moves", []int64{10, 9000, 10}, 1, 2, true, true, false},
		{"three, first scans", []int64{10, 10, 10}, 1, 1, false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &story{}
			var replicas []*replica
			for i, wall := range c.clocks {
				r := newReplica(i+1, wall, s)
				replicas = append(replicas, r)
				for n := range c.entries {
					id, name := entryID(byte(n+1)), fmt.Sprint("n", n)
					switch {
					case c.null:
						r.find(id, name, fmt.Sprint("found", i))
					case i == 0:
						r.create(id, tree.File, ident.Root, name, fmt.Sprint("old", n))
					}
				}
				if !c.null {
					r.from(replicas[0])
				}
			}
			m := &model{t: t, moves: c.moves, mine: c.mine, seen: map[[32]byte]bool{}}
			if os.Getenv("SHOAL_MODEL_LARGE") != "" {
				c.writes++ // ten to thirty times as many histories
			}
			m.walk(replicas, c.writes)
			t.Logf("%d histories", m.ended)
		})
	}
}
