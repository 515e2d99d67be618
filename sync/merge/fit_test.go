package merge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/tree"
)

// fitOf is the Fit of a shelf whose records may all be alike.
func fitOf(s shelf, volume *names.Volume) (*View, *Fit) {
	v := NewView(s, author)
	return v, NewFit(s, v, volume, func(ident.EntryID, string) (out []tree.Row) {
		for _, id := range ids(s) {
			row, _ := s.Entry(id)
			out = append(out, row)
		}
		return out
	})
}

// blocks says for each visible entry whether it is blocked: "", "itself" or below which.
func blocks(v *View, f *Fit, s shelf, order []ident.EntryID) map[string]string {
	out := map[string]string{}
	for _, id := range order {
		row, _ := s.Entry(id)
		shown := v.Of(&row)
		if !shown.Visible {
			continue
		}
		switch b := f.Of(&row, shown); {
		case b.Reason == "":
			out[trimmedID(id)] = ""
		case b.Under.IsRoot():
			out[trimmedID(id)] = "itself"
		default:
			out[trimmedID(id)] = trimmedID(b.Under)
		}
	}
	return out
}

func TestWhoHasThePlace(t *testing.T) {
	for _, c := range []struct {
		what, shelf string
		volume      names.Volume
		want        string // of each visible entry: blocked by itself (!) or another
	}{
		{"all names apart", "a file x in / #1 at 1 by ann\nb file X in / #2 at 2 by ann", names.Of("linux"), "a b"},
		{"the older has it", "a file x in / #1 at 2 by ann\nb file X in / #2 at 1 by bob", names.Of("windows"), "a! b"},
		{"whatever its id", "a file x in / #1 at 1 by ann\nb file X in / #2 at 2 by bob", names.Of("windows"), "a b!"},
		{"a directory goes first", "a file x in / #1 at 1 by ann\nb dir X in / at 2 by bob", names.Of("darwin"), "a! b"},
		{"and takes its own along", "a dir x in / at 1 by ann\nb dir X in / at 2 by bob\nc file i in b #1 at 3 by bob\n" +
			"d dir D in b at 3 by bob\ne file i in d #1 at 4 by bob", names.Of("darwin"), "a b! c<b d<b e<b"},
		{"a name that is refused", "a file q? in / #1 at 1 by ann\nb dir nul in / at 1 by ann\nc file x in b #1 at 2 by ann",
			names.Of("windows"), "a! b! c<b"},
		{"takes no name from others", "a file x. in / #1 at 1 by ann\nb file X. in / #2 at 2 by ann\nc file x in / #3 at 3 by ann",
			names.Of("windows"), "a! b! c"},
		{"twins stand together", "a dir x in / at 1 by ann\nb dir x in / at 9 by bob\nc dir X in / at 5 by bob",
			names.Of("windows"), "a b c!"},
		{"what is deleted is in nobody's way", "a file x in / #1 at 1 by ann deleted\nb file X in / #2 at 2 by bob",
			names.Of("windows"), "b"},
		{"Shoal's own directory", "a dir .SHOAL in / at 1 by ann\nb dir d in / at 1 by ann\nc dir .Shoal in b at 2 by ann",
			names.Of("darwin"), "a! b c"},
		{"elsewhere", "a file x in / #1 at 1 by ann\nb dir d in / at 1 by ann\nc file X in b #2 at 2 by ann",
			names.Of("windows"), "a b c"},
		{"out of a cycle", "a dir a in b was a in / at 5 by ann\nb dir b in a was b in / at 7 by bob\nc file B in / #1 at 9 by ann",
			names.Of("windows"), "a<b b! c"},
		{"forms", "a file é in / #1 at 1 by ann\nb file e\u0301 in / #2 at 2 by ann", names.Volume{Forms: true}, "a b!"},
	} {
		s := shelfOf(t, c.shelf)
		v, f := fitOf(s, &c.volume)
		var got []string
		for id, by := range blocks(v, f, s, ids(s)) {
			switch by {
			case "":
			case "itself":
				id += "!"
			default:
				id += "<" + by
			}
			got = append(got, id)
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: got %s, want %s", c.what, text, c.want)
		}
	}
}

// TestAnyFitIsOneToOne: whatever the records, no two entries with a place have one name on
// any volume, everybody finds the same, whatever they ask first, and somebody has the place
// that others are kept from.
func TestAnyFitIsOneToOne(t *testing.T) {
	volumes := []names.Volume{{}, names.Of("windows"), names.Of("darwin"), {Forms: true}, {Case: names.CaseASCII}}
	renamed := strings.NewReplacer(" x in", " é in", " y in", " É in")
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 18))
		text := anyShelf(r)
		if seed%2 == 0 {
			text = renamed.Replace(text)
		} else {
			text = strings.ReplaceAll(text, " y in", " X in")
		}
		s, volume := shelfOf(t, text), &volumes[r.IntN(len(volumes))]
		all := ids(s)
		v, f := fitOf(s, volume)
		first := blocks(v, f, s, all)
		for range 3 {
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			v, f := fitOf(s, volume)
			for id, by := range blocks(v, f, s, all) {
				if first[id] != by {
					t.Fatalf("seed %d: %s is blocked by %q, asked in another order by %q\n%s", seed, id, first[id], by, text)
				}
			}
		}
		if wrong := oneToOne(s, v, volume, first); wrong != "" {
			t.Fatalf("seed %d: %s\n%s", seed, wrong, text)
		}
	}
}

// cyclesMeet reports whether two directories whose moves were undone came to one place, as
// the volume sees it. They do not know of each other (clashFree).
func cyclesMeet(s shelf, v *View, volume *names.Volume) bool {
	away := map[string]bool{}
	paths := viewed(s, v, ids(s))
	for _, id := range ids(s) {
		row, _ := s.Entry(id)
		if row.Entry.Kind != tree.Dir || !v.dir(&row).away {
			continue
		}
		key := volume.Key(paths[id])
		if away[key] {
			return true
		}
		away[key] = true
	}
	return false
}

// oneToOne says who has one place with another, or is kept from one that nobody has.
func oneToOne(s shelf, v *View, volume *names.Volume, blocked map[string]string) string {
	if cyclesMeet(s, v, volume) {
		return ""
	}
	at := map[string]string{} // who has a place, by the path as the volume sees it
	for id, path := range viewed(s, v, ids(s)) {
		by, visible := blocked[trimmedID(id)]
		if !visible || by != "" {
			continue
		}
		key := volume.Key(path)
		if other, taken := at[key]; taken && other != path {
			return fmt.Sprintf("%q and %q both have a place", other, path)
		}
		at[key] = path
	}
	for id, path := range viewed(s, v, ids(s)) {
		row, _ := s.Entry(id)
		shown := v.Of(&row)
		if blocked[trimmedID(id)] != "itself" || volume.Refusal(shown.Name) != "" {
			continue
		}
		if at[volume.Key(path)] == "" {
			return fmt.Sprintf("%q is kept from a place that nobody has", path)
		}
	}
	return ""
}
