// Package pake lets two devices that know the same short secret agree on a strong key,
// over a channel that somebody else controls: CPace over ristretto255 with SHA-512, as
// draft-irtf-cfrg-cpace describes it for an initiator and a responder, with both sides
// confirming the key.
//
// Whoever stands between the two learns nothing from a run but whether one guess of his
// was right. How many runs there are for one secret, and when it is dead, is decided by
// package pairing, which calls this one. It holds a value for one run; it draws nothing,
// chance is handed in.
//
// The group is a library's, checked here against the vectors of RFC 9496 by way of the
// vectors of the draft. What the draft leaves to its user:
//
//   - The secret is hashed into the generator together with both parties and the channel
//     (Context), so a run that was moved to other parties or another channel fails.
//   - Each side proves with a tag that it has the key; nothing is sent under the key
//     before the other side's tag was seen.
package pake

import (
	"crypto/hmac"
	"crypto/sha512"
	"errors"

	"github.com/gtank/ristretto255"
)

const (
	// ShareSize is the length of a share in bytes.
	ShareSize = 32
	// TagSize is the length of a proof in bytes.
	TagSize = sha512.Size
	// ChanceSize is how many random bytes one run needs.
	ChanceSize = 64

	suite = "CPaceRistretto255"
)

// ErrShare reports a share that no honest device sends.
var ErrShare = errors.New("the other side's share is no element of the group")

// Context is what both sides must agree on beside the secret.
type Context struct {
	Parties []byte // who takes part, in order: initiator, then responder
	Channel []byte // names the channel they talk over, and no other: its session id
}

// Run is one side of one exchange.
type Run struct {
	initiator bool
	channel   []byte
	scalar    *ristretto255.Scalar
	share     []byte
}

// Start begins a run. Chance is ChanceSize bytes that are used for nothing else.
func Start(initiator bool, secret []byte, c Context, chance []byte) (*Run, error) {
	scalar, err := ristretto255.NewScalar().SetUniformBytes(chance)
	if err != nil {
		return nil, err
	}
	g, err := generator(secret, c)
	if err != nil {
		return nil, err
	}
	r := begin(initiator, scalar, g)
	r.channel = c.Channel
	return r, nil
}

func begin(initiator bool, scalar *ristretto255.Scalar, g *ristretto255.Element) *Run {
	share := ristretto255.NewIdentityElement().ScalarMult(scalar, g)
	return &Run{initiator: initiator, scalar: scalar, share: share.Bytes()}
}

// Share is what the other side is to be sent.
func (r *Run) Share() []byte { return r.share }

// Finish takes the other side's share and returns the key. It fails with ErrShare.
func (r *Run) Finish(other []byte) (*Key, error) {
	theirs, err := ristretto255.NewIdentityElement().SetCanonicalBytes(other)
	if err != nil {
		return nil, ErrShare
	}
	point := ristretto255.NewIdentityElement().ScalarMult(r.scalar, theirs)
	if point.Equal(ristretto255.NewIdentityElement()) == 1 {
		return nil, ErrShare
	}
	mine, yours := lengthValue(nil, r.share, nil), lengthValue(nil, other, nil)
	text := lengthValue(nil, []byte(suite+"_ISK"), r.channel, point.Bytes())
	if r.initiator {
		text = append(append(text, mine...), yours...)
	} else {
		text = append(append(text, yours...), mine...)
	}
	isk := sha512.Sum512(text)
	mac := append([]byte("CPaceMac"), r.channel...)
	proving := sha512.Sum512(append(mac, isk[:]...))
	return &Key{
		isk: isk[:], own: tag(proving[:], mine), theirs: tag(proving[:], yours),
	}, nil
}

// Key is what both sides have when both knew the secret.
type Key struct{ isk, own, theirs []byte }

// Proof is what shows the other side that this one has the key. Whoever gets it can try
// out one guess, the one he made when he chose his share.
func (k *Key) Proof() []byte { return k.own }

// Proves reports whether the other side's proof is right.
func (k *Key) Proves(proof []byte) bool { return hmac.Equal(k.theirs, proof) }

// Derive returns 32 bytes for one purpose.
func (k *Key) Derive(purpose string) []byte {
	return tag(k.isk, []byte("shoal "+purpose))[:32]
}

// String returns dots, so that a key ends in no log.
func (k *Key) String() string { return "…" }

// GoString returns dots.
func (k *Key) GoString() string { return "…" }

func tag(key, text []byte) []byte {
	mac := hmac.New(sha512.New, key)
	mac.Write(text)
	return mac.Sum(nil)
}

// generator is the secret as an element of the group.
func generator(secret []byte, c Context) (*ristretto255.Element, error) {
	hash := sha512.Sum512(generatorText(secret, c))
	return ristretto255.NewIdentityElement().SetUniformBytes(hash[:])
}

// generatorText pads the part with the secret to one block of the hash, so that the time
// hashing takes tells nothing of what follows.
func generatorText(secret []byte, c Context) []byte {
	text := lengthValue(nil, []byte(suite), secret)
	padding := make([]byte, max(0, sha512.BlockSize-1-len(text)))
	return lengthValue(text, padding, c.Parties, c.Channel)
}

// lengthValue appends each value behind its length, seven bits a byte, the least first.
func lengthValue(to []byte, values ...[]byte) []byte {
	for _, v := range values {
		n := len(v)
		for ; n >= 0x80; n >>= 7 {
			to = append(to, byte(n)|0x80)
		}
		to = append(append(to, byte(n)), v...)
	}
	return to
}
