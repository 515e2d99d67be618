package chunker

import "encoding/binary"

// Eight bytes in one register, one offset in each.
const (
	lowBits = 0x0101010101010101
	topBits = 0x8080808080808080
)

// spread8 holds the taps for 8 neighbouring offsets, already compared with the target: a
// byte is zero where its offset passes. Doubling a byte is its shift to the left; taking
// the taps from the most shifted to the least, each step doubles all that came before.
func spread8(w []byte) uint64 {
	_ = w[window+6]
	x := binary.LittleEndian.Uint64(w[8:])
	x = double(x) ^ binary.LittleEndian.Uint64(w[46:])
	x = double(x) ^ binary.LittleEndian.Uint64(w[60:])
	x = double(x) ^ binary.LittleEndian.Uint64(w[31:])
	x = double(x) ^ binary.LittleEndian.Uint64(w[52:]) ^ binary.LittleEndian.Uint64(w[63:])
	return x ^ target*lowBits
}

func double(x uint64) uint64 { return x &^ topBits << 1 }

// zeros has the top bit set in some byte if and only if x has a zero byte; which byte, it
// only hints at, because a borrow may run on into the next.
func zeros(x uint64) uint64 { return (x - lowBits) &^ x & topBits }

// marks8 returns bit k set where byte k of x is zero.
func marks8(x uint64) uint32 {
	exact := ^((x&^topBits + ^uint64(topBits)) | x | ^uint64(topBits))
	// The factor brings the top bit of byte k to bit 56+k, with no two bits meeting.
	return uint32(exact >> 7 * 0x0102040810204080 >> 56)
}

func markSWAR(span []byte, whole int, into *groups) int {
	n := 0
	for g := range whole {
		w := span[g*lanes : g*lanes+lanes+window-1]
		x0, x1, x2, x3 := spread8(w), spread8(w[8:]), spread8(w[16:]), spread8(w[24:])
		if zeros(x0)|zeros(x1)|zeros(x2)|zeros(x3) != 0 {
			b := marks8(x0) | marks8(x1)<<8 | marks8(x2)<<16 | marks8(x3)<<24
			into[n] = group{at: uint32(g * lanes), bits: b}
			n++
		}
	}
	return n
}
