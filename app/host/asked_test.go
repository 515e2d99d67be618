package host

import (
	"context"
	"errors"
	"testing"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/step"
)

// Whoever asks a folder's machine hears its answer, or that nobody answers any more.
func TestAskedOfAMachine(t *testing.T) {
	r := &folderRun{}
	r.ctx, r.cancel = context.WithCancelCause(t.Context())
	var q asked[string]
	tickets := map[step.Ticket]bool{}
	ask := func(ctx context.Context, answers func(step.Ticket)) (string, error) {
		return q.ask(ctx, r, func(ticket step.Ticket) node.FolderEvent {
			tickets[ticket] = true
			answers(ticket)
			return nil
		})
	}
	got, err := ask(t.Context(), func(ticket step.Ticket) {
		q.answer(ticket+1, "to nobody")
		q.answer(ticket, "first")
		q.answer(ticket, "again")
	})
	if got != "first" || err != nil {
		t.Errorf("told is %q, %v", got, err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if got, err := ask(gone, func(step.Ticket) {}); got != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("who has left is told %q, %v", got, err)
	}
	why := errors.New("the folder was removed")
	if got, err := ask(t.Context(), func(step.Ticket) { r.cancel(why) }); got != "" || !errors.Is(err, why) {
		t.Errorf("of a folder that ended is told %q, %v", got, err)
	}
	if len(tickets) != 3 || tickets[0] {
		t.Errorf("the tickets are %v", tickets)
	}
}
