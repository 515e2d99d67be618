package index

import (
	"encoding/binary"
	"fmt"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// dotBytes is the size of a dot in a column: replica and counter, eight bytes each.
const dotBytes = 16

func appendVector(b []byte, v version.Vector) []byte {
	for _, d := range v {
		b = binary.BigEndian.AppendUint64(b, uint64(d.Replica))
		b = binary.BigEndian.AppendUint64(b, d.Counter)
	}
	return b
}

// parseVector reads a vector. Where it equals the one that is likely, it is that one.
func parseVector(b []byte, likely version.Vector) (version.Vector, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if isVector(b, likely) {
		return likely, nil
	}
	v := make(version.Vector, len(b)/dotBytes)
	for i := range v {
		v[i].Replica = ident.ReplicaID(binary.BigEndian.Uint64(b[i*dotBytes:]))
		v[i].Counter = binary.BigEndian.Uint64(b[i*dotBytes+8:])
	}
	if len(b)%dotBytes != 0 || !v.Valid() {
		return nil, fmt.Errorf("%w: a vector is malformed", ErrDamaged)
	}
	return v, nil
}

// isVector reports whether b is what appendVector makes of v.
func isVector(b []byte, v version.Vector) bool {
	if len(b) != len(v)*dotBytes {
		return false
	}
	for i, d := range v {
		if binary.BigEndian.Uint64(b[i*dotBytes:]) != uint64(d.Replica) ||
			binary.BigEndian.Uint64(b[i*dotBytes+8:]) != d.Counter {
			return false
		}
	}
	return true
}

// lifeBytes is the size of a life in a column: id and head, eight bytes each.
const lifeBytes = 16

func appendLives(b []byte, lives tree.Lives) []byte {
	for _, l := range lives {
		b = binary.BigEndian.AppendUint64(b, l.ID)
		b = binary.BigEndian.AppendUint64(b, l.Head)
	}
	return b
}

func parseLives(b []byte) (tree.Lives, error) {
	if len(b)%lifeBytes != 0 || len(b) > lifeBytes*tree.LivesMax {
		return nil, fmt.Errorf("%w: the lives of the replica are malformed", ErrDamaged)
	}
	var lives tree.Lives
	for ; len(b) > 0; b = b[lifeBytes:] {
		lives = append(lives, tree.LifeMark{
			ID: binary.BigEndian.Uint64(b), Head: binary.BigEndian.Uint64(b[8:]),
		})
	}
	return lives, nil
}

// The three vectors of a base row lie one after another: length in bytes, then the dots. A
// vector that equals the one before it has the length sawSame instead; nearly always all
// three are equal.
const sawSame = 1

func appendSaw(b []byte, row *tree.Base) []byte {
	var last version.Vector
	for _, v := range [3]version.Vector{row.SawPlace, row.SawContent, row.SawAttrs} {
		if v.Equal(last) {
			b = append(b, sawSame)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(v)*dotBytes))
		b = appendVector(b, v)
		last = v
	}
	return b
}

// parseSaw reads the vectors of a base row, of which one is likely.
func parseSaw(b []byte, row *tree.Base, likely version.Vector) (err error) {
	var last version.Vector
	for _, v := range [3]*version.Vector{&row.SawPlace, &row.SawContent, &row.SawAttrs} {
		length, size := binary.Uvarint(b)
		if size <= 0 || length != sawSame && length > uint64(len(b)-size) {
			return fmt.Errorf("%w: a base row ends early", ErrDamaged)
		}
		b = b[size:]
		if length != sawSame {
			if last, err = parseVector(b[:length], likely); err != nil {
				return err
			}
			b = b[length:]
		}
		*v = last
	}
	return nil
}
