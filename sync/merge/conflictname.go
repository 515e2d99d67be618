package merge

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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
	return cut(stem, tree.NameMax-len(mark)-len(ext)-numberRoom) + mark + ext
}

// numberRoom is kept free for the number Numbered may add.
const numberRoom = 4

// Numbered is a conflict name when n-1 others are taken: " 2" after the mark.
func Numbered(conflictName string, n int) string {
	i := strings.LastIndexByte(conflictName, ')')
	return conflictName[:i+1] + " " + strconv.Itoa(n) + conflictName[i+1:]
}

// numberOf undoes Numbered: 1 when the name has no number.
func numberOf(conflictName string) int {
	i := strings.LastIndexByte(conflictName, ')')
	rest := strings.TrimPrefix(conflictName[i+1:], " ")
	digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(rest)
	}
	if n, err := strconv.Atoi(rest[:digits]); err == nil {
		return n
	}
	return 1
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
	return cut(strings.Trim(clean, " ."), authorMax)
}

// cut shortens to at most size bytes without splitting a character.
func cut(s string, size int) string {
	if len(s) <= size {
		return s
	}
	s = s[:max(size, 0)]
	for len(s) > 0 {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}
