// Package post is what a device and a rendezvous say to each other: messages, their limits,
// how a device proves who it is, and the address of a rendezvous as people hand it on.
//
// It knows no sockets and decides nothing. The tracker core decides what a rendezvous
// answers, discovery/rendezvous is the device's side, app/rendezvous joins the server.
//
// Messages are JSON texts, one per WebSocket message, at most MessageMax bytes long:
//
//	server: hello {nonce, version}
//	device: register {key, signature, card, token}     server: registered {lease, at, turn}
//	device: alive                                      server: alive {turn}
//	device: find {ticket, device}                      server: found {ticket, device, card}
//	device: find {ticket, slot}                        server: found {ticket, device, slot}
//	device: letter {device, body}                      server: letter {device, body}
//	device: claim {ticket, slot, lasts}                server: claimed {ticket, slot}
//	device: release {slot}
//	device: call {ticket, device or slot}              server: pipe {ticket, pipe}
//	device: share {ticket, shares}                     server: shared {ticket}
//	device: members {ticket, folder}                   server: members {ticket, members}
//	                                   to who is called: called {device, slot, pipe}
//	                                                   server: refused {ticket, reason}
//
// Share says which folders the device shares, all of them; each is a key that only who
// knows the folder's id can make. Members asks who else does, of a folder told of before.
//
// A pipe is a second WebSocket, to /pipe with the secret of one end: what one end writes the
// other one reads. Devices run TLS through it, so the server sees nothing.
package post

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// Version is what this program speaks.
	Version = 1
	// MessageMax bounds one message in bytes: an envelope in base64 and its frame.
	MessageMax = 20 << 10
	// BodyMax bounds what a letter carries, in bytes.
	BodyMax = 13 << 10
	// CardMax bounds a card, in bytes.
	CardMax = 512
	// NonceSize and PipeSize are the bytes of what the server draws.
	NonceSize = 32
	PipeSize  = 16
	// TokenMax bounds an access token, in bytes.
	TokenMax = 100
	// ReasonMax bounds what a person is told, in bytes.
	ReasonMax = 300
)

// Kind is what a message is for; see the package comment.
type Kind string

// The kinds.
const (
	Hello      Kind = "hello"
	Register   Kind = "register"
	Registered Kind = "registered"
	Alive      Kind = "alive"
	Find       Kind = "find"
	Found      Kind = "found"
	Letter     Kind = "letter"
	Shares     Kind = "share"
	Claim      Kind = "claim"
	Claimed    Kind = "claimed"
	Release    Kind = "release"
	Call       Kind = "call"
	Called     Kind = "called"
	Pipe       Kind = "pipe"
	Shared     Kind = "shared"
	Members    Kind = "members"
	Refused    Kind = "refused"
)

// Message is any of them; which fields matter depends on the kind.
type Message struct {
	Kind      Kind           `json:"kind"`
	Ticket    uint64         `json:"ticket,omitempty"` // the asker's; answers repeat it
	Version   int            `json:"version,omitempty"`
	Nonce     []byte         `json:"nonce,omitempty"`
	Key       []byte         `json:"key,omitempty"` // Ed25519, of the device
	Signature []byte         `json:"signature,omitempty"`
	Token     string         `json:"token,omitempty"`
	Card      []byte         `json:"card,omitempty"`
	Device    ident.DeviceID `json:"device,omitzero"`
	Body      []byte         `json:"body,omitempty"`
	Slot      uint16         `json:"slot,omitempty"`
	Lasts     int            `json:"lasts,omitempty"` // seconds
	Pipe      []byte         `json:"pipe,omitempty"`
	Lease     int            `json:"lease,omitempty"` // seconds
	At        netip.AddrPort `json:"at,omitzero"`     // the device as the server sees it
	Turn      *Turn          `json:"turn,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	Shares    []Share        `json:"shares,omitempty"`
	Folder    []byte         `json:"folder,omitempty"` // its FolderKey
	Members   []Member       `json:"members,omitempty"`
}

// Turn says how to use the server's STUN and TURN for a while.
type Turn struct {
	URLs     []string `json:"urls"`
	Username string   `json:"username,omitempty"`
	Password string   `json:"password,omitempty"`
	Lasts    int      `json:"lasts,omitempty"` // seconds
}

// ErrMalformed reports a message that breaks a limit or is none.
var ErrMalformed = errors.New("not a message of a rendezvous")

// Append appends the text of a message.
func Append(to []byte, m Message) []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic("bug: a message cannot be written: " + err.Error())
	}
	return append(to, text...)
}

// Parse reads a message. Unknown kinds and fields are of newer programs and no error.
func Parse(text []byte) (m Message, err error) {
	if len(text) > MessageMax {
		return m, fmt.Errorf("%w: %d bytes, allowed are %d", ErrMalformed, len(text), MessageMax)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch {
	case m.Kind == "":
		err = errors.New("no kind")
	case len(m.Body) > BodyMax, len(m.Card) > CardMax, len(m.Token) > TokenMax, len(m.Reason) > ReasonMax:
		err = errors.New("a field is too long")
	case m.Nonce != nil && len(m.Nonce) != NonceSize, m.Pipe != nil && len(m.Pipe) != PipeSize,
		m.Key != nil && len(m.Key) != ed25519.PublicKeySize,
		m.Signature != nil && len(m.Signature) != ed25519.SignatureSize:
		err = errors.New("a field has the wrong length")
	case m.Lasts < 0, m.Lease < 0, m.Turn != nil && len(m.Turn.URLs) > 8:
		err = errors.New("a number is out of range")
	case !m.checkShares():
		err = errors.New("what it says of folders is out of range")
	}
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return m, nil
}

// Sign proves to a server who a device is. The audience is the server as the device knows
// it, so that no other server can use the proof.
func Sign(key ed25519.PrivateKey, audience string, nonce []byte) []byte {
	return ed25519.Sign(key, proof(audience, nonce))
}

// Proven reports whether Sign made the signature, and for which device.
func Proven(m Message, audience string, nonce []byte) (ident.DeviceID, bool) {
	if len(m.Key) != ed25519.PublicKeySize || !ed25519.Verify(m.Key, proof(audience, nonce), m.Signature) {
		return ident.DeviceID{}, false
	}
	return ident.DeviceFromKey(m.Key), true
}

func proof(audience string, nonce []byte) []byte {
	return append([]byte("shoal rendezvous 1\x00"+audience+"\x00"), nonce...)
}
