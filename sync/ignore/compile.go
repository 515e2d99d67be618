package ignore

import "strings"

// pattern is one line, taken apart once.
type pattern struct {
	text    string // as written, without the spaces at its end
	number  int    // of the line in its text
	source  int
	negated bool // it begins with "!"
	dirOnly bool // it ends with a slash
	named   bool // it speaks of a name anywhere, not of a path from the top
	broken  bool // it can match nothing

	prefix string // bytes that come first, as they are
	rest   []segment
}

// segment is what one name must look like, or part of it behind the prefix.
type segment struct {
	any      bool      // "**": any number of names; the last in a pattern is at least one
	elements []element // otherwise
}

// element matches one byte, or with star any bytes.
type element struct {
	kind elementKind
	byte byte
	set  *byteSet
}

type elementKind uint8

const (
	literal elementKind = iota
	anyByte
	oneOf
	star
)

// compile takes apart a line that is not empty and no comment.
func compile(line string) pattern {
	p := pattern{text: line}
	line, p.negated = strings.CutPrefix(line, "!")
	line, p.dirOnly = strings.CutSuffix(line, "/")
	p.named = !strings.Contains(line, "/")
	if !p.named {
		line = strings.TrimPrefix(line, "/")
	}
	plain := strings.IndexAny(line, `*?[\`)
	if plain < 0 {
		p.prefix = line
		return p
	}
	p.prefix = line[:plain]
	segments, ok := readSegments(line[plain:])
	if !ok {
		p.broken = true
		return p
	}
	p.rest = segments
	p.simplify()
	return p
}

// simplify brings a pattern into the form that is found fastest.
func (p *pattern) simplify() {
	// "**/p", where p has no slash, is p as a name anywhere.
	if !p.named && p.prefix == "" && len(p.rest) == 2 && p.rest[0].any {
		p.named = true
		p.rest = p.rest[1:]
	}
	var whole strings.Builder
	whole.WriteString(p.prefix)
	for i, s := range p.rest {
		if s.any {
			return
		}
		if i > 0 {
			whole.WriteByte('/')
		}
		for _, e := range s.elements {
			if e.kind != literal {
				return
			}
			whole.WriteByte(e.byte)
		}
	}
	p.prefix, p.rest = whole.String(), nil
}

// ending reports whether the pattern means all names with a certain ending, which is not
// empty.
func (p *pattern) ending() (string, bool) {
	if !p.named || p.prefix != "" || len(p.rest) != 1 || len(p.rest[0].elements) < 2 ||
		p.rest[0].elements[0].kind != star {
		return "", false
	}
	var ending strings.Builder
	for _, e := range p.rest[0].elements[1:] {
		if e.kind != literal {
			return "", false
		}
		ending.WriteByte(e.byte)
	}
	return ending.String(), true
}

// readSegments takes apart what begins with the first special byte of a pattern. It is
// not ok when that can match nothing.
func readSegments(s string) (out []segment, ok bool) {
	for more := true; more; {
		stars := len(s) - len(strings.TrimLeft(s, "*"))
		after := s[stars:]
		if stars >= 2 && (after == "" || after[0] == '/' || strings.HasPrefix(after, `\/`)) {
			// An escaped slash must be there, so a name must be there before it.
			if strings.HasPrefix(after, `\`) {
				out = append(out, segment{elements: []element{{kind: star}}})
				after = after[1:]
			}
			if len(out) == 0 || !out[len(out)-1].any {
				out = append(out, segment{any: true})
			}
			s, more = strings.CutPrefix(after, "/")
			continue
		}
		var one segment
		one, s, more, ok = readSegment(s)
		if !ok {
			return nil, false
		}
		out = append(out, one)
	}
	return out, true
}

// readSegment reads up to a slash that stands for itself; more says that there was one.
func readSegment(s string) (out segment, rest string, more, ok bool) {
	for len(s) > 0 {
		e := element{byte: s[0]}
		s = s[1:]
		switch e.byte {
		case '/':
			return out, s, true, true
		case '?':
			e.kind = anyByte
		case '*':
			e.kind = star
			s = strings.TrimLeft(s, "*")
		case '[':
			e.kind = oneOf
			if e.set, s, ok = readSet(s); !ok {
				return out, s, false, false
			}
		case '\\':
			if s == "" {
				return out, s, false, false
			}
			if s[0] == '/' {
				return out, s[1:], true, true
			}
			e.byte, s = s[0], s[1:]
		}
		out.elements = append(out.elements, e)
	}
	return out, "", false, true
}
