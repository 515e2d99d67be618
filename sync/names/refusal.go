package names

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// privateDir is Shoal's own directory at a folder's top (tree.PrivateDir).
const privateDir = ".shoal"

// Refusal says, for people, why the volume cannot hold a name; "" when it can. The name
// passes tree.CheckName.
func (v *Volume) Refusal(name string) string {
	switch {
	case v.TextOnly && !utf8.ValidString(name):
		return "it is not written in Unicode, which names on this volume must be"
	case v.BytesMax > 0 && len(name) > v.BytesMax:
		return fmt.Sprintf("it has %d bytes, and names on this volume at most %d", len(name), v.BytesMax)
	case v.UnitsMax > 0 && units(name) > v.UnitsMax:
		return fmt.Sprintf("it has %d UTF-16 units, and names on this volume at most %d", units(name), v.UnitsMax)
	case v.NoLastDot && strings.HasSuffix(name, "."):
		return "it ends in a dot, which this volume cannot keep"
	case v.NoLastSpace && strings.HasSuffix(name, " "):
		return "it ends in a space, which this volume cannot keep"
	case v.NoDevices && device(name):
		return "it is the name of a device on Windows"
	}
	if i := strings.IndexFunc(name, v.refuses); i >= 0 {
		r, _ := utf8.DecodeRuneInString(name[i:])
		if unicode.IsGraphic(r) {
			return fmt.Sprintf("it holds the character %c, which names on this volume cannot have", r)
		}
		return fmt.Sprintf("it holds the control character %U, which names on this volume cannot have", r)
	}
	return ""
}

// RefusalAtTop is Refusal for names at a folder's top: some mean, on this volume, the
// directory that is Shoal's own.
func (v *Volume) RefusalAtTop(name string) string {
	if v.private(name) {
		return "on this volume it means Shoal's own directory"
	}
	return v.Refusal(name)
}

func (v *Volume) refuses(r rune) bool {
	return v.NoControls && r < 0x20 || r >= 0x20 && strings.ContainsRune(v.Refused, r)
}

// private reports whether the volume may take a name for that of the private directory:
// by its case, by characters that HFS+ does not see, or by the short second name that
// NTFS may have given to it.
func (v *Volume) private(name string) bool {
	if v.Exact() {
		return name == privateDir
	}
	seen := strings.Map(func(r rune) rune {
		if unseen(r) {
			return -1
		}
		return r
	}, name)
	if v.Key(seen) == privateDir {
		return true
	}
	number, short := strings.CutPrefix(strings.ToLower(name), "shoal~")
	_, err := strconv.ParseUint(number, 10, 32)
	return v.NoDevices && short && err == nil
}

// unseen reports whether HFS+ leaves a character out when it compares names.
func unseen(r rune) bool {
	return r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e ||
		r >= 0x206a && r <= 0x206f || r == 0xfeff
}

// device reports whether Windows takes a name for a device. What follows the first dot,
// and spaces before it, do not matter; superscript digits count.
func device(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port, isCom := strings.CutPrefix(stem, "COM")
	if !isCom {
		var isPrinter bool
		if port, isPrinter = strings.CutPrefix(stem, "LPT"); !isPrinter {
			return false
		}
	}
	switch port {
	case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
		return true
	}
	return false
}

// units counts UTF-16 units. A byte that is no character counts as one.
func units(name string) (n int) {
	for _, r := range name {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// PathRefusal says why a path, with slashes, is too long for the volume; "" when it is
// not.
func (v *Volume) PathRefusal(path string) string {
	if v.PathMax == 0 || len(path) <= v.PathMax { // units are never more than bytes
		return ""
	}
	if n := units(path); n > v.PathMax {
		return fmt.Sprintf("its path has %d UTF-16 units, and paths on this volume at most %d", n, v.PathMax)
	}
	return ""
}

// Text writes a name, or a path, as text: as it is where it is well-formed UTF-8, else
// with \xNN for each byte that is no character, and \\ for a backslash. Different names
// give different texts, unless somebody names a file like such a text.
func Text(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, size := utf8.DecodeRuneInString(name)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, name[0])
		case r == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteRune(r)
		}
		name = name[size:]
	}
	return b.String()
}
