// Package linktest is the promise of a link as a test suite. Every kind of link, real or
// simulated, must pass it, so that the rest of the program need not care which one it has.
//
// It knows what the conversation with a peer relies on: order, lanes, bounds, endings. It
// does not know how a link comes about; each kind's own tests bring two connected ends.
package linktest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Lane is one of the two queues of a link.
type Lane uint8

// The lanes: metadata is never behind bulk.
const (
	Metadata Lane = iota
	Bulk
)

// Link is what the suite asks of a link.
type Link interface {
	Device() ident.DeviceID
	RemoteAddr() netip.AddrPort
	Incoming() bool
	Send(lane Lane, frame []byte) error
	Receive(handle func(frame []byte) error) error
	Close(reason string)
	Counters() (in, out uint64)
}

// Connect opens a link and returns both ends.
type Connect func(t *testing.T) (dialer, listener Link)

// patience is when a test gives up on something that should have come; it is generous
// because the race detector on a busy computer is slow.
const patience = 20 * time.Second

// Run holds links to the promise. Longest is the longest frame they carry.
func Run(t *testing.T, longest int, connect Connect) {
	s := suite{longest, connect}
	t.Run("the ends know each other", s.ends)
	t.Run("each lane keeps its order, both ways", s.order)
	t.Run("metadata overtakes bulk when the reader is slow", s.overtaking)
	t.Run("frames of no or too many bytes are refused, the link lives", s.bounds)
	t.Run("a sent frame may be changed at once", s.copies)
	t.Run("many senders", s.senders)
	t.Run("closing frees everyone who waits", s.closing)
	t.Run("accepted metadata goes out before the end", s.lastWord)
	t.Run("a failing reader ends the link", s.failingReader)
	t.Run("both ends count the same bytes", s.counters)
}

type suite struct {
	longest int
	connect Connect
}

// both opens a link that ends with the test. Whoever uses a link reads it to its end, which
// is waited for a while where nobody does: so the ends are read that the test has not read.
func (s suite) both(t *testing.T) (Link, Link) {
	first, second := s.connect(t)
	a, b := &end{Link: first}, &end{Link: second}
	t.Cleanup(func() {
		for _, e := range []*end{a, b} {
			if !e.read.Load() {
				go func() { _ = e.Receive(func([]byte) error { return nil }) }()
			}
		}
		a.Close("test over")
		b.Close("test over")
	})
	return a, b
}

// end is one of a link, of which is known whether it was read.
type end struct {
	Link
	read atomic.Bool
}

func (e *end) Receive(handle func(frame []byte) error) error {
	e.read.Store(true)
	return e.Link.Receive(handle)
}

func (s suite) ends(t *testing.T) {
	a, b := s.both(t)
	if a.Incoming() || !b.Incoming() {
		t.Errorf("incoming: dialer %v, listener %v", a.Incoming(), b.Incoming())
	}
	if a.Device().IsZero() || b.Device().IsZero() || a.Device() == b.Device() {
		t.Errorf("devices: dialer sees %s, listener sees %s", a.Device(), b.Device())
	}
	if !a.RemoteAddr().IsValid() || !b.RemoteAddr().IsValid() {
		t.Errorf("addresses: dialer sees %s, listener sees %s", a.RemoteAddr(), b.RemoteAddr())
	}
}

// numbered makes a frame that says its lane, its sender and its number, and whose other
// bytes follow from these.
func numbered(lane Lane, sender byte, number uint32, size int) []byte {
	frame := make([]byte, size)
	frame[0], frame[1] = byte(lane), sender
	binary.BigEndian.PutUint32(frame[2:], number)
	for i := 6; i < size; i++ {
		frame[i] = byte(uint32(i)*7 + number)
	}
	return frame
}

// tally checks numbered frames as they arrive: none lost, twice, out of order or changed.
type tally struct {
	next map[[2]byte]uint32
	seen int
}

func (c *tally) take(frame []byte) error {
	if len(frame) < 6 {
		return errors.New("a frame was cut")
	}
	from := [2]byte{frame[0], frame[1]}
	number := binary.BigEndian.Uint32(frame[2:])
	if number != c.next[from] {
		return errors.New("a frame was lost, repeated or overtaken in its own lane")
	}
	if !bytes.Equal(frame, numbered(Lane(frame[0]), frame[1], number, len(frame))) {
		return errors.New("a frame was changed")
	}
	c.next[from]++
	c.seen++
	return nil
}

var errEnough = errors.New("seen enough")

// expect receives until the wanted number of numbered frames has come.
func expect(link Link, want int) <-chan error {
	done := make(chan error, 1)
	go func() {
		c := tally{next: map[[2]byte]uint32{}}
		reached := false
		err := link.Receive(func(frame []byte) error {
			if err := c.take(frame); err != nil {
				return err
			}
			if c.seen == want {
				reached = true
				done <- nil
			}
			return nil
		})
		if !reached {
			done <- err
		}
	}()
	return done
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing after %v", what, patience)
		panic("unreachable")
	}
}

func (s suite) order(t *testing.T) {
	a, b := s.both(t)
	const each = 150
	atA, atB := expect(a, 2*each), expect(b, 2*each)
	sizes := rand.New(rand.NewPCG(1, 2))
	var senders sync.WaitGroup
	for _, link := range []Link{a, b} {
		for _, lane := range []Lane{Metadata, Bulk} {
			var lengths [each]int
			for i := range lengths {
				lengths[i] = 6 + sizes.IntN(1<<(4+sizes.IntN(14)))
			}
			lengths[each/2] = s.longest
			senders.Go(func() {
				for i, size := range lengths {
					if err := link.Send(lane, numbered(lane, 0, uint32(i), size)); err != nil {
						t.Errorf("lane %d: %v", lane, err)
						return
					}
				}
			})
		}
	}
	senders.Wait()
	for end, c := range map[string]<-chan error{"dialer": atA, "listener": atB} {
		if err := await(t, "frames", c); err != nil {
			t.Errorf("at the %s: %v", end, err)
		}
	}
}

// overtaking stops the reader, lets bulk pile up until its sender is held, sends one
// metadata frame and lets the reader go on. Through one common queue the metadata would
// come after all bulk that was accepted before it.
func (s suite) overtaking(t *testing.T) {
	a, b := s.both(t)
	const size, most = 64 << 10, 64 << 20
	var accepted atomic.Int64
	go func() {
		frame := make([]byte, size)
		for range most / size {
			if a.Send(Bulk, frame) != nil {
				return
			}
			accepted.Add(1)
		}
	}()
	release, overtook := make(chan struct{}), make(chan int64, 1)
	go func() {
		bulk := int64(0)
		_ = b.Receive(func(frame []byte) error {
			<-release
			if len(frame) == 1 {
				overtook <- bulk
				return errEnough
			}
			bulk++
			return nil
		})
	}()
	standstill(t, &accepted)
	before := accepted.Load()
	if before == most/size {
		t.Fatalf("the link accepted %d bytes of bulk without a reader", most)
	}
	if err := a.Send(Metadata, []byte{1}); err != nil {
		t.Fatal(err)
	}
	close(release)
	after := await(t, "the metadata frame", overtook)
	if after >= before {
		t.Errorf("metadata came after %d bulk frames, %d were accepted before it", after, before)
	}
	t.Logf("metadata overtook %d of %d KiB", (before-after)*size>>10, before*size>>10)
}

// standstill waits until a counter has begun to move and has then stood for a while.
func standstill(t *testing.T, counter *atomic.Int64) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last, still := int64(0), 0
	for deadline := time.Now().Add(patience); still < 10; <-tick.C {
		if now := counter.Load(); now != last || now == 0 {
			last, still = now, 0
		} else {
			still++
		}
		if time.Now().After(deadline) {
			t.Fatal("bulk is never held, although nobody reads")
		}
	}
}

func (s suite) bounds(t *testing.T) {
	a, b := s.both(t)
	for _, size := range []int{0, s.longest + 1} {
		if a.Send(Metadata, make([]byte, size)) == nil {
			t.Errorf("a frame of %d bytes was accepted", size)
		}
	}
	arrived := expect(b, 1)
	if err := a.Send(Metadata, numbered(Metadata, 0, 0, 6)); err != nil {
		t.Fatal(err)
	}
	if err := await(t, "the next frame", arrived); err != nil {
		t.Error(err)
	}
}

func (s suite) copies(t *testing.T) {
	a, b := s.both(t)
	arrived := expect(b, 50)
	frame := make([]byte, 40_000)
	for i := range 50 {
		copy(frame, numbered(Bulk, 0, uint32(i), len(frame)))
		if err := a.Send(Bulk, frame); err != nil {
			t.Fatal(err)
		}
		clear(frame)
	}
	if err := await(t, "frames", arrived); err != nil {
		t.Error(err)
	}
}

func (s suite) senders(t *testing.T) {
	a, b := s.both(t)
	const senders, each = 8, 300
	arrived := expect(b, senders*each)
	for n := range senders {
		go func() {
			lane := Lane(n % 2)
			for i := range each {
				if err := a.Send(lane, numbered(lane, byte(n), uint32(i), 6+i*n)); err != nil {
					t.Errorf("sender %d: %v", n, err)
					return
				}
			}
		}()
	}
	if err := await(t, "frames", arrived); err != nil {
		t.Error(err)
	}
}

func (s suite) closing(t *testing.T) {
	a, b := s.both(t)
	var accepted atomic.Int64
	held := make(chan error, 1)
	go func() {
		frame := make([]byte, 64<<10)
		for {
			if err := a.Send(Bulk, frame); err != nil {
				held <- err
				return
			}
			accepted.Add(1)
		}
	}()
	standstill(t, &accepted)
	atA, atB := make(chan error, 1), make(chan error, 1)
	go func() { atA <- a.Receive(func([]byte) error { return nil }) }()
	closed := make(chan struct{})
	go func() {
		a.Close("that was all")
		close(closed)
	}()
	if await(t, "the waiting sender", held) == nil {
		t.Error("a sender was told of success after the end")
	}
	await(t, "Close", closed)
	go func() { atB <- b.Receive(func([]byte) error { return nil }) }()
	if await(t, "Receive where it was closed", atA) == nil || await(t, "Receive at the other end", atB) == nil {
		t.Error("Receive returned without an error")
	}
	for _, link := range []Link{a, b} {
		if link.Send(Metadata, []byte{1}) == nil {
			t.Error("Send after the end returned no error")
		}
	}
	a.Close("again") // does nothing, and returns
}

func (s suite) lastWord(t *testing.T) {
	a, b := s.both(t)
	const words = 100
	arrived := expect(b, words)
	for i := range words {
		if err := a.Send(Metadata, numbered(Metadata, 0, uint32(i), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	a.Close("nothing more to say")
	if err := await(t, "the last word", arrived); err != nil {
		t.Error(err)
	}
}

func (s suite) failingReader(t *testing.T) {
	a, b := s.both(t)
	ended := make(chan error, 1)
	go func() { ended <- a.Receive(func([]byte) error { return nil }) }()
	if err := a.Send(Metadata, []byte{1}); err != nil {
		t.Fatal(err)
	}
	atB := make(chan error, 1)
	go func() { atB <- b.Receive(func([]byte) error { return errEnough }) }()
	if err := await(t, "Receive", atB); !errors.Is(err, errEnough) {
		t.Errorf("Receive returned %v, not the reader's own error", err)
	}
	if b.Send(Metadata, []byte{1}) == nil {
		t.Error("Send after the end returned no error")
	}
	if await(t, "Receive at the other end", ended) == nil {
		t.Error("Receive at the other end returned no error")
	}
}

func (s suite) counters(t *testing.T) {
	a, b := s.both(t)
	const frames, size = 100, 20_000
	arrived := expect(b, frames)
	_, before := a.Counters()
	for i := range frames {
		if err := a.Send(Bulk, numbered(Bulk, 0, uint32(i), size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := await(t, "frames", arrived); err != nil {
		t.Fatal(err)
	}
	// The last bytes may arrive before the end that sent them has counted them.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var in, out uint64
	for deadline := time.Now().Add(patience / 4); time.Now().Before(deadline); <-tick.C {
		_, out = a.Counters()
		if in, _ = b.Counters(); in == out {
			break
		}
	}
	if sent := out - before; sent < frames*size || sent > frames*size*11/10 {
		t.Errorf("%d bytes counted for %d of payload", sent, frames*size)
	}
	if in != out {
		t.Errorf("%d bytes left one end, %d arrived at the other", out, in)
	}
}
