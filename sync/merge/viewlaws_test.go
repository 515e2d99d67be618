package merge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// anyShelf draws entries that clash as often as they can: few names, few seconds, moves
// that close cycles, deletes, losers, null versions, and directories that are not there.
func anyShelf(r *rand.Rand) string {
	const letters = "abcdefghi"
	n := 3 + r.IntN(len(letters)-3)
	dirs := 1 + r.IntN(n-1)
	text := ""
	for i := range n {
		place := func() string {
			switch k := r.IntN(12); {
			case k == 0:
				return "z" // unknown
			case k < 4:
				return "/"
			}
			for {
				if p := r.IntN(dirs); p != i {
					return letters[p : p+1]
				}
				if dirs == 1 {
					return "/"
				}
			}
		}
		name := func() string { return string('x' + rune(r.IntN(2))) }
		line := fmt.Sprintf("%c ", letters[i])
		switch {
		case i < dirs:
			line += "dir " + name() + " in " + place()
		case r.IntN(4) == 0:
			line += fmt.Sprintf("loser - in %c #%d", letters[dirs+r.IntN(n-dirs)], r.IntN(3))
			if line[0] == line[strings.Index(line, " in ")+4] {
				line = fmt.Sprintf("%c file x in / #1", letters[i])
			}
		default:
			line += "file " + name() + " in " + place() + fmt.Sprintf(" #%d #%d", r.IntN(3), r.IntN(3))
		}
		if r.IntN(5) > 0 {
			line += fmt.Sprintf(" at %d by %s", 1+r.IntN(3), []string{"ann", "bob"}[r.IntN(2)])
			if r.IntN(2) == 0 && i < dirs {
				line += " was " + name() + " in " + place()
			}
			if r.IntN(4) == 0 {
				line += " deleted"
			}
		}
		text += line + "\n"
	}
	return text
}

// TestAnyViewIsSound: whatever the records, everybody computes the same names from them in
// whatever order they ask, no two files have one path, and nothing that lives is hidden.
func TestAnyViewIsSound(t *testing.T) {
	for seed := range uint64(2500) {
		r := rand.New(rand.NewPCG(seed, 5))
		text := anyShelf(r)
		s := shelfOf(t, text)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("seed %d: %s\n%s%v", seed, fmt.Sprintf(format, args...), text, viewed(s, NewView(s, author), ids(s)))
		}
		all := ids(s)
		first := viewed(s, NewView(s, author), all)
		for range 4 {
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for id, path := range viewed(s, NewView(s, author), all) {
				if first[id] != path {
					fail("%s is at %q, asked in another order at %q", trimmedID(id), first[id], path)
				}
			}
		}
		sound(s, first, fail)
		clashFree(s, first, fail)
	}
}

func sound(s shelf, paths map[ident.EntryID]string, fail func(string, ...any)) {
	for id, path := range paths {
		e := s[id]
		switch {
		case strings.Contains(path, "?"):
			fail("%s lies in what is not shown", trimmedID(id))
		case path == "no" && e.Live():
			fail("%s lives and is not shown", trimmedID(id))
		case path != "no" && !e.Live() && e.Kind != tree.Dir:
			fail("%s is deleted and shown", trimmedID(id))
		case path != "no" && path != "waits" && !e.Live() && !holdsLive(s, id, 0):
			fail("%s is deleted, holds nothing, and is shown", trimmedID(id))
		case strings.HasPrefix(path, "is "):
			by := s[letterID(path[3:])]
			// What stands for one may have another, of its own content, stand for it.
			if !by.Content.Descends(e.Content.ID) || by.Live() == (paths[by.ID] == "no") {
				fail("%s does not stand for %s", trimmedID(by.ID), trimmedID(id))
			}
		}
	}
}

func holdsLive(s shelf, id ident.EntryID, depth int) bool {
	for _, e := range s {
		if e.Place.Parent == id && e.ID != id && depth < 20 && (e.Live() || holdsLive(s, e.ID, depth+1)) {
			return true
		}
	}
	return false
}

// clashFree: two whose moves were undone to one place do not know of each other, so they
// and all below them may clash. That takes two cycles that met at one name.
func clashFree(s shelf, paths map[ident.EntryID]string, fail func(string, ...any)) {
	v := NewView(s, author)
	away := map[string]bool{}
	for _, id := range ids(s) {
		row, _ := s.Entry(id)
		if row.Entry.Kind == tree.Dir && v.dir(&row).away {
			if away[paths[id]] {
				return
			}
			away[paths[id]] = true
		}
	}
	for _, a := range ids(s) {
		all := v.Twins(a)
		if !slices.IsSortedFunc(all, func(x, y ident.EntryID) int { return slices.Compare(x[:], y[:]) }) {
			fail("the twins of %s are out of order: %v", trimmedID(a), all)
		}
		for _, b := range ids(s) {
			if a == b || paths[a] != paths[b] || !strings.HasPrefix(paths[a], "/") {
				continue
			}
			rowA, _ := s.Entry(a)
			rowB, _ := s.Entry(b)
			if rowA.Entry.Kind != tree.Dir || rowB.Entry.Kind != tree.Dir {
				fail("%s and %s are both at %s", trimmedID(a), trimmedID(b), paths[a])
			}
			if !slices.Contains(v.Twins(a), b) {
				fail("%s and %s are both at %s and no twins", trimmedID(a), trimmedID(b), paths[a])
			}
		}
	}
}
