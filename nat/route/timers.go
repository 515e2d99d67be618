package route

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/step"
)

// timers orders peers by when they are due, then by device, so that the order of what is
// done at one instant is always the same. It is a binary heap.
type timers struct{ heap []*peer }

func (t *timers) first() step.Instant {
	if len(t.heap) == 0 {
		return step.Never
	}
	return t.heap[0].due
}

func (t *timers) add(p *peer) {
	p.pos = len(t.heap)
	t.heap = append(t.heap, p)
	t.up(p.pos)
}

func (t *timers) remove(p *peer) {
	last := len(t.heap) - 1
	at := p.pos
	t.swap(at, last)
	t.heap[last] = nil
	t.heap = t.heap[:last]
	if at < last {
		t.fix(t.heap[at])
	}
}

// fix restores the order after the peer's due time changed.
func (t *timers) fix(p *peer) {
	t.up(p.pos)
	t.down(p.pos)
}

func (t *timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !t.before(i, parent) {
			return
		}
		t.swap(i, parent)
		i = parent
	}
}

func (t *timers) down(i int) {
	for {
		child := 2*i + 1
		if child+1 < len(t.heap) && t.before(child+1, child) {
			child++
		}
		if child >= len(t.heap) || !t.before(child, i) {
			return
		}
		t.swap(i, child)
		i = child
	}
}

func (t *timers) before(i, j int) bool {
	a, b := t.heap[i], t.heap[j]
	if a.due != b.due {
		return a.due < b.due
	}
	return slices.Compare(a.device[:], b.device[:]) < 0
}

func (t *timers) swap(i, j int) {
	t.heap[i], t.heap[j] = t.heap[j], t.heap[i]
	t.heap[i].pos, t.heap[j].pos = i, j
}
