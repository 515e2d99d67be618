package host

import (
	"sync"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/ident"
)

// questions are those to the members of a folder that are not answered yet; A is what is
// gathered of the answers to one. The zero value has none.
type questions[A any] struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*question[A]
}

type question[A any] struct {
	waiting map[ident.DeviceID]bool // nil until it is known who was asked
	done    chan struct{}
	answers A
}

// begin opens a question. The channel is closed when everybody has answered.
func (q *questions[A]) begin() (ticket uint64, done <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last++
	one := &question[A]{done: make(chan struct{})}
	if q.open == nil {
		q.open = map[uint64]*question[A]{}
	}
	q.open[q.last] = one
	return q.last, one.done
}

// end closes a question and returns what was answered.
func (q *questions[A]) end(ticket uint64) A {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.open[ticket]
	delete(q.open, ticket)
	return one.answers
}

// asked notes who is to answer.
func (q *questions[A]) asked(f node.MembersAsked) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.open[f.Ticket]
	if one == nil {
		return
	}
	one.waiting = map[ident.DeviceID]bool{}
	for _, d := range f.Devices {
		one.waiting[d] = true
	}
	if len(one.waiting) == 0 {
		close(one.done)
	}
}

// told lets take add a part of an answer and say whether it was the last. What was not
// asked is passed over.
func (q *questions[A]) told(from ident.DeviceID, ticket uint64, take func(answers *A) (last bool)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.open[ticket]
	if one == nil || !one.waiting[from] || !take(&one.answers) {
		return
	}
	delete(one.waiting, from)
	if len(one.waiting) == 0 {
		close(one.done)
	}
}
