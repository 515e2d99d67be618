package tracker

import (
	"container/heap"

	"github.com/shoal-sync/shoal/internal/step"
)

// timed is what has a time: a connection, a device that is away, a pipe.
type timed interface {
	at() step.Instant
	place() *int // where it stands in timers, from 1; 0 while it is not there
}

func (n *conn) at() step.Instant   { return n.due }
func (n *conn) place() *int        { return &n.pos }
func (d *device) at() step.Instant { return d.due }
func (d *device) place() *int      { return &d.pos }
func (p *pipe) at() step.Instant   { return p.due }
func (p *pipe) place() *int        { return &p.pos }

// timers holds everything that has a time, the next one first.
type timers struct{ list queue }

func (t *timers) first() timed {
	if len(t.list) == 0 {
		return nil
	}
	return t.list[0]
}

// add enters something, or moves it to its new time.
func (t *timers) add(x timed) {
	if at := *x.place(); at > 0 {
		heap.Fix(&t.list, at-1)
		return
	}
	heap.Push(&t.list, x)
}

func (t *timers) remove(x timed) {
	if at := *x.place(); at > 0 {
		heap.Remove(&t.list, at-1)
	}
}

type queue []timed

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at() < q[j].at() }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	*q[i].place(), *q[j].place() = i+1, j+1
}

func (q *queue) Push(x any) {
	*q = append(*q, x.(timed))
	*x.(timed).place() = len(*q)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	*x.place() = 0
	return x
}
