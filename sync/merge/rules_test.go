package merge

import (
	"errors"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

func TestKindsNeverMeet(t *testing.T) {
	a := tree.Entry{ID: entryID(1), Kind: tree.File}
	b := tree.Entry{ID: entryID(1), Kind: tree.Dir}
	if _, _, err := Join(a, b); !errors.Is(err, ErrKind) {
		t.Errorf("a file joined with a directory: %v", err)
	}
	b = tree.Entry{ID: entryID(2), Kind: tree.File}
	if _, _, err := Join(a, b); !errors.Is(err, ErrKind) {
		t.Errorf("two entries joined: %v", err)
	}
}

// holds says what an entry holds, or "nothing", then "+" what is kept beside it.
func holds(set map[ident.EntryID]tree.Entry, id ident.EntryID) string {
	out, kept := "nothing", ""
	for _, x := range ids(set) {
		switch e := set[x]; {
		case !e.Live():
		case x == id:
			out = trimmed(e.Content.ID)
		default:
			kept += " +" + trimmed(e.Content.ID)
		}
	}
	return out + kept
}

// two replicas that both have one file.
func pair() (*story, *replica, *replica) {
	s := &story{}
	a, b := newReplica(1, 1000, s), newReplica(2, 2000, s)
	a.create(entryID(1), tree.File, ident.Root, "n", "old")
	b.from(a)
	return s, a, b
}

// one is the entry of most of these tests.
var one = entryID(1)

// rules are the rules R1 to R5, R8, R9, R13 and R15, one act of two people each. Want
// is what the entry holds in the end.
var rules = []struct {
	name string
	act  func(a, b *replica)
	want string // see holds
}{
	{"R1 an edit replaces what it saw", func(a, b *replica) {
		a.edit(one, "x")
		b.from(a)
		b.edit(one, "y")
	}, "y"},
	{"R1 whatever the clocks say", func(a, b *replica) {
		a.wall = 1e12
		a.edit(one, "x")
		b.from(a)
		b.edit(one, "y")
		a.from(b)
		a.wall = 5
		a.edit(one, "z")
	}, "z"},
	{"R1 after any number of edits", func(a, b *replica) {
		for i := range 12 {
			a.edit(one, string('0'+rune(i)))
		}
	}, ";"},
	{"R2 equal edits are one", func(a, b *replica) { a.edit(one, "x"); b.edit(one, "x") }, "x"},
	{"R3 the later edit stands, R4 the other is kept", func(a, b *replica) {
		b.edit(one, "y")
		a.edit(one, "x")
	}, "y +x"},
	{"R3 one that the winner descends from is not", func(a, b *replica) {
		a.edit(one, "x")
		b.edit(one, "x")
		b.edit(one, "y")
	}, "y"},
	{"R3 not even by a detour of eight", func(a, b *replica) {
		a.edit(one, "x")
		b.edit(one, "x")
		for i := range 8 {
			b.edit(one, string('0'+rune(i)))
		}
	}, "7"},
	{"R3 but after nine it is", func(a, b *replica) {
		a.edit(one, "x")
		b.edit(one, "x")
		for i := range 9 {
			b.edit(one, string('0'+rune(i)))
		}
	}, "8 +x"},
	{"R3 one that was put back is kept", func(a, b *replica) {
		a.edit(one, "x")
		a.edit(one, "y")
		b.from(a)
		a.edit(one, "x")
		b.wall = 1e12
		b.edit(one, "z")
	}, "z +x"},
	{"R3 and stands where it is later", func(a, b *replica) {
		a.edit(one, "x")
		a.edit(one, "y")
		b.from(a)
		b.edit(one, "z")
		a.wall = 1e12
		a.edit(one, "x")
	}, "x +z"},
	{"R3 put back by both it is one", func(a, b *replica) {
		a.edit(one, "x")
		a.edit(one, "y")
		b.from(a)
		a.edit(one, "x")
		b.edit(one, "x")
	}, "x"},
	{"R5 an edit stands against a later delete", func(a, b *replica) {
		a.edit(one, "x")
		b.wall = 1e12
		b.remove(one)
	}, "x"},
	{"R5 and against an earlier one", func(a, b *replica) {
		a.remove(one)
		b.edit(one, "x")
	}, "x"},
	{"R5 nor is an edit deleted that is recorded and not yet on disk", func(a, b *replica) {
		a.edit(one, "x")
		b.lag(one)
		b.from(a)
		b.remove(one)
	}, "x"},
	{"R5 a delete of a kept loser is not undone by deriving it again", func(a, b *replica) {
		a.edit(one, "x")
		old := b.copy(&story{})
		b.edit(one, "y")
		a.from(b)
		for _, kept := range ids(a.set) {
			if kept != one {
				a.remove(kept)
			}
		}
		old.edit(one, "y") // the write of b, on its way by a longer road
		old.from(a)
		a.from(old)
	}, "y"},
	{"R6 two deletes are one", func(a, b *replica) { a.remove(one); b.remove(one) }, "nothing"},
	{"R15 a delete stands where nobody did anything", func(a, b *replica) { a.remove(one) }, "nothing"},
	{"R15 a move elsewhere survives a delete", func(a, b *replica) {
		a.remove(one)
		b.move(one, ident.Root, "m")
	}, "old"},
	{"R15 but not one that had seen it", func(a, b *replica) {
		b.move(one, ident.Root, "m")
		a.from(b)
		a.remove(one)
	}, "nothing"},
	{"R6 R15 nor when one of two had", func(a, b *replica) {
		a.move(one, ident.Root, "m")
		a.remove(one)
		b.remove(one)
	}, "nothing"},
}

func TestRules(t *testing.T) {
	for _, c := range rules {
		t.Run(c.name, func(t *testing.T) {
			s, a, b := pair()
			c.act(a, b)
			settleAll([]*replica{a, b})
			checkStory(t, s, []*replica{a, b})
			if got := holds(a.set, one); got != c.want {
				t.Errorf("got %q, want %q\n%s", got, c.want, showSet(a.set))
			}
		})
	}
}

// TestMovesAndEditsCommute is R8, R9 and R13.
func TestMovesAndEditsCommute(t *testing.T) {
	s, a, b := pair()
	id := entryID(1)
	a.edit(id, "x")
	a.move(id, ident.Root, "ma")
	b.move(id, entryID(9), "mb") // b's clock is ahead
	settleAll([]*replica{a, b})
	checkStory(t, s, []*replica{a, b})
	e := a.set[id]
	if e.Content.ID != contentID("x") || e.Place.Name != "mb" || e.Place.Parent != entryID(9) {
		t.Errorf("got %s", show(e))
	}
	if e.Attrs.Dot.Replica != 1 {
		t.Errorf("attributes of %v stand, want those of the edit", e.Attrs.Dot)
	}
	if len(a.set) != 1 {
		t.Errorf("a conflict was made of a move and an edit:\n%s", showSet(a.set))
	}
}

// TestNullVersions: what a first scan found meets another first scan (R4), what was
// written meanwhile (R3), and what was deleted (no resurrection).
func TestNullVersions(t *testing.T) {
	id := entryID(1)
	for _, c := range []struct {
		name string
		act  func(a, b *replica)
		want string // see holds
	}{
		{"equal", func(a, b *replica) { a.find(id, "n", "x"); b.find(id, "n", "x") }, "x"},
		{"different", func(a, b *replica) { a.find(id, "n", "y"); b.find(id, "n", "x") }, "x +y"},
		{"against a real one", func(a, b *replica) {
			a.find(id, "n", "y")
			a.edit(id, "z")
			b.find(id, "n", "x")
		}, "z +x"},
		{"that descends from it", func(a, b *replica) {
			a.find(id, "n", "x")
			a.edit(id, "z")
			b.find(id, "n", "x")
		}, "z"},
		{"against a delete of it", func(a, b *replica) {
			a.find(id, "n", "x")
			a.remove(id)
			b.find(id, "n", "x")
		}, "nothing"},
		{"against a delete of another", func(a, b *replica) {
			a.find(id, "n", "y")
			a.remove(id)
			b.find(id, "n", "x")
		}, "nothing +x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &story{}
			a, b := newReplica(1, 1000, s), newReplica(2, 2000, s)
			c.act(a, b)
			settleAll([]*replica{a, b})
			checkStory(t, s, []*replica{a, b})
			if got := holds(a.set, id); got != c.want {
				t.Errorf("got %q, want %q\n%s", got, c.want, showSet(a.set))
			}
		})
	}
}

// TestOneDotTwoContents: a copied replica writes twice under one dot before it is found
// out (R16). Neither content is lost.
func TestOneDotTwoContents(t *testing.T) {
	s, a, _ := pair()
	id := entryID(1)
	b := a.copy(s)
	a.edit(id, "x")
	b.edit(id, "y")
	settleAll([]*replica{a, b})
	checkStory(t, s, []*replica{a, b})
	if len(a.set) != 2 {
		t.Errorf("a content is lost:\n%s", showSet(a.set))
	}
}

// TestNothingIsKeptOfADirectory: directories have no content to lose.
func TestNothingIsKeptOfADirectory(t *testing.T) {
	s := &story{}
	a, b := newReplica(1, 1000, s), newReplica(2, 2000, s)
	a.create(entryID(1), tree.Dir, ident.Root, "d", "")
	b.create(entryID(1), tree.Dir, ident.Root, "d", "")
	e, _ := a.own(entryID(1))
	e.Content.ID = contentID("forged")
	for _, x := range []tree.Entry{a.set[e.ID], e} {
		if _, losers, err := Join(x, b.set[e.ID]); err != nil || len(losers) > 0 {
			t.Errorf("%v %d", err, len(losers))
		}
	}
}

// TestAttributesOfALoser: those written with the content are kept, of others nothing is
// known but that nobody else may read the file.
func TestAttributesOfALoser(t *testing.T) {
	_, a, b := pair()
	id := entryID(1)
	a.edit(id, "x")
	b.edit(id, "y")
	mtime := a.set[id].Attrs.Mtime
	a.from(b)
	b.from(a)
	kept := func(r *replica) tree.Entry {
		for _, e := range r.set {
			if e.ID != id {
				return e
			}
		}
		t.Fatal("nothing was kept")
		return tree.Entry{}
	}
	if e := kept(a); e.Attrs.Mode != 0o644 || e.Attrs.Mtime != mtime {
		t.Errorf("attributes written with the loser became %o %d", e.Attrs.Mode, e.Attrs.Mtime)
	}
	_, a, b = pair()
	a.edit(id, "x")
	e, _ := a.own(id)
	e.Attrs.Version = a.version(e.Attrs.Context)
	e.Attrs.Context, e.Attrs.Mode = e.Attrs.Seen, 0o666
	a.take(e)
	b.edit(id, "y")
	b.from(a)
	if e := kept(b); e.Attrs.Mode != modeUnknown {
		t.Errorf("mode %o is of another write than the content", e.Attrs.Mode)
	}
	s := &story{}
	a, b = newReplica(1, 1000, s), newReplica(2, 2000, s)
	a.find(id, "n", "x")
	b.find(id, "n", "yyyy")
	b.from(a)
	if e := kept(b); e.Attrs.Mode != modeUnknown {
		t.Errorf("mode %o: nobody knows which null attributes belong to the loser", e.Attrs.Mode)
	}
}

// TestThreeInARing is the history of docs/decisions/0010: an edit, another, and a delete
// that had seen only the first. Handing records around must come to rest.
func TestThreeInARing(t *testing.T) {
	for _, wall := range []int64{3000, 5} { // b's edit is stamped above a's, or below
		s := &story{}
		a, b, c := newReplica(1, 1000, s), newReplica(2, wall, s), newReplica(3, 9000, s)
		id := entryID(1)
		a.create(id, tree.File, ident.Root, "n", "old")
		b.from(a)
		c.from(a)
		b.edit(id, "b")
		a.edit(id, "a")
		c.from(a)
		c.remove(id)
		ring := []*replica{a, b, c}
		a.take(b.set[id]) // a: both edits
		b.take(c.set[id]) // b: its edit against the delete
		for range 6 {
			var sent []map[ident.EntryID]tree.Entry
			for _, x := range ring {
				sent = append(sent, x.copy(s).set)
			}
			for i := range ring {
				for _, e := range ids(sent[i]) {
					ring[(i+1)%3].take(sent[i][e])
				}
			}
		}
		checkStory(t, s, ring)
	}
}

// TestSettledLosers: a content that somebody deleted knowingly does not come back as a
// conflict copy when a device that was away tells of it, although what stands now was
// written by somebody who had not seen it. Where the two meet first it is kept.
func TestSettledLosers(t *testing.T) {
	s, ann, bert := pair()
	away, eve := newReplica(3, 3000, s), newReplica(4, 4000, s)
	eve.from(ann)
	ann.edit(one, "x")
	away.from(ann)
	bert.from(ann)
	bert.remove(one)
	eve.edit(one, "z")
	eve.from(bert)
	eve.from(away)
	if got := holds(eve.set, one); got != "z" {
		t.Errorf("after a device that was away told of x: %s", got)
	}
	away.from(eve)
	if got := holds(away.set, one); got != "z" {
		t.Errorf("on the device that was away: %s", got)
	}

	_, ann, bert = pair()
	ann.edit(one, "x")
	bert.edit(one, "y")
	bert.from(ann)
	if got := holds(bert.set, one); got != "y +x" {
		t.Errorf("where two edits meet first: %s", got)
	}
}
