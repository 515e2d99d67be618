package swarmsim

import "github.com/shoal-sync/shoal/internal/step"

// moment is something that happens to a node.
type moment struct {
	at   step.Instant
	seq  uint64 // of two at one instant, the one arranged first comes first
	kind kind
	node int32
	peer int32
	life int32 // of the node that it was meant for
	what any
}

type kind uint8

const (
	hear   kind = iota // the core of the node is handed an event
	tick               // the core of the node has something due
	sent               // the uplink of the node is done with a piece for a peer
	arrive             // a piece from a peer has come
	leave              // the node goes
	enter              // the node comes back
)

// heap orders moments by time. Four children each keep it flat, for it holds a million.
type heap []moment

func (h heap) before(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}

func (h *heap) push(m moment) {
	*h = append(*h, m)
	q := *h
	for i := len(q) - 1; i > 0; {
		up := (i - 1) / 4
		if !q.before(i, up) {
			break
		}
		q[i], q[up] = q[up], q[i]
		i = up
	}
}

func (h *heap) pop() moment {
	q := *h
	top, last := q[0], len(q)-1
	q[0], q[last] = q[last], moment{}
	q = q[:last]
	*h = q
	for i := 0; ; {
		least := i
		for child := 4*i + 1; child <= 4*i+4 && child < last; child++ {
			if q.before(child, least) {
				least = child
			}
		}
		if least == i {
			return top
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}
