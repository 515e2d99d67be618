package scan

import (
	"os"
	"testing"

	"github.com/shoal-sync/shoal/sync/recipe"
)

// The index knows two directories of one name when one has moved to where the other one was,
// and of that only the first part was taken in yet. A look knows which of them is there, and
// tells that the other one is not; it never takes one for the other.
func TestOfTwoDirectoriesOfOneNameOneIsGone(t *testing.T) {
	for _, c := range []struct{ stays, goes string }{{"a", "b"}, {"b", "a"}} {
		for name, look := range map[string]func(b *bed) []string{
			"folder": (*bed).folder,
			"name":   func(b *bed) []string { return b.names(c.goes) },
			"in it":  func(b *bed) []string { return append(b.names(c.goes+"/in "+c.stays), b.names(c.goes)...) },
		} {
			t.Run(c.goes+", "+name, func(t *testing.T) {
				b := newBed(t)
				b.write("a/in a", "one")
				b.write("b/in b", "two")
				b.folder()
				came, gone := b.entry(c.stays), b.entry(c.goes)
				b.must(os.RemoveAll(b.full(c.goes)))
				b.rename(c.stays, c.goes)
				row := b.rows[came]
				row.Name = c.goes
				b.rows[came] = row

				b.want(look(b), "gone "+c.goes)
				if _, still := b.rows[gone]; still {
					t.Error("the one that is there was reported gone")
				}
				b.agree()
				b.want(b.folder())
			})
		}
	}
}

// A link that an order is believed to have made is read once, for its length alone was seen.
func TestALinkThatWasBelievedIsReadOnce(t *testing.T) {
	b := newBed(t)
	b.must(os.Symlink("one", b.full("l")))
	b.folder()
	id := b.entry("l")
	row := b.rows[id]
	row.Content, row.Racy = recipe.LinkID("two"), true
	b.rows[id] = row
	b.want(b.folder(), "changed l")
	if got := b.rows[id]; got.Content != recipe.LinkID("one") || got.Racy {
		t.Errorf("it is known as %+v", got)
	}
	b.want(b.folder())
}

// A directory came to the name of a file that had just gone, and went before the file could
// be reported: the index knows two under the name, and all that are gone are told of. Nobody
// looks at a name again that is not asked about.
func TestOfANameAllThatIsGoneIsTold(t *testing.T) {
	for name, look := range map[string]func(b *bed) []string{
		"folder": (*bed).folder,
		"name":   func(b *bed) []string { return b.names("x") },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.write("d/in d", "one")
			b.write("x", "two")
			b.folder()
			row := b.rows[b.entry("d")]
			row.Name = "x"
			b.rows[row.Entry] = row
			b.must(os.RemoveAll(b.full("d")))
			b.must(os.Remove(b.full("x")))
			b.want(look(b), "gone x", "gone x")
		})
	}
}
