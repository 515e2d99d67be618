// Package names knows which names a volume can hold, and which of them it takes for one.
//
// An entry keeps its true name everywhere. What a volume cannot hold is not shown on it,
// and the reason is told (package merge, Fit). A Volume describes one volume under one
// system; package disk finds out by trying, and the folder core, the scanner and the
// simulator ask it. It knows nothing of entries or of what is on disk.
package names

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Case says which letters a volume takes for one.
type Case uint8

// From volumes that tell all letters apart to those that take "STRASSE" for "straße".
const (
	CaseExact  Case = iota // ext4, XFS, Btrfs
	CaseASCII              // only A to Z
	CaseSimple             // letter by letter: NTFS, exFAT, FAT
	CaseFull               // words: APFS, ext4 with the casefold feature
)

// Volume says what names one volume can hold. The zero value holds every name that
// tree.CheckName lets through, as the usual file systems of Linux do.
type Volume struct {
	Case Case
	// ForgetsCase is set where a name is not shown with the letters it was made with.
	ForgetsCase bool
	// Forms is set where "é" as one character and as "e" with an accent are one name.
	Forms bool
	// TextOnly is set where names must be well-formed UTF-8.
	TextOnly bool
	// Refused holds the characters from U+0020 on that no name may have.
	Refused string
	// NoControls, NoLastDot and NoLastSpace are set where names may hold no characters
	// below U+0020, and may not end in a dot or in a space.
	NoControls, NoLastDot, NoLastSpace bool
	// NoDevices is set where names like "NUL.txt" mean devices.
	NoDevices bool
	// BytesMax and UnitsMax bound a name in bytes and in UTF-16 units; 0 is no bound
	// beyond that of tree.CheckName.
	BytesMax, UnitsMax int
	// PathMax bounds a path below the folder in UTF-16 units; 0 is no bound.
	PathMax int
	// NoLinks is set where there are no symbolic links.
	NoLinks bool
	// NoModes is set where permission bits are not kept.
	NoModes bool
}

// windowsRefused are the characters that mean something else in a path of Windows.
const windowsRefused = `"*:<>?\|`

// Of returns what is known of every volume of a system, named as the Go tools name it. It
// is where finding out begins, and what is believed where trying is not possible.
func Of(system string) Volume {
	switch system {
	case "windows":
		return Volume{
			Case: CaseSimple, TextOnly: true, Refused: windowsRefused, NoControls: true,
			NoLastDot: true, NoLastSpace: true, NoDevices: true, UnitsMax: 255,
			// 32,767 for a whole path; some of it is the way to the folder.
			PathMax: 32000, NoModes: true,
		}
	case "darwin", "ios":
		return Volume{Case: CaseFull, Forms: true, TextOnly: true, UnitsMax: 255}
	}
	return Volume{}
}

// Exact reports whether the volume tells all names apart.
func (v *Volume) Exact() bool { return v.Case == CaseExact && !v.Forms }

// Holds reports whether the volume can hold every name, link and path there is.
func (v *Volume) Holds() bool {
	plain := Volume{NoModes: v.NoModes}
	return *v == plain
}

// Key returns what all names have in common that the volume takes for one. The volume may
// take fewer names for one than Key does, for every file system has its own tables.
func (v *Volume) Key(name string) string {
	if ascii(name) {
		if v.Case == CaseExact {
			return name
		}
		return strings.ToLower(name)
	}
	if v.Forms {
		name = norm.NFD.String(name)
	}
	switch v.Case {
	case CaseASCII:
		name = mapped(name, func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		})
	case CaseSimple:
		name = mapped(name, least)
	case CaseFull:
		// Word by word first, then letter by letter, for there are letters that only
		// one of the two makes equal.
		name = mapped(folded(name), least)
	}
	if v.Forms {
		name = norm.NFD.String(name) // what was folded may have come apart
	}
	return name
}

// Recorded returns the name under which a name that was found on the volume, and that no
// entry had before, is recorded. Where Unicode forms are one, the composed form is what
// people on other systems type.
func (v *Volume) Recorded(shown string) string {
	if !v.Forms || ascii(shown) {
		return shown
	}
	return norm.NFC.String(shown)
}

// Renamed reports whether a file recorded under one name, and shown now under another
// that the volume takes for the same, was renamed by somebody. It was not where the two
// differ only in what the volume itself changes.
func (v *Volume) Renamed(recorded, shown string) bool {
	if recorded == shown || v.ForgetsCase {
		return false
	}
	return !v.Forms || norm.NFC.String(recorded) != norm.NFC.String(shown)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// mapped maps the characters of a name; bytes that are none stay.
func mapped(name string, to func(rune) rune) string {
	var b strings.Builder
	for len(name) > 0 {
		r, size := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError && size == 1 {
			b.WriteByte(name[0])
		} else {
			b.WriteRune(to(r))
		}
		name = name[size:]
	}
	return b.String()
}

// folded folds the well-formed parts of a name.
func folded(name string) string {
	if utf8.ValidString(name) {
		return cases.Fold().String(name)
	}
	var b strings.Builder
	for len(name) > 0 {
		n := 0
		for n < len(name) {
			r, size := utf8.DecodeRuneInString(name[n:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		b.WriteString(cases.Fold().String(name[:n]))
		if n < len(name) {
			b.WriteByte(name[n])
			n++
		}
		name = name[n:]
	}
	return b.String()
}

// least is the lowest of the characters that differ from r in case alone.
func least(r rune) rune {
	low := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		low = min(low, next)
	}
	if 'A' <= low && low <= 'Z' {
		low += 'a' - 'A' // as the short way for ASCII names has it
	}
	return low
}
