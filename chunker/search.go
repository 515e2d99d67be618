package chunker

import "math/bits"

// An engine is one implementation of stage 1. All of them find the same offsets.
type engine uint8

const (
	bytewise engine = iota // the rule as it is written, one offset at a time
	swar                   // 8 offsets in a 64-bit register, on every processor
	avx2                   // 32 offsets in a vector register, on amd64 that has it
)

// fastest is the engine of this machine.
var fastest = pickEngine()

// lanes is how many offsets a group covers: one AVX2 register.
const lanes = 32

// stride is how many offsets stage 1 looks at before stage 2 sees what passed. Long
// enough that starting costs nothing, short enough that little is searched beyond a cut.
const stride = 2048

// A group tells which of 32 neighbouring offsets passed stage 1.
type group struct {
	at   uint32 // the first of the 32 offsets, counted from where the stride began
	bits uint32 // bit k: offset at+k passed
}

// groups has room for every group of a stride.
type groups [stride / lanes]group

// mark runs stage 1 over the offsets [from, to) of data, at most a stride of them, and
// returns how many groups it filled. from must be at least 64, to at most len(data)+1.
func (e engine) mark(data []byte, from, to int, into *groups) int {
	whole := (to - from) / lanes
	span := data[from-window : to-1]
	n := 0
	if whole > 0 {
		switch e {
		case avx2:
			n = markAVX2(&span[0], whole, &into[0])
		case swar:
			n = markSWAR(span, whole, into)
		default:
			n = markBytes(span, whole, into)
		}
	}
	if at := whole * lanes; at < to-from {
		if b := marksOf(span[at:], to-from-at); b != 0 {
			into[n] = group{at: uint32(at), bits: b}
			n++
		}
	}
	return n
}

func markBytes(span []byte, whole int, into *groups) int {
	n := 0
	for g := range whole {
		if b := marksOf(span[g*lanes:], lanes); b != 0 {
			into[n] = group{at: uint32(g * lanes), bits: b}
			n++
		}
	}
	return n
}

// marksOf looks at the first count offsets, at most 32, whose windows begin at span[0],
// span[1] and so on.
func marksOf(span []byte, count int) (marks uint32) {
	for k := range count {
		if passes(span[k : k+window]) {
			marks |= 1 << k
		}
	}
	return marks
}

// A hunt says which offsets are searched, and for what. Offsets count from the start of
// the bytes that are searched.
type hunt struct {
	class Class
	from  int // the first offset
	norm  int // from here on an easy candidate is enough
	to    int // the offset after the last, at most one more than there are bytes
}

// search returns the first candidate that h looks for in data; 0 when there is none.
// Offsets whose 64 bytes are not in data, those below 64, are left out.
func (e engine) search(data []byte, h hunt) int {
	var found groups
	hard, easy := h.class.hardMask(), h.class.easyMask()
	for from := max(h.from, window); from < h.to; from += stride {
		n := e.mark(data, from, min(from+stride, h.to), &found)
		for _, g := range found[:n] {
			for b := g.bits; b != 0; b &= b - 1 {
				p := from + int(g.at) + bits.TrailingZeros32(b)
				mask := hard
				if p >= h.norm {
					mask = easy
				}
				if mix(data[p-window:p])&mask == 0 {
					return p
				}
			}
		}
	}
	return 0
}

// searchAcross is search over block for streams that come in parts: before holds up to 63
// bytes that precede block, so that the windows of its first offsets can be seen. Offsets
// below 1 belong to the part before; their windows begin before those 63 bytes.
func (e engine) searchAcross(before, block []byte, h hunt) int {
	const overlap = window - 1
	if h.from < window && len(before) > 0 {
		var joint [2 * overlap]byte
		kept := copy(joint[:overlap], before)
		n := kept + copy(joint[kept:], block[:min(overlap, len(block))])
		near := hunt{h.class, kept + h.from, kept + h.norm, min(kept+h.to, n+1)}
		if p := e.search(joint[:n], near); p != 0 {
			return p - kept
		}
	}
	return e.search(block, h)
}
