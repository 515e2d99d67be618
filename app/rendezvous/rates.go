package rendezvous

import (
	"context"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/internal/step"
)

// share is what one device may have relayed, or all of them.
type share struct {
	mu     sync.Mutex
	bucket pace.Bucket
	users  int // pipes and relays it belongs to; the server's lock
}

func newShare(rate pace.Rate) *share {
	s := &share{}
	s.bucket.SetRate(0, rate)
	return s
}

func (s *share) take(now step.Instant, n int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bucket.Take(now, n)
}

// due reports how far ahead of its rate a share is.
func (s *share) due(now step.Instant) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bucket.Due().Since(now)
}

// shareOf returns the share of a device; shareDone gives it back.
func (s *Server) shareOf(d ident.DeviceID) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.rates[d]
	if out == nil {
		out = newShare(s.opts.RelayRate)
		s.rates[d] = out
	}
	out.users++
	return out
}

func (s *Server) shareDone(d ident.DeviceID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if out := s.rates[d]; out != nil {
		if out.users--; out.users == 0 {
			delete(s.rates, d)
		}
	}
}

// pay waits until n bytes may pass.
func (s *Server) pay(ctx context.Context, of *share, n int) {
	now := s.clock.Now()
	wait := max(of.take(now, n), s.all.take(now, n))
	if wait <= 0 {
		return
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
}

// latest is how far ahead of its rate a relay may be before its packets are dropped: a
// router's queue.
const latest = 100 * time.Millisecond

// passes reports whether a packet of n bytes may pass now; UDP does not wait.
func (s *Server) passes(of *share, n int) bool {
	now := s.clock.Now()
	if of.due(now) > latest || s.all.due(now) > latest {
		return false
	}
	of.take(now, n)
	s.all.take(now, n)
	return true
}
