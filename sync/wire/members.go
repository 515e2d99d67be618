package wire

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/members"
)

// Limits of the messages about members.
const (
	RecordsMax   = 256 // records in one Records
	PlacesMax    = 256 // devices in one Whereabouts
	AddressesMax = 8   // addresses of one device in it
)

// Roster tells how much the sender has heard of who shares a folder. Whoever has heard more
// answers with Records, whoever has heard less with a Roster.
type Roster struct {
	Folder   ident.FolderID
	Founding members.Founding // zero when the sender does not know it
	Have     []members.Seen   // records of each owner; by device
	Hash     [32]byte         // of all records
}

// Records carries what owners said about members, in an order in which each can be taken
// in after those before it.
type Records struct {
	Folder  ident.FolderID
	Records []members.Record
}

// Whereabouts tells where members of a folder may be reached, as far as the sender knows.
type Whereabouts struct {
	Folder ident.FolderID
	Places []Place
}

// Place is where one device may be reached, best first.
type Place struct {
	Device    ident.DeviceID
	Addresses []netip.AddrPort
}

func (Roster) message()      {}
func (Records) message()     {}
func (Whereabouts) message() {}

const (
	deviceLen    = len(ident.DeviceID{})
	seenSizeMin  = deviceLen + 1
	placeSizeMin = deviceLen + 1
	addrSizeMin  = 1 + 4 + 2
)

func (Roster) kind() byte { return typeRoster }

func (m Roster) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = append(b, m.Founding.Founder[:]...)
	b = append(b, m.Founding.Nonce[:]...)
	b = binary.AppendUvarint(b, uint64(len(m.Have)))
	for _, s := range m.Have {
		b = binary.AppendUvarint(append(b, s.Owner[:]...), s.Upto)
	}
	return append(b, m.Hash[:]...)
}

func (m Roster) size() int {
	n := folderLen + deviceLen + len(members.Nonce{}) + uvarintLen(uint64(len(m.Have))) + len(m.Hash)
	for _, s := range m.Have {
		n += deviceLen + uvarintLen(s.Upto)
	}
	return n
}

func parseRoster(r *reader) (m Roster) {
	r.into("folder", m.Folder[:])
	r.into("founder", m.Founding.Founder[:])
	r.into("nonce", m.Founding.Nonce[:])
	n := r.count("have", members.OwnersMax, seenSizeMin)
	for i := range n {
		r.item = i
		var s members.Seen
		r.into("owner", s.Owner[:])
		s.Upto = r.atMost("upto", members.RecordsMax)
		m.Have = append(m.Have, s)
	}
	r.item = noItem
	r.into("hash", m.Hash[:])
	return m
}

func (Records) kind() byte { return typeRecords }

func (m Records) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, uint64(len(m.Records)))
	for i := range m.Records {
		b = m.Records[i].Append(b)
	}
	return b
}

func (m Records) size() int {
	n := folderLen + uvarintLen(uint64(len(m.Records)))
	var room [members.RecordMax]byte
	for i := range m.Records {
		n += len(m.Records[i].Append(room[:0]))
	}
	return n
}

func parseRecords(r *reader) (m Records) {
	r.into("folder", m.Folder[:])
	n := r.count("records", RecordsMax, members.RecordMin)
	for i := range n {
		r.item = i
		record, rest, err := members.Parse(r.rest)
		if err != nil {
			r.fail("record", err)
			return m
		}
		r.rest = rest
		m.Records = append(m.Records, record)
	}
	return m
}

func (Whereabouts) kind() byte { return typeWhereabouts }

// An address is the length of its IP, 4 or 16, the IP, and the port in two bytes, the most
// significant first. Zones mean nothing on another computer and are left out.
func (m Whereabouts) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, uint64(len(m.Places)))
	for _, p := range m.Places {
		b = append(b, p.Device[:]...)
		b = binary.AppendUvarint(b, uint64(len(p.Addresses)))
		for _, a := range p.Addresses {
			ip := a.Addr().Unmap().AsSlice()
			b = append(append(b, byte(len(ip))), ip...)
			b = binary.BigEndian.AppendUint16(b, a.Port())
		}
	}
	return b
}

func (m Whereabouts) size() int {
	n := folderLen + uvarintLen(uint64(len(m.Places)))
	for _, p := range m.Places {
		n += deviceLen + uvarintLen(uint64(len(p.Addresses)))
		for _, a := range p.Addresses {
			n += 1 + len(a.Addr().Unmap().AsSlice()) + 2
		}
	}
	return n
}

var errAddress = errors.New("neither an IPv4 nor an IPv6 address with a port")

func parseWhereabouts(r *reader) (m Whereabouts) {
	r.into("folder", m.Folder[:])
	n := r.count("places", PlacesMax, placeSizeMin)
	for i := range n {
		r.item = i
		var p Place
		r.into("device", p.Device[:])
		for range r.count("addresses", AddressesMax, addrSizeMin) {
			ip, ok := netip.AddrFromSlice(r.raw("address", int(r.byte("address"))))
			port := r.raw("port", 2)
			if r.err != nil {
				return m
			}
			if !ok || ip.Is4In6() || port[0] == 0 && port[1] == 0 {
				r.fail("address", errAddress)
				return m
			}
			p.Addresses = append(p.Addresses, netip.AddrPortFrom(ip, binary.BigEndian.Uint16(port)))
		}
		m.Places = append(m.Places, p)
	}
	return m
}
