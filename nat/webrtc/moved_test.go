package webrtc

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// patience is how long is waited for what must come about. A call that goes on ends by then,
// with another error.
const patience = 2 * callTime

// A network that changes ends the calls under way: what they have told leads nowhere now.
// The other side hears of it, and does not wait either.
func TestACallEndsWithItsNetwork(t *testing.T) {
	t.Parallel()
	p := newPost()
	told := make(chan struct{}, 10)
	p.spoil = func(_, _ ident.DeviceID, word []byte) [][]byte {
		if w, err := parseWord(word); err == nil && w.kind == wordHangUp {
			told <- struct{}{}
		}
		return nil // nothing arrives
	}
	a := p.join(t, Options{Key: keyOf(1)})
	p.join(t, Options{Key: keyOf(2)})
	failed := make(chan error, 2)
	dial := func(want error) {
		t.Helper()
		go func() {
			_, err := a.Dial(context.Background(), deviceOf(keyOf(2)))
			failed <- err
		}()
		waitForCalls(t, a, 1)
		if want == nil {
			return
		}
		select {
		case err := <-failed:
			if !errors.Is(err, want) {
				t.Errorf("the call ended with %v, want %v", err, want)
			}
		case <-time.After(patience):
			t.Fatal("the call goes on")
		}
	}
	dial(nil)
	a.Moved()
	select {
	case err := <-failed:
		if !errors.Is(err, errMoved) {
			t.Errorf("the call ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the call goes on")
	}
	select {
	case <-told:
	case <-time.After(patience):
		t.Error("the other side was not told")
	}
	// One that is made anew takes the place of the one before.
	dial(nil)
	dial(errCalledAnew)
	a.Moved()
	if err := <-failed; !errors.Is(err, errMoved) {
		t.Errorf("the call in its place ended with %v", err)
	}
}

// waitForCalls waits until so many calls are under way, at least.
func waitForCalls(t *testing.T, e *Endpoint, n int) {
	t.Helper()
	limit := time.After(patience)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		e.mu.Lock()
		got := len(e.calls)
		e.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("%d calls are under way, want %d", got, n)
		}
	}
}
