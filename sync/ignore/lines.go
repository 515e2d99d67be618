package ignore

import (
	"bytes"
	"fmt"
)

// Limits of a text. They are far beyond what people write, and keep what another device
// sends from costing more than some tens of megabytes.
const (
	TextMax    = 1 << 20 // bytes of a text
	PatternMax = 4096    // bytes of a pattern: the longest path on Linux
	CountMax   = 10_000  // patterns in a text
)

var (
	byteOrderMark = []byte("\xef\xbb\xbf")
	lineEnd       = []byte("\n")
	carriage      = []byte("\r")
)

// Parse reads a text of patterns. Every line means something or nothing, as it does to
// git; an error tells that the text is beyond a limit or no text at all, and names the
// line. The patterns share no memory with the text.
func Parse(text []byte) (Patterns, error) {
	if len(text) > TextMax {
		return Patterns{}, fmt.Errorf("the patterns have %d bytes, more than %d: "+
			"use fewer or shorter ones", len(text), TextMax)
	}
	var lines []pattern
	rest := bytes.TrimPrefix(text, byteOrderMark)
	for number := 1; len(rest) > 0; number++ {
		var line []byte
		line, rest, _ = bytes.Cut(rest, lineEnd)
		if bytes.IndexByte(line, 0) >= 0 {
			return Patterns{}, fmt.Errorf("line %d holds a zero byte: "+
				"save the file as plain text (UTF-8)", number)
		}
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		line = trimSpaces(bytes.TrimSuffix(line, carriage))
		switch {
		case len(line) == 0:
			continue
		case len(line) > PatternMax:
			return Patterns{}, fmt.Errorf("line %d: the pattern has %d bytes, more than %d: "+
				"shorten it", number, len(line), PatternMax)
		case len(lines) == CountMax:
			return Patterns{}, fmt.Errorf("line %d: this is pattern %d, and %d are allowed: "+
				"join some, for example with *", number, CountMax+1, CountMax)
		}
		lines = append(lines, compile(string(line)))
		lines[len(lines)-1].number = number
	}
	return Patterns{lines: lines, index: newIndex(lines)}, nil
}

// trimSpaces drops the spaces at a line's end. One behind a backslash stays, and so do
// tabs.
func trimSpaces(line []byte) []byte {
	end := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ':
			continue
		case '\\':
			i++
		}
		end = min(i+1, len(line))
	}
	return line[:end]
}
