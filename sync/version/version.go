// Package version says which write came after which: dots, vectors and stamps.
//
// A dot names one write (replica, that replica's change number). A vector says which
// writes its owner had seen. A stamp orders writes that had not seen one another. All are
// values; nothing here reads a clock. Called by merge and by the folder core.
package version

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Dot names one write: the replica and the number it gave to the write (from 1). The zero
// dot belongs to null versions, which nobody wrote.
type Dot struct {
	Replica ident.ReplicaID
	Counter uint64
}

// IsNull reports whether d is the dot of a null version.
func (d Dot) IsNull() bool { return d.Replica == 0 }

// Compare orders dots by replica, then counter.
func (d Dot) Compare(o Dot) int {
	if c := cmp.Compare(d.Replica, o.Replica); c != 0 {
		return c
	}
	return cmp.Compare(d.Counter, o.Counter)
}

// String returns "replica:counter", or "null".
func (d Dot) String() string {
	if d.IsNull() {
		return "null"
	}
	return fmt.Sprintf("%x:%d", uint64(d.Replica)>>48, d.Counter)
}

// Vector maps replicas to the highest counter seen of each, sorted by replica, one dot a
// replica. It is immutable: operations return new vectors and may share memory.
type Vector []Dot

// Of returns the counter seen of a replica, 0 when none.
func (v Vector) Of(r ident.ReplicaID) uint64 {
	if i, ok := v.find(r); ok {
		return v[i].Counter
	}
	return 0
}

// Covers reports whether the owner of v had seen the write d. The null dot is covered by
// no vector: a null version is concurrent with every other one.
func (v Vector) Covers(d Dot) bool { return !d.IsNull() && v.Of(d.Replica) >= d.Counter }

// CoversAll reports whether v had seen everything that o had.
func (v Vector) CoversAll(o Vector) bool {
	i := 0
	for _, d := range o {
		for i < len(v) && v[i].Replica < d.Replica {
			i++
		}
		if i == len(v) || v[i].Replica != d.Replica || v[i].Counter < d.Counter {
			return false
		}
	}
	return true
}

// With returns v with d seen too.
func (v Vector) With(d Dot) Vector {
	if d.IsNull() || v.Covers(d) {
		return v
	}
	i, ok := v.find(d.Replica)
	out := make(Vector, 0, len(v)+1)
	out = append(append(out, v[:i]...), d)
	if ok {
		i++
	}
	return append(out, v[i:]...)
}

// Join returns the least vector that covers both.
func (v Vector) Join(o Vector) Vector {
	if v.CoversAll(o) {
		return v
	}
	if o.CoversAll(v) {
		return o
	}
	out := make(Vector, 0, len(v)+len(o))
	i, j := 0, 0
	for i < len(v) && j < len(o) {
		switch a, b := v[i], o[j]; {
		case a.Replica < b.Replica:
			out, i = append(out, a), i+1
		case a.Replica > b.Replica:
			out, j = append(out, b), j+1
		default:
			out = append(out, Dot{a.Replica, max(a.Counter, b.Counter)})
			i, j = i+1, j+1
		}
	}
	out = append(out, v[i:]...)
	return append(out, o[j:]...)
}

// Meet returns the greatest vector that both cover.
func (v Vector) Meet(o Vector) Vector {
	var out Vector
	i := 0
	for _, d := range o {
		for i < len(v) && v[i].Replica < d.Replica {
			i++
		}
		if i < len(v) && v[i].Replica == d.Replica {
			out = append(out, Dot{d.Replica, min(d.Counter, v[i].Counter)})
		}
	}
	return out
}

// Equal reports whether both saw exactly the same.
func (v Vector) Equal(o Vector) bool { return slices.Equal(v, o) }

// Valid reports whether v is well-formed: sorted, unique, no zero replica or counter.
func (v Vector) Valid() bool {
	for i, d := range v {
		if d.Replica == 0 || d.Counter == 0 || i > 0 && v[i-1].Replica >= d.Replica {
			return false
		}
	}
	return true
}

// String returns "{r:1 s:5}".
func (v Vector) String() string {
	parts := make([]string, len(v))
	for i, d := range v {
		parts[i] = d.String()
	}
	return "{" + strings.Join(parts, " ") + "}"
}

func (v Vector) find(r ident.ReplicaID) (int, bool) {
	return slices.BinarySearchFunc(v, r, func(d Dot, r ident.ReplicaID) int {
		return cmp.Compare(d.Replica, r)
	})
}
