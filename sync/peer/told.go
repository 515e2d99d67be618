package peer

import "github.com/shoal-sync/shoal/internal/ident"

// Told is the number of the newest write of this replica that anybody can have heard of. A
// peer that knows of a later one remembers what this replica does not: its index was put
// back (docs/decisions/0017).
type Told struct {
	last   ident.DeviceID // who was told last, in the conversation it has now
	number uint64         // of the newest write then
	others uint64         // the same of everybody but the last one, and of earlier ones
}

// NewTold begins with what an earlier life may have told: all writes up to a number.
func NewTold(number uint64) Told { return Told{others: number} }

// To notes that a device hears of all writes up to a number. Numbers only grow.
func (t *Told) To(d ident.DeviceID, number uint64) {
	if t.last != d {
		t.others, t.last = max(t.others, t.number), d
	}
	t.number = number
}

// Anew notes that a conversation with a device begins: what it was told before it may know.
func (t *Told) Anew(d ident.DeviceID) {
	if t.last == d {
		t.others, t.last, t.number = max(t.others, t.number), ident.DeviceID{}, 0
	}
}

// ToOthers returns the number of the newest write that a device can have heard of without
// having been told in the conversation it has now.
func (t *Told) ToOthers(d ident.DeviceID) uint64 {
	if t.last == d {
		return t.others
	}
	return max(t.others, t.number)
}
