package folder

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/shoal-sync/shoal/sync/tree"
)

// A volume that wants names of whole characters can hold the name, however long it was.
func TestComesOutUnderAWholeName(t *testing.T) {
	for _, name := range []string{strings.Repeat("é", 127), "x" + strings.Repeat("é", 127), strings.Repeat("魚", 85)} {
		got := new(Core).visibleName(&tree.Entry{Kind: tree.Dir, Place: tree.Placement{Name: name}})
		if !utf8.ValidString(got) || len(got) > tree.NameMax || len(got) < tree.NameMax-utf8.UTFMax {
			t.Errorf("%q comes out as %q, of %d bytes", name, got, len(got))
		}
	}
}
