package ignore

import (
	"math/bits"
	"strings"
)

// fitsName reports whether a pattern that speaks of names matches one.
func (p *pattern) fitsName(name string) bool {
	name, ok := strings.CutPrefix(name, p.prefix)
	return ok && (p.rest[0].any || fitName(p.rest[0].elements, name))
}

// markFitting holds a pattern that speaks of paths against a path and all directories
// above it at once: where it matches path[:ends[i]], last[i] becomes place.
//
// One walk over the names keeps the set of segments that may come next, so that no name is
// held against a segment twice: the steps it takes are at most the bytes of the path times
// those of the pattern, however many ways there are to spread names over "**".
func (p *pattern) markFitting(path string, ends, last []int, place int) {
	if !strings.HasPrefix(path, p.prefix) {
		return
	}
	level := 0
	for level < len(ends) && ends[level] < len(p.prefix) {
		level++
	}
	var room [2]uint64
	next := nextSegments{p.rest, room[:]}
	if len(p.rest) >= 64*len(room) {
		next.set = make([]uint64, len(p.rest)/64+1)
	}
	next.add(0)
	at := len(p.prefix)
	for ; level < len(ends) && next.some(); level++ {
		if next.step(path[at:ends[level]]) {
			last[level] = place
		}
		at = ends[level] + 1
	}
}

// nextSegments are the segments that the next name may be held against.
type nextSegments struct {
	segments []segment
	set      []uint64
}

// add puts in segment n. A "**" may be no name at all, so what follows it is put in too;
// two never follow each other, and the last one is at least one name.
func (s *nextSegments) add(n int) {
	s.set[n/64] |= 1 << (n % 64)
	if s.segments[n].any && n+1 < len(s.segments) {
		s.set[(n+1)/64] |= 1 << ((n + 1) % 64)
	}
}

func (s *nextSegments) some() bool {
	for _, word := range s.set {
		if word != 0 {
			return true
		}
	}
	return false
}

// step takes one name and reports whether the pattern may end with it.
func (s *nextSegments) step(name string) (ended bool) {
	// From the last segment down: what a name puts in is then not met by the same name.
	for w := len(s.set) - 1; w >= 0; w-- {
		for word := s.set[w]; word != 0; {
			bit := bits.Len64(word) - 1
			word &^= 1 << bit
			n := 64*w + bit
			fits := s.segments[n].any
			if !fits {
				s.set[w] &^= 1 << bit
				fits = fitName(s.segments[n].elements, name)
			}
			switch {
			case !fits:
			case n+1 == len(s.segments):
				ended = true
			case !s.segments[n].any:
				s.add(n + 1)
			default:
				s.add(n)
			}
		}
	}
	return ended
}

// fitName holds a name against elements. It need not try combinations: every element but
// a "*" is one byte, so what stands between two of them is looked for only from where the
// one before ended first. A later place would leave less to the rest, never more.
func fitName(elements []element, name string) bool {
	n, at := 0, 0             // the next element, and the next byte
	starNext, starAt := -1, 0 // where to go on when the last "*" takes one byte more
	for n < len(elements) || at < len(name) {
		if n < len(elements) && elements[n].kind == star {
			n++
			if n == len(elements) {
				return true
			}
			starNext, starAt = n, at
			continue
		}
		if at == len(name) {
			return false // a longer "*" would leave even fewer bytes
		}
		if n < len(elements) && elements[n].fits(name[at]) {
			n, at = n+1, at+1
			continue
		}
		if starNext < 0 {
			return false
		}
		starAt++
		n, at = starNext, starAt
	}
	return true
}

func (e *element) fits(b byte) bool {
	switch e.kind {
	case literal:
		return e.byte == b
	case oneOf:
		return e.set.has(b)
	}
	return true
}
