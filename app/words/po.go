package words

import (
	"fmt"
	"strconv"
	"strings"
)

// entry is one sentence of a catalogue.
type entry struct {
	id, plural string   // English; plural is empty for a sentence with one form
	forms      []string // in the language of the catalogue
}

// key is what a Book finds the entry by.
func (e entry) key() string {
	if e.plural != "" {
		return e.plural
	}
	return e.id
}

// parse reads a PO file: of the format of GNU gettext (manual, "The Format of PO Files")
// the keywords msgid, msgid_plural and msgstr, strings over several lines, and comments,
// which are passed over. The header, the entry for the empty sentence, is left out.
func parse(text string) ([]entry, error) {
	var out []entry
	var now entry
	var into *string // what a further line of a string belongs to
	finish := func() {
		if now.id != "" {
			out = append(out, now)
		}
		now, into = entry{}, nil
	}
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, quoted, _ := strings.Cut(line, " ")
		if line[0] == '"' {
			word, quoted = "", line
		}
		piece, err := strconv.Unquote(strings.TrimSpace(quoted))
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is no string", n+1, quoted)
		}
		switch {
		case word == "msgid":
			finish()
			into = &now.id
		case word == "msgid_plural":
			into = &now.plural
		case strings.HasPrefix(word, "msgstr"):
			now.forms = append(now.forms, "")
			into = &now.forms[len(now.forms)-1]
		case word != "" || into == nil:
			return nil, fmt.Errorf("line %d: %q is not expected here", n+1, line)
		}
		*into += piece
	}
	finish()
	return out, nil
}
