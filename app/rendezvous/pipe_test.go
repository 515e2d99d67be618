package rendezvous

import (
	"io"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/discovery/rendezvous"
	"github.com/shoal-sync/shoal/internal/ident"
)

// patience is how long is waited for what must come about, on whatever machine.
const patience = time.Minute

// Who only takes says nothing for as long as it takes: the pipe is not idle. One that both
// ends forget is over.
func TestAPipeThatSpeaksOneWayStays(t *testing.T) {
	t.Parallel()
	const idle = time.Second
	s := open(t, func(o *Options) { o.idle = idle })
	a, b := newPhone(t, s.URL()), newPhone(t, s.URL())
	for range 20 {
		a.connected()
		b.connected()
		sent, came, stood := trickle(t, a, b, idle)
		if stood {
			continue // whoever says nothing for so long is idle
		}
		if sent != came {
			t.Errorf("%d of %d words arrived", came, sent)
		}
		return
	}
	t.Error("the machine stood still each time")
}

// trickle says a word every now and then for more than the time for which a pipe may be
// idle, and returns how many were said and came, and whether the machine stood still.
func trickle(t *testing.T, a, b *phone, idle time.Duration) (sent, came int, stood bool) {
	t.Helper()
	near, err := a.Call(t.Context(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far := get(t, b.pipes)
	defer far.Close()
	heard := make(chan int, 1)
	go func() {
		text, _ := io.ReadAll(far) // how it ends does not matter
		heard <- len(text)
	}()
	ticker := time.NewTicker(idle / 5)
	defer ticker.Stop()
	last := time.Now()
	for ; sent < 12; sent++ {
		<-ticker.C
		_, err := near.Write([]byte{1})
		now := time.Now()
		if now.Sub(last) > idle/2 {
			return 0, 0, true
		}
		if err != nil {
			t.Fatal(err)
		}
		last = now
	}
	came = get(t, heard)
	return sent, came, time.Since(last) > idle*3/2
}

// Whether a call is taken is up to the program, which may look at the client to tell: other
// calls of it go on meanwhile.
func TestTakesMayAskTheClient(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	a := newPhone(t, s.URL())
	looks := make(chan *phone, 1)
	b := newPhoneWith(t, s.URL(), func(o *rendezvous.Options) {
		o.Takes = func(ident.DeviceID, uint16) bool {
			p := <-looks
			return p.State().Connected
		}
	})
	a.connected()
	b.connected()
	looks <- b
	one, err := a.Call(t.Context(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, one, get(t, b.pipes))
}

// Others may say what they like: that does not cut a device off, nor keep answers from it.
func TestNobodyIsTalkedOffline(t *testing.T) {
	d := &desk{talking: true} // nobody empties the queue
	for range 10 * queueMax {
		d.tell(post.Message{Kind: post.Letter})
		d.tell(post.Message{Kind: post.Called})
	}
	d.tell(post.Message{Kind: post.Alive})
	if d.ended || len(d.queue) != othersMax+1 || d.queue[othersMax].Kind != post.Alive {
		t.Errorf("cut off: %v, %d messages wait", d.ended, len(d.queue))
	}
}
