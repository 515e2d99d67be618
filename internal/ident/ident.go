// Package ident holds the names of things: devices, folders, entries, replicas, logs,
// content and chunks. Each is a fixed-size value with exactly one text form.
//
// It knows nothing of what the names stand for. Every package may import it.
//
// Text forms people may see or type carry check characters, so that a mistyped id is
// refused instead of meaning another thing:
//
//	device  32 bytes + 3 check bytes = 56 base32 characters, 8 groups of 7
//	folder  16 bytes + 4 check bytes = 32 base32 characters, 4 groups of 8
//
// The others are only ever printed: lower-case hexadecimal.
package ident

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// DeviceID is the SHA-256 of a device's Ed25519 public key (32 raw bytes).
type DeviceID [32]byte

// FolderID names a folder on all of its members: 128 random bits.
type FolderID [16]byte

// EntryID names an entry for life, wherever it moves: 128 bits. The zero value is the
// root directory of every folder.
type EntryID [16]byte

// ReplicaID is one device's copy of one folder. Zero means "no replica" and is never
// drawn.
type ReplicaID uint64

// LogID names one run of a replica's change log; a new one is drawn whenever numbers of
// the old log may have been lost.
type LogID uint64

// ContentID names the bytes of a file (see package recipe for how it is derived).
type ContentID [32]byte

// ChunkID names one chunk: H(0x00, bytes).
type ChunkID [32]byte

// Root is the entry id of the top directory of every folder.
var Root EntryID

// ErrMalformed reports text that is no id, or whose check characters do not fit.
var ErrMalformed = errors.New("malformed id")

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// DeviceFromKey returns the id of the device that holds the given Ed25519 public key.
func DeviceFromKey(public []byte) DeviceID { return sha256.Sum256(public) }

// String returns the grouped text form with check characters.
func (d DeviceID) String() string { return checked(d[:], 3, 7) }

// Short returns the first group, enough to tell devices apart in a log line.
func (d DeviceID) Short() string { return d.String()[:7] }

// IsZero reports whether d names no device.
func (d DeviceID) IsZero() bool { return d == DeviceID{} }

// MarshalText implements encoding.TextMarshaler.
func (d DeviceID) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it fails as ParseDevice does.
func (d *DeviceID) UnmarshalText(text []byte) error {
	parsed, err := ParseDevice(string(text))
	*d = parsed
	return err
}

// ParseDevice reads the text form of a device id. Case, spaces and dashes do not matter.
// It returns an error wrapping ErrMalformed when text is no device id.
func ParseDevice(text string) (id DeviceID, err error) {
	if err := parseChecked(id[:], 3, text); err != nil {
		return DeviceID{}, fmt.Errorf("device id %q: %w", shown(text), err)
	}
	return id, nil
}

// String returns the grouped text form with check characters.
func (f FolderID) String() string { return checked(f[:], 4, 8) }

// IsZero reports whether f names no folder.
func (f FolderID) IsZero() bool { return f == FolderID{} }

// MarshalText implements encoding.TextMarshaler.
func (f FolderID) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it fails as ParseFolder does.
func (f *FolderID) UnmarshalText(text []byte) error {
	parsed, err := ParseFolder(string(text))
	*f = parsed
	return err
}

// ParseFolder reads the text form of a folder id. Case, spaces and dashes do not matter.
// It returns an error wrapping ErrMalformed when text is no folder id.
func ParseFolder(text string) (id FolderID, err error) {
	if err := parseChecked(id[:], 4, text); err != nil {
		return FolderID{}, fmt.Errorf("folder id %q: %w", shown(text), err)
	}
	return id, nil
}

// String returns 32 hexadecimal digits.
func (e EntryID) String() string { return hex.EncodeToString(e[:]) }

// IsRoot reports whether e is the top directory of its folder.
func (e EntryID) IsRoot() bool { return e == Root }

// String returns 16 hexadecimal digits.
func (r ReplicaID) String() string { return fmt.Sprintf("%016x", uint64(r)) }

// String returns 16 hexadecimal digits.
func (l LogID) String() string { return fmt.Sprintf("%016x", uint64(l)) }

// String returns 64 hexadecimal digits.
func (c ContentID) String() string { return hex.EncodeToString(c[:]) }

// IsZero reports whether c names no content.
func (c ContentID) IsZero() bool { return c == ContentID{} }

// ParseContent reads the 64 hexadecimal digits that String writes.
func ParseContent(text string) (c ContentID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(c) {
		return c, fmt.Errorf("content id %q: %w", shown(text), ErrMalformed)
	}
	copy(c[:], b)
	return c, nil
}

// String returns 64 hexadecimal digits.
func (c ChunkID) String() string { return hex.EncodeToString(c[:]) }

// DerivedEntry is the id that a first scan gives to a name (design: null version), so
// that two devices which already hold the same tree agree without talking:
// the first 16 bytes of SHA-256(folder, parent, kind, name).
func DerivedEntry(folder FolderID, parent EntryID, kind byte, name string) EntryID {
	h := sha256.New()
	h.Write([]byte("shoal entry 1\x00"))
	h.Write(folder[:])
	h.Write(parent[:])
	h.Write([]byte{kind})
	h.Write([]byte(name))
	return EntryID(h.Sum(nil)[:16])
}

// ConflictEntry is the id of the entry that keeps a losing content: a function of the
// entry it was written to and of the loser's dot, so that every replica derives the same.
// A loser without a dot (null version) is told apart by its content.
func ConflictEntry(entry EntryID, replica ReplicaID, counter uint64, content ContentID) EntryID {
	h := sha256.New()
	h.Write([]byte("shoal conflict 1\x00"))
	h.Write(entry[:])
	if replica != 0 {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(replica)))
		h.Write(binary.BigEndian.AppendUint64(nil, counter))
	} else {
		h.Write(content[:])
	}
	return EntryID(h.Sum(nil)[:16])
}

func checked(raw []byte, check, group int) string {
	sum := sha256.Sum256(raw)
	text := encoding.EncodeToString(append(append([]byte(nil), raw...), sum[:check]...))
	var b strings.Builder
	for i := 0; i < len(text); i += group {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(text[i:min(i+group, len(text))])
	}
	return b.String()
}

func parseChecked(into []byte, check int, text string) error {
	if len(text) > longest {
		return fmt.Errorf("%w: too long", ErrMalformed)
	}
	text = strings.Map(plain, text)
	raw, err := encoding.DecodeString(text)
	// The decoder drops a last character that fills no byte, so the text is measured too.
	if err != nil || len(raw) != len(into)+check || len(text) != encoding.EncodedLen(len(raw)) {
		return fmt.Errorf("%w: wrong length or characters", ErrMalformed)
	}
	sum := sha256.Sum256(raw[:len(into)])
	if string(sum[:check]) != string(raw[len(into):]) {
		return fmt.Errorf("%w: its check characters do not fit, it was mistyped", ErrMalformed)
	}
	copy(into, raw)
	return nil
}

// longest is about twice the longest text form; more is no id, and worth neither decoding
// nor repeating in an error.
const longest = 128

// plain drops what people add to an id and lowers its letters. Only ASCII has case here:
// Unicode would take foreign letters, such as the Kelvin sign, for ours.
func plain(r rune) rune {
	switch {
	case r == '-' || r == ' ' || r == '\t' || r == '\n' || r == '\r':
		return -1
	case 'A' <= r && r <= 'Z':
		return r - 'A' + 'a'
	}
	return r
}

// shown is as much of a text as an error repeats.
func shown(text string) string {
	if len(text) > longest {
		return text[:longest] + "..."
	}
	return text
}

// ParseEntry reads the 32 hexadecimal digits that EntryID.String writes.
func ParseEntry(text string) (e EntryID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(e) {
		return EntryID{}, fmt.Errorf("entry id %q: %w", shown(text), ErrMalformed)
	}
	copy(e[:], b)
	return e, nil
}
