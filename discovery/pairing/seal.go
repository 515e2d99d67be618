package pairing

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"

	"github.com/shoal-sync/shoal/discovery/pake"
)

// seal closes what is sent, and opens what comes, under the key of a PAKE: AES-256-GCM
// with a key for each direction and the number of the message as nonce.
type seal struct {
	out, in           cipher.AEAD
	outCount, inCount uint64
}

func newSeal(key *pake.Key, dialed bool) *seal {
	caller, called := aead(key.Derive("link: A to B")), aead(key.Derive("link: B to A"))
	if dialed {
		return &seal{out: caller, in: called}
	}
	return &seal{out: called, in: caller}
}

func aead(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("bug: a key of 32 bytes is no key of AES: " + err.Error())
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("bug: AES has no GCM: " + err.Error())
	}
	return gcm
}

func nonce(count uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4), count) }

func (s *seal) close(m Message) Sealed {
	s.outCount++
	return Sealed{s.out.Seal(nil, nonce(s.outCount), Append(nil, m), nil)}
}

// open returns the message in the box; one that was made without the key, changed,
// repeated or moved is none.
func (s *seal) open(box Sealed) (Message, error) {
	s.inCount++
	text, err := s.in.Open(nil, nonce(s.inCount), box.Box, nil)
	if err != nil {
		return nil, ErrMessage
	}
	return Parse(text)
}
