package direct

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Over is a connection that somebody else made, through somebody who may read and change
// what passes: TLS of this package runs inside it.
type Over struct {
	Conn net.Conn
	// Remote is whose address stands for the other side: that of who is between.
	Remote netip.AddrPort
	Gates  Gates // nil lets everything through
}

func (o Over) socket() *socket { return newSocket(held(o.Gates, &led{o.Conn, o.Remote}, o.Remote)) }

// DialOver opens a link to the given device through a connection, as Dial does to an
// address. The connection is closed when that fails.
func (e *Endpoint) DialOver(ctx context.Context, device ident.DeviceID, over Over) (*Link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.opts.HandshakeTime,
		fmt.Errorf("no answer within %v", e.opts.HandshakeTime))
	defer cancel()
	socket := over.socket()
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	link, err := e.prove(ctx, socket, device)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, errors.Join(err, socket.Close())
	}
	return start(link), nil
}

// MeetOver begins a meeting through a connection, as Meet does at an address.
func (e *Endpoint) MeetOver(ctx context.Context, device ident.DeviceID, over Over) (*Meeting, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.opts.HandshakeTime,
		fmt.Errorf("no answer within %v", e.opts.HandshakeTime))
	defer cancel()
	m, err := e.meetOn(ctx, device, over.socket(), over.Remote)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	m.far = true
	return m, nil
}

// meetOn proves both keys on a socket, which it closes when that fails.
func (e *Endpoint) meetOn(
	ctx context.Context, want ident.DeviceID, socket *socket, remote netip.AddrPort,
) (*Meeting, error) {
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	conn := tls.Client(socket, e.config([]string{meetingProtocol}, func(got ident.DeviceID) error {
		if !want.IsZero() && got != want {
			return fmt.Errorf("%w: it is %s", ErrWrongDevice, got)
		}
		return nil
	}))
	err := handshake(ctx, conn)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	var m *Meeting
	if err == nil {
		m, err = newMeeting(conn, remote)
	}
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return m, nil
}

// WelcomeOver takes a call that came through a connection, as Serve does from the port. It
// returns a link of a trusted device, or a meeting. It is closed when that fails.
func (e *Endpoint) WelcomeOver(over Over) (*Link, *Meeting, error) {
	socket := over.socket()
	stop := time.AfterFunc(e.opts.HandshakeTime, func() { socket.Close() })
	link, meeting, err := e.welcome(socket)
	if !stop.Stop() && err == nil {
		err = fmt.Errorf("no answer within %v", e.opts.HandshakeTime)
	}
	switch {
	case err != nil:
		return nil, nil, errors.Join(err, socket.Close())
	case meeting != nil:
		meeting.far = true
		return nil, meeting, nil
	}
	return start(link), nil, nil
}
