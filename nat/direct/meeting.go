package direct

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// meetingProtocol keeps devices that link apart from those that are linked: nothing
	// of one conversation can be taken for a part of the other.
	meetingProtocol = "shoal-link/1"
	// MeetingFrameMax bounds one message of a meeting.
	MeetingFrameMax = 16 << 10
	// meetingQueue is how many messages may wait to be sent; a whole meeting has fewer.
	meetingQueue = 32
	// meetingWrite is how long one message may take on its way out.
	meetingWrite = 10 * time.Second
	// meetingGrace is how long the other side may take to close after this one has: were
	// the socket closed at once, what was sent last might be lost.
	meetingGrace = 2 * time.Second
	// bindingLabel is told to TLS when it exports what Binding returns.
	bindingLabel = "EXPORTER-shoal-link"
)

// errCrowded reports that a meeting was to say more than it ever needs to.
var errCrowded = errors.New("too much waits to be sent")

// Meeting is a conversation with a device that may be anybody: its key is proven, and
// nothing else. It carries few and small messages. Its methods may be called from several
// goroutines.
type Meeting struct {
	device  ident.DeviceID
	remote  netip.AddrPort
	binding [32]byte
	far     bool
	conn    *tls.Conn

	mu     sync.Mutex
	closed bool
	out    chan []byte
}

// Meet begins a meeting at the given address, with the given device or, if that is zero,
// with whoever is there.
func (e *Endpoint) Meet(ctx context.Context, device ident.DeviceID, addr netip.AddrPort) (*Meeting, error) {
	return soon(ctx, e, device, addr, e.meet)
}

func (e *Endpoint) meet(ctx context.Context, want ident.DeviceID, addr netip.AddrPort) (*Meeting, error) {
	socket, err := e.dialSocket(ctx, addr)
	if err != nil {
		return nil, err
	}
	return e.meetOn(ctx, want, socket, addrPort(socket.RemoteAddr()))
}

func newMeeting(conn *tls.Conn, remote netip.AddrPort) (*Meeting, error) {
	state := conn.ConnectionState()
	device, err := deviceOf(state)
	if err != nil {
		return nil, err
	}
	exported, err := state.ExportKeyingMaterial(bindingLabel, nil, 32)
	if err != nil {
		return nil, fmt.Errorf("bind to the channel: %w", err)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("clear deadline: %w", bare(err))
	}
	m := &Meeting{
		device: device, remote: remote, binding: [32]byte(exported), conn: conn,
		out: make(chan []byte, meetingQueue),
	}
	go m.write()
	return m, nil
}

// Device is the device whose key the other side has proven to hold.
func (m *Meeting) Device() ident.DeviceID { return m.device }

// RemoteAddr is the other side's address as this side sees it.
func (m *Meeting) RemoteAddr() netip.AddrPort { return m.remote }

// Far reports whether somebody between passes everything on: then RemoteAddr is that one's.
func (m *Meeting) Far() bool { return m.far }

// Binding is a value that exactly the two ends of this connection have.
func (m *Meeting) Binding() [32]byte { return m.binding }

// Send queues one message of 1 to MeetingFrameMax bytes and does not wait. That it cannot
// be sent is learned by Receive.
func (m *Meeting) Send(frame []byte) error {
	if len(frame) == 0 || len(frame) > MeetingFrameMax {
		return fmt.Errorf("a message of %d bytes, allowed are 1 to %d", len(frame), MeetingFrameMax)
	}
	packet := append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	select {
	case m.out <- packet:
		return nil
	default:
		return errCrowded
	}
}

// Close ends the meeting once what was queued is out, and returns at once. Closing again
// does nothing.
func (m *Meeting) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		close(m.out)
	}
}

func (m *Meeting) write() {
	for packet := range m.out {
		err := m.conn.SetWriteDeadline(time.Now().Add(meetingWrite))
		if err == nil {
			_, err = m.conn.Write(packet)
		}
		if err != nil {
			_ = m.conn.NetConn().Close() // Receive reports that it is gone
		}
	}
	_ = m.conn.CloseWrite() // a courtesy: the reader below learns of a dead socket
	if m.conn.SetReadDeadline(time.Now().Add(meetingGrace)) != nil {
		_ = m.conn.NetConn().Close()
	}
}

// Receive hands arriving messages to the given function, in order, until the meeting ends,
// and returns why it ended (never nil). Close has been called when it returns. An error of
// the function ends the meeting. It is to be called once, or the socket stays open.
func (m *Meeting) Receive(handle func(frame []byte) error) error {
	err := m.receive(handle)
	m.Close()
	_ = m.conn.NetConn().Close() // it is gone either way
	return err
}

func (m *Meeting) receive(handle func(frame []byte) error) error {
	var header [headerSize]byte
	for {
		if _, err := io.ReadFull(m.conn, header[:]); err != nil {
			return readError(err)
		}
		size := binary.BigEndian.Uint32(header[:])
		if size == 0 || size > MeetingFrameMax {
			return fmt.Errorf("the other side announced a message of %d bytes, allowed are 1 to %d",
				size, MeetingFrameMax)
		}
		frame := make([]byte, size)
		if _, err := io.ReadFull(m.conn, frame); err != nil {
			return readError(err)
		}
		m.mu.Lock()
		closed := m.closed
		m.mu.Unlock()
		if closed {
			continue // only its end is waited for
		}
		if err := handle(frame); err != nil {
			return err
		}
	}
}
