package version

import (
	"cmp"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Hybrid is a hybrid logical clock reading: milliseconds since 1970 (UTC) in the upper 48
// bits, a logical counter in the lower 16 (Kulkarni et al. 2014, "Logical Physical
// Clocks").
type Hybrid uint64

// HybridOf returns the reading of a wall clock that shows the given milliseconds. A clock
// before 1970 reads as 1970, one beyond the year 6429 as that year: so adding AheadMax to
// a reading never overflows.
func HybridOf(unixMilli int64) Hybrid {
	const largest = 1<<47 - 1
	return Hybrid(min(max(unixMilli, 0), largest)) << 16
}

// UnixMilli returns the wall clock part, in milliseconds since 1970.
func (h Hybrid) UnixMilli() int64 { return int64(h >> 16) }

// AheadMax is how far a foreign stamp may lie ahead of our wall clock and still advance
// our clock: 24 h. A stamp further ahead is compared like any other, but one device with
// a clock ten years off must not drag every other clock along.
const AheadMax Hybrid = 24 * 3600 * 1000 << 16

// Clock is a replica's hybrid logical clock. The zero value is ready. It never runs back,
// whatever the wall clock does.
type Clock struct{ Last Hybrid }

// Next returns a reading greater than all before, near the given wall clock.
func (c *Clock) Next(unixMilli int64) Hybrid {
	c.Last = max(c.Last+1, HybridOf(unixMilli))
	return c.Last
}

// Heard tells of a reading seen in another replica's stamp. It reports false, and changes
// nothing, when the reading is more than AheadMax ahead of the wall clock.
func (c *Clock) Heard(h Hybrid, unixMilli int64) bool {
	if h > HybridOf(unixMilli)+AheadMax {
		return false
	}
	c.Last = max(c.Last, h)
	return true
}

// Stamp orders concurrent writes: clock reading, then replica, so that no two writes have
// equal stamps. The zero stamp belongs to null versions and is the least.
type Stamp struct {
	Time    Hybrid
	Replica ident.ReplicaID
}

// Compare orders stamps: time, then replica.
func (s Stamp) Compare(o Stamp) int {
	if c := cmp.Compare(s.Time, o.Time); c != 0 {
		return c
	}
	return cmp.Compare(s.Replica, o.Replica)
}

// IsNull reports whether s is the stamp of a null version.
func (s Stamp) IsNull() bool { return s == Stamp{} }

// Version is what every value of a register carries: the write that made it, the writes
// its writer had seen (its own dot included), and its stamp. The zero Version is the null
// version.
type Version struct {
	Dot   Dot
	Seen  Vector
	Stamp Stamp
}

// IsNull reports whether v is the null version: found by a first scan, written by nobody.
func (v Version) IsNull() bool { return v.Dot.IsNull() }

// After reports whether v was written by somebody who had seen o.
func (v Version) After(o Version) bool { return v.Seen.Covers(o.Dot) }

// Concurrent reports whether neither writer had seen the other's value, and they are not
// the same write. Two null versions are concurrent.
func (v Version) Concurrent(o Version) bool {
	if v.IsNull() || o.IsNull() {
		return true
	}
	return v.Dot != o.Dot && !v.After(o) && !o.After(v)
}
