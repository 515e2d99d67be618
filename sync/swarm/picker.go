package swarm

import (
	"math/bits"
	"math/rand/v2"
)

// picker keeps the open pieces, neither here nor asked for, of many contents in the order
// to ask for them: those that the fewest peers hold first, equals by chance. A piece is
// known by its slot. The pieces of a content lie in slots next to each other, so that a
// folder of small files and one huge file are the same to it: a list of pieces.
//
// Buckets of one array hold the slots by how many peers have them. A piece that one more
// peer has moves over one border, which takes two swaps however many pieces there are.
type picker struct {
	chance *rand.Rand
	owner  []*want  // whose slot it is; nil for a free one
	count  []uint16 // how many peers hold it
	place  []int32  // in order, -1 when it is not open
	order  []uint32 // open slots, rarest first
	ends   []int    // ends[n] is where the bucket of count n ends in order
	free   [32][]int
}

// take gives a content n slots next to each other and returns the first.
func (p *picker) take(w *want, n int) int {
	class := bits.Len(uint(n - 1))
	first := len(p.owner)
	if last := len(p.free[class]) - 1; last >= 0 {
		first = p.free[class][last]
		p.free[class] = p.free[class][:last]
	} else {
		for range 1 << class {
			p.owner, p.count, p.place = append(p.owner, nil), append(p.count, 0), append(p.place, -1)
		}
	}
	for i := first; i < first+n; i++ {
		p.owner[i], p.count[i] = w, 0
	}
	return first
}

// give takes slots back from a content; none of them is open any more.
func (p *picker) give(first, n int) {
	for i := first; i < first+n; i++ {
		p.shut(i)
		p.owner[i], p.count[i] = nil, 0
	}
	class := bits.Len(uint(n - 1))
	p.free[class] = append(p.free[class], first)
}

func (p *picker) isOpen(slot int) bool { return p.place[slot] >= 0 }

// open lets a slot be asked for.
func (p *picker) open(slot int) {
	if p.isOpen(slot) {
		return
	}
	count := int(p.count[slot])
	p.reach(count)
	p.order = append(p.order, 0)
	hole := len(p.order) - 1
	for n := len(p.ends) - 1; n > count; n-- { // each bucket behind gives up its first place
		if from := p.ends[n-1]; from != hole {
			p.put(p.order[from], hole)
			hole = from
		}
		p.ends[n]++
	}
	p.ends[count]++
	p.put(uint32(slot), hole)
	p.mix(count, hole)
}

// shut takes a slot out of the order: it is asked for, here, or not wanted.
func (p *picker) shut(slot int) {
	if !p.isOpen(slot) {
		return
	}
	hole := int(p.place[slot])
	p.place[slot] = -1
	for n := int(p.count[slot]); n < len(p.ends); n++ { // each bucket fills the hole with its last
		p.ends[n]--
		if last := p.ends[n]; last != hole {
			p.put(p.order[last], hole)
			hole = last
		}
	}
	p.order = p.order[:len(p.order)-1]
}

// more notes that one more peer holds a slot, fewer that one does not any more.
func (p *picker) more(slot int) {
	if !p.isOpen(slot) {
		p.count[slot]++
		return
	}
	n := int(p.count[slot])
	p.reach(n + 1)
	p.ends[n]--
	p.swap(int(p.place[slot]), p.ends[n])
	p.count[slot]++
	p.mix(n+1, p.ends[n])
}

func (p *picker) fewer(slot int) {
	if !p.isOpen(slot) {
		p.count[slot]--
		return
	}
	n := int(p.count[slot])
	p.swap(int(p.place[slot]), p.begin(n))
	p.ends[n-1]++
	p.count[slot]--
	p.mix(n-1, int(p.place[slot]))
}

// rarest returns the first open slot that fits, looked for from a place in the order on, and
// then before it; -1 for none.
func (p *picker) rarest(from int, fits func(slot int) bool) int {
	for _, part := range [2][]uint32{p.order[from:], p.order[:from]} {
		for _, slot := range part {
			if fits(int(slot)) {
				return int(slot)
			}
		}
	}
	return -1
}

func (p *picker) reach(count int) {
	for len(p.ends) <= count {
		p.ends = append(p.ends, len(p.order))
	}
}

func (p *picker) begin(n int) int {
	if n == 0 {
		return 0
	}
	return p.ends[n-1]
}

// mix gives what lies at a place of a bucket a place in it by chance.
func (p *picker) mix(n, at int) {
	begin := p.begin(n)
	p.swap(at, begin+p.chance.IntN(p.ends[n]-begin))
}

func (p *picker) swap(i, j int) {
	a, b := p.order[i], p.order[j]
	p.put(a, j)
	p.put(b, i)
}

func (p *picker) put(slot uint32, at int) {
	p.order[at], p.place[slot] = slot, int32(at)
}
