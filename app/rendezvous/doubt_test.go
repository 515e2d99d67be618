package rendezvous

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/rendezvous"
)

// forgetful is a connection that a router on the way may forget: nothing passes any more,
// and neither end is told.
type forgetful struct {
	net.Conn
	lost   *atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (f *forgetful) Read(into []byte) (int, error) {
	n, err := f.Conn.Read(into)
	if f.lost.Load() && err == nil {
		<-f.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (f *forgetful) Write(b []byte) (int, error) {
	if f.lost.Load() {
		return len(b), nil
	}
	return f.Conn.Write(b)
}

func (f *forgetful) Close() error {
	f.once.Do(func() { close(f.closed) })
	return f.Conn.Close()
}

// TestDoubt: a connection that leads nowhere any more is found out when there is reason to
// look, in a second or two instead of fifty; one that lives is left as it is.
func TestDoubt(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for name, doubt := range map[string]func(*phone){
		"doubted": func(p *phone) { p.Doubt() },
		"moved":   func(p *phone) { p.Moved() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dials atomic.Int32
			lost := new(atomic.Bool)
			a := newPhoneWith(t, s.URL(), func(o *rendezvous.Options) {
				o.Dial = func(ctx context.Context, at string) (net.Conn, error) {
					dials.Add(1)
					conn, err := new(net.Dialer).DialContext(ctx, "tcp", at)
					if err != nil {
						return nil, err
					}
					return &forgetful{Conn: conn, lost: lost, closed: make(chan struct{})}, nil
				}
			})
			first := a.connected()
			const answered = 2 * time.Second // more than it has for its answer
			for try, stood := 0, true; stood; try++ {
				begun, dialed := time.Now(), dials.Load()
				doubt(a)
				<-time.After(answered)
				got := a.connected()
				// A machine that stood still for a while had no time to answer.
				stood = time.Since(begun) > answered*5/4 && try < 20
				if !stood && (got.At != first.At || dials.Load() != dialed) {
					t.Fatalf("a connection that lives was given up: %v, then %v", first.At, got.At)
				}
				first = got
			}
			lost.Store(true)
			doubt(a)
			a.until(func(s rendezvous.State) bool { return !s.Connected })
			lost.Store(false)
			begun := time.Now()
			if got := a.connected(); got.At == first.At {
				t.Error("it is the old connection")
			}
			t.Logf("connected anew %v after the end of the old connection", time.Since(begun))
		})
	}
}

// TestMovedTriesAtOnce: who has found a network does not wait for the next try, which is
// half a minute away in the end.
func TestMovedTriesAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	var away atomic.Bool
	var dials atomic.Int32
	away.Store(true)
	a := newPhoneWith(t, s.URL(), func(o *rendezvous.Options) {
		o.Dial = func(ctx context.Context, at string) (net.Conn, error) {
			dials.Add(1)
			if away.Load() { // the question was asked from an address that is gone
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return new(net.Dialer).DialContext(ctx, "tcp", at)
		}
	})
	limit := time.After(patience)
	for dials.Load() == 0 {
		select {
		case <-limit:
			t.Fatal("it does not even try")
		case <-time.After(5 * time.Millisecond):
		}
	}
	away.Store(false)
	begun := time.Now()
	a.Moved()
	a.connected()
	// The try under way would have taken longer than that.
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("connected %v after the network had changed", took)
	}
}
