package sim

import (
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/sync/names"
)

// TestDeepTreesAreCompared: what two disks show is compared at every name once, however deep
// it lies. Twice at each level, and the checkers do not come to an end in a person's life.
func TestDeepTreesAreCompared(t *testing.T) {
	o := Calm(1)
	o.Nodes = 2
	w := newWorld(o)
	a, b := w.devices[0], w.devices[1]
	b.disk.rules = names.Volume{NoLastDot: true}
	path := "d"
	for range 50 {
		a.disk.mkdir(path)
		b.disk.mkdir(path)
		path += "/d"
	}
	if found := difference(a, b); found != "" {
		t.Errorf("equal trees differ: %s", found)
	}
	a.disk.save(path, w.contents.some())
	if found := difference(a, b); !strings.Contains(found, path) {
		t.Errorf("a file at the bottom of one of them is not named: %q", found)
	}
}
