// Package words is the one catalogue of what shoal says to people: every sentence of the
// window, the tray, the web page and the command line, in six languages.
//
// It knows the sentences, their plural forms, and how each language writes numbers, sizes
// and times. The English sentence in the source is its own key, so that whoever reads the
// code reads what people read; a sentence that has no translation is said in English. It
// does not know which language a person wants: the program asks the settings and the
// system, and hands the answer to Choose. What scripts read (JSON, the words for states,
// log messages) never comes from here.
//
// The catalogues are gettext's PO files, which translators have tools for. `go test
// ./app/words -update` writes what the source says into them; a sentence that is missing,
// unused, too long for its place or that lost a placeholder fails the tests.
package words

import (
	"embed"
	"fmt"
)

//go:embed catalogue/*.po
var catalogues embed.FS

// Language is one that shoal speaks, as a BCP 47 tag.
type Language string

// The languages shoal speaks.
const (
	English  Language = "en"
	German   Language = "de"
	Spanish  Language = "es"
	French   Language = "fr"
	Chinese  Language = "zh-Hans"
	Japanese Language = "ja"
)

// Languages returns all languages with the names they have for themselves, English first.
func Languages() []Named {
	return []Named{{English, "English"}, {German, "Deutsch"}, {Spanish, "Español"},
		{French, "Français"}, {Chinese, "简体中文"}, {Japanese, "日本語"}}
}

// Named is a language and its name for itself.
type Named struct {
	Language Language
	Name     string
}

// Book says things in one language. The zero Book speaks English. It is never changed, so
// any goroutine may use it.
type Book struct {
	language Language
	forms    map[string][]string // by the English sentence, or the English plural
}

// In returns the book of a language, and the English one for a language shoal does not
// speak.
func In(l Language) Book {
	if l == English || !spoken(l) {
		return Book{}
	}
	text, err := catalogues.ReadFile("catalogue/" + string(l) + ".po")
	if err != nil {
		panic("bug: a language without a catalogue: " + err.Error())
	}
	entries, err := parse(string(text))
	if err != nil {
		panic("bug: " + string(l) + ".po: " + err.Error())
	}
	book := Book{language: l, forms: make(map[string][]string, len(entries))}
	for _, e := range entries {
		book.forms[e.key()] = e.forms
	}
	return book
}

func spoken(l Language) bool {
	for _, one := range Languages() {
		if one.Language == l {
			return true
		}
	}
	return false
}

// Language returns the language of the book.
func (b Book) Language() Language {
	if b.language == "" {
		return English
	}
	return b.language
}

// Say translates an English sentence and fills in its placeholders, which are those of
// package fmt. Without args a percent sign stands for itself.
func (b Book) Say(english string, args ...any) string {
	if forms := b.forms[english]; len(forms) > 0 && forms[0] != "" {
		english = forms[0]
	}
	return filled(english, args)
}

// Many says a sentence about n things, given the English ones for one thing and for
// several. The first placeholder is the number itself, written with Count; args are the
// others.
func (b Book) Many(n int64, one, several string, args ...any) string {
	return b.many(n, one, several, append([]any{b.Count(n)}, args...)...)
}

// many is Many with the number written already.
func (b Book) many(n int64, one, several string, args ...any) string {
	text := several
	if n == 1 {
		text = one
	}
	if forms := b.forms[several]; len(forms) > 0 {
		if form := forms[min(b.language.form(n), len(forms)-1)]; form != "" {
			text = form
		}
	}
	return filled(text, args)
}

// Mark returns the sentence as it is. It tells the tests that a text of a table will be
// said by Say later.
func Mark(english string) string { return english }

func filled(text string, args []any) string {
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// form returns which form of a plural stands for n things: after the CLDR plural rules for
// whole numbers, without the French and Spanish form for whole millions, which no count of
// ours is written as.
func (l Language) form(n int64) int {
	switch {
	case l == Chinese || l == Japanese:
		return 0
	case n == 1 || n == 0 && l == French:
		return 0
	}
	return 1
}

// count returns how many plural forms the language has.
func (l Language) count() int {
	if l == Chinese || l == Japanese {
		return 1
	}
	return 2
}
