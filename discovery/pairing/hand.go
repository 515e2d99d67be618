package pairing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Two devices that no server, no local network and no address brings together are linked
// by two texts that people carry: an invitation and its reply. Each also holds a word of
// the call that makes the way between them. The invitation's secret proves that whoever
// replies has read it; the call proves both devices by their keys.
//
//	shoal://invite/  base32 of: 1, device (32), secret (16), card, offers, word
//	shoal://reply/   base32 of: 1, device (32), card, count and folders taken (16 each), word,
//	                 then HMAC-SHA256 (32) by the secret over the inviting device and the rest
//
// Both end with three check bytes. A word is its length (2) and its bytes.
const (
	inviteScheme = "shoal://invite/"
	replyScheme  = "shoal://reply/"
	handVersion  = 1
	// HandOffersMax bounds the folders that an invitation offers.
	HandOffersMax = 4
	// handTextMax keeps a text below the 4,095 characters that a terminal takes as one line.
	handTextMax = 4000
	handWordMax = 2 << 10
)

// Invite is what a person carries to the device that is to be linked.
type Invite struct {
	Device ident.DeviceID
	Secret [16]byte
	Card   Card
	Offers []Offer // at most HandOffersMax
	Word   []byte
}

// Reply is what a person brings back.
type Reply struct {
	Device ident.DeviceID
	Card   Card
	Taken  []ident.FolderID
	Word   []byte
}

// String returns the invitation as a text. In capital letters it means the same.
func (i Invite) String() string {
	raw := append([]byte{handVersion}, i.Device[:]...)
	raw = append(raw, i.Secret[:]...)
	raw = appendOffers(appendCard(raw, i.Card), i.Offers[:min(len(i.Offers), HandOffersMax)])
	return handText(inviteScheme, appendWord(raw, i.Word))
}

// Text returns the reply to an invitation.
func (r Reply) Text(to Invite) string {
	raw := appendCard(append([]byte{handVersion}, r.Device[:]...), r.Card)
	taken := r.Taken[:min(len(r.Taken), HandOffersMax)]
	raw = append(raw, byte(len(taken)))
	for _, f := range taken {
		raw = append(raw, f[:]...)
	}
	raw = appendWord(raw, r.Word)
	return handText(replyScheme, append(raw, to.proof(raw)...))
}

func appendWord(to, word []byte) []byte {
	word = word[:min(len(word), handWordMax)]
	return append(binary.BigEndian.AppendUint16(to, uint16(len(word))), word...)
}

func (i Invite) proof(reply []byte) []byte {
	mac := hmac.New(sha256.New, i.Secret[:])
	mac.Write(i.Device[:]) // a hash takes everything
	mac.Write(reply)
	return mac.Sum(nil)
}

func handText(scheme string, raw []byte) string {
	sum := sha256.Sum256(raw)
	return scheme + linkEncoding.EncodeToString(append(raw, sum[:linkCheck]...))
}

// IsInvite reports whether a text wants to be an invitation.
func IsInvite(text string) bool { return isHand(text, inviteScheme) }

// IsReply reports whether a text wants to be a reply.
func IsReply(text string) bool { return isHand(text, replyScheme) }

// CheckEntry reports what is wrong with what a person has entered: a code, a link, an
// invitation or a reply. To what a reply belongs is not looked at.
func CheckEntry(text string) (err error) {
	switch {
	case IsReply(text):
		_, err = parseHand(text, replyScheme)
	case IsInvite(text):
		_, err = ParseInvite(text)
	default:
		_, err = ParseEntry(text)
	}
	return err
}

func isHand(text, scheme string) bool {
	text = strings.TrimSpace(text)
	return len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme)
}

// parseHand returns the bytes of a text, after its version. Blanks and line ends, which
// mail puts into long words, do not matter.
func parseHand(text, scheme string) (*reader, error) {
	damaged := errors.New("the text is damaged or incomplete: copy all of it, it begins with " + scheme)
	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	body, ok := strings.CutPrefix(text, scheme)
	if !ok || len(text) > handTextMax {
		return nil, damaged
	}
	raw, err := linkEncoding.DecodeString(body)
	if err != nil || len(raw) < linkCheck+1 || linkEncoding.EncodedLen(len(raw)) != len(body) {
		return nil, damaged
	}
	raw, check := raw[:len(raw)-linkCheck], raw[len(raw)-linkCheck:]
	if sum := sha256.Sum256(raw); string(sum[:linkCheck]) != string(check) {
		return nil, damaged
	}
	if raw[0] != handVersion {
		return nil, fmt.Errorf("the text is of a newer program (form %d): update this one", raw[0])
	}
	return &reader{rest: raw[1:]}, nil
}

func (r *reader) word() []byte {
	n := int(r.u16())
	if n > handWordMax {
		r.failed = true
		return nil
	}
	return append([]byte(nil), r.bytes(n)...)
}

var errHand = errors.New("the text holds something else than it says: ask for a new one")

// ParseInvite reads what String writes.
func ParseInvite(text string) (i Invite, err error) {
	r, err := parseHand(text, inviteScheme)
	if err != nil {
		return i, err
	}
	i.Device = ident.DeviceID(r.bytes(len(i.Device)))
	i.Secret = [16]byte(r.bytes(len(i.Secret)))
	i.Card, i.Offers, i.Word = r.card(), r.offers(), r.word()
	if r.failed || len(r.rest) > 0 || len(i.Offers) > HandOffersMax {
		return Invite{}, errHand
	}
	return i, nil
}

// ErrOtherInvite reports a reply to another invitation.
var ErrOtherInvite = errors.New("this is the reply to another invitation, or to one that has ended")

// ParseReply reads what Text writes, and finds to which of the invitations it is.
func ParseReply(text string, to []Invite) (reply Reply, at int, err error) {
	r, err := parseHand(text, replyScheme)
	if err != nil {
		return reply, 0, err
	}
	if len(r.rest) < sha256.Size {
		return reply, 0, errHand
	}
	body, proof := r.rest[:len(r.rest)-sha256.Size], r.rest[len(r.rest)-sha256.Size:]
	for at = range to {
		if hmac.Equal(to[at].proof(append([]byte{handVersion}, body...)), proof) {
			reply, err = parseReply(&reader{rest: body})
			return reply, at, err
		}
	}
	return reply, 0, ErrOtherInvite
}

func parseReply(r *reader) (reply Reply, err error) {
	reply.Device = ident.DeviceID(r.bytes(len(reply.Device)))
	reply.Card = r.card()
	for range r.count() {
		reply.Taken = append(reply.Taken, ident.FolderID(r.bytes(len(ident.FolderID{}))))
	}
	reply.Word = r.word()
	if r.failed || len(r.rest) > 0 || len(reply.Taken) > HandOffersMax {
		return Reply{}, errHand
	}
	return reply, nil
}
