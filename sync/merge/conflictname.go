package merge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// authorMax bounds the author's part of a conflict name, in bytes, so that something of
// the file's own name is left within tree.NameMax.
const authorMax = 64

// ConflictName is the name a kept loser is shown under: the file's name with
// " (conflict, DEVICE, YYYY-MM-DD HH-MM-SS)" before its extension, the time being the
// author's wall clock in UTC. Device is made legal for every system, and the stem is cut
// at a character so that the whole stays within tree.NameMax bytes. A loser nobody wrote
// (null version) has no device and no time.
func ConflictName(name, device string, unixMilli int64) string {
	mark := " (conflict)"
	if device != "" {
		at := time.UnixMilli(unixMilli).UTC().Format("2006-01-02 15-04-05")
		mark = fmt.Sprintf(" (conflict, %s, %s)", legal(device), at)
	}
	stem, ext := splitName(name)
	return CutName(stem, tree.NameMax-len(mark)-len(ext)-numberRoom) + mark + ext
}

// numberRoom is kept free for the number Numbered may add.
const numberRoom = 4

// Numbered is a conflict name when n-1 others are taken: " 2" after the mark.
func Numbered(conflictName string, n int) string {
	i := strings.LastIndexByte(conflictName, ')')
	return conflictName[:i+1] + " " + strconv.Itoa(n) + conflictName[i+1:]
}

// Unmarked returns the name that a conflict name was made of; false when it is none. Names
// so long that their stem was cut come back cut.
func Unmarked(conflictName string) (string, bool) {
	from := strings.LastIndex(conflictName, " (conflict")
	if from < 0 {
		return conflictName, false
	}
	to := strings.IndexByte(conflictName[from:], ')')
	if to < 0 {
		return conflictName, false
	}
	ext := strings.TrimLeft(conflictName[from+to+1:], " 0123456789")
	return conflictName[:from] + ext, true
}

// splitName separates the last extension; a name that only begins with a dot has none.
// Extensions longer than 16 bytes are part of the name, so that cutting the stem helps.
func splitName(name string) (stem, ext string) {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 || len(name)-i > 16 || strings.ContainsAny(name[i:], " )") {
		return name, ""
	}
	return name[:i], name[i:]
}

// legal replaces what some system refuses in a file name: Windows' reserved characters
// and control characters.
func legal(device string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || strings.ContainsRune(`<>:"/\|?*`, r) {
			return '-'
		}
		return r
	}, strings.ToValidUTF8(device, "-"))
	return CutName(strings.Trim(clean, " ."), authorMax)
}

// CutName shortens a name to at most size bytes without splitting a character. Bytes that
// are no characters, as names on Linux may hold, are cut anywhere.
func CutName(s string, size int) string {
	if len(s) <= size {
		return s
	}
	size = max(size, 0)
	for at := size; at >= 0 && at > size-utf8.UTFMax; at-- {
		if utf8.RuneStart(s[at]) {
			return s[:at]
		}
	}
	return s[:size]
}

// conflictName returns the name under which an entry is shown that has lost, or may not
// have, the name of a home. Losers of one author and second are numbered, by id, with the
// numbers nobody else has taken: everybody who holds the same records numbers alike.
func (v *View) conflictName(e *tree.Entry, h home) string {
	mark := v.markedName(e, h.name)
	var alike []ident.EntryID
	for _, o := range v.losers(h) {
		if v.markedName(&o, h.name) == mark {
			alike = append(alike, o.ID)
		}
	}
	slices.SortFunc(alike, func(a, b ident.EntryID) int { return bytes.Compare(a[:], b[:]) })
	before, number := slices.Index(alike, e.ID), 1
	if before < 0 {
		// Shown away from its placement, it is known to no other: a number of its own
		// keeps it apart.
		before, number = 0, ownNumber(e.ID)
	}
	for ; ; number++ {
		name := mark
		if number > 1 {
			name = Numbered(mark, number)
		}
		switch {
		case len(v.claims(home{parent: h.parent, name: name})) > 0:
		case before == 0:
			return name
		default:
			before--
		}
	}
}

// ownNumber is a number of three digits made of an id.
func ownNumber(id ident.EntryID) int {
	return 100 + int(binary.BigEndian.Uint64(id[:])%900)
}

// markedName is a loser's conflict name before numbering. It names who wrote the content
// that lost, or placed the entry that may not have its name: of both, the placement says
// it, and goes on saying it when somebody edits the copy.
func (v *View) markedName(e *tree.Entry, name string) string {
	by := &e.Place
	return ConflictName(name, v.author(by.Dot.Replica), by.Stamp.Time.UnixMilli())
}

// losers returns the live entries that are shown under a conflict name made of the name
// of a home: those that would have that name themselves, and those kept beside anything
// placed there, be it live or not.
func (v *View) losers(h home) []tree.Entry {
	var out []tree.Entry
	claims := v.claims(h)
	for i, o := range claims {
		stands := func(c tree.Entry) bool { return sameFile(&c, &o) }
		if i > 0 && o.Kind != tree.Dir && !slices.ContainsFunc(claims[:i], stands) {
			out = append(out, o)
		}
	}
	for _, dir := range v.twins(h.parent) {
		for _, row := range v.read.Placed(dir, h.name) {
			out = v.restingBeside(out, row.Entry.ID, 0)
		}
	}
	return out
}

// restingBeside appends the live losers kept beside an entry, and beside those, dead or
// not.
func (v *View) restingBeside(out []tree.Entry, id ident.EntryID, depth int) []tree.Entry {
	if depth > chainMax {
		return out
	}
	for _, row := range v.read.Placed(id, "") {
		if row.Entry.Live() && row.Entry.Kind != tree.Dir {
			out = append(out, row.Entry)
		}
		out = v.restingBeside(out, row.Entry.ID, depth+1)
	}
	return out
}

// nameAway is the name of an entry that is shown away from its placement: its own, unless
// somebody has it there, or it is one that a loser may be given there.
func (v *View) nameAway(e *tree.Entry, h home) string {
	if _, marked := Unmarked(h.name); !marked && len(v.claims(h)) == 0 {
		return h.name
	}
	return v.conflictName(e, h)
}
