package sim

import (
	"slices"

	"github.com/shoal-sync/shoal/sync/names"
)

// shelf is what a directory of a modelled disk holds. Names that the volume takes for one
// lead to one file, which is shown under the name it was put there with.
type shelf struct {
	volume *names.Volume
	apart  bool            // names are shown with their accents taken apart, as HFS+ does
	files  map[string]kept // by key
}

type kept struct {
	name string
	file *file
}

func newShelf(v *names.Volume) *shelf {
	apart := v.Forms && v.UnitsMax == 0
	return &shelf{volume: v, apart: apart, files: map[string]kept{}}
}

// accents takes accents apart, and does nothing else.
var accents = names.Volume{Forms: true}

// at returns what a name leads to; nil for nothing.
func (s *shelf) at(name string) *file { return s.files[s.volume.Key(name)].file }

// shown is how a name that leads to something is listed.
func (s *shelf) shown(name string) string { return s.files[s.volume.Key(name)].name }

// put gives a file a name. What had the name gives it up, and leaves the way it is shown.
func (s *shelf) put(name string, f *file) {
	key := s.volume.Key(name)
	if old, taken := s.files[key]; taken {
		name = old.name
	} else if s.volume.ForgetsCase {
		name = key
	} else if s.apart {
		name = accents.Key(name)
	}
	s.files[key] = kept{name, f}
}

func (s *shelf) drop(name string) { delete(s.files, s.volume.Key(name)) }

// names lists the directory, in order.
func (s *shelf) names() []string {
	out := make([]string, 0, len(s.files))
	for _, n := range s.files {
		out = append(out, n.name)
	}
	slices.Sort(out)
	return out
}
