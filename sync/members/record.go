package members

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/shoal-sync/shoal/internal/ident"
)

// A record is written in one way only, on disk, on the wire and where it is signed:
//
//	key 32 | epoch | subject 32 | role 1 | length of name, name
//	number of seen, then of each owner 32, upto | signature 64
//
// Numbers are unsigned varints in their shortest form.

// RecordMax is the longest encoding of a record.
const RecordMax = 32 + 10 + 32 + 1 + 1 + NameMax + 1 + OwnersMax*(32+10) + 64

// RecordMin is the shortest one.
const RecordMin = 32 + 1 + 32 + 1 + 1 + 1 + 64

var errRecord = errors.New("not a record of a member")

// Append appends the encoding of r to b.
func (r *Record) Append(b []byte) []byte { return append(r.appendUnsigned(b), r.Sign[:]...) }

func (r *Record) appendUnsigned(b []byte) []byte {
	b = append(b, r.Key[:]...)
	b = binary.AppendUvarint(b, r.Epoch)
	b = append(b, r.Subject[:]...)
	b = append(b, byte(r.Role))
	b = binary.AppendUvarint(b, uint64(len(r.Name)))
	b = append(b, r.Name...)
	b = binary.AppendUvarint(b, uint64(len(r.Seen)))
	for _, s := range r.Seen {
		b = append(b, s.Owner[:]...)
		b = binary.AppendUvarint(b, s.Upto)
	}
	return b
}

// ToSign returns the bytes an owner of the folder signs.
func (r *Record) ToSign(folder ident.FolderID) []byte {
	b := append([]byte("shoal member record 1\x00"), folder[:]...)
	return r.appendUnsigned(b)
}

// signed reports whether the signer's signature fits.
func (r *Record) signed(folder ident.FolderID) bool {
	return ed25519.Verify(r.Key[:], r.ToSign(folder), r.Sign[:])
}

// Parse reads one record from the beginning of b and returns what follows it. It fails on
// any bytes that Append would not write.
func Parse(b []byte) (r Record, rest []byte, err error) {
	in := reader{rest: b}
	in.into(r.Key[:])
	r.Epoch = in.number()
	in.into(r.Subject[:])
	r.Role = Role(in.byte())
	r.Name = string(in.take(in.atMost(NameMax)))
	if n := in.atMost(OwnersMax); n > 0 {
		r.Seen = make([]Seen, n)
		for i := range r.Seen {
			in.into(r.Seen[i].Owner[:])
			r.Seen[i].Upto = in.number()
		}
	}
	in.into(r.Sign[:])
	if in.bad {
		return Record{}, nil, errRecord
	}
	if err := r.check(); err != nil {
		return Record{}, nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	return r, in.rest, nil
}

// check reports what is wrong with a record by itself, its signature aside.
func (r *Record) check() error {
	switch {
	case r.Epoch == 0:
		return errors.New("epoch 0")
	case r.Role > Owner:
		return fmt.Errorf("role %d", r.Role)
	case r.Subject.IsZero():
		return errors.New("it is about nobody")
	case r.Subject == r.Signer() && r.Role == Owner:
		return errors.New("it makes its signer an owner")
	case CheckName(r.Name) != nil:
		return CheckName(r.Name)
	case len(r.Seen) > OwnersMax:
		return errors.New("it has seen too many owners")
	}
	for i, s := range r.Seen {
		if s.Upto == 0 || s.Owner == r.Signer() || i > 0 && compareDevices(r.Seen[i-1].Owner, s.Owner) >= 0 {
			return errors.New("what it has seen is not in order")
		}
	}
	return nil
}

// CheckName reports what is wrong with the name of a member. Empty is no name.
func CheckName(name string) error {
	if len(name) > NameMax || !utf8.ValidString(name) {
		return fmt.Errorf("the name %.20q is too long, or not text", name)
	}
	for _, c := range name {
		if c != ' ' && !unicode.IsGraphic(c) {
			return fmt.Errorf("the name %q holds characters that cannot be shown", name)
		}
	}
	return nil
}

// reader takes an encoding apart. After a failure everything it gives is zero.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) into(b []byte) { copy(b, r.take(len(b))) }

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) number() uint64 {
	x, n := binary.Uvarint(r.rest)
	if r.bad || n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return x
}

func (r *reader) atMost(limit uint64) int {
	n := r.number()
	if n > limit {
		r.bad, r.rest = true, nil
		return 0
	}
	return int(n)
}
