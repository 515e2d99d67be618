package names

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestSpot(t *testing.T) {
	forgets := Volume{Case: CaseSimple, ForgetsCase: true}
	for _, c := range []struct {
		what            string
		volume          Volume
		shown, recorded string
		want            string // name, or name<was for a rename; ordered by name
	}{
		{"nothing changed", macos, "a b", "a b", "a b"},
		{"a rename by case", windows, "A.txt b", "a.txt b", "A.txt<a.txt b"},
		{"no rename where all names are told apart", linux, "A.txt", "a.txt", "A.txt"},
		{"another form is no rename", macos, "e\u0301", "é", "é"},
		{"another case in another form is", macos, "e\u0301", "É", "é<É"},
		{"a new name in the form of others", macos, "e\u0301", "", "é"},
		{"a volume that forgets case", forgets, "a.txt", "A.txt", "A.txt"},
		{"both are there after all", windows, "A a", "A a", "A a"},
		{"one of two is gone", windows, "A", "A a", "A"},
		{"a third beside two that are recorded", windows, "A a", "A", "A a"},
	} {
		var got []string
		for _, s := range c.volume.Spot(strings.Fields(c.shown), strings.Fields(c.recorded)) {
			if s.Was != "" {
				s.Name += "<" + s.Was
			}
			got = append(got, s.Name)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: got %q, want %q", c.what, text, c.want)
		}
	}
}

// TestSpotIsOneToOne: two things found are never taken for one that is recorded, and the
// order in which they were found does not matter where a volume can hold what was found.
func TestSpotIsOneToOne(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for range 20000 {
		v := volumes[r.IntN(len(volumes))]
		shown, recorded := someNames(r, &v), someNames(r, &v)
		got := v.Spot(shown, recorded)
		taken := map[string]bool{}
		for _, s := range got {
			for _, name := range []string{s.Name, s.Was} {
				if name != "" && taken[name] {
					t.Fatalf("%q shown, %q recorded: %q stands for two on %+v", shown, recorded, name, v)
				}
				taken[name] = true
			}
			if v.Key(s.Name) != v.Key(s.Shown) {
				t.Fatalf("%q is called %q, another name on %+v", s.Shown, s.Name, v)
			}
		}
		r.Shuffle(len(shown), func(i, j int) { shown[i], shown[j] = shown[j], shown[i] })
		if again := v.Spot(shown, recorded); !reflect.DeepEqual(got, again) {
			t.Fatalf("%q shown, %q recorded on %+v: %v, in another order %v", shown, recorded, v, got, again)
		}
	}
}

// someNames draws names that one directory of the volume can hold.
func someNames(r *rand.Rand, v *Volume) (out []string) {
	var keys []string
	for range r.IntN(6) {
		name := anyName(r)
		if key := v.Key(name); !slices.Contains(keys, key) {
			keys, out = append(keys, key), append(out, name)
		}
	}
	return out
}
