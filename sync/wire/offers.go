package wire

import (
	"encoding/binary"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Limits of Offers.
const (
	OffersMax = 256
	roleMax   = 16 // bytes of a role's word
)

// Offers tells which folders the sender shares with the receiver, behind Hello and whenever
// that changes. What the receiver keeps already is among them.
type Offers struct{ Folders []Offer }

// Offer is one of them. Whoever takes it becomes nothing by this: what a member may do is
// said by the folder's records.
type Offer struct {
	Folder ident.FolderID
	Name   string
	Role   string // the receiver's, as far as the sender knows
	Files  uint64
	Bytes  uint64
}

func (Offers) message() {}

func (Offers) kind() byte { return typeOffers }

func (m Offers) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(m.Folders)))
	for _, o := range m.Folders {
		b = appendText(appendText(append(b, o.Folder[:]...), o.Name, NameMax), o.Role, roleMax)
		b = binary.AppendUvarint(binary.AppendUvarint(b, o.Files), o.Bytes)
	}
	return b
}

func (m Offers) size() int {
	n := uvarintLen(uint64(len(m.Folders)))
	for _, o := range m.Folders {
		n += folderLen + sizedLen(textLen(o.Name, NameMax)) + sizedLen(textLen(o.Role, roleMax))
		n += uvarintLen(o.Files) + uvarintLen(o.Bytes)
	}
	return n
}

// offerSizeMin is what an offer needs at least.
const offerSizeMin = folderLen + 4

func parseOffers(r *reader) (m Offers) {
	for i := range r.count("folders", OffersMax, offerSizeMin) {
		r.item = i
		var o Offer
		r.into("folder", o.Folder[:])
		o.Name, o.Role = r.text("name", NameMax), r.text("role", roleMax)
		o.Files, o.Bytes = r.number("files"), r.number("bytes")
		m.Folders = append(m.Folders, o)
	}
	r.item = noItem
	return m
}
