package settle

import "github.com/shoal-sync/shoal/internal/step"

// queue is a binary heap of names, the one that is due first at the top. Names know their
// place in it, so that a touch can move them.
type queue struct {
	names []*name
	order uint64
}

// first returns when the first name is due.
func (q *queue) first() step.Instant {
	if len(q.names) == 0 {
		return step.Never
	}
	return q.names[0].at
}

// add appends a name; the caller then gives it its instant with set.
func (q *queue) add(n *name) {
	n.index = len(q.names)
	q.names = append(q.names, n)
}

// set changes when a name is due. Of names due at the same instant, the one that was set
// first comes first.
func (q *queue) set(n *name, at step.Instant) {
	q.order++
	n.at, n.order = at, q.order
	q.up(n.index)
	q.down(n.index)
}

func (q *queue) drop(n *name) {
	i, last := n.index, len(q.names)-1
	q.swap(i, last)
	q.names[last] = nil
	q.names = q.names[:last]
	if i < last {
		q.up(i)
		q.down(i)
	}
}

func (q *queue) clear() {
	clear(q.names)
	q.names = q.names[:0]
}

func (q *queue) less(i, j int) bool {
	a, b := q.names[i], q.names[j]
	if a.at != b.at {
		return a.at < b.at
	}
	return a.order < b.order
}

func (q *queue) swap(i, j int) {
	q.names[i], q.names[j] = q.names[j], q.names[i]
	q.names[i].index, q.names[j].index = i, j
}

func (q *queue) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.less(i, parent) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *queue) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(q.names) {
			return
		}
		if child+1 < len(q.names) && q.less(child+1, child) {
			child++
		}
		if !q.less(child, i) {
			return
		}
		q.swap(i, child)
		i = child
	}
}
