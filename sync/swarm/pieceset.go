package swarm

// pieceSet is a set of small numbers that grows as it is written to. One byte says of eight
// pieces whether a peer holds them.
type pieceSet []uint64

func (b pieceSet) has(i int) bool { return i>>6 < len(b) && b[i>>6]&(1<<(i&63)) != 0 }

func (b *pieceSet) set(i int) {
	for i>>6 >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[i>>6] |= 1 << (i & 63)
}

func (b pieceSet) clear(i int) {
	if i>>6 < len(b) {
		b[i>>6] &^= 1 << (i & 63)
	}
}
