package wire

import "encoding/binary"

// Clock tells the sender's wall clock, once on each link behind Hello. It decides nothing:
// a clock that is far off is shown to people, for it gives files wrong times.
type Clock struct{ Wall uint64 } // unix milliseconds

func (Clock) message() {}

func (Clock) kind() byte { return typeClock }

func (m Clock) appendTo(b []byte) []byte { return binary.AppendUvarint(b, m.Wall) }

func (m Clock) size() int { return uvarintLen(m.Wall) }

func parseClock(r *reader) Clock { return Clock{Wall: r.number("wall")} }
