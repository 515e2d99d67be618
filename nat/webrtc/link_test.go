package webrtc

import (
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/nat/linktest"
)

// keyOf is a device key that is the same in every run.
func keyOf(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

func deviceOf(key ed25519.PrivateKey) ident.DeviceID {
	return ident.DeviceFromKey(key.Public().(ed25519.PublicKey))
}

// post carries words between the endpoints of one test, in order, each on its way for no
// time. Spoil may change, drop (nil) or repeat them.
type post struct {
	mu    sync.Mutex
	boxes map[ident.DeviceID]chan letter
	spoil func(from, to ident.DeviceID, word []byte) [][]byte
}

type letter struct {
	from ident.DeviceID
	word []byte
}

func newPost() *post { return &post{boxes: map[ident.DeviceID]chan letter{}} }

// join makes an endpoint whose words the post carries.
func (p *post) join(t testing.TB, opts Options) *Endpoint {
	t.Helper()
	self := deviceOf(opts.Key)
	box := make(chan letter, 1000)
	p.mu.Lock()
	p.boxes[self] = box
	p.mu.Unlock()
	opts.Loopback = true
	if opts.Trusts == nil {
		opts.Trusts = func(ident.DeviceID) bool { return true }
	}
	opts.Send = func(_ context.Context, to ident.DeviceID, word []byte) error {
		p.mu.Lock()
		box, spoil := p.boxes[to], p.spoil
		p.mu.Unlock()
		words := [][]byte{word}
		if spoil != nil {
			words = spoil(self, to, word)
		}
		for _, w := range words {
			box <- letter{self, w}
		}
		return nil
	}
	e, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case l := <-box:
				e.Deliver(l.from, l.word)
			case <-done:
				return
			}
		}
	}()
	t.Cleanup(func() {
		e.Close()
		close(done)
	})
	return e
}

// pair is two endpoints; the links that reach the second come through the channel.
func pair(t testing.TB, noQUIC bool) (dialer, listener *Endpoint, arrived chan *Link) {
	t.Helper()
	p := newPost()
	arrived = make(chan *Link, 10)
	dialer = p.join(t, Options{Key: keyOf(1), Arrived: func(l *Link) { arrived <- l }})
	listener = p.join(t, Options{Key: keyOf(2), NoQUIC: noQUIC, Arrived: func(l *Link) { arrived <- l }})
	return dialer, listener, arrived
}

// connect opens a link between the two of a pair.
func connect(t testing.TB, a, b *Endpoint, arrived chan *Link) (dialer, listener *Link) {
	t.Helper()
	link, err := a.Dial(context.Background(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	other := <-arrived
	if link.Striped == b.opts.NoQUIC || other.Striped == b.opts.NoQUIC {
		t.Errorf("striped: %v and %v", link.Striped, other.Striped)
	}
	return link, other
}

// suiteLink speaks of lanes in the suite's words.
type suiteLink struct{ *Link }

func (l suiteLink) Send(lane linktest.Lane, frame []byte) error {
	return l.Link.Send(direct.Lane(lane), frame)
}

func TestLinkKeepsThePromise(t *testing.T) {
	t.Parallel()
	for name, noQUIC := range map[string]bool{"strands": false, "channel": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialer, listener, arrived := pair(t, noQUIC)
			linktest.Run(t, direct.FrameMax, func(t *testing.T) (linktest.Link, linktest.Link) {
				a, b := connect(t, dialer, listener, arrived)
				return suiteLink{a}, suiteLink{b}
			})
		})
	}
}

// A network that loses one of the strands while they open carries a channel all the same.
func TestAChannelWhenNotAllStrandsOpen(t *testing.T) {
	t.Parallel()
	p, arrived := newPost(), make(chan *Link, 1)
	a := p.join(t, Options{Key: keyOf(1), losesStrand: func(number int) error {
		if number == strandsOfLink-1 {
			return context.DeadlineExceeded
		}
		return nil
	}})
	b := p.join(t, Options{Key: keyOf(2), Arrived: func(l *Link) { arrived <- l }})
	link, err := a.Dial(context.Background(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close("")
	other := <-arrived
	defer other.Close("")
	if link.Striped || other.Striped {
		t.Errorf("striped: %v and %v", link.Striped, other.Striped)
	}
}

// Whoever carries the words cannot put another device in the place of the wanted one, not
// even with a fingerprint that fits.
func TestAnotherDeviceIsRefused(t *testing.T) {
	for name, noQUIC := range map[string]bool{"strands": false, "channel": true} {
		t.Run(name, func(t *testing.T) { anotherDevice(t, noQUIC) })
	}
}

func anotherDevice(t *testing.T, noQUIC bool) {
	p := newPost()
	a := p.join(t, Options{Key: keyOf(1), NoQUIC: noQUIC})
	reached := make(chan *Link, 1)
	thief := p.join(t, Options{Key: keyOf(3), Arrived: func(l *Link) { reached <- l }})
	wanted := deviceOf(keyOf(2))
	p.mu.Lock()
	thiefBox := p.boxes[thief.id]
	p.boxes[wanted] = thiefBox // what is meant for one reaches the other
	p.mu.Unlock()
	// The answers of the thief are passed on as those of the wanted device.
	thief.opts.Send = func(ctx context.Context, to ident.DeviceID, word []byte) error {
		a.Deliver(wanted, word)
		return nil
	}
	link, err := a.Dial(context.Background(), wanted)
	if !errors.Is(err, errWrongDevice) {
		t.Fatalf("link %v, error %v; want that another device answers", link, err)
	}
	if !strings.Contains(err.Error(), thief.id.String()) {
		t.Errorf("%v: does not say who answers", err)
	}
}

// A callee does not take a caller for the device it says it is.
func TestAnotherCallerIsRefused(t *testing.T) {
	for name, noQUIC := range map[string]bool{"strands": false, "channel": true} {
		t.Run(name, func(t *testing.T) { anotherCaller(t, noQUIC) })
	}
}

func anotherCaller(t *testing.T, noQUIC bool) {
	p := newPost()
	reached := make(chan *Link, 1)
	b := p.join(t, Options{Key: keyOf(2), Arrived: func(l *Link) { reached <- l }})
	thief := p.join(t, Options{Key: keyOf(3), NoQUIC: noQUIC})
	claimed := deviceOf(keyOf(1))
	thief.opts.Send = func(_ context.Context, _ ident.DeviceID, word []byte) error {
		b.Deliver(claimed, word)
		return nil
	}
	p.mu.Lock()
	p.boxes[claimed] = p.boxes[thief.id]
	p.mu.Unlock()
	if link, err := thief.Dial(context.Background(), b.id); err == nil {
		// The thief's side may be up before it is refused; it must end at once, unheard.
		if reason := link.Receive(func([]byte) error { return nil }); reason == nil {
			t.Error("the link of a thief lives")
		}
		link.Close("test over")
	}
	select {
	case l := <-reached:
		t.Fatalf("a link of %s arrived", l.Device())
	default:
	}
}

// A device that is not trusted is not answered at all.
func TestStrangersAreNotAnswered(t *testing.T) {
	p := newPost()
	a := p.join(t, Options{Key: keyOf(1)})
	b := p.join(t, Options{Key: keyOf(2), Trusts: func(ident.DeviceID) bool { return false }})
	said := make(chan struct{}, 1)
	b.opts.Send = func(context.Context, ident.DeviceID, []byte) error {
		said <- struct{}{}
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := a.Dial(ctx, b.id); err == nil {
		t.Fatal("a stranger got a link")
	}
	if len(said) > 0 {
		t.Error("a stranger got a word")
	}
}

// When both call at once, one link comes about, and the other side's caller is told so.
func TestBothCallAtOnce(t *testing.T) {
	for range 5 {
		a, b, arrived := pair(t, false)
		if less(b.id, a.id) {
			a, b = b, a
		}
		lost := make(chan error, 1)
		go func() {
			_, err := b.Dial(context.Background(), a.id)
			lost <- err
		}()
		link, err := a.Dial(context.Background(), b.id)
		switch other := <-lost; {
		case err == nil && errors.Is(other, ErrCalledBack):
			there := <-arrived
			if there.Device() != a.id {
				t.Errorf("the link at the other side is to %s", there.Device())
			}
			go func() { _ = there.Receive(func([]byte) error { return nil }) }()
			over(link)
		case errors.Is(err, ErrCalledBack) && other == nil:
			over(<-arrived) // the other one was so early that it was answered
		case err == nil && other == nil: // one was over before the other began
			over(<-arrived)
			over(<-arrived)
		default:
			t.Fatalf("lower id: %v, higher id: %v", err, other)
		}
	}
}

// over ends a link as whoever uses it does: somebody reads, so the end is not waited for.
func over(l *Link) {
	go func() { _ = l.Receive(func([]byte) error { return nil }) }()
	l.Close("test over")
}

// Connecting and closing leaves nothing behind.
func TestCallsLeaveNothingBehind(t *testing.T) {
	cycles := 1000
	if testing.Short() {
		cycles = 40
	}
	a, b, arrived := pair(t, false)
	once := func() {
		link, err := a.Dial(context.Background(), b.id)
		if err != nil {
			t.Fatal(err)
		}
		other := <-arrived
		done := make(chan struct{})
		go func() {
			_ = other.Receive(func([]byte) error { return nil })
			other.Close("the other side went")
			close(done)
		}()
		if err := link.Send(direct.Metadata, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		gone := make(chan struct{})
		go func() {
			_ = link.Receive(func([]byte) error { return nil })
			close(gone)
		}()
		link.Close("that was all")
		<-done
		<-gone
	}
	for range 10 {
		once()
	}
	before := look(t)
	for range cycles {
		once()
	}
	after := settled(t, before)
	t.Logf("before %+v, after %d cycles %+v", before, cycles, after)
	if after.goroutines > before.goroutines+20 || after.files > before.files+10 ||
		after.heap > before.heap+8<<20 {
		t.Errorf("before %+v, after %d cycles %+v", before, cycles, after)
	}
}

type used struct {
	goroutines, files int
	heap              uint64
}

func look(t testing.TB) used {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	return used{runtime.NumGoroutine(), len(open), m.HeapAlloc}
}

// settled waits until what is being taken down is gone.
func settled(t testing.TB, before used) (now used) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		now = look(t)
		if now.goroutines <= before.goroutines+4 && now.files <= before.files+2 {
			break
		}
		<-tick.C
	}
	return now
}
