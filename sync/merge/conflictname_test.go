package merge

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/shoal-sync/shoal/sync/tree"
)

func TestConflictName(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("west", -5*3600)
	t.Cleanup(func() { time.Local = local })
	at := time.Date(2026, 3, 4, 5, 6, 7, 999e6, time.FixedZone("east", 3*3600)).UnixMilli()
	const when = "2026-03-04 02-06-07" // in UTC
	for _, c := range []struct{ name, device, want string }{
		{"a.txt", "ann", "a (conflict, ann, " + when + ").txt"},
		{"a", "ann", "a (conflict, ann, " + when + ")"},
		{"a.tar.gz", "ann", "a.tar (conflict, ann, " + when + ").gz"},
		{".profile", "ann", ".profile (conflict, ann, " + when + ")"},
		{"a.", "ann", "a (conflict, ann, " + when + ")."},
		{"Dr. No and friends", "ann", "Dr. No and friends (conflict, ann, " + when + ")"},
		{"a.an extension of a name", "ann", "a.an extension of a name (conflict, ann, " + when + ")"},
		{"a.17characters0000", "ann", "a.17characters0000 (conflict, ann, " + when + ")"},
		{"f(x.y)", "ann", "f(x.y) (conflict, ann, " + when + ")"},
		{"a.txt", "", "a (conflict).txt"},
		{"a.txt", "Ann's <PC>: \"A/B\\C|D?*\"", "a (conflict, Ann's -PC-- -A-B-C-D---, " + when + ").txt"},
		{"a.txt", "tab\tbell\a\x7f\xff", "a (conflict, tab-bell---, " + when + ").txt"},
		{"a.txt", " ann. ", "a (conflict, ann, " + when + ").txt"},
		{"a.txt", "Bob (work)", "a (conflict, Bob (work), " + when + ").txt"},
		{"ä.txt", "Jürgen", "ä (conflict, Jürgen, " + when + ").txt"},
	} {
		if got := ConflictName(c.name, c.device, at); got != c.want {
			t.Errorf("%q by %q:\ngot  %q\nwant %q", c.name, c.device, got, c.want)
		}
	}
}

func TestNumbered(t *testing.T) {
	for _, name := range []string{"a.txt", "a", ".a", "a (1).txt", "a).b", "a.7z"} {
		for _, device := range []string{"", "ann", "Bob (work)"} {
			plain := ConflictName(name, device, 0)
			stem, ext := splitName(name)
			got := Numbered(plain, 2)
			if !strings.HasPrefix(got, stem) || !strings.HasSuffix(got, ") 2"+ext) ||
				strings.Replace(got, ") 2"+ext, ")"+ext, 1) != plain {
				t.Errorf("%q by %q: %q is numbered %q", name, device, plain, got)
			}
		}
	}
}

// TestConflictNamesFit: 255 bytes hold the name, a number of three digits, the whole mark
// and the extension, of any name and device, without half a character.
func TestConflictNamesFit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	alphabet := []rune("aä€𝄞. ")
	draw := func(most int) string {
		var b strings.Builder
		for range r.IntN(most) {
			c := alphabet[r.IntN(len(alphabet))]
			if b.Len()+utf8.RuneLen(c) > most {
				break
			}
			b.WriteRune(c)
		}
		return b.String()
	}
	for range 20_000 {
		name, device := draw(tree.NameMax)+"x", draw(200)
		got := Numbered(ConflictName(name, device, r.Int64N(1<<47)), 999)
		_, ext := splitName(name)
		if err := tree.CheckName(got); err != nil || !utf8.ValidString(got) || !strings.HasSuffix(got, " 999"+ext) {
			t.Fatalf("%q by %q: %q, %v", name, device, got, err)
		}
	}
}

// TestLongNamesKeepWhatFits: as much of the stem as there is room for, to the byte, and
// names that are no UTF-8 too.
func TestLongNamesKeepWhatFits(t *testing.T) {
	mark := len(" (conflict, ann, 2026-03-04 02-06-07)")
	for _, c := range []struct {
		name string
		stem int // bytes of it that stay
	}{
		{strings.Repeat("a", 251) + ".txt", 255 - 4 - mark - 4},
		{strings.Repeat("a", 255), 255 - 4 - mark},
		{strings.Repeat("€", 85), (255 - 4 - mark) / 3 * 3},
		{"aa" + strings.Repeat("€", 84), 2 + (255-4-mark-2)/3*3},
		{strings.Repeat("\xe4", 255), 255 - 4 - mark},
		{strings.Repeat("\x80", 255), 255 - 4 - mark},
		{strings.Repeat("a", 255-4-mark), 255 - 4 - mark},
	} {
		got := ConflictName(c.name, "ann", 1772589967000)
		stem, ext := splitName(c.name)
		if !strings.HasPrefix(got, stem[:c.stem]+" (conflict, ann") || len(got) != c.stem+mark+len(ext) {
			t.Errorf("%q: %d bytes %q, want %d of the stem", c.name, len(got), got, c.stem)
		}
	}
}
