package post

import (
	"crypto/sha256"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// SharesMax bounds the folders of which a device says to one server that it shares them.
	SharesMax = 64
	// MembersMax bounds the devices that a server names at a time. With cards as long as
	// they may be their message is just short of MessageMax.
	MembersMax = 24
	// PartAll is the part of a folder that a device has which has all of it. Parts are
	// tenths: a server need not know more, and need not be told more often.
	PartAll = 10
)

// FolderKey stands for a folder at one server. Who knows the folder's id can make it;
// nobody can make the id from it, nor tell that keys at two servers are of one folder.
type FolderKey [16]byte

// KeyOf returns the key of a folder at the server of an audience; see Place.Audience.
func KeyOf(audience string, folder ident.FolderID) (key FolderKey) {
	sum := sha256.Sum256(append([]byte("shoal folder 1\x00"+audience+"\x00"), folder[:]...))
	copy(key[:], sum[:])
	return key
}

// Share says that a device shares a folder, and how much of it it has, in tenths.
type Share struct {
	Key  []byte `json:"key"`
	Part int    `json:"part,omitempty"`
}

// Member is a device that shares a folder and is connected to the server.
type Member struct {
	Device ident.DeviceID `json:"device"`
	Card   []byte         `json:"card,omitempty"`
	Part   int            `json:"part,omitempty"`
}

// checkShares reports whether what a message says of folders keeps to the limits.
func (m *Message) checkShares() bool {
	if len(m.Shares) > SharesMax || len(m.Members) > MembersMax || m.Folder != nil && len(m.Folder) != len(FolderKey{}) {
		return false
	}
	for _, s := range m.Shares {
		if len(s.Key) != len(FolderKey{}) || s.Part < 0 || s.Part > PartAll {
			return false
		}
	}
	for _, o := range m.Members {
		if len(o.Card) > CardMax || o.Part < 0 || o.Part > PartAll {
			return false
		}
	}
	return true
}
