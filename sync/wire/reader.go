package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/version"
)

var (
	errShort     = errors.New("the frame ends early")
	errNumber    = errors.New("not a number in its shortest form")
	errFlag      = errors.New("neither 0 nor 1")
	errNoReplica = errors.New("replica 0 is never drawn")
)

// noItem is the reader's item outside of lists.
const noItem = -1

// reader takes the fields of a message from a frame. The first failure stays: after it,
// every read gives zero, so that parse functions read straight on and Parse looks once.
type reader struct {
	rest []byte
	item int // index in the list being read, for the error; noItem outside of lists
	err  error
}

func (r *reader) fail(field string, err error) {
	if r.err != nil {
		return
	}
	r.rest = nil
	if r.item == noItem {
		r.err = fmt.Errorf("%s: %w", field, err)
	} else {
		r.err = fmt.Errorf("item %d: %s: %w", r.item, field, err)
	}
}

// raw returns the next n bytes; they point into the frame.
func (r *reader) raw(field string, n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.rest) {
		r.fail(field, errShort)
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) into(field string, id []byte) { copy(id, r.raw(field, len(id))) }

func (r *reader) byte(field string) byte {
	if b := r.raw(field, 1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) flag(field string) bool {
	b := r.byte(field)
	if b > 1 {
		r.fail(field, errFlag)
	}
	return b == 1
}

func (r *reader) fixed64(field string) uint64 {
	if b := r.raw(field, 8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) replica(field string) ident.ReplicaID {
	id := ident.ReplicaID(r.fixed64(field))
	if id == 0 {
		r.fail(field, errNoReplica)
	}
	return id
}

// number takes an unsigned varint. Longer forms of the same number are refused: one
// message has one encoding.
func (r *reader) number(field string) uint64 {
	if r.err != nil {
		return 0
	}
	x, n := binary.Uvarint(r.rest)
	switch {
	case n == 0:
		r.fail(field, errShort)
		return 0
	case n < 0 || n > 1 && r.rest[n-1] == 0:
		r.fail(field, errNumber)
		return 0
	}
	r.rest = r.rest[n:]
	return x
}

func (r *reader) atMost(field string, limit uint64) uint64 {
	x := r.number(field)
	if x > limit {
		r.fail(field, fmt.Errorf("%d, more than %d", x, limit))
		return 0
	}
	return x
}

func (r *reader) number32(field string) uint32 {
	return uint32(r.atMost(field, math.MaxUint32))
}

// count takes the length of a list whose items have at least the given size, so that no
// more is allocated than the frame can fill.
func (r *reader) count(field string, limit, itemSize int) int {
	n := int(r.atMost(field, uint64(limit)))
	if n*itemSize > len(r.rest) {
		r.fail(field, errShort)
		return 0
	}
	return n
}

// sized takes a length and that many bytes; they point into the frame. No bytes are nil.
func (r *reader) sized(field string, limit int) []byte {
	n := int(r.atMost(field, uint64(limit)))
	if n == 0 {
		return nil
	}
	return r.raw(field, n)
}

func (r *reader) text(field string, limit int) string { return string(r.sized(field, limit)) }

// dotSizeMin is what a dot needs at least: a replica and a one-byte counter.
const dotSizeMin = 8 + 1

func (r *reader) vector(field string, limit int) version.Vector {
	n := r.count(field, limit, dotSizeMin)
	if n == 0 {
		return nil
	}
	v := make(version.Vector, n)
	for i := range v {
		v[i] = version.Dot{
			Replica: ident.ReplicaID(r.fixed64(field)),
			Counter: r.number(field),
		}
	}
	if r.err == nil && !v.Valid() {
		r.fail(field, errors.New("not sorted, or a dot that nobody wrote"))
	}
	return v
}

func (r *reader) contents(limit int) []ident.ContentID {
	n := r.count("contents", limit, len(ident.ContentID{}))
	if n == 0 {
		return nil
	}
	ids := make([]ident.ContentID, n)
	for i := range ids {
		r.into("contents", ids[i][:])
	}
	return ids
}

func appendFlag(b []byte, f bool) []byte {
	if f {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendText(b []byte, s string, limit int) []byte {
	s = s[:textLen(s, limit)]
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func textSize(s string, limit int) int { return sizedLen(textLen(s, limit)) }

// textLen returns how much of a text for people is sent: all of it or, beyond the limit,
// as many whole characters as fit.
func textLen(s string, limit int) int {
	if len(s) <= limit {
		return len(s)
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return limit
}

func sizedLen(n int) int { return uvarintLen(uint64(n)) + n }

func appendVector(b []byte, v version.Vector) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	for _, d := range v {
		b = binary.BigEndian.AppendUint64(b, uint64(d.Replica))
		b = binary.AppendUvarint(b, d.Counter)
	}
	return b
}

func vectorSize(v version.Vector) int {
	n := uvarintLen(uint64(len(v)))
	for _, d := range v {
		n += 8 + uvarintLen(d.Counter)
	}
	return n
}

func appendContents(b []byte, ids []ident.ContentID) []byte {
	b = binary.AppendUvarint(b, uint64(len(ids)))
	for i := range ids {
		b = append(b, ids[i][:]...)
	}
	return b
}

func contentsSize(ids []ident.ContentID) int {
	return uvarintLen(uint64(len(ids))) + len(ids)*len(ident.ContentID{})
}
