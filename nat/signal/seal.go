package signal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Letters travel in envelopes, big endian:
//
//	card       1, Ed25519 key (32), X25519 key of this run (32), signature (64)
//	envelope   2, card of the sender (129), one-time X25519 key (32), box
//	box        AES-256-GCM of: kind, flags (1: the sender began the call), run (8),
//	           call (8), number (4), ack (4), body
//
// The key of a box is HKDF-SHA256 of two secrets: of the one-time key with the receiver's
// key of its run, and of the sender's key of its run with the same. So nobody else reads
// it, and nobody else can have written it: the card ties the sender's key to its identity.
// Both keys of a run are drawn when the program starts and never stored. Whoever takes a
// device's identity later can read nothing that was said before.
const (
	formCard     = 1
	formEnvelope = 2
	// CardSize is the length of a card in bytes.
	CardSize = 1 + ed25519.PublicKeySize + keySize + ed25519.SignatureSize
	// EnvelopeMax bounds an envelope in bytes.
	EnvelopeMax = 1 + CardSize + keySize + letterHead + BodyMax + tagSize

	keySize    = 32
	tagSize    = 16
	letterHead = 1 + 1 + 8 + 8 + 4 + 4

	flagMine = 1

	cardLabel   = "shoal card 1\x00"
	letterLabel = "shoal letter 1"
)

var (
	// ErrEnvelope reports bytes that no device would have sent.
	ErrEnvelope = errors.New("not an envelope")
	// ErrNotForUs reports an envelope that does not open: it was sealed to another key,
	// perhaps of an earlier run of this program, or it was changed.
	ErrNotForUs = errors.New("the envelope does not open")
	// ErrNoCard reports that the receiver's key is not known.
	ErrNoCard = errors.New("the other device's key is not known yet")
)

// Card says which key letters to a device are sealed to, in its own words.
type Card struct {
	Device ident.DeviceID
	Run    Run
	key    *ecdh.PublicKey
	text   [CardSize]byte
}

// ParseCard reads a card and checks that the device it names has signed it.
func ParseCard(text []byte) (c Card, err error) {
	if len(text) != CardSize || text[0] != formCard {
		return c, ErrEnvelope
	}
	identity, key := ed25519.PublicKey(text[1:33]), text[33:65]
	if !ed25519.Verify(identity, signedCard(key), text[65:]) {
		return c, fmt.Errorf("%w: the card is not signed by its device", ErrEnvelope)
	}
	if c.key, err = ecdh.X25519().NewPublicKey(key); err != nil {
		return c, ErrEnvelope
	}
	c.Device, c.Run = ident.DeviceFromKey(identity), Run(binary.BigEndian.Uint64(key))
	copy(c.text[:], text)
	return c, nil
}

func signedCard(key []byte) []byte { return append([]byte(cardLabel), key...) }

// Bytes returns the card as ParseCard reads it.
func (c Card) Bytes() []byte { return c.text[:] }

// Sealer holds the keys of one run of a device. It prints as dots.
type Sealer struct {
	key  *ecdh.PrivateKey
	card Card
}

// NewSealer draws the keys of a run from 32 bytes that nobody else knows.
func NewSealer(identity ed25519.PrivateKey, chance [32]byte) (*Sealer, error) {
	key, err := ecdh.X25519().NewPrivateKey(chance[:])
	if err != nil {
		return nil, err
	}
	public := key.PublicKey().Bytes()
	text := append([]byte{formCard}, identity.Public().(ed25519.PublicKey)...)
	text = append(text, public...)
	text = append(text, ed25519.Sign(identity, signedCard(public))...)
	card, err := ParseCard(text)
	if err != nil {
		return nil, err
	}
	return &Sealer{key: key, card: card}, nil
}

// String returns dots.
func (s *Sealer) String() string { return "…" }

// Card is what others need to seal letters to this device.
func (s *Sealer) Card() Card { return s.card }

// Seal closes a letter for the device of the card. The 32 bytes of chance must never be
// used again.
func (s *Sealer) Seal(to Card, l Letter, chance [32]byte) ([]byte, error) {
	if to.key == nil {
		return nil, ErrNoCard
	}
	once, err := ecdh.X25519().NewPrivateKey(chance[:])
	if err != nil {
		return nil, err
	}
	box, err := boxOf(once, s.key, to.key, to.key)
	if err != nil {
		return nil, err
	}
	text := append([]byte{formEnvelope}, s.card.text[:]...)
	text = append(text, once.PublicKey().Bytes()...)
	ad := associated(text, to.Device)
	return box.Seal(text, make([]byte, box.NonceSize()), appendLetter(nil, l), ad), nil
}

// Open opens an envelope and tells whose card lies in it, which is proven by the box. On
// ErrNotForUs the card is only what somebody sent.
func (s *Sealer) Open(text []byte) (Card, Letter, error) {
	const head = 1 + CardSize + keySize
	if len(text) < head+letterHead+tagSize || len(text) > EnvelopeMax || text[0] != formEnvelope {
		return Card{}, Letter{}, ErrEnvelope
	}
	from, err := ParseCard(text[1 : 1+CardSize])
	if err != nil {
		return Card{}, Letter{}, err
	}
	once, err := ecdh.X25519().NewPublicKey(text[1+CardSize : head])
	if err != nil {
		return Card{}, Letter{}, ErrEnvelope
	}
	box, err := boxOf(s.key, s.key, once, from.key)
	if err != nil {
		return Card{}, Letter{}, ErrEnvelope
	}
	plain, err := box.Open(nil, make([]byte, box.NonceSize()), text[head:], associated(text[:head], s.card.Device))
	if err != nil {
		return from, Letter{}, ErrNotForUs
	}
	letter, err := parseLetter(plain)
	return from, letter, err
}

// boxOf makes the cipher of one envelope of two agreements: the one-time key's and the
// run's. A nonce of zeros is right, because each key closes one letter.
func boxOf(once, run *ecdh.PrivateKey, toOnce, toRun *ecdh.PublicKey) (cipher.AEAD, error) {
	first, err := once.ECDH(toOnce)
	if err != nil {
		return nil, err
	}
	second, err := run.ECDH(toRun)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, append(first, second...), nil, letterLabel, keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// associated is what a box is bound to: everything before it, and who is to open it.
func associated(head []byte, to ident.DeviceID) []byte {
	sum := sha256.Sum256(head)
	return append(sum[:], to[:]...)
}

func appendLetter(to []byte, l Letter) []byte {
	var flags byte
	if l.Call.Mine {
		flags = flagMine
	}
	to = append(to, byte(l.Kind), flags)
	to = binary.BigEndian.AppendUint64(to, uint64(l.Call.Run))
	to = binary.BigEndian.AppendUint64(to, l.Call.Number)
	to = binary.BigEndian.AppendUint32(to, l.Number)
	to = binary.BigEndian.AppendUint32(to, l.Ack)
	return append(to, l.Body...)
}

func parseLetter(text []byte) (l Letter, err error) {
	if len(text) < letterHead || len(text) > letterHead+BodyMax || text[1]&^flagMine != 0 {
		return l, ErrEnvelope
	}
	l.Kind, l.Call.Mine = Kind(text[0]), text[1] == flagMine
	if l.Kind < Offer || l.Kind > Bye {
		return l, ErrEnvelope
	}
	l.Call.Run = Run(binary.BigEndian.Uint64(text[2:]))
	l.Call.Number = binary.BigEndian.Uint64(text[10:])
	l.Number = binary.BigEndian.Uint32(text[18:])
	l.Ack = binary.BigEndian.Uint32(text[22:])
	l.Body = text[letterHead:]
	return l, nil
}
