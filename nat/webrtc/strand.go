package webrtc

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	pion "github.com/pion/webrtc/v4"
	"github.com/quic-go/quic-go"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// strandTime is how long QUIC may take on a way that ICE has just found: two round trips
	// of a satellite. Then the data channel takes over, which goes wherever ICE goes.
	strandTime     = 2 * time.Second
	strandProtocol = "shoal-strand/1"
	// strandIdle ends a strand on which nothing came; ICE and route notice earlier.
	strandIdle = 30 * time.Second
	// strandWindow is what a strand may have on the road: as receiveBuffer.
	strandWindow = 8 << 20
	// strandHello is what the caller says first, so that the callee sees the stream. How
	// many strands there will be follows.
	strandHello = 1
)

// errNoStrand says that a way is of a kind that QUIC does not go.
var errNoStrand = errors.New("only a data channel goes this way")

func strandConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout: strandTime, MaxIdleTimeout: strandIdle, KeepAlivePeriod: strandIdle / 3,
		InitialStreamReceiveWindow: 1 << 20, MaxStreamReceiveWindow: strandWindow,
		InitialConnectionReceiveWindow: 1 << 20, MaxConnectionReceiveWindow: strandWindow * 3 / 2,
		MaxIncomingStreams: 1, MaxIncomingUniStreams: -1,
	}
}

// strandTLS shows this device's certificate, and lets pass the wanted device alone.
func (c *call) strandTLS() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{c.endpoint.identity},
		MinVersion:   tls.VersionTLS13, NextProtos: []string{strandProtocol},
		ClientAuth: tls.RequireAnyClientCert,
		// The key itself is the identity, and VerifyConnection checks it.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return fmt.Errorf("%w: it shows no certificate", errWrongDevice)
			}
			key, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
			if !ok {
				return fmt.Errorf("%w: its certificate has no Ed25519 key", errWrongDevice)
			}
			if got := ident.DeviceFromKey(key); got != c.device {
				return fmt.Errorf("%w: it is %s", errWrongDevice, got)
			}
			return nil
		},
		SessionTicketsDisabled: true,
	}
}

// offerStrand lets the caller come in by QUIC on a socket of the callee's.
func (c *call) offerStrand(at *quic.Transport) {
	if c.outgoing {
		return
	}
	listener, err := at.Listen(c.strandTLS(), strandConfig())
	if err != nil {
		c.endpoint.opts.Log.Debug("no strand is offered", "device", c.device.Short(), "reason", err)
		return
	}
	c.endpoint.work.Go(func() {
		for range strandsMax {
			conn, err := listener.Accept(c.ctx)
			if err != nil {
				return // the call is over, or has another way
			}
			c.endpoint.work.Go(func() {
				strand, err := c.greetStrand(conn)
				if err != nil {
					_ = conn.CloseWithError(0, "no hello") // it is gone either way
					return
				}
				c.strands <- strand // there is room for all
			})
		}
	})
}

// greetStrand waits for the one stream, and for what is said on it first.
func (c *call) greetStrand(conn *quic.Conn) (*strand, error) {
	stream, err := conn.AcceptStream(c.ctx)
	if err != nil {
		return nil, err
	}
	var hello [2]byte
	if _, err := io.ReadFull(stream, hello[:]); err != nil || hello[0] != strandHello {
		return nil, errors.Join(errNoStrand, err)
	}
	if hello[1] == 0 || hello[1] > strandsMax {
		return nil, errNoStrand
	}
	return &strand{Stream: stream, conn: conn, of: int(hello[1])}, nil
}

// dialStrands opens as many strands as a link has, all at once.
func (c *call) dialStrands(pair *pion.ICECandidatePair) (*stripe, error) {
	socket := c.strandSocket(pair)
	if socket == nil {
		return nil, errNoStrand
	}
	to := net.UDPAddrFromAddrPort(addrOf(pair.Remote))
	var dialing sync.WaitGroup
	var strands [strandsOfLink]*strand
	var errs [strandsOfLink]error
	for i := range strands {
		dialing.Go(func() {
			if errs[i] = c.endpoint.opts.losesStrand(i); errs[i] == nil {
				strands[i], errs[i] = c.dialStrand(socket, to)
			}
		})
	}
	dialing.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		for _, l := range strands {
			if l != nil {
				_ = l.conn.CloseWithError(0, "not all strands opened") // the channel is next
			}
		}
		return nil, err
	}
	return newStripe(strands[:], c.teardown), nil
}

// dialStrand opens QUIC on the way that ICE has found.
func (c *call) dialStrand(socket *sharedSocket, to net.Addr) (*strand, error) {
	ctx, cancel := context.WithTimeout(c.ctx, strandTime)
	defer cancel()
	conn, err := socket.quic.Dial(ctx, to, c.strandTLS(), strandConfig())
	if err != nil {
		return nil, err
	}
	stream, err := conn.OpenStreamSync(ctx)
	if err == nil {
		_, err = stream.Write([]byte{strandHello, strandsOfLink})
	}
	if err != nil {
		return nil, errors.Join(err, conn.CloseWithError(0, "no stream"))
	}
	return &strand{Stream: stream, conn: conn}, nil
}

// strandSocket returns the socket of a direct pair of addresses, nil where QUIC does not
// go.
func (c *call) strandSocket(pair *pion.ICECandidatePair) *sharedSocket {
	if c.sockets == nil || pair.Local.Protocol != pion.ICEProtocolUDP || relayed(pair) {
		return nil
	}
	port := pair.Local.Port
	if pair.Local.Typ != pion.ICECandidateTypeHost {
		port = pair.Local.RelatedPort
	}
	return c.sockets.at(port)
}

func relayed(pair *pion.ICECandidatePair) bool {
	return pair.Local.Typ == pion.ICECandidateTypeRelay || pair.Remote.Typ == pion.ICECandidateTypeRelay
}

// strand is a stream over QUIC, with what it stands on.
type strand struct {
	*quic.Stream
	conn *quic.Conn
	of   int // how many strands the caller opens
}

// remote is where the other side is.
func (l *strand) remote() netip.AddrPort {
	if udp, ok := l.conn.RemoteAddr().(*net.UDPAddr); ok {
		at := udp.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	return netip.AddrPort{}
}
