package webrtc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// strandsOfLink is how many strands a link has. One loses much of its speed to each
	// lost packet; three still leave a fourth of the road to somebody else's transfer.
	strandsOfLink = 3
	// strandsMax is how many of the other side are taken.
	strandsMax = 8
	// blockSize is how much goes on one strand before the next has its turn: enough that its
	// header does not count, little enough that no strand is far behind.
	blockSize = 16 << 10
	// aheadMax bounds how many blocks may wait for one that comes late: a strand that
	// repairs a loss at 100 Mbit/s and 200 ms is 2.5 MB behind.
	aheadMax    = 512
	blockHeader = 8
)

var errBlock = errors.New("it broke the protocol of strands")

var blockBuffers = sync.Pool{New: func() any { return new([blockHeader + blockSize]byte) }}

// stripe makes one stream of several strands. Blocks are numbered, go on whichever strand
// has room, and are put in order again at the other side:
//
//	number 4 bytes, length 4 bytes (1 to 16 KiB), bytes
type stripe struct {
	strands []*strand
	abort   func()

	out     chan *block
	writing sync.WaitGroup
	number  uint32     // of the next block; the writer's
	turn    sync.Mutex // one writer at a time

	mu      sync.Mutex
	changed sync.Cond
	waiting map[uint32]*block // that came, by number
	next    uint32            // number of the block that is read next
	current *block            // being read; the reader's
	taken   int               // of current
	open    int               // strands that have not ended
	failed  error
	broken  chan struct{} // closed with failed
	bye     bool
	ending  sync.Once
}

type block struct {
	bytes *[blockHeader + blockSize]byte
	size  int // without header
}

func newStripe(strands []*strand, abort func()) *stripe {
	s := &stripe{
		strands: strands, abort: abort, out: make(chan *block), waiting: map[uint32]*block{},
		open: len(strands), broken: make(chan struct{}),
	}
	s.changed.L = &s.mu
	for _, l := range strands {
		s.writing.Add(1)
		go s.send(l)
		go s.receive(l)
	}
	return s
}

func (s *stripe) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
		close(s.broken)
		s.changed.Broadcast()
	}
}

// send writes blocks on one strand until there are no more.
func (s *stripe) send(l *strand) {
	defer s.writing.Done()
	for b := range s.out {
		_, err := l.Write(b.bytes[:blockHeader+b.size])
		blockBuffers.Put(b.bytes)
		if err != nil {
			s.fail(err)
		}
	}
	if err := l.Stream.Close(); err != nil {
		s.fail(err)
	}
}

// receive takes blocks off one strand until it ends.
func (s *stripe) receive(l *strand) {
	for {
		b := &block{bytes: blockBuffers.Get().(*[blockHeader + blockSize]byte)}
		if _, err := io.ReadFull(l, b.bytes[:blockHeader]); err != nil {
			s.strandEnded(err)
			return
		}
		number := binary.BigEndian.Uint32(b.bytes[:])
		b.size = int(binary.BigEndian.Uint32(b.bytes[4:]))
		if b.size == 0 || b.size > blockSize {
			s.fail(fmt.Errorf("%w: a block of %d bytes", errBlock, b.size))
			return
		}
		if _, err := io.ReadFull(l, b.bytes[blockHeader:blockHeader+b.size]); err != nil {
			s.fail(err)
			return
		}
		if !s.put(number, b) {
			return
		}
	}
}

// put adds a block that came, once it is not too far ahead. Blocks of one strand are in
// order, so the strand that has the one everybody waits for never waits.
func (s *stripe) put(number uint32, b *block) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.failed == nil && number-s.next >= aheadMax && number-s.next < 1<<31 {
		s.changed.Wait()
	}
	switch {
	case s.failed != nil:
		return false
	case number-s.next >= 1<<31 || s.waiting[number] != nil:
		s.failed = fmt.Errorf("%w: block %d came twice", errBlock, number)
		close(s.broken)
		s.changed.Broadcast()
		return false
	}
	s.waiting[number] = b
	s.changed.Broadcast()
	return true
}

func (s *stripe) strandEnded(err error) {
	if !errors.Is(err, io.EOF) {
		s.fail(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.changed.Broadcast()
}

// Read implements net.Conn.
func (s *stripe) Read(into []byte) (int, error) {
	if s.current == nil {
		s.mu.Lock()
		for s.waiting[s.next] == nil && s.failed == nil && s.open > 0 {
			s.changed.Wait()
		}
		s.current = s.waiting[s.next]
		if s.current == nil {
			defer s.mu.Unlock()
			if s.failed != nil {
				return 0, s.failed
			}
			return 0, io.EOF
		}
		delete(s.waiting, s.next)
		s.next++
		s.taken = 0
		s.changed.Broadcast()
		s.mu.Unlock()
	}
	rest := s.current.bytes[blockHeader+s.taken : blockHeader+s.current.size]
	n := copy(into, rest)
	s.taken += n
	if n == len(rest) {
		blockBuffers.Put(s.current.bytes)
		s.current = nil
	}
	return n, nil
}

// Write implements net.Conn. It returns when every block of it has its strand.
func (s *stripe) Write(b []byte) (done int, err error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	for done < len(b) {
		s.mu.Lock()
		bye, failed := s.bye, s.failed
		s.mu.Unlock()
		if failed != nil {
			return done, failed
		}
		if bye {
			return done, net.ErrClosed
		}
		out := &block{bytes: blockBuffers.Get().(*[blockHeader + blockSize]byte)}
		out.size = copy(out.bytes[blockHeader:], b[done:])
		size := out.size
		binary.BigEndian.PutUint32(out.bytes[:], s.number)
		binary.BigEndian.PutUint32(out.bytes[4:], uint32(size))
		select {
		case s.out <- out:
		case <-s.broken:
			blockBuffers.Put(out.bytes)
			continue
		}
		s.number++
		done += size
	}
	return done, nil
}

// CloseWrite implements direct.Stream.
func (s *stripe) CloseWrite() error {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	done := s.bye
	s.bye = true
	s.mu.Unlock()
	if !done {
		close(s.out)
	}
	return nil
}

// Close implements net.Conn. After CloseWrite what was written is given a second to
// arrive, and the other side to end too.
func (s *stripe) Close() error {
	s.ending.Do(func() {
		s.mu.Lock()
		linger := s.bye && s.failed == nil
		s.mu.Unlock()
		if linger {
			s.linger()
		}
		s.fail(net.ErrClosed)
		for _, l := range s.strands {
			_ = l.conn.CloseWithError(0, "") // it is gone either way
		}
		if s.turn.TryLock() { // else a writer sees that it has failed, and nobody closes
			s.mu.Lock()
			done := s.bye
			s.bye = true
			s.mu.Unlock()
			if !done {
				close(s.out)
			}
			s.turn.Unlock()
		} else {
			go func() { _ = s.CloseWrite() }() // ends the strands' writers after that one
		}
		s.abort()
	})
	return nil
}

func (s *stripe) linger() {
	until := time.Now().Add(lingerTime)
	late := time.AfterFunc(lingerTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer late.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.open > 0 && s.failed == nil && time.Now().Before(until) {
		s.changed.Wait()
	}
}

// SetReadDeadline implements net.Conn.
func (s *stripe) SetReadDeadline(t time.Time) error {
	return s.each(func(l *strand) error { return l.SetReadDeadline(t) })
}

// SetWriteDeadline implements net.Conn.
func (s *stripe) SetWriteDeadline(t time.Time) error {
	return s.each(func(l *strand) error { return l.SetWriteDeadline(t) })
}

// SetDeadline implements net.Conn.
func (s *stripe) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

func (s *stripe) each(do func(*strand) error) (err error) {
	for _, l := range s.strands {
		err = errors.Join(err, do(l))
	}
	return err
}

// LocalAddr implements net.Conn.
func (s *stripe) LocalAddr() net.Addr { return s.strands[0].conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (s *stripe) RemoteAddr() net.Addr { return s.strands[0].conn.RemoteAddr() }
