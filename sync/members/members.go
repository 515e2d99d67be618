// Package members says who shares a folder, in which role, and by whose word.
//
// The device that creates a folder is its owner: the folder's id is made of its device id,
// so nobody else can claim it. All else are records: an owner says which role a device
// has, signs that, and everybody passes it on. A Map is the set of records one device has
// heard of. Two devices that hold the same records come to the same roles, in whatever
// order they heard them.
//
// A record counts when its signer was an owner as far as the record had seen, and no owner
// who counts had ended that without having seen the record. So a removed owner cannot
// write himself back in, not even with an old date: what the remover had not seen of him
// does not count. Of two owners who remove each other, neither having seen the other's
// record, the one who was an owner earlier stays; exactly one removal counts.
//
// It knows nothing of links and keeps no keys: it says which bytes are to be signed, and
// checks what others signed. Package roster talks about maps with other devices; the wire
// carries records; the host keeps the map on disk.
package members

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Role is what a device may do in a folder. A higher one may do all that a lower one may.
type Role uint8

// The roles. None is that of a device whose membership was ended.
const (
	None   Role = iota
	Reader      // gets everything, and passes it on
	Writer      // changes files too
	Owner       // says who shares the folder, too
)

// String returns the word for people and programs.
func (r Role) String() string {
	switch r {
	case None:
		return "none"
	case Reader:
		return "reader"
	case Writer:
		return "writer"
	case Owner:
		return "owner"
	}
	return "unknown role"
}

// MayWrite reports whether what the device changes becomes part of the folder.
func (r Role) MayWrite() bool { return r >= Writer }

// Limits of a map. They bound what a peer can make others keep.
const (
	// RecordsMax is enough for 1,000 members who change twenty times each.
	RecordsMax = 20_000
	// ActsMax bounds the records of one owner, so that one who was removed cannot fill the
	// map with words that do not count.
	ActsMax = RecordsMax / 2
	// OwnersMax bounds the devices that ever were owners, which records list as seen.
	OwnersMax = 64
	// NameMax bounds a member's name, in bytes.
	NameMax = 64
)

// Nonce makes the ids of one device's folders differ. It is drawn when a folder is created.
type Nonce [16]byte

// Founding says who created a folder. The folder's id proves it.
type Founding struct {
	Founder ident.DeviceID
	Nonce   Nonce
}

// IsZero reports whether it is not known who created the folder.
func (f Founding) IsZero() bool { return f.Founder.IsZero() }

// Folder returns the id of the folder that was founded.
func (f Founding) Folder() (id ident.FolderID) {
	b := append([]byte("shoal folder 1\x00"), f.Founder[:]...)
	sum := sha256.Sum256(append(b, f.Nonce[:]...))
	copy(id[:], sum[:])
	return id
}

// Seen says how many records of an owner somebody had seen: all with Epoch <= Upto.
type Seen struct {
	Owner ident.DeviceID
	Upto  uint64
}

// Record is an owner's word about one device.
type Record struct {
	Key     [32]byte // the signer's Ed25519 public key
	Epoch   uint64   // number of the signer's records, from 1 without gaps
	Subject ident.DeviceID
	Role    Role
	Name    string // what the signer calls the subject
	Seen    []Seen // of other owners' records, before this one was made; ordered, no zero
	Sign    [64]byte
}

// Signer returns the device whose word it is.
func (r *Record) Signer() ident.DeviceID { return ident.DeviceFromKey(r.Key[:]) }

// saw returns how many of an owner's records r had seen; of its signer's own, all before.
func (r *Record) saw(owner ident.DeviceID) uint64 {
	if owner == r.Signer() {
		return r.Epoch - 1
	}
	for _, s := range r.Seen {
		if s.Owner == owner {
			return s.Upto
		}
	}
	return 0
}

// follows reports whether r was made with knowledge of o.
func (r *Record) follows(o *Record) bool { return r.saw(o.Signer()) >= o.Epoch }

// Why a record is not taken in.
var (
	// ErrEarly: what the record had seen is not here yet. It is to be sent again after that.
	ErrEarly = errors.New("it rests on records that are not here")
	// ErrForged: the signature is not the signer's, or the record is not well formed.
	ErrForged = errors.New("it is not what an owner signed")
	// ErrNotOwner: its signer was no owner, as far as the record had seen.
	ErrNotOwner = errors.New("whoever signed it was no owner")
	// ErrFull: the map holds as much as it may.
	ErrFull = errors.New("there are too many records")
)

// Member is a device and its role.
type Member struct {
	Device ident.DeviceID
	Role   Role
	Name   string
	// By is the owner whose word it is; zero for the founder's own beginning.
	By ident.DeviceID
}

func compareDevices(a, b ident.DeviceID) int { return bytes.Compare(a[:], b[:]) }
