package pairing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/shoal-sync/shoal/discovery/pake"
	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// MessageMax bounds one message in bytes. The largest offers offersMax folders.
	MessageMax = 16 << 10
	// NameMax bounds names in bytes, of devices and of folders.
	NameMax = 255
	// OffersMax is how many folders are offered at once: more than a person reads before
	// saying yes.
	OffersMax = 16
	roleMax   = 16
	nonceSize = 16
)

// Message is what two devices say to each other while they link; the types below are all
// there are. Byte by byte they are described in docs/wire.md.
type Message interface{ message() }

// How a device that begins knows the secret.
const (
	byCode = 1
	byLink = 2
)

// Begin is the first message of who entered a code or a link.
type Begin struct {
	By    uint8 // byCode or byLink
	Slot  uint16
	Share [pake.ShareSize]byte
}

// Share answers Begin.
type Share struct{ Share [pake.ShareSize]byte }

// Proof shows that its sender has the key. Who entered the code sends it first.
type Proof struct{ Proof [pake.TagSize]byte }

// Sealed carries another message under the key.
type Sealed struct{ Box []byte }

// Ask is the first message of who picked this device from those nearby.
type Ask struct {
	Name   string
	Commit [32]byte
	Offers []Offer
}

// Answered answers Ask.
type Answered struct {
	Name   string
	Commit [32]byte
}

// Reveal opens the commitment of its sender. Who asked sends it first.
type Reveal struct{ Nonce [nonceSize]byte }

// Terms say who the sender is and what it offers: its person has said yes.
type Terms struct {
	Card   Card
	Offers []Offer
}

// Agree answers Terms: the person there has said yes, and which offers are taken.
type Agree struct {
	Card  Card
	Taken []ident.FolderID
}

// Linked says that its sender has recorded the other as a trusted device.
type Linked struct{}

// Refuse ends the conversation.
type Refuse struct{ Reason RefuseReason }

// RefuseReason is why a conversation ends.
type RefuseReason uint8

// The reasons.
const (
	NoInvitation RefuseReason = 1 // no code or link of that slot is shown here
	WrongProof   RefuseReason = 2 // the words were others: the code is dead
	Busy         RefuseReason = 3 // too much is going on; later perhaps
	Declined     RefuseReason = 4 // the person said no, or ended it
	Broken       RefuseReason = 5 // the other side broke the rules of the conversation
	NotSaved     RefuseReason = 6 // the device could not be recorded
)

func (Begin) message()    {}
func (Share) message()    {}
func (Proof) message()    {}
func (Sealed) message()   {}
func (Ask) message()      {}
func (Answered) message() {}
func (Reveal) message()   {}
func (Terms) message()    {}
func (Agree) message()    {}
func (Linked) message()   {}
func (Refuse) message()   {}

// Card is what a device tells of itself once it is sure whom it tells.
type Card struct {
	Name string
	// Port is where it takes links; 0 when it takes none from elsewhere.
	Port uint16
	// Announce is the key its presence on local networks is recognised by.
	Announce [32]byte
}

// Offer is a folder that the one who invites is ready to share.
type Offer struct {
	Folder ident.FolderID
	Name   string
	Role   string // what the other device may do in it: owner, writer or reader
	Files  uint64
	Bytes  uint64
}

// ErrMessage reports bytes that are no message.
var ErrMessage = errors.New("it broke the protocol of linking")

// Append appends the message to the slice.
func Append(to []byte, m Message) []byte {
	switch m := m.(type) {
	case Begin:
		to = append(to, 1, m.By)
		return append(binary.BigEndian.AppendUint16(to, m.Slot), m.Share[:]...)
	case Share:
		return append(append(to, 2), m.Share[:]...)
	case Proof:
		return append(append(to, 3), m.Proof[:]...)
	case Sealed:
		return append(append(to, 4), m.Box...)
	case Ask:
		to = append(appendText(append(to, 5), m.Name), m.Commit[:]...)
		return appendOffers(to, m.Offers)
	case Answered:
		return append(appendText(append(to, 6), m.Name), m.Commit[:]...)
	case Reveal:
		return append(append(to, 7), m.Nonce[:]...)
	case Terms:
		return appendOffers(appendCard(append(to, 8), m.Card), m.Offers)
	case Agree:
		to = appendCard(append(to, 9), m.Card)
		to = append(to, byte(min(len(m.Taken), OffersMax)))
		for _, f := range m.Taken[:min(len(m.Taken), OffersMax)] {
			to = append(to, f[:]...)
		}
		return to
	case Linked:
		return append(to, 10)
	case Refuse:
		return append(to, 11, byte(m.Reason))
	}
	panic(fmt.Sprintf("bug: %T is no message of linking", m))
}

// Parse reads one message. Bytes after the last field are of a newer program and ignored.
// It fails with ErrMessage.
func Parse(frame []byte) (Message, error) {
	if len(frame) == 0 || len(frame) > MessageMax {
		return nil, ErrMessage
	}
	r := reader{rest: frame[1:]}
	m := r.message(frame[0])
	if m == nil || r.failed {
		return nil, ErrMessage
	}
	return m, nil
}

func (r *reader) message(kind byte) Message {
	switch kind {
	case 1:
		m := Begin{By: r.u8(), Slot: r.u16()}
		copy(m.Share[:], r.bytes(len(m.Share)))
		return m
	case 2:
		return Share{[pake.ShareSize]byte(r.bytes(pake.ShareSize))}
	case 3:
		return Proof{[pake.TagSize]byte(r.bytes(pake.TagSize))}
	case 4:
		return Sealed{append([]byte(nil), r.rest...)}
	case 5:
		return Ask{Name: r.text(NameMax), Commit: [32]byte(r.bytes(32)), Offers: r.offers()}
	case 6:
		return Answered{Name: r.text(NameMax), Commit: [32]byte(r.bytes(32))}
	case 7:
		return Reveal{[nonceSize]byte(r.bytes(nonceSize))}
	case 8:
		return Terms{Card: r.card(), Offers: r.offers()}
	case 9:
		m := Agree{Card: r.card()}
		for range r.count() {
			m.Taken = append(m.Taken, ident.FolderID(r.bytes(len(ident.FolderID{}))))
		}
		return m
	case 10:
		return Linked{}
	case 11:
		return Refuse{RefuseReason(r.u8())}
	}
	return nil
}

func appendText(to []byte, text string) []byte {
	for len(text) > NameMax {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return append(append(to, byte(len(text))), text...)
}

func appendCard(to []byte, c Card) []byte {
	to = binary.BigEndian.AppendUint16(appendText(to, c.Name), c.Port)
	return append(to, c.Announce[:]...)
}

func appendOffers(to []byte, offers []Offer) []byte {
	offers = offers[:min(len(offers), OffersMax)]
	to = append(to, byte(len(offers)))
	for _, o := range offers {
		to = appendText(appendText(append(to, o.Folder[:]...), o.Name), o.Role)
		to = binary.BigEndian.AppendUint64(to, o.Files)
		to = binary.BigEndian.AppendUint64(to, o.Bytes)
	}
	return to
}

// reader takes a message apart. After something was missing it returns zeros only.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) bytes(n int) []byte {
	if r.failed || n > len(r.rest) {
		r.failed = true
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) u8() uint8   { return r.bytes(1)[0] }
func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.bytes(2)) }
func (r *reader) u64() uint64 { return binary.BigEndian.Uint64(r.bytes(8)) }

func (r *reader) text(most int) string {
	n := int(r.u8())
	if n > most {
		r.failed = true
		return ""
	}
	return string(r.bytes(n))
}

func (r *reader) count() int {
	n := int(r.u8())
	if n > OffersMax {
		r.failed = true
		return 0
	}
	return n
}

func (r *reader) card() Card {
	return Card{Name: r.text(NameMax), Port: r.u16(), Announce: [32]byte(r.bytes(32))}
}

func (r *reader) offers() (out []Offer) {
	for range r.count() {
		out = append(out, Offer{
			Folder: ident.FolderID(r.bytes(len(ident.FolderID{}))), Name: r.text(NameMax),
			Role: r.text(roleMax), Files: r.u64(), Bytes: r.u64(),
		})
	}
	return out
}
