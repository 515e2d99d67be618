package wire

import (
	"crypto/sha256"
	"encoding/binary"
)

const (
	// PlatformMax bounds the names of a system and of a processor, in bytes.
	PlatformMax = 32
	// ReleasePartMax bounds what one ReleaseTold brings: parts of files, or a signed list.
	ReleasePartMax = 512 << 10
)

// AskRelease asks for the signed list of a release of which the receiver holds the file
// for a platform. It is about programs, and no folder.
type AskRelease struct {
	Ticket       uint64
	System, Arch string // as Go names them
	Window       bool   // the program with the window
}

// AskReleasePart asks for a part of a file of a release.
type AskReleasePart struct {
	Ticket uint64
	Hash   [sha256.Size]byte // of the file
	Offset uint64
	Size   uint64 // at most ReleasePartMax
}

// ReleaseTold answers both. No bytes: the receiver has none of it.
type ReleaseTold struct {
	Ticket uint64
	Bytes  []byte
}

func (AskRelease) message()     {}
func (AskReleasePart) message() {}
func (ReleaseTold) message()    {}

func (AskRelease) kind() byte     { return typeAskRelease }
func (AskReleasePart) kind() byte { return typeAskReleasePart }
func (ReleaseTold) kind() byte    { return typeReleaseTold }

func (m AskRelease) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, m.Ticket)
	b = appendText(b, m.System, PlatformMax)
	b = appendText(b, m.Arch, PlatformMax)
	return appendFlag(b, m.Window)
}

func (m AskReleasePart) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, m.Ticket)
	b = append(b, m.Hash[:]...)
	b = binary.AppendUvarint(b, m.Offset)
	return binary.AppendUvarint(b, m.Size)
}

func (m ReleaseTold) appendTo(b []byte) []byte {
	return appendBytes(binary.AppendUvarint(b, m.Ticket), m.Bytes)
}

func (m AskRelease) size() int {
	return uvarintLen(m.Ticket) + textSize(m.System, PlatformMax) + textSize(m.Arch, PlatformMax) + 1
}

func (m AskReleasePart) size() int {
	return uvarintLen(m.Ticket) + len(m.Hash) + uvarintLen(m.Offset) + uvarintLen(m.Size)
}

func (m ReleaseTold) size() int { return uvarintLen(m.Ticket) + bytesLen(m.Bytes) }

// parseRelease is parseBody for what is said about releases.
func parseRelease(kind byte, r *reader) Message {
	switch kind {
	case typeAskRelease:
		return parseAskRelease(r)
	case typeAskReleasePart:
		return parseAskReleasePart(r)
	case typeReleaseTold:
		return parseReleaseTold(r)
	}
	return nil
}

func parseAskRelease(r *reader) (m AskRelease) {
	m.Ticket = r.number("ticket")
	m.System = r.text("system", PlatformMax)
	m.Arch = r.text("arch", PlatformMax)
	m.Window = r.flag("window")
	return m
}

func parseAskReleasePart(r *reader) (m AskReleasePart) {
	m.Ticket = r.number("ticket")
	r.into("hash", m.Hash[:])
	m.Offset = r.number("offset")
	m.Size = r.atMost("size", ReleasePartMax)
	return m
}

func parseReleaseTold(r *reader) (m ReleaseTold) {
	m.Ticket = r.number("ticket")
	// A copy: it outlives the frame.
	m.Bytes = append([]byte(nil), r.sized("bytes", ReleasePartMax)...)
	return m
}
