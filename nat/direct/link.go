package direct

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// FrameMax is the longest frame: a slice of 1 MiB and ample room for its header.
const FrameMax = 1<<20 + 64<<10

const (
	headerSize = 4
	// receiveBuffer is where a link's receive buffer starts; it grows to the longest
	// frame that was announced, so a quiet link stays small.
	receiveBuffer = 64 << 10
	// closeGrace is how long Close lets metadata that was already accepted go out: long
	// enough for a last word across an ocean, short enough for orderly shutdown.
	closeGrace = time.Second
)

// ErrClosed reports that the link has ended; the error that wraps it says why.
var ErrClosed = errors.New("link closed")

// Link is an authenticated channel of frames to one device. All methods may be called
// from several goroutines, except Receive, which has one caller.
type Link struct {
	device   ident.DeviceID
	remote   netip.AddrPort
	incoming bool
	conn     carrier
	socket   *socket

	written   chan struct{} // closed when the writer has ended
	closeOnce sync.Once

	mu    sync.Mutex
	work  sync.Cond // signalled when a frame was queued or the link ended
	lanes [2]lane
	ended error // why the link ended; nil while it lives
	grace bool  // ended by Close: accepted metadata may still go out
}

// carrier is what a link writes to and reads from: TLS, or what Carry was given.
type carrier interface {
	io.ReadWriter
	// CloseWrite tells the other side that nothing more comes.
	CloseWrite() error
}

func newLink(conn carrier, socket *socket, device ident.DeviceID, incoming bool) *Link {
	l := &Link{
		device: device, remote: addrPort(socket.RemoteAddr()), incoming: incoming,
		conn: conn, socket: socket, written: make(chan struct{}),
	}
	l.work.L = &l.mu
	l.lanes[Metadata].init(&l.mu, metadataMax)
	l.lanes[Bulk].init(&l.mu, bulkMax)
	return l
}

// start begins writing; until then the link has no goroutine.
func start(l *Link) *Link {
	l.socket.gather()
	go l.write()
	return l
}

// Device is the device whose key the other side has proven to hold.
func (l *Link) Device() ident.DeviceID { return l.device }

// RemoteAddr is the other side's address as this side sees it.
func (l *Link) RemoteAddr() netip.AddrPort { return l.remote }

// Incoming reports whether the other side dialed.
func (l *Link) Incoming() bool { return l.incoming }

// Counters returns the bytes received and sent so far on the wire: everything TCP carries,
// TLS and its handshake included.
func (l *Link) Counters() (in, out uint64) { return l.socket.in.Load(), l.socket.out.Load() }

// Receive hands arriving frames to the given function, in order, until the link ends, and
// returns why it ended (never nil). A frame is valid only during the call. While the call
// lasts nothing is read, which slows the other side down. An error from it ends the link.
func (l *Link) Receive(handle func(frame []byte) error) error {
	return l.fail(receive(l.conn, handle))
}

// receive cuts what it reads into frames until reading, cutting or handling fails.
func receive(conn io.Reader, handle func(frame []byte) error) error {
	buf := make([]byte, receiveBuffer)
	from, to := 0, 0
	for {
		need := headerSize
		for to-from >= headerSize {
			size := binary.BigEndian.Uint32(buf[from:])
			if size == 0 || size > FrameMax {
				return fmt.Errorf("the other side announced a frame of %d bytes, allowed are 1 to %d",
					size, FrameMax)
			}
			need = headerSize + int(size)
			if to-from < need {
				break
			}
			if err := handle(buf[from+headerSize : from+need : from+need]); err != nil {
				return err
			}
			from += need
			need = headerSize
		}
		// What is left is the beginning of one frame, shorter than the last read.
		old := buf
		if need > len(buf) {
			buf = make([]byte, need)
		}
		if need > len(old) || from > 0 {
			to = copy(buf, old[from:to])
			from = 0
		}
		n, err := conn.Read(buf[to:])
		to += n
		if err != nil {
			return readError(err)
		}
	}
}

func readError(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the other side closed it")
	}
	return fmt.Errorf("connection lost: %w", bare(err))
}

// Close ends the link and returns when its goroutine has ended: at once, or after at most
// a second while metadata accepted before goes out; bulk that waits is dropped. The reason
// is what Send and Receive report from now on. Closing again does nothing.
func (l *Link) Close(reason string) {
	l.closeOnce.Do(func() {
		l.mu.Lock()
		if l.ended == nil {
			l.ended = fmt.Errorf("%w: %s", ErrClosed, reason)
			l.grace = true
		}
		deadline := time.Now().Add(closeGrace)
		_ = l.socket.SetWriteDeadline(deadline) // fails only on a dead socket
		l.wakeLocked()
		l.mu.Unlock()
		<-l.written
		l.bye(deadline)
		_ = l.socket.Close() // the link is gone either way
	})
	<-l.written
}

// bye tells the other side that the end is meant. It is a courtesy: when it cannot be said
// in time, the other side learns the same from the closed connection.
func (l *Link) bye(deadline time.Time) {
	if l.conn.CloseWrite() != nil { // gathered, not sent; it also moves the deadline
		return
	}
	if l.socket.SetWriteDeadline(deadline) == nil {
		_ = l.socket.flush()
	}
}

// fail ends the link because of an error and returns why it ended: the first reason stays.
func (l *Link) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failLocked(err)
}

func (l *Link) failLocked(err error) error {
	if l.ended == nil {
		l.ended = fmt.Errorf("%w: %w", ErrClosed, err)
		_ = l.socket.Close() // frees a writer that waits for the other side
		l.wakeLocked()
	}
	return l.ended
}

func (l *Link) wakeLocked() {
	l.work.Broadcast()
	for i := range l.lanes {
		l.lanes[i].room.Broadcast()
	}
}
