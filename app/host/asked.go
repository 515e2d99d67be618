package host

import (
	"context"
	"fmt"
	"sync"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/step"
)

// asked are the questions of one kind to a folder's machine that it has not answered yet;
// A is an answer. The machine answers each once. The zero value has none.
type asked[A any] struct {
	mu   sync.Mutex
	last step.Ticket
	open map[step.Ticket]chan A // each has room for its answer
}

// ask posts a question and waits for its answer, as long as the folder is kept.
func (q *asked[A]) ask(ctx context.Context, r *folderRun, question func(step.Ticket) node.FolderEvent) (A, error) {
	answer := q.begin(r, question)
	var none A
	select {
	case got := <-answer:
		return got, nil
	case <-r.ctx.Done():
		return none, fmt.Errorf("the folder has ended: %w", context.Cause(r.ctx))
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// begin posts a question and returns where its answer will be; after the folder's end there
// may come none.
func (q *asked[A]) begin(r *folderRun, question func(step.Ticket) node.FolderEvent) <-chan A {
	answer := make(chan A, 1)
	q.mu.Lock()
	q.last++ // so that none has the ticket 0
	ticket := q.last
	if q.open == nil {
		q.open = map[step.Ticket]chan A{}
	}
	q.open[ticket] = answer
	q.mu.Unlock()
	r.post(question(ticket))
	return answer
}

// answer hands an answer to who waits for it. It does not wait.
func (q *asked[A]) answer(ticket step.Ticket, got A) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if answer := q.open[ticket]; answer != nil {
		answer <- got
	}
	delete(q.open, ticket)
}
