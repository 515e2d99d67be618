package merge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// ids are the keys of a set of records, in order.
func ids(set map[ident.EntryID]tree.Entry) []ident.EntryID {
	return slices.SortedFunc(maps.Keys(set), func(a, b ident.EntryID) int {
		return slices.Compare(a[:], b[:])
	})
}

func contentID(text string) (c ident.ContentID) {
	copy(c[:], text)
	return c
}

// shelf holds records in memory. Nothing of it is on disk.
type shelf map[ident.EntryID]tree.Entry

func (s shelf) Entry(id ident.EntryID) (tree.Row, bool) {
	e, ok := s[id]
	return tree.Row{Entry: e}, ok
}

func (s shelf) rows(wanted func(e *tree.Entry) bool) (out []tree.Row) {
	for _, id := range ids(s) {
		if e := s[id]; wanted(&e) {
			out = append(out, tree.Row{Entry: e})
		}
	}
	return out
}

func (s shelf) Placed(parent ident.EntryID, name string) []tree.Row {
	return s.rows(func(e *tree.Entry) bool { return e.Place.Parent == parent && e.Place.Name == name })
}

func (s shelf) Children(parent, after ident.EntryID, limit int) []tree.Row {
	rows := s.rows(func(e *tree.Entry) bool {
		return e.Place.Parent == parent && slices.Compare(e.ID[:], after[:]) > 0
	})
	return rows[:min(limit, len(rows))]
}

func (shelf) Base(ident.EntryID) (b tree.Base, ok bool)                 { return b, ok }
func (shelf) BaseAt(ident.EntryID, string) []tree.Base                  { return nil }
func (shelf) BaseChildren(ident.EntryID, string, int) []tree.Base       { return nil }
func (shelf) Holding(content ident.ContentID) (b tree.Base, known bool) { return b, known }

func author(r ident.ReplicaID) string {
	return []string{"", "ann", "bob", "eve"}[r]
}

// oneSecond is what the conflict names of these tests show for a stamp of one second.
const oneSecond = "1970-01-01 00-00-01"

// shelfOf reads entries written one a line, in this notation:
//
//	ID KIND NAME in PARENT [was NAME in PARENT] [at SECOND] [placed SECOND] [by AUTHOR]
//	[deleted] #CONTENT...
//
// IDs are letters, "/" is the root. KIND is file, dir, or loser (kept beside PARENT, its
// NAME is "-"). What has no SECOND is a null version; the placement is as old as the
// content where it does not say so. The contents after the first are ancestors.
func shelfOf(t *testing.T, text string) shelf {
	t.Helper()
	out := shelf{}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 {
			e := entryOf(t, words)
			out[e.ID] = e
		}
	}
	return out
}

func letterID(text string) (id ident.EntryID) {
	if text != "/" {
		copy(id[:], text)
	}
	return id
}

func entryOf(t *testing.T, words []string) (e tree.Entry) {
	t.Helper()
	e.ID, e.Kind = letterID(words[0]), tree.File
	if words[1] == "dir" {
		e.Kind = tree.Dir
	}
	e.Place.Name = strings.ReplaceAll(words[2], "_", " ")
	if words[1] == "loser" {
		e.Place.Name = ""
	}
	var at, by, placed int
	contents := 0
	for i := 3; i < len(words); i++ {
		next := func() string { i++; return words[i] }
		switch w := words[i]; {
		case w == "in":
			e.Place.Parent = letterID(next())
		case w == "was":
			e.Place.WasName = next()
			i++
			e.Place.WasParent = letterID(next())
		case w == "at":
			fmt.Sscan(next(), &at)
		case w == "placed":
			fmt.Sscan(next(), &placed)
		case w == "by":
			by = slices.Index([]string{"", "ann", "bob", "eve"}, next())
		case w == "deleted":
			e.Content.Deleted = true
		case strings.HasPrefix(w, "#") && contents == 0:
			e.Content.ID, contents = contentID(w), 1
		case strings.HasPrefix(w, "#"):
			e.Content.Ancestors = append(e.Content.Ancestors, contentID(w))
		default:
			t.Fatalf("%q in %q", w, words)
		}
	}
	if at > 0 {
		e.Content.Version, e.Place.Version = versionAt(by, at), versionAt(by, at)
	}
	if e.Content.Deleted {
		e.Content.SawPlace = e.Place.Seen
	}
	if placed > 0 {
		e.Place.Version = versionAt(by, placed)
	}
	return e
}

func versionAt(by, second int) version.Version {
	dot := version.Dot{Replica: ident.ReplicaID(by), Counter: uint64(second)}
	stamp := version.Stamp{Time: version.HybridOf(int64(second) * 1000), Replica: dot.Replica}
	return version.Version{Dot: dot, Seen: version.Vector{dot}, Stamp: stamp}
}

// viewed says how every entry appears, one a line: its path, or why it has none.
func viewed(s shelf, v *View, order []ident.EntryID) map[ident.EntryID]string {
	out := map[ident.EntryID]string{}
	for _, id := range order {
		row, _ := s.Entry(id)
		shown := v.Of(&row)
		switch {
		case shown.Waiting:
			out[id] = "waits"
		case shown.Twin != ident.EntryID{}:
			out[id] = "is " + trimmedID(shown.Twin)
		case !shown.Visible:
			out[id] = "no"
		default:
			out[id] = pathOf(s, v, shown.Parent, 0) + shown.Name
		}
	}
	return out
}

func pathOf(s shelf, v *View, dir ident.EntryID, depth int) string {
	if dir.IsRoot() {
		return "/"
	}
	row, _ := s.Entry(dir)
	shown := v.Of(&row)
	if depth > 20 || !shown.Visible {
		return "?"
	}
	return pathOf(s, v, shown.Parent, depth+1) + shown.Name + "/"
}

func trimmedID(id ident.EntryID) string { return strings.TrimRight(string(id[:]), "\x00") }

// orders are some orders in which to ask about entries: what a View remembers must not
// change its answers.
func orders(s shelf) [][]ident.EntryID {
	up := ids(s)
	down := slices.Clone(up)
	slices.Reverse(down)
	out := [][]ident.EntryID{up, down}
	for i := range up {
		out = append(out, append(slices.Clone(up[i:]), up[:i]...))
	}
	return out
}

var views = []struct{ name, entries, want string }{
	{"a tree", `
		d dir docs in / at 1 by ann
		f file a.txt in d at 2 by ann #1
		g file b.txt in / at 2 by ann deleted #1`,
		"d /docs, f /docs/a.txt, g no"},

	{"R11 twins of equal content are one file", `
		a file x in / at 2 by ann #1
		b file x in / at 1 by bob #1`,
		"a is b, b /x"},
	{"R11 of different content the older placement keeps the name", `
		a file x.txt in / at 2 by ann #1
		b file x.txt in / at 1 by bob #2`,
		"a /x (conflict, ann, 1970-01-01 00-00-02).txt, b /x.txt"},
	{"R11 the older is the lower id when stamps are equal", `
		b file x in / at 1 by ann #1
		a file x in / at 1 by ann #2`,
		"a /x, b /x (conflict, ann, 1970-01-01 00-00-01)"},
	{"R11 a null placement is not older than a real one", `
		a file x in / #1
		b file x in / at 1 by bob #2`,
		"a /x (conflict), b /x"},
	{"R11 two that lost the name with equal content are one file", `
		a file x in / at 1 by ann #1
		b file x in / at 2 by bob #2
		c file x in / at 3 by eve #2`,
		"a /x, b /x (conflict, bob, 1970-01-01 00-00-02), c is b"},
	{"R11 two that lost the name in one second are numbered", `
		a file x.txt in / at 1 by ann #1
		b file x.txt in / at 2 by ann #2
		c file x.txt in / at 2 by ann #3`,
		"a /x.txt, b /x (conflict, ann, 1970-01-01 00-00-02).txt," +
			" c /x (conflict, ann, 1970-01-01 00-00-02) 2.txt"},
	{"R11 and one for which another stands takes no number", `
			a file x in / at 1 by ann #1
			b file x in / at 2 by ann #2
			c file x in / at 2 by ann #2
			f file x in / at 2 by ann #3`,
		"a /x, b /x (conflict, ann, 1970-01-01 00-00-02), c is b," +
			" f /x (conflict, ann, 1970-01-01 00-00-02) 2"},
	{"names that only fold alike both stay", `
		a file x in / at 1 by ann #1
		b file X in / at 1 by bob #2`,
		"a /x, b /X"},

	{"R6 two directories of one name are one", `
		d dir docs in / at 2 by ann
		e dir docs in / at 1 by bob
		f file a in d at 3 by ann #1
		g file b in e at 3 by bob #2`,
		"d /docs, e /docs, f /docs/a, g /docs/b"},
	{"R6 so are those below, and their files meet", `
		d dir docs in / at 2 by ann
		e dir docs in / at 1 by bob
		h dir sub in d at 3 by ann
		i dir sub in e at 3 by bob
		f file a in h at 3 by ann #1
		g file a in i at 4 by bob #1
		j file b in h at 3 by ann #2
		k file b in i at 4 by bob #3`,
		"d /docs, e /docs, f /docs/sub/a, g is f, h /docs/sub, i /docs/sub," +
			" j /docs/sub/b, k /docs/sub/b (conflict, bob, 1970-01-01 00-00-04)"},
	{"R6 a deleted directory joins none", `
		d dir docs in / at 2 by ann
		e dir docs in / at 1 by bob deleted
		f file a in d at 3 by ann #1`,
		"d /docs, e no, f /docs/a"},

	{"R7 a directory keeps its name from a file", `
		a file docs in / at 1 by ann #1
		d dir docs in / at 2 by bob`,
		"a /docs (conflict, ann, 1970-01-01 00-00-01), d /docs"},
	{"R7 a deleted one does not", `
		a file docs in / at 1 by ann #1
		d dir docs in / at 2 by bob deleted`,
		"a /docs, d no"},

	{"R10 the later of two moves into each other is undone", `
		d dir d in e was d in / at 5 by ann
		e dir e in d was e in / at 6 by bob
		f file f in d at 1 by ann #1
		g file g in e at 1 by ann #1`,
		"d /e/d, e /e, f /e/d/f, g /e/g"},
	{"R10 to the name it had", `
		d dir d in e was d in / at 5 by ann
		e dir new in d was e in / at 6 by bob`,
		"d /e/d, e /e"},
	{"R10 three in a ring", `
		d dir d in e was d in / at 5 by ann
		e dir e in f was e in / at 7 by bob
		f dir f in d was f in / at 6 by eve`,
		"d /e/d, e /e, f /e/d/f"},
	{"R10 whose old place is gone goes to the root under its name", `
		x dir x in / at 1 by ann deleted
		d dir d in e was d in / at 5 by ann
		e dir new in d was e in x at 6 by bob`,
		"d /new/d, e /new, x no"},
	{"R10 or lies in the cycle", `
		d dir d in e was d in / at 5 by ann
		e dir new in d was e in d at 6 by bob`,
		"d /new/d, e /new"},
	{"R10 or that was nowhere before", `
			d dir d in e was d in / at 5 by ann
			e dir new in d at 6 by bob`,
		"d /new/d, e /new"},
	{"R10 what it finds under its name stays", `
		d dir d in e was d in / at 5 by ann
		e dir e in d was e in / at 6 by bob
		f file e in / at 7 by eve #1
		g file g in e at 1 by ann #1`,
		"d /e (conflict, bob, 1970-01-01 00-00-06) 936/d, e /e (conflict, bob, 1970-01-01 00-00-06) 936," +
			" f /e, g /e (conflict, bob, 1970-01-01 00-00-06) 936/g"},
	{"R10 it joins no directory of its name", `
		d dir d in e was d in / at 5 by ann
		e dir e in d was e in / at 6 by bob
		h dir e in / at 7 by eve
		g file g in e at 1 by ann #1
		i file g in h at 1 by ann #2`,
		"d /e (conflict, bob, 1970-01-01 00-00-06) 936/d, e /e (conflict, bob, 1970-01-01 00-00-06) 936," +
			" g /e (conflict, bob, 1970-01-01 00-00-06) 936/g, h /e, i /e/g"},
	{"R10 the place that is undone is free", `
		d dir d in e was d in / at 5 by ann
		e dir e in d was e in / at 6 by bob
		f file e in d at 7 by eve #1`,
		"d /e/d, e /e, f /e/d/e"},

	{"R12 a deleted directory shows what lives in it, alone", `
		d dir d in / at 5 by ann deleted
		e dir e in d at 5 by ann deleted
		f file f in e at 6 by bob #1
		g file g in d at 5 by ann deleted #2`,
		"d /d, e /d/e, f /d/e/f, g no"},
	{"R12 a kept loser lives in it too", `
		d dir d in / at 5 by ann deleted
		f file f in d at 5 by ann deleted #1
		k loser - in f at 6 by bob #2`,
		"d /d, f no, k /d/f (conflict, bob, 1970-01-01 00-00-06)"},
	{"R12 one that nothing lives in is gone", `
		d dir d in / at 5 by ann deleted
		e dir e in d at 5 by ann deleted`,
		"d no, e no"},
	{"R12 two deleted ones in each other are gone", `
		d dir d in e at 5 by ann deleted
		e dir e in d at 6 by bob deleted`,
		"d no, e no"},
	{"R15 a deleted entry moved meanwhile is shown", `
		f file f in / at 5 placed 7 by ann deleted #1`,
		"f /f"},

	{"R4 a kept loser stands beside what it lost to", `
		d dir d in / at 1 by ann
		f file f.txt in d at 5 by ann #1
		k loser - in f at 1 by bob #2`,
		"d /d, f /d/f.txt, k /d/f (conflict, bob, " + oneSecond + ").txt"},
	{"R4 and follows it", `
		d dir d in / at 1 by ann
		f file g.txt in / was f.txt in d at 5 by ann #1
		k loser - in f at 1 by bob #2`,
		"d /d, f /g.txt, k /g (conflict, bob, " + oneSecond + ").txt"},
	{"R4 even when that is deleted", `
		f file f.txt in / at 5 by ann deleted #1
		k loser - in f at 1 by bob #2`,
		"f no, k /f (conflict, bob, " + oneSecond + ").txt"},
	{"R4 or lost its name itself", `
		e file f in / at 1 by ann #1
		f file f in / at 5 by ann #2
		k loser - in f at 1 by bob #3`,
		"e /f, f /f (conflict, ann, 1970-01-01 00-00-05), k /f (conflict, bob, " + oneSecond + ")"},
	{"R4 a loser against a loser stands beside both", `
		f file f in / at 5 by ann #1
		k loser - in f at 2 by bob #2
		l loser - in k at 1 by eve #3`,
		"f /f, k /f (conflict, bob, 1970-01-01 00-00-02), l /f (conflict, eve, " + oneSecond + ")"},
	{"R4 losers of one second are numbered", `
		f file f.c in / at 5 by ann #1
		k loser - in f at 1 by bob #2
		l loser - in f at 1 by bob #3
		m loser - in l at 1 by bob #4`,
		"f /f.c, k /f (conflict, bob, " + oneSecond + ").c, l /f (conflict, bob, " + oneSecond + ") 2.c," +
			" m /f (conflict, bob, " + oneSecond + ") 3.c"},
	{"R4 among those who live", `
			f file f.c in / at 5 by ann #1
			k loser - in f at 1 by bob deleted #2
			l loser - in f at 1 by bob #3`,
		"f /f.c, k no, l /f (conflict, bob, " + oneSecond + ").c"},
	{"R4 and keep their name when somebody edits them", `
			f file f.c in / at 5 by ann #1
			k loser - in f at 9 placed 1 by bob #2`,
		"f /f.c, k /f (conflict, bob, " + oneSecond + ").c"},
	{"R4 past names that somebody took", `
		e file f_(conflict,_bob,_1970-01-01_00-00-01).c in / at 9 by eve #9
		f file f.c in / at 5 by ann #1
		k loser - in f at 1 by bob #2
		l loser - in f at 1 by bob #3`,
		"e /f (conflict, bob, " + oneSecond + ").c, f /f.c, k /f (conflict, bob, " + oneSecond + ") 2.c," +
			" l /f (conflict, bob, " + oneSecond + ") 3.c"},
	{"R4 together with those who lost the name", `
		e file f in / at 1 by ann #1
		f file f in / at 5 by bob #2
		k loser - in e at 5 by bob #3`,
		"e /f, f /f (conflict, bob, 1970-01-01 00-00-05), k /f (conflict, bob, 1970-01-01 00-00-05) 2"},
	{"R4 and over twin directories", `
		d dir d in / at 1 by ann
		e dir d in / at 1 by bob
		f file f in d at 5 by ann #1
		g file f in e at 5 by ann #1
		k loser - in f at 1 by eve #2
		l loser - in g at 1 by eve #3`,
		"d /d, e /d, f /d/f, g is f, k /d/f (conflict, eve, " + oneSecond + ")," +
			" l /d/f (conflict, eve, " + oneSecond + ") 2"},
	{"R4 of nobody", `
		f file f in / at 5 by ann #1
		k loser - in f #2
		l loser - in f #3`,
		"f /f, k /f (conflict), l /f (conflict) 2"},
	{"R4 until somebody gives it a name", `
		f file f in / at 5 by ann #1
		k file mine in / was - in f at 9 by bob #2`,
		"f /f, k /mine"},

	{"null a real one stands for what it holds", `
		a file x in / #1
		b file x in / at 1 by bob #1`,
		"a is b, b /x"},
	{"null or replaced", `
		a file x in / #1
		b file x in / at 1 by bob #2 #1`,
		"a is b, b /x"},
	{"null or deleted", `
		a file x in / #1
		b file x in / at 1 by bob deleted #2 #1`,
		"a is b, b no"},
	{"null a live one before a deleted one", `
		a file x in / #1
		b file x in / at 1 by bob deleted #1
		c file x in / at 2 by bob #2 #1`,
		"a is c, b no, c /x"},
	{"null but not what it never held", `
		a file x in / #1
		b file x in / at 1 by bob deleted #2`,
		"a /x, b no"},
	{"null one that is absorbed takes no name from another", `
		d dir d in /
		e dir d in / at 1 by ann
		a file x in d #1
		b file x in e at 1 by bob deleted #1
		c file x in e #2`,
		"a is b, b no, c /d/x, d /d, e /d"},
	{"null nor what somebody moved here", `
			a file x in / placed 7 by ann #1
			b file x in / at 1 by bob deleted #1`,
		"a /x, b no"},
	{"null over twin directories", `
		d dir d in /
		e dir d in / at 1 by ann
		a file x in d #1
		b file x in e at 1 by bob #1`,
		"a is b, b /d/x, d /d, e /d"},

	{"an orphan waits, and what is in it", `
		d dir d in x at 1 by ann
		e dir e in d at 1 by ann
		f file f in e at 1 by ann #1
		k loser - in f at 1 by bob #2
		l loser - in y at 1 by bob #3`,
		"d waits, e waits, f waits, k waits, l waits"},
	{"forged: in a file", `
		a file a in / at 1 by ann #1
		b file b in a at 1 by eve #2
		c file a in b at 1 by eve #3
		d dir d in a at 1 by eve
		e file e in d at 1 by eve #4`,
		"a /a, b /b, c /a (conflict, eve, " + oneSecond + ") 964, d /d, e /d/e"},
	{"forged: without a name", `
		d dir - in / at 1 by eve
		l loser - in / at 1 by eve #1
		m loser - in n at 1 by eve #2
		n loser - in m at 1 by eve #3`,
		"d waits, l waits, m waits, n waits"},
}

// A directory out of a cycle of moves whose name is a conflict name, which somebody's copy
// is given there: of these no record has the name.
func TestADirectoryOutOfACycleAndACopyAreNotOfOneName(t *testing.T) {
	s := shelfOf(t, `
		d dir d in e was d in / at 5 by ann
		e dir new in d was e in / at 6 by bob
		a file x in / at 1 by ann #1
		b file x in / at 2 by ann #2`)
	view := NewView(s, author)
	b, _ := s.Entry(letterID("b"))
	e := s[letterID("e")]
	e.Place.WasName = view.Of(&b).Name
	s[e.ID] = e
	view.Forget()
	dir, _ := s.Entry(e.ID)
	if shown := view.Of(&dir); !shown.Away || shown.Name == view.Of(&b).Name {
		t.Errorf("both are shown as %q", shown.Name)
	}
}

func TestView(t *testing.T) {
	for _, c := range views {
		t.Run(c.name, func(t *testing.T) {
			s := shelfOf(t, c.entries)
			if e, ok := s[letterID("d")]; ok && e.Place.Name == "-" {
				e.Place.Name = ""
				s[e.ID] = e
			}
			for _, order := range orders(s) {
				got := viewed(s, NewView(s, author), order)
				var parts []string
				for _, id := range ids(s) {
					parts = append(parts, trimmedID(id)+" "+got[id])
				}
				if text := strings.Join(parts, ", "); text != c.want {
					t.Fatalf("asked in the order %q\ngot  %s\nwant %s", order[0], text, c.want)
				}
			}
		})
	}
}
