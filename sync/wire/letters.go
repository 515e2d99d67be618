package wire

import (
	"encoding/binary"

	"github.com/shoal-sync/shoal/internal/ident"
)

// EnvelopeMax bounds the envelopes that devices pass on for each other: nat/signal makes
// none that is longer.
const EnvelopeMax = 13 << 10

// Card is the card of a device: with which key letters to it are sealed. Its signature
// says whose it is. Everybody sends its own behind Hello; another one answers AskCard, and
// says that the sender passes letters on to that device.
type Card struct{ Card []byte }

// AskCard asks whether the receiver is linked to a device, and for that one's card.
type AskCard struct{ Device ident.DeviceID }

// Carry asks the receiver to pass an envelope on to a device that it is linked to.
type Carry struct {
	To       ident.DeviceID
	Envelope []byte
}

// Carried brings an envelope that a device asked the sender to pass on.
type Carried struct {
	From     ident.DeviceID
	Envelope []byte
}

func (Card) message()    {}
func (AskCard) message() {}
func (Carry) message()   {}
func (Carried) message() {}

func (Card) kind() byte    { return typeCard }
func (AskCard) kind() byte { return typeAskCard }
func (Carry) kind() byte   { return typeCarry }
func (Carried) kind() byte { return typeCarried }

func (m Card) appendTo(b []byte) []byte    { return appendBytes(b, m.Card) }
func (m AskCard) appendTo(b []byte) []byte { return append(b, m.Device[:]...) }
func (m Carry) appendTo(b []byte) []byte   { return appendBytes(append(b, m.To[:]...), m.Envelope) }
func (m Carried) appendTo(b []byte) []byte { return appendBytes(append(b, m.From[:]...), m.Envelope) }

func (m Card) size() int    { return bytesLen(m.Card) }
func (m AskCard) size() int { return deviceLen }
func (m Carry) size() int   { return deviceLen + bytesLen(m.Envelope) }
func (m Carried) size() int { return deviceLen + bytesLen(m.Envelope) }

func appendBytes(b, bytes []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(bytes))), bytes...)
}

func bytesLen(bytes []byte) int { return uvarintLen(uint64(len(bytes))) + len(bytes) }

func parseLetters(kind byte, r *reader) Message {
	switch kind {
	case typeCard:
		return parseCard(r)
	case typeAskCard:
		return parseAskCard(r)
	case typeCarry:
		return parseCarry(r)
	case typeCarried:
		return parseCarried(r)
	}
	return parseRelease(kind, r)
}

func parseCard(r *reader) (m Card) {
	m.Card = r.envelope("card")
	return m
}

func parseAskCard(r *reader) (m AskCard) {
	r.into("device", m.Device[:])
	return m
}

func parseCarry(r *reader) (m Carry) {
	r.into("to", m.To[:])
	m.Envelope = r.envelope("envelope")
	return m
}

func parseCarried(r *reader) (m Carried) {
	r.into("from", m.From[:])
	m.Envelope = r.envelope("envelope")
	return m
}

// envelope returns a copy: it outlives the frame.
func (r *reader) envelope(field string) []byte {
	n := r.atMost(field, EnvelopeMax)
	return append([]byte(nil), r.raw(field, int(n))...)
}
