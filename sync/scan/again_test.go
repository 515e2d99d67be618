package scan

import (
	"context"
	"slices"
	"testing"
)

// A directory goes elsewhere while a walk of the folder is in it. What the walk has not met
// in it is looked at again, however deep: the look at a name goes no deeper than that.
func TestWhatAWalkHasNotMetIsLookedAtAgain(t *testing.T) {
	b := newBed(t)
	for _, name := range []string{"d/in/deep/one", "d/in/deep/er/two", "d/in/three", "d/zero"} {
		b.write(name, name)
	}
	b.folder()
	b.write("d/in/deep/er/two", "changed")
	b.scanner.options.Ignored = func(name string, _ bool) bool {
		if name == "d/in" {
			b.rename("d", "elsewhere")
		}
		return false
	}
	result, err := b.scanner.Folder(context.Background())
	b.must(err)
	b.scanner.options.Ignored = nil
	for _, name := range []string{"d/in", "d/in/deep", "d/in/deep/er"} {
		if !slices.Contains(result.Again, name) {
			t.Errorf("%q is not to be looked at again, only %q", name, result.Again)
		}
	}
	b.words()
	b.rename("elsewhere", "d")
	b.want(b.names(result.Again...), "changed d/in/deep/er/two")
}
