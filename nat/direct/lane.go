package direct

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// Lane is one of the two queues of a link. Frames of one lane arrive in the order in which
// they were sent; a metadata frame overtakes all bulk that has not been written yet.
type Lane uint8

// The lanes. Small words of the conversation travel as Metadata, content as Bulk.
const (
	Metadata Lane = iota
	Bulk
)

const (
	// bulkMax lets a sender of content read ahead of the network by about one slice of
	// the largest size, and no further: content is asked for faster than it is sent.
	bulkMax = 1 << 20
	// metadataMax is a bound against a peer that does not read, not a window: who sends
	// metadata serves other peers as well and is never held up; the link ends instead.
	metadataMax = 16 << 20
	// gatherSize is how much is written at once. It takes two slices of 64 KiB with their
	// headers; beyond it system calls no longer count, and metadata would wait longer.
	gatherSize = 132 << 10
)

var errUnread = errors.New("the other device does not read what it is sent")

// Buffers hold whole frames, header included, ready to be written. Frames are copied into
// them: a copy costs a twentieth of enciphering the same bytes, and it joins small frames.
var (
	smallBuffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, gatherSize)} }}
	largeBuffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, headerSize+FrameMax)} }}
)

type buffer struct{ frames []byte }

func newBuffer(size int) *buffer {
	if size <= gatherSize {
		return smallBuffers.Get().(*buffer)
	}
	return largeBuffers.Get().(*buffer)
}

func (b *buffer) free() {
	b.frames = b.frames[:0]
	if cap(b.frames) == gatherSize {
		smallBuffers.Put(b)
	} else {
		largeBuffers.Put(b)
	}
}

// lane holds frames until they are written. Guarded by the link's mutex.
type lane struct {
	waiting []*buffer // oldest first; only the last one may take more frames
	queued  int       // bytes accepted and not yet written
	max     int       // more than these are too many
	room    sync.Cond
}

func (q *lane) init(mu *sync.Mutex, most int) {
	q.room.L = mu
	q.max = most
}

func (q *lane) push(frame []byte) {
	size := headerSize + len(frame)
	last := len(q.waiting) - 1
	if last < 0 || cap(q.waiting[last].frames)-len(q.waiting[last].frames) < size {
		q.waiting = append(q.waiting, newBuffer(size))
		last++
	}
	b := q.waiting[last]
	b.frames = binary.BigEndian.AppendUint32(b.frames, uint32(len(frame)))
	b.frames = append(b.frames, frame...)
	q.queued += size
}

func (q *lane) pop() *buffer {
	b := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	return b
}

// Send queues a frame of 1 to FrameMax bytes. It copies the frame, so the caller may use it
// again at once. Bulk waits while more than 1 MiB of it is queued. Metadata never waits:
// when more than 16 MiB of it are queued the other side does not read, and the link ends.
// Send returns an error, at once, when the link has ended. Success means accepted: whether
// it arrives, only an answer can tell.
func (l *Link) Send(to Lane, frame []byte) error {
	if to > Bulk {
		return fmt.Errorf("send to lane %d: there is no such lane", to)
	}
	if len(frame) == 0 || len(frame) > FrameMax {
		return fmt.Errorf("send a frame of %d bytes: allowed are 1 to %d", len(frame), FrameMax)
	}
	q := &l.lanes[to]
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.ended == nil && q.queued > q.max {
		if to == Metadata {
			return l.failLocked(errUnread)
		}
		q.room.Wait()
	}
	if l.ended != nil {
		return l.ended
	}
	q.push(frame)
	l.work.Signal()
	return nil
}

// DrainBulk waits until no more than so many bytes of bulk wait to be written, or the link
// has ended. Who chooses what to send next does well to choose late.
func (l *Link) DrainBulk(below int) {
	q := &l.lanes[Bulk]
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.ended == nil && q.queued > below {
		q.room.Wait()
	}
}

// write is the link's only writer: metadata first, bulk while no metadata waits.
func (l *Link) write() {
	defer close(l.written)
	for {
		b, q := l.next()
		if b == nil {
			return
		}
		_, err := l.conn.Write(b.frames)
		if err == nil {
			err = l.socket.flush()
		}
		l.mu.Lock()
		q.queued -= len(b.frames)
		q.room.Broadcast()
		l.mu.Unlock()
		b.free()
		if err != nil {
			_ = l.fail(fmt.Errorf("connection lost: %w", bare(err))) // Receive reports it
			return
		}
	}
}

// next waits for something to write. It returns nil when the link has ended and nothing
// more is to go out.
func (l *Link) next() (*buffer, *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		metadata, bulk := &l.lanes[Metadata], &l.lanes[Bulk]
		switch {
		case l.ended != nil && !l.grace:
			return nil, nil
		case len(metadata.waiting) > 0:
			return metadata.pop(), metadata
		case l.ended != nil:
			return nil, nil
		case len(bulk.waiting) > 0:
			return bulk.pop(), bulk
		}
		l.work.Wait()
	}
}
