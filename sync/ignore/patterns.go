// Package ignore says which paths of a folder are left alone: patterns as git writes them
// in .gitignore, with git's verdicts.
//
// It knows what a text of patterns means and which line decides about a path. Where the
// texts lie, what follows from a verdict, and names that are never shared it leaves to its
// callers: the host reads the texts and shows people the deciding line, the scan asks
// about what it meets. It is pure; Patterns never change and may be used from anywhere.
//
// # Texts
//
// One pattern stands on a line; later lines win over earlier ones. Empty lines and lines
// that begin with "#" say nothing. A byte order mark at the beginning, one carriage return
// before a line's end and spaces at its end are dropped; "\ " keeps a space. All of this is
// git's way, also for files written on Windows. Only a zero byte is treated differently:
// git ends the line there, we refuse the text, because it was saved in a form (UTF-16) in
// which git would silently ignore nothing.
//
// # Patterns
//
//	!p       takes back what earlier lines ignored
//	p/       speaks of directories only
//	/p a/p   a slash at the beginning or inside: p is the path from the folder's top
//	p        no such slash: p is the name of something anywhere
//	* ?      any bytes, one byte, but never a slash
//	[a-z]    one byte out of a set; [!a-z] or [^a-z] one that is not in it; [[:alpha:]]
//	**/p     p in the folder or anywhere below; a/**/b also means a/b
//	p/**     everything below p
//	\c       the byte c itself
//
// What lies below an ignored directory is ignored, and no line can take it back. A pattern
// with a set that is not closed, or with a lone "\" at its end, matches nothing.
//
// A "**" that does not stand between slashes is a "*". Git makes one exception, and so do
// we: in a path, the bytes before the first of * ? [ \ are compared first, and what follows
// them counts as a beginning. So a**/b means a/x/b and ax/y/b, and even ab.
//
// Names are bytes: they need not be UTF-8, "?" is one byte of a longer letter, and case
// matters on every system, since all devices must come to one verdict. (Git on Windows
// and macOS does not look at case.)
package ignore

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// Patterns are what one text says, or several combined. The zero value ignores nothing
// and counts as one text.
type Patterns struct {
	lines []pattern
	more  int // texts beyond the first
	index *index
}

// Combine puts the patterns of b behind those of a, so that b's win. In verdicts the texts
// of b are numbered behind those of a.
func Combine(a, b Patterns) Patterns {
	both := Patterns{more: a.more + 1 + b.more}
	both.lines = make([]pattern, 0, len(a.lines)+len(b.lines))
	both.lines = append(append(both.lines, a.lines...), b.lines...)
	for i := range both.lines[len(a.lines):] {
		both.lines[len(a.lines)+i].source += a.more + 1
	}
	both.index = newIndex(both.lines)
	return both
}

// Len is the number of patterns.
func (p Patterns) Len() int { return len(p.lines) }

// Match says what becomes of the path. It is relative to the folder's top, its names are
// divided by single slashes, and no slash begins or ends it. dir says whether it is a
// directory; links are not.
func (p Patterns) Match(path string, dir bool) Verdict {
	if p.index == nil || path == "" {
		return Verdict{}
	}
	var room [2][32]int
	ends, trails := room[0][:0], room[1][:]
	for at := 0; ; {
		length := strings.IndexByte(path[at:], '/')
		if length < 0 {
			ends = append(ends, len(path))
			break
		}
		ends = append(ends, at+length)
		at += length + 1
	}
	if len(ends) > len(trails) {
		trails = make([]int, len(ends))
	}
	p.lastTrails(path, ends, trails, dir)
	begin := 0
	for i, end := range ends[:len(ends)-1] {
		place := p.last(path[:end], begin, true, trails[i])
		if place > 0 && !p.lines[place-1].negated {
			return p.verdict(place, path[:end])
		}
		begin = end + 1
	}
	return p.verdict(p.last(path, begin, dir, trails[len(ends)-1]), path)
}

// MayMatchBelow reports whether anything below the directory may be shared. It is false
// when the directory, or one above it, is ignored: then no pattern can take anything back
// that lies below, and nobody needs to look there. The folder's top is "".
func (p Patterns) MayMatchBelow(dir string) bool { return !p.Match(dir, true).Ignored() }

func (p Patterns) verdict(place int, path string) Verdict {
	if place == 0 {
		return Verdict{}
	}
	l := &p.lines[place-1]
	v := Verdict{Outcome: Ignored, Source: l.source, Line: l.number, Pattern: l.text, Decided: path}
	if l.negated {
		v.Outcome = Included
	}
	return v
}

// Hash names what the patterns say: equal hashes mean equal verdicts on every device.
// Comments, empty lines, line ends, spaces at their ends, and how many texts the patterns
// came from do not matter; their order does.
func (p Patterns) Hash() [sha256.Size]byte {
	b := []byte("ignore patterns 1\n")
	for i := range p.lines {
		b = binary.AppendUvarint(b, uint64(len(p.lines[i].text)))
		b = append(b, p.lines[i].text...)
	}
	return sha256.Sum256(b)
}
