package ignore

import "strings"

// byteSet holds what stands in brackets.
type byteSet [4]uint64

func (s *byteSet) add(b byte)      { s[b>>6] |= 1 << (b & 63) }
func (s *byteSet) has(b byte) bool { return s[b>>6]&(1<<(b&63)) != 0 }

// readSet reads a set behind its opening bracket. It is not ok when the set is not closed
// or names a class that does not exist: then the whole pattern matches nothing. A set may
// hold a slash, but is only ever held against the bytes of names.
func readSet(s string) (set *byteSet, rest string, ok bool) {
	set = new(byteSet)
	negated := s != "" && (s[0] == '!' || s[0] == '^')
	if negated {
		s = s[1:]
	}
	var before byte // may begin a range; 0 is nothing
	for first := true; ; first = false {
		if s == "" {
			return nil, "", false
		}
		b := s[0]
		s = s[1:]
		switch {
		case b == ']' && !first:
			if negated {
				for i := range set {
					set[i] = ^set[i]
				}
			}
			return set, s, true
		case b == '-' && before != 0 && s != "" && s[0] != ']':
			if b, s, ok = rangeEnd(s); !ok {
				return nil, "", false
			}
			for i := int(before); i <= int(b); i++ {
				set.add(byte(i))
			}
			before = 0
			continue
		case b == '[' && strings.HasPrefix(s, ":"):
			name, after, closed := strings.Cut(s[1:], "]")
			name, named := strings.CutSuffix(name, ":")
			if !closed || named && !set.addClass(name) {
				return nil, "", false
			}
			if named {
				before, s = 0, after
				continue
			}
		case b == '\\' && s == "":
			return nil, "", false
		case b == '\\':
			b, s = s[0], s[1:]
		}
		set.add(b)
		before = b
	}
}

// rangeEnd takes the byte behind the "-" of a range, or the one it escapes.
func rangeEnd(s string) (b byte, rest string, ok bool) {
	s = strings.TrimPrefix(s, `\`)
	if s == "" {
		return 0, "", false
	}
	return s[0], s[1:], true
}

// addClass adds a named class of ASCII bytes. One differs from C's: git counts neither
// vertical tab nor form feed among the spaces.
func (s *byteSet) addClass(name string) bool {
	in := classes[name]
	if in == nil {
		return false
	}
	for b := byte(1); b < 0x80; b++ {
		if in(b) {
			s.add(b)
		}
	}
	return true
}

var classes = map[string]func(b byte) bool{
	"alnum":  func(b byte) bool { return isLetter(b) || isDigit(b) },
	"alpha":  isLetter,
	"blank":  func(b byte) bool { return b == ' ' || b == '\t' },
	"cntrl":  func(b byte) bool { return b < ' ' || b == 0x7f },
	"digit":  isDigit,
	"graph":  func(b byte) bool { return ' ' < b && b < 0x7f },
	"lower":  func(b byte) bool { return 'a' <= b && b <= 'z' },
	"print":  func(b byte) bool { return ' ' <= b && b < 0x7f },
	"punct":  func(b byte) bool { return ' ' < b && b < 0x7f && !isLetter(b) && !isDigit(b) },
	"space":  func(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' },
	"upper":  func(b byte) bool { return 'A' <= b && b <= 'Z' },
	"xdigit": func(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' },
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isDigit(b byte) bool  { return '0' <= b && b <= '9' }
