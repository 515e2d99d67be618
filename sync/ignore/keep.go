package ignore

import (
	"encoding/binary"
	"errors"
	"strings"
)

var errKept = errors.New("kept patterns are damaged")

// Append encodes patterns so that they can be kept: Restore gives the same verdicts, with
// the same sources and lines.
func (p Patterns) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(p.more))
	for i := range p.lines {
		l := &p.lines[i]
		b = binary.AppendUvarint(b, uint64(l.source))
		b = binary.AppendUvarint(b, uint64(l.number))
		b = binary.AppendUvarint(b, uint64(len(l.text)))
		b = append(b, l.text...)
	}
	return b
}

// Restore reads what Append wrote.
func Restore(b []byte) (Patterns, error) {
	failed := false
	number := func(most uint64) int {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > most {
			failed = true
			return 0
		}
		b = b[size:]
		return int(n)
	}
	p := Patterns{more: number(1 << 8)}
	for len(b) > 0 && !failed && len(p.lines) < 2*CountMax {
		source, line := number(1<<8), number(TextMax)
		size := number(PatternMax)
		if failed || size > len(b) || size == 0 || strings.IndexByte(string(b[:size]), 0) >= 0 {
			return Patterns{}, errKept
		}
		l := compile(string(b[:size]))
		l.source, l.number = source, line
		p.lines, b = append(p.lines, l), b[size:]
	}
	if failed || len(b) > 0 {
		return Patterns{}, errKept
	}
	p.index = newIndex(p.lines)
	return p, nil
}

// Texts returns the patterns of each text, one a line, without comments.
func (p Patterns) Texts() [][]byte {
	out := make([][]byte, p.more+1)
	for i := range p.lines {
		l := &p.lines[i]
		out[l.source] = append(append(out[l.source], l.text...), '\n')
	}
	return out
}
