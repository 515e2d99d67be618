// Package handover gives files to another device once, by a code that one person reads out
// and the other one types. Both ends use keys that are thrown away afterwards: nothing is
// trusted, shared or kept, and no agent is needed.
//
// It knows codes, what is sent, where that goes, and how far it has come. The two find each
// other on the local network or at a rendezvous, as devices that link do. The program
// app/shoal calls it, as `shoal send` and `shoal receive`.
//
// A conversation, inside TLS 1.3 with ALPN "shoal-send/1". Who receives calls:
//
//	receiver: begin     by words or by the key of before; its share of the PAKE
//	sender:   share
//	receiver: proof     one guess for whoever stands between: it is never made twice
//	sender:   proof     a wrong one of the receiver's kills the code
//	sender:   list …, listed     what there is
//	receiver: wait …             while its person thinks
//	receiver: have …, ready      how much of each file is there from an earlier try
//	sender:   file, wait …, data …, end (hash)     for each file
//	sender:   all
//	receiver: done               everything is in its place
//
// When the connection breaks the receiver calls again, with a key that came of the PAKE, and
// goes on where it was.
package handover

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/shoal-sync/shoal/discovery/pake"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
)

const (
	protocol = "shoal-send/1"
	// frameMax bounds one message in bytes; of a file it carries dataMax.
	frameMax = 256 << 10
	dataMax  = 128 << 10
	// proveTime is how long the proof may take, quietTime how long nothing may come later.
	proveTime = 15 * time.Second
	quietTime = 60 * time.Second
	// patientTime is the sender's: the receiver may have to read much that is there already,
	// and it is the one who calls again when the connection has broken.
	patientTime = time.Hour
	// waitEvery is how often the receiver says that its person still thinks.
	waitEvery = 15 * time.Second
)

// The kinds of messages, by their first byte.
const (
	sayBegin byte = iota + 1
	sayShare
	sayProof
	sayList
	sayListed
	sayWait
	sayHave
	sayReady
	sayFile
	sayData
	sayEnd
	sayAll
	sayDone
	sayRefuse
)

// How a conversation is proven.
const (
	byWords byte = 1
	byKey   byte = 2 // that came of an earlier one of the same code
)

var (
	// errWrong reports a code whose words were others.
	errWrong = errors.New("the words are not those on the other screen: this code is dead now, ask for a new one")
	// errRules reports a conversation that does not keep to this page.
	errRules = errors.New("what answers there does not keep to the protocol; perhaps one program is older")
)

// refusal is what the other side said when it ended the conversation.
type refusal string

func (r refusal) Error() string { return string(r) }

// line is one conversation.
type line struct {
	conn    *tls.Conn
	in      *bufio.Reader
	out     *bufio.Writer
	self    ident.DeviceID
	device  ident.DeviceID
	binding []byte
	frame   []byte
	quiet   time.Duration // how long the other side may be quiet, or not take what is said
}

// open proves that both sides hold the keys they show, and no more than that.
func open(ctx context.Context, conn net.Conn, key ed25519.PrivateKey, calls bool) (*line, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	cert, err := direct.Certificate(key)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13, NextProtos: []string{protocol},
		ClientAuth: tls.RequireAnyClientCert, InsecureSkipVerify: true, SessionTicketsDisabled: true,
	}
	inside := tls.Server(conn, config)
	if calls {
		inside = tls.Client(conn, config)
	}
	if err := conn.SetDeadline(time.Now().Add(proveTime)); err != nil {
		return nil, err
	}
	if err := inside.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("what answers there sends nothing by code: %w", err)
	}
	state := inside.ConnectionState()
	public, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || state.NegotiatedProtocol != protocol {
		return nil, errRules
	}
	binding, err := state.ExportKeyingMaterial("EXPORTER-shoal-send", nil, 32)
	if err != nil {
		return nil, err
	}
	return &line{
		conn: inside, in: bufio.NewReaderSize(inside, 64<<10), out: bufio.NewWriterSize(inside, 64<<10),
		self:   ident.DeviceFromKey(key.Public().(ed25519.PublicKey)),
		device: ident.DeviceFromKey(public), binding: binding, quiet: quietTime,
	}, nil
}

// say queues a message; flush sends what is queued.
func (l *line) say(kind byte, body ...[]byte) error {
	size := 1
	for _, part := range body {
		size += len(part)
	}
	head := append(binary.BigEndian.AppendUint32(nil, uint32(size)), kind)
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.quiet)); err != nil {
		return err
	}
	_, err := l.out.Write(head)
	for _, part := range body {
		if err == nil {
			_, err = l.out.Write(part)
		}
	}
	return err
}

func (l *line) flush() error { return l.out.Flush() }

// hear takes the next message. The body is valid until the next call.
func (l *line) hear() (kind byte, body []byte, err error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(l.quiet)); err != nil {
		return 0, nil, err
	}
	var head [4]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || size > frameMax {
		return 0, nil, errRules
	}
	if cap(l.frame) < int(size) {
		l.frame = make([]byte, size)
	}
	l.frame = l.frame[:size]
	if _, err := io.ReadFull(l.in, l.frame); err != nil {
		return 0, nil, err
	}
	kind, body = l.frame[0], l.frame[1:]
	if kind == sayRefuse {
		return kind, nil, refusal(string(body[:min(len(body), 300)]))
	}
	return kind, body, nil
}

// want takes the next message, which must be of a kind.
func (l *line) want(kind byte) ([]byte, error) {
	got, body, err := l.hear()
	if err == nil && got != kind {
		err = errRules
	}
	return body, err
}

// refuse ends the conversation with a reason.
func (l *line) refuse(reason string) {
	if l.say(sayRefuse, []byte(reason)) == nil {
		_ = l.flush() // the other side learns of the end in any case
	}
	_ = l.conn.Close()
}

// run starts the PAKE. Who called comes first, on both sides.
func (l *line) run(calls bool, by byte, secret []byte) (*pake.Run, error) {
	parties := append(append([]byte(nil), l.device[:]...), l.self[:]...)
	if calls {
		parties = append(append([]byte(nil), l.self[:]...), l.device[:]...)
	}
	chance := make([]byte, pake.ChanceSize)
	rand.Read(chance) // never fails: crypto/rand ends the program instead
	domain := append([]byte{'s', 'e', 'n', 'd', by}, secret...)
	return pake.Start(calls, domain, pake.Context{Parties: parties, Channel: l.binding}, chance)
}

// errProof reports that a proof was given and not answered: somebody between may have made
// his guess with it.
var errProof = errors.New("the connection broke at the moment of proof: ask for a new code")

// prove shows that this side knows the secret, and makes sure that the other one does.
func (l *line) prove(by byte, secret []byte) (*pake.Key, error) {
	run, err := l.run(true, by, secret)
	if err == nil {
		err = l.say(sayBegin, []byte{by}, run.Share())
	}
	if err == nil {
		err = l.flush()
	}
	if err != nil {
		return nil, err
	}
	share, err := l.want(sayShare)
	if err != nil {
		return nil, err
	}
	key, err := run.Finish(share)
	if err == nil {
		err = l.say(sayProof, key.Proof())
	}
	if err == nil {
		err = l.flush()
	}
	if err != nil {
		return nil, err
	}
	proof, err := l.want(sayProof)
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return nil, errWrong
	case err != nil:
		return nil, errProof
	case !key.Proves(proof):
		return nil, errWrong
	}
	return key, nil
}

// secretOf returns the secret of one way to prove, nil when that way is not open.
type secretOf func(by byte) []byte

// check lets the other side prove that it knows the secret. ErrWrong says that it tried and
// does not. Proven is called before the other side learns that it has: it may call anew at
// once.
func (l *line) check(secret secretOf, proven func(by byte, key *pake.Key)) error {
	body, err := l.want(sayBegin)
	if err != nil {
		return err
	}
	if len(body) != 1+pake.ShareSize {
		return errRules
	}
	key, err := l.checkShare(body[0], body[1:], secret)
	if err != nil {
		return err
	}
	proven(body[0], key)
	if err := l.say(sayProof, key.Proof()); err != nil {
		return err
	}
	return l.flush()
}

func (l *line) checkShare(by byte, share []byte, secret secretOf) (*pake.Key, error) {
	known := secret(by)
	if known == nil {
		l.refuse("this is not sent any more: ask for a new code")
		return nil, errRules
	}
	run, err := l.run(false, by, known)
	if err != nil {
		return nil, err
	}
	key, err := run.Finish(share)
	if err != nil {
		return nil, errRules
	}
	if err := l.say(sayShare, run.Share()); err != nil {
		return nil, err
	}
	if err := l.flush(); err != nil {
		return nil, err
	}
	proof, err := l.want(sayProof)
	if err != nil {
		return nil, err
	}
	if !key.Proves(proof) {
		l.refuse("wrong words")
		return nil, errWrong
	}
	return key, nil
}

// again derives what proves a later conversation of the same two.
func again(key *pake.Key) []byte {
	sum := sha256.Sum256(key.Derive("send: go on"))
	return sum[:]
}
