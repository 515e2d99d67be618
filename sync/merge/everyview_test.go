package merge

import (
	"fmt"
	"maps"
	"math/bits"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// act is what one person did at one replica, after having received some acts of others.
type act struct {
	by   int    // replica, from 0
	past uint   // the acts its author had, one bit each; own ones among them
	did  string // for people
	// records are what the author's replica had of all it changed, once it was done.
	records []tree.Entry
	values  []value
	// knew are the contents that the author replaced or deleted, seeing them.
	knew map[ident.ContentID]bool
}

// sea walks every history of a few replicas on two names: before each act its author may
// have received any of the earlier acts, with what their authors had. After every act it
// asks what would be seen if everybody had received everything, in every order, and
// compares that with the oracle.
type sea struct {
	t        *testing.T
	acts     []*act
	clocks   []version.Clock // of the replicas
	counters []uint64
	alike    bool // all wall clocks stand still
	replicas int
	started  int // acts that are first scans
	every    int // of the longest histories one in so many is looked at
	ended    int // histories there were
}

// walk extends a history by every act that is possible.
func (s *sea) walk(left int) {
	if len(s.acts) > s.started {
		s.check()
	}
	if left == 0 {
		return
	}
	for by := range s.known() {
		for _, past := range s.pasts(by) {
			for _, do := range choices(s.state(past), len(s.acts) == s.started) {
				if s.ended++; left == 1 && s.ended%s.every > 0 {
					continue
				}
				s.attempt(by, past, do)
				s.walk(left - 1)
				s.undo()
			}
		}
	}
}

// known is how many replicas to go through: those that have acted, and one more. Without
// first scans all others are alike.
func (s *sea) known() int {
	if s.started > 0 {
		return s.replicas
	}
	acted := 0
	for _, a := range s.acts {
		acted = max(acted, a.by+1)
	}
	return min(acted+1, s.replicas)
}

// pasts are the sets of acts that a replica can have received before its next one: with
// each act all that its author had, and all of its own.
func (s *sea) pasts(by int) (out []uint) {
	for set := range uint(1) << len(s.acts) {
		closed := true
		for i, a := range s.acts {
			has := set>>i&1 == 1
			closed = closed && (!has || a.past&^set == 0) && (has || a.by != by)
		}
		if closed {
			out = append(out, set)
		}
	}
	return out
}

// state is what a replica has that received some acts in the order they were done.
func (s *sea) state(past uint) map[ident.EntryID]tree.Entry {
	set := map[ident.EntryID]tree.Entry{}
	for i, a := range s.acts {
		if past>>i&1 == 1 {
			for _, e := range a.records {
				takeInto(set, e)
			}
		}
	}
	return set
}

// attempt lets a person act. Values are noted for the oracle, records for the replicas.
func (s *sea) attempt(by int, past uint, do deed) {
	s.clocks, s.counters = slices.Clone(s.clocks), slices.Clone(s.counters)
	wall := int64(1000)
	if !s.alike {
		wall += int64(len(s.acts)) * 10
	}
	r := newReplica(by+1, wall, &story{})
	r.set, r.counter, r.clock = s.state(past), s.counters[by], s.clocks[by]
	before := maps.Clone(r.set)
	a := &act{by: by, past: past, did: do.String(), knew: map[ident.ContentID]bool{}}
	do.by(&person{replica: r, act: a, number: len(s.acts)})
	for _, id := range ids(r.set) {
		e, old := r.set[id], before[id]
		if tree.Digest(&e) != tree.Digest(&old) {
			a.records = append(a.records, e)
		} else if e.IsConflict() {
			a.records = append(a.records, e) // its log tells of those it derived, too
		}
	}
	for i := range r.story.told {
		own := version.Dot{Replica: r.id, Counter: s.counters[by]}
		a.values = append(a.values, valuesOf(&r.story.told[i], own, len(s.acts))...)
	}
	s.clocks[by], s.counters[by] = r.clock, r.counter
	s.acts = append(slices.Clip(s.acts), a)
}

// undo takes the last act back. What it gave to clocks and counters may stay given.
func (s *sea) undo() { s.acts = s.acts[:len(s.acts)-1] }

// check compares what everybody sees in the end with the oracle, whatever the order in
// which the acts were received.
func (s *sea) check() {
	first := s.state(1<<len(s.acts) - 1)
	s.judge(first)
	seen := map[string]bool{digests(first): true}
	for _, order := range s.orders() {
		set := map[ident.EntryID]tree.Entry{}
		for _, i := range order {
			for _, e := range s.acts[i].records {
				takeInto(set, e)
			}
		}
		for id, e := range set {
			o, both := first[id]
			if both && tree.Digest(&e) != tree.Digest(&o) {
				s.fail(set, "received in the order %v, %x differs", order, id[:3])
			}
		}
		if d := digests(set); !seen[d] {
			seen[d] = true
			s.judge(set) // a second copy of something replaced may come or not come (P7)
		}
	}
}

// judge compares one outcome with the oracle, and asks for what people rely on.
func (s *sea) judge(set map[ident.EntryID]tree.Entry) {
	o := newOracle(s.acts)
	for id, e := range set {
		if e.IsConflict() || o.entries[id] == nil {
			if why := o.mayKeep(&e); why != "" {
				s.fail(set, "a conflict copy of %q: %s", trimmed(e.Content.ID), why)
			}
			o.keep(&e)
		}
	}
	want, got := o.paths(), pathsOf(set)
	if !maps.Equal(want, got) {
		s.fail(set, "seen   %v\noracle %v", listed(got), listed(want))
	}
	visible := map[ident.ContentID]bool{}
	for _, shown := range got {
		visible[contentID(strings.TrimPrefix(shown, "file "))] = true
	}
	for i, a := range s.acts {
		for _, v := range a.values {
			switch c := v.content; {
			case v.kind != tree.File || !v.ofContent || v.deleted:
			case !visible[c] && !o.replaced(c):
				s.fail(set, "%q is lost", trimmed(c))
			case visible[c] && o.gone(i, &v):
				s.fail(set, "%q was deleted by all who had it, and is back", trimmed(c))
			}
		}
	}
}

func (s *sea) fail(set map[ident.EntryID]tree.Entry, format string, args ...any) {
	s.t.Helper()
	text := ""
	for i, a := range s.acts {
		text += fmt.Sprintf("%d: %c, having received %0*b, %s\n", i, 'A'+a.by, len(s.acts), a.past, a.did)
	}
	s.t.Fatalf("%s\n%s%s", fmt.Sprintf(format, args...), text, showSet(set))
}

func listed(paths map[string]string) string {
	out := ""
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		out += "\n    " + p + ": " + paths[p]
	}
	return out
}

// pathsOf is what a person sees of a set of records.
func pathsOf(set map[ident.EntryID]tree.Entry) map[string]string {
	out := map[string]string{}
	for path, at := range look(set) {
		e := set[at.ids[0]]
		out[path] = describeSeen(&e)
	}
	return out
}

func describeSeen(e *tree.Entry) string {
	if e.Kind == tree.Dir {
		return "dir"
	}
	return "file " + trimmed(e.Content.ID)
}

// orders are those in which the acts can be received. Of two that have nothing to do with
// one another and come one after the other, the earlier comes first: records are joined
// entry by entry.
func (s *sea) orders() (out [][]int) {
	n := len(s.acts)
	meet := make([][]bool, n)
	for i := range n {
		for j := range n {
			meet[i] = append(meet[i], s.acts[i].meets(s.acts[j]))
		}
	}
	var extend func(order []int)
	extend = func(order []int) {
		if len(order) == n {
			out = append(out, slices.Clone(order))
			return
		}
		for i := range n {
			last := len(order) - 1
			if !slices.Contains(order, i) && (last < 0 || order[last] < i || meet[i][order[last]]) {
				extend(append(order, i))
			}
		}
	}
	extend(make([]int, 0, n))
	return out
}

// meets reports whether two acts tell of one entry, or of a loser of one and of the other.
func (a *act) meets(b *act) bool {
	return slices.ContainsFunc(a.records, func(x tree.Entry) bool {
		return slices.ContainsFunc(b.records, func(y tree.Entry) bool {
			return x.ID == y.ID || a.kept(x.ID) || b.kept(y.ID)
		})
	})
}

// kept reports whether an entry was made by a join, and not by a person.
func (a *act) kept(id ident.EntryID) bool { return id[15] != 0xe }

// TestEveryHistoryOfNames is the exhaustive model of everything people can do to two names
// on up to three replicas, from an empty folder and from first scans that differ, as seen
// through registers and view, against an oracle (P1, P2, P3, P7, P8; R1-R12, R14, R15).
// With SHOAL_MODEL_LARGE=1 ("make model") histories are longer, all of them are looked at,
// and it takes minutes.
func TestEveryHistoryOfNames(t *testing.T) {
	for _, c := range []struct {
		name           string
		replicas       int
		acts, every    int
		large          int // acts
		alike, scanned bool
	}{
		{"three, clocks right", 3, 4, 100, 4, false, false},
		{"three, clocks stand still", 3, 4, 100, 4, true, false},
		{"two, first scans", 2, 2, 1, 3, false, true},
		{"three, first scans", 3, 2, 100, 2, false, true},
	} {
		switch {
		case os.Getenv("SHOAL_MODEL_LARGE") != "":
			c.acts, c.every = c.large, 1
		case testing.Short():
			c.acts--
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			total := 0
			for _, start := range starts(c.replicas, c.scanned) {
				s := &sea{
					t: t, alike: c.alike, replicas: c.replicas, every: c.every,
					clocks: make([]version.Clock, c.replicas), counters: make([]uint64, c.replicas),
				}
				for by, find := range start {
					s.attempt(by, 0, find)
				}
				s.started = len(start)
				s.walk(c.acts)
				total += s.ended
			}
			t.Logf("%d histories", total)
		})
	}
}

// starts are the first scans that replicas can begin with, or none. Which replica found
// what does not matter, so only ascending choices are made.
func starts(replicas int, scanned bool) (out [][]deed) {
	if !scanned {
		return [][]deed{nil}
	}
	for code := range 1 << (2 * replicas) {
		var start []deed
		last, ascending := 0, true
		for i := range replicas {
			n := code >> (2 * i) & 3
			ascending = ascending && n >= last
			last = n
			start = append(start, deed{verb: "finds", n: n})
		}
		if ascending && bits.OnesCount(uint(code)) > 0 {
			out = append(out, start)
		}
	}
	return out
}
