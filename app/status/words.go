package status

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shoal-sync/shoal/app/words"
)

// Bytes says a size in English: "17 bytes", "1.5 KiB", "230 GiB".
func Bytes(n int64) string { return words.Book{}.Bytes(n) }

// Count writes a number with its digits in groups: "1,234,567".
func Count(n int64) string { return words.Book{}.Count(n) }

// Files says a number of files in English: "1 file", "1,234 files".
func Files(n int64) string { return words.Book{}.Files(n) }

// Duration says a length of time in English: "2 min 5 s".
func Duration(d time.Duration) string { return words.Book{}.Duration(d) }

// Plain returns text that is safe to print on a terminal: names come from other devices
// and may hold control characters that would move the cursor or change its colours.
func Plain(text string) string {
	if !strings.ContainsFunc(text, hidden) && utf8.ValidString(text) {
		return text
	}
	quoted := strconv.QuoteToGraphic(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

func hidden(r rune) bool { return r != ' ' && !unicode.IsGraphic(r) }

// Words says the state as a person reads it.
func (s State) Words(b words.Book) string {
	switch s {
	case UpToDate:
		return b.Say("up to date")
	case Scanning:
		return b.Say("scanning")
	case Syncing:
		return b.Say("syncing")
	case Waiting:
		return b.Say("waiting")
	case Paused:
		return b.Say("paused")
	case NeedsYou:
		return b.Say("needs you")
	}
	return Plain(string(s))
}

// Words says the role as a person reads it.
func (r Role) Words(b words.Book) string {
	switch r {
	case Owner:
		return b.Say("owner")
	case Writer:
		return b.Say("writer")
	case Reader:
		return b.Say("reader")
	}
	return Plain(string(r))
}

// Words says the route as a person reads it.
func (r Route) Words(b words.Book) string {
	switch r {
	case LAN:
		return b.Say("local network")
	case Direct:
		return b.Say("direct")
	case Punched:
		return b.Say("direct, through a router")
	case Relayed:
		return b.Say("relayed")
	}
	return Plain(string(r))
}
