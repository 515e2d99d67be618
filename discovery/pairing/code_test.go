package pairing

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

func TestCodesAsPeopleTypeThem(t *testing.T) {
	want := Code{4829, [2]uint16{number(t, "otter"), number(t, "maple")}}
	for _, text := range []string{
		"4829-otter-maple", "4829 Otter Maple", " 4829otter maple\n", "4829ottermaple", "48 29 otter, maple!",
		"4829-OTTE-MAPL", "4829_otter.maple",
	} {
		if got, err := ParseCode(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if want.String() != "4829-otter-maple" || (Code{Slot: 7}).String()[:5] != "0007-" {
		t.Errorf("a code is shown as %s", want)
	}
	for text, says := range map[string]string{
		"":                          "four digits",
		"otter-maple":               "four digits",
		"482-otter-maple":           "four digits",
		"48290-otter-maple":         "four digits",
		"4829":                      "two words",
		"4829-otter":                "two words",
		"4829-otter-maple-lemon":    "two words",
		"4829-otter-mapel":          `did you mean "maple"?`,
		"4829-ottre-maple":          `did you mean "otter"?`,
		"4829-zzzzzz-maple":         "read it again",
		"4829-ottxrmaplx":           "two words",
		strings.Repeat("4829-", 99): "long",
	} {
		if _, err := ParseCode(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

func number(t *testing.T, word string) uint16 {
	t.Helper()
	at, ok := slices.BinarySearch(list, word)
	if !ok {
		t.Fatalf("no word %q", word)
	}
	return uint16(at)
}

func TestDrawnCodesUseEveryBit(t *testing.T) {
	var chance [8]byte
	lowest, highest := uint16(9999), uint16(0)
	firsts, seconds := map[uint16]bool{}, map[uint16]bool{}
	for i := range 1 << 14 {
		// A multiplicative walk through 64 bits stands for chance.
		n := uint64(i+1) * 0x9e3779b97f4a7c15
		for j := range chance {
			chance[j] = byte(n >> (8 * j))
		}
		c := DrawCode(chance)
		lowest, highest = min(lowest, c.Slot), max(highest, c.Slot)
		firsts[c.Words[0]], seconds[c.Words[1]] = true, true
		if again, err := ParseCode(c.String()); err != nil || again != c {
			t.Fatalf("%v is read as %v, %v", c, again, err)
		}
	}
	if lowest < 1000 || lowest > 1100 || highest < 9900 || highest > 9999 || len(firsts) < 2000 || len(seconds) < 2000 {
		t.Errorf("slots %d to %d, %d and %d words", lowest, highest, len(firsts), len(seconds))
	}
}

func TestLinksAsTheyAreCopied(t *testing.T) {
	l := Link{Device: ident.DeviceID{1, 2}, Slot: 4829, Secret: [16]byte{3}, Addrs: []netip.AddrPort{
		addr("10.0.0.1:22100"), addr("[2001:db8::7]:443"),
	}}
	text := l.String()
	for _, typed := range []string{text, strings.ToUpper(text), "  " + text + "\n"} {
		e, err := ParseEntry(typed)
		if err != nil || e.Link == nil || e.Link.String() != text || e.Slot() != 4829 {
			t.Errorf("%q: %+v, %v", typed, e, err)
		}
	}
	far := l
	far.Rendezvous = "https://meet.example.org:22101/?token=A-b"
	e, err := ParseEntry(strings.ToUpper(far.String()))
	if err != nil || e.Link.Rendezvous != far.Rendezvous || e.Link.Secret != l.Secret {
		t.Errorf("with a rendezvous it is %+v, %v", e.Link, err)
	}
	far.Rendezvous = strings.Repeat("x", linkPlaceMax+1)
	if far.String() != text {
		t.Error("a rendezvous that is too long is not left out")
	}
	if strings.Contains(Entry{Link: &l}.String(), "aq") || (Entry{Link: &l}).String() != "4829-…" {
		t.Error("an entry shows its secret")
	}
	for _, bad := range []string{
		text[:len(text)-1], text + "a", strings.Replace(text, "link/a", "link/b", 1), "shoal://link/", "http://x/y",
		text[:20] + "7" + text[21:], linkScheme + strings.Repeat("a", 2000),
	} {
		if _, err := ParseEntry(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add("4829-otter-maple")
	f.Add(Link{Slot: 1, Addrs: []netip.AddrPort{addr("10.0.0.1:1")}}.String())
	f.Add(Link{Slot: 1, Rendezvous: "https://h:1/"}.String())
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseEntry(text)
		if err != nil {
			return
		}
		again := e.Code.String()
		if e.Link != nil {
			again = e.Link.String()
		}
		if f, err := ParseEntry(again); err != nil || f.Code != e.Code || f.Slot() != e.Slot() {
			t.Errorf("%q is %q is %v, %v", text, again, f, err)
		}
	})
}
