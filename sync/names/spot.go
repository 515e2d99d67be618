package names

import (
	"slices"
	"strings"
)

// Spotted is a name that was found in a directory.
type Spotted struct {
	Shown string // as the volume lists it
	// Name is what it is called from now on: the recorded name it stands for, or the one
	// that it is to be recorded under.
	Name string
	// Was is set when somebody renamed what is recorded as Was, in a way that leaves it
	// one name to the volume.
	Was string
}

// Spot tells which recorded names of a directory the names found there stand for. Recorded
// names that are no Name and no Was of the result are not there. The result is ordered by
// Name; shown and recorded names are each without repetitions.
func (v *Volume) Spot(shown, recorded []string) []Spotted {
	out := make([]Spotted, len(shown))
	exact := make(map[string]bool, len(shown))
	for i, name := range shown {
		out[i] = Spotted{Shown: name, Name: name}
		exact[name] = true
	}
	if !v.Exact() {
		v.recognise(out, exact, recorded)
	}
	slices.SortFunc(out, func(a, b Spotted) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// recognise finds names that are recorded otherwise than they are shown. A name that is
// recorded just so stands for itself, whatever else it is like.
func (v *Volume) recognise(out []Spotted, exact map[string]bool, recorded []string) {
	left := map[string]string{} // by key, recorded names of which nothing is shown
	is := make(map[string]bool, len(recorded))
	for _, name := range recorded {
		is[name] = true
		if !exact[name] {
			left[v.Key(name)] = name
		}
	}
	for i := range out {
		s := &out[i]
		if is[s.Shown] {
			continue
		}
		key := v.Key(s.Shown)
		known, found := left[key]
		switch {
		case !found:
			s.Name = v.Recorded(s.Shown)
		case v.Renamed(known, s.Shown):
			s.Name, s.Was = v.Recorded(s.Shown), known
			delete(left, key)
		default:
			s.Name = known
			delete(left, key)
		}
	}
}
