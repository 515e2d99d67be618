package names

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Sought returns the form under which names are looked for by words: without regard to case
// and accents, whatever Unicode form they are written in, and without what is no text. It is
// for search alone; which names are one on a volume is Fold's business.
func Sought(text string) string {
	if plain(text) {
		return strings.ToLower(text)
	}
	text = norm.NFKD.String(strings.ToValidUTF8(text, "\uFFFD"))
	var b strings.Builder
	for _, r := range cases.Fold().String(text) {
		if !unicode.Is(unicode.Mn, r) && !unicode.IsControl(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plain reports whether a text is of ASCII without control characters.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
