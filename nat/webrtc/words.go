package webrtc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	pion "github.com/pion/webrtc/v4"
)

// What two devices tell each other before there is a link, byte by byte. Numbers are big
// endian; whoever carries it keeps it private and says from whom it comes.
//
//	word         1    1 offer, 2 answer, 3 candidates, 4 hang up
//	call         8    number the caller drew
//	offer and answer only:
//	  abilities  1    bits: 1 bulk may ride QUIC
//	  name       1+n  ICE user fragment, 4 to 32 letters (RFC 8839 section 5.4)
//	  password   1+n  22 to 64 letters
//	  print      32   SHA-256 of the certificate for DTLS
//	candidates in all but hang up:
//	  count      1    at most 32
//	  each:      1    kind 0 host, 1 seen by a server, 2 seen by the peer, 3 relayed;
//	                  16 more for TCP passive, 32 for TCP active
//	             4    priority
//	             1+n  address of 4 or 16 bytes
//	             2    port
//	hang up only: 1+n why
//
// What follows is of a newer program and left alone.
const (
	wordOffer      = 1
	wordAnswer     = 2
	wordCandidates = 3
	wordHangUp     = 4
)

const (
	// WordMax bounds one word: an offer with all the candidates it may have has 900 bytes.
	WordMax = 2 << 10
	// candidatesWordMax and candidatesMax bound what is believed of where a caller may be.
	// Eight interfaces in two families, each seen by servers and relayed, are fewer.
	candidatesWordMax = 32
	candidatesMax     = 64
	reasonMax         = 100

	kindPassive = 16
	kindActive  = 32
)

var errWord = errors.New("it cannot be read")

// word is one message of a call.
type word struct {
	kind       byte
	call       uint64
	abilities  byte
	ice        pion.ICEParameters
	print      [32]byte
	candidates []pion.ICECandidate
	reason     string
}

const abilityQUIC = 1

func (w word) append(b []byte) []byte {
	b = append(b, w.kind)
	b = binary.BigEndian.AppendUint64(b, w.call)
	if w.kind == wordHangUp {
		return appendText(b, w.reason[:min(len(w.reason), reasonMax)])
	}
	if w.kind != wordCandidates {
		b = append(b, w.abilities)
		b = appendText(b, w.ice.UsernameFragment)
		b = appendText(b, w.ice.Password)
		b = append(b, w.print[:]...)
	}
	b = append(b, byte(len(w.candidates)))
	for _, c := range w.candidates {
		kind, addr := kindOf(c)
		b = append(b, kind)
		b = binary.BigEndian.AppendUint32(b, c.Priority)
		b = appendText(b, string(addr.AsSlice()))
		b = binary.BigEndian.AppendUint16(b, c.Port)
	}
	return b
}

func appendText(b []byte, text string) []byte { return append(append(b, byte(len(text))), text...) }

var kinds = []pion.ICECandidateType{
	pion.ICECandidateTypeHost, pion.ICECandidateTypeSrflx, pion.ICECandidateTypePrflx, pion.ICECandidateTypeRelay,
}

// kindOf returns the first byte of a candidate and its address, which is none for a host
// name.
func kindOf(c pion.ICECandidate) (kind byte, addr netip.Addr) {
	for i, k := range kinds {
		if k == c.Typ {
			kind = byte(i)
		}
	}
	switch {
	case c.Protocol == pion.ICEProtocolTCP && c.TCPType == "passive":
		kind += kindPassive
	case c.Protocol == pion.ICEProtocolTCP:
		kind += kindActive
	}
	addr, err := netip.ParseAddr(c.Address)
	if err != nil {
		return kind, netip.Addr{}
	}
	return kind, addr.Unmap().WithZone("")
}

// parser takes bytes off the front of a word.
type parser struct {
	rest []byte
	bad  bool
}

func (p *parser) take(n int) []byte {
	if len(p.rest) < n {
		p.bad, p.rest = true, nil
		return make([]byte, n)
	}
	out := p.rest[:n]
	p.rest = p.rest[n:]
	return out
}

func (p *parser) number() byte { return p.take(1)[0] }

func (p *parser) text(least, most int) string {
	n := int(p.number())
	if n < least || n > most {
		p.bad = true
		return ""
	}
	return string(p.take(n))
}

// parseWord reads one word. Whatever the bytes, it takes no more memory than they have.
func parseWord(b []byte) (word, error) {
	if len(b) > WordMax {
		return word{}, fmt.Errorf("%w: %d bytes, allowed are %d", errWord, len(b), WordMax)
	}
	p := &parser{rest: b}
	w := word{kind: p.number(), call: binary.BigEndian.Uint64(p.take(8))}
	switch w.kind {
	case wordHangUp:
		w.reason = p.text(0, reasonMax)
	case wordOffer, wordAnswer:
		w.abilities = p.number()
		w.ice.UsernameFragment, w.ice.Password = p.text(4, 32), p.text(22, 64)
		w.print = [32]byte(p.take(32))
		p.bad = p.bad || !isICE(w.ice.UsernameFragment) || !isICE(w.ice.Password)
		w.candidates = p.candidates()
	case wordCandidates:
		w.candidates = p.candidates()
	default:
		return word{}, fmt.Errorf("%w: unknown kind %d", errWord, w.kind)
	}
	if p.bad {
		return word{}, errWord
	}
	return w, nil
}

func (p *parser) candidates() (out []pion.ICECandidate) {
	count := p.number()
	if count > candidatesWordMax {
		p.bad = true
	}
	for range count {
		if p.bad {
			return nil
		}
		kind := p.number()
		c := pion.ICECandidate{
			Priority: binary.BigEndian.Uint32(p.take(4)), Component: 1,
			Protocol: pion.ICEProtocolUDP, Foundation: fmt.Sprint(kind),
		}
		addr, ok := netip.AddrFromSlice([]byte(p.text(4, 16)))
		c.Port = binary.BigEndian.Uint16(p.take(2))
		if kind&^(kindPassive|kindActive) >= byte(len(kinds)) || !ok || addr.IsUnspecified() ||
			addr.IsMulticast() || c.Port == 0 {
			continue // of no use to us, or of a newer program
		}
		c.Address, c.Typ = addr.Unmap().String(), kinds[kind&3]
		switch kind &^ 3 {
		case kindPassive:
			c.Protocol, c.TCPType = pion.ICEProtocolTCP, "passive"
		case kindActive:
			c.Protocol, c.TCPType = pion.ICEProtocolTCP, "active"
		}
		out = append(out, c)
	}
	return out
}

// isICE holds a text to the letters of RFC 8839 section 5.4.
func isICE(text string) bool {
	for _, r := range []byte(text) {
		letter := r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9'
		if !letter && r != '+' && r != '/' {
			return false
		}
	}
	return true
}
