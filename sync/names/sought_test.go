package names

import "testing"

func TestSought(t *testing.T) {
	for _, c := range [][2]string{
		{"Report 2024.PDF", "report 2024.pdf"},
		{"Käse", "kase"}, {"Ka\u0308se", "kase"}, {"ÉTÉ.txt", "ete.txt"},
		{"Straße", "strasse"}, {"ΣΊΣΥΦΟΣ", "σισυφοσ"}, {"ﬁn", "fin"},
		{"日本語.txt", "日本語.txt"}, {"a\xffb", "a\uFFFDb"}, {"a\x00b\n", "ab"}, {"", ""},
	} {
		if got := Sought(c[0]); got != c[1] {
			t.Errorf("%q is looked for as %q, want %q", c[0], got, c[1])
		}
		if again := Sought(Sought(c[0])); again != c[1] {
			t.Errorf("what %q is looked for as becomes %q when folded again", c[0], again)
		}
	}
}
