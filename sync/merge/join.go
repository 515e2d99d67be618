// Package merge makes one decision, twice: given two records of an entry, what the entry
// is now (Join), and given the entries of a folder, what a person is to see (View).
//
// Both are pure functions. Join is commutative, associative and idempotent, and adds no
// dot: every replica that has seen the same writes holds byte-identical records. The
// rules R1-R15 it follows are named where they become code. The folder core calls it; it
// knows nothing of disks or peers.
package merge

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// ErrKind reports two records of one id with different kinds. Kinds never change, so one
// of them was forged or damaged; neither may touch the other.
var ErrKind = errors.New("records of one entry have different kinds")

// Join returns what an entry is, given two records of it, and the entries that keep
// losing contents (rule R4). The conflict entries are to be joined, in turn, with the
// records of their own ids. It returns ErrKind when the records cannot be of one entry.
func Join(a, b tree.Entry) (tree.Entry, []tree.Entry, error) {
	if a.ID != b.ID || a.Kind != b.Kind {
		return a, nil, ErrKind
	}
	out := a
	out.Place = joinPlace(a.Place, b.Place)
	content, loser := joinContent(a.Content, b.Content)
	out.Content = content
	out.Attrs = joinAttrs(a.Attrs, b.Attrs)
	out.Extra = joinExtra(a.Extra, b.Extra)
	if loser == nil || a.Kind == tree.Dir {
		return out, nil, nil
	}
	attrs := a.Attrs
	if sameWrite(b.Attrs.Version, loser.Version) {
		attrs = b.Attrs
	}
	return out, []tree.Entry{keep(out, *loser, attrs)}, nil
}

// outcome of comparing two values of a register by their own vectors.
type order int

const (
	same order = iota
	first
	second
	concurrent
)

func compare(a, b version.Version) order {
	switch {
	case a.IsNull() || b.IsNull():
		return concurrent
	case a.Dot == b.Dot:
		return same
	case a.Seen.Covers(b.Dot):
		return first // R1
	case b.Seen.Covers(a.Dot):
		return second // R1
	}
	return concurrent
}

func sameWrite(a, b version.Version) bool { return a.Dot == b.Dot && a.Stamp == b.Stamp }

// joinPlace: R8 (moves do not meet edits, they are another register), R9.
func joinPlace(a, b tree.Placement) tree.Placement {
	win := a
	switch compare(a.Version, b.Version) {
	case second:
		win = b
	case concurrent:
		if placeOrder(a, b) < 0 {
			win = b
		}
	}
	win.Context = a.Context.Join(b.Context)
	return win
}

// placeOrder is total: stamps differ between different writes, and two null placements
// are settled by what they say.
func placeOrder(a, b tree.Placement) int {
	if c := a.Stamp.Compare(b.Stamp); c != 0 {
		return c
	}
	if c := slices.Compare(a.Parent[:], b.Parent[:]); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}

// joinContent returns the content that stands and the one that must be kept beside it,
// nil when nothing is lost.
func joinContent(a, b tree.Content) (tree.Content, *tree.Content) {
	context := a.Context.Join(b.Context)
	relation := compare(a.Version, b.Version)
	win, lost := a, b
	if relation == second || relation == concurrent && contentOrder(a, b) < 0 {
		win, lost = b, a
	}
	win.Context = context
	if relation != concurrent || lost.Deleted || win.Descends(lost.ID) || equalLink(win, lost) {
		return win, nil
	}
	return win, &lost
}

// equalLink covers contents that have no id to compare.
func equalLink(a, b tree.Content) bool {
	return !a.Deleted && a.ID == b.ID && a.Target == b.Target
}

// contentOrder says which of two concurrent contents stands: real writes before null
// versions, contents before deletes (R5), then the higher stamp (R3). Two null versions:
// the lower content id (R4). It is a total order, so the choice among any number of
// contents does not depend on the order they are met in.
func contentOrder(a, b tree.Content) int {
	if a.IsNull() != b.IsNull() {
		return boolOrder(b.IsNull(), a.IsNull())
	}
	if a.Deleted != b.Deleted {
		return boolOrder(b.Deleted, a.Deleted)
	}
	if c := a.Stamp.Compare(b.Stamp); c != 0 {
		return c
	}
	return slices.Compare(b.ID[:], a.ID[:])
}

func boolOrder(a, b bool) int {
	if a == b {
		return 0
	}
	if a {
		return 1
	}
	return -1
}

// joinAttrs: R13, the highest stamp.
func joinAttrs(a, b tree.Attributes) tree.Attributes {
	win := a
	switch compare(a.Version, b.Version) {
	case second:
		win = b
	case concurrent, same:
		// One write can come with two readings: a kept loser whose permissions were known
		// to one replica and not to another (see keep). The order settles that too.
		if attrsOrder(a, b) < 0 {
			win = b
		}
	}
	win.Context = a.Context.Join(b.Context)
	return win
}

// LaterAttributes reports whether a stands before b where two directories are shown as one.
func LaterAttributes(a, b tree.Attributes) bool { return attrsOrder(a, b) > 0 }

func attrsOrder(a, b tree.Attributes) int {
	if c := a.Stamp.Compare(b.Stamp); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Mtime, b.Mtime); c != 0 {
		return c
	}
	return cmp.Compare(a.Mode, b.Mode)
}

// joinExtra picks one of two unknown parts by a rule every program knows; a program that
// understands the fields joins them properly.
func joinExtra(a, b []byte) []byte {
	if len(a) != len(b) {
		if len(a) > len(b) {
			return a
		}
		return b
	}
	if slices.Compare(a, b) >= 0 {
		return a
	}
	return b
}

// keep makes the entry that holds a losing content. It rests beside the winner's entry
// until somebody moves it, and carries the loser's dot and stamp, so that every replica
// that meets the two contents writes the very same record.
func keep(winner tree.Entry, loser tree.Content, attrs tree.Attributes) tree.Entry {
	own := loser.Version
	loser.Context = own.Seen
	e := tree.Entry{
		ID:      ident.ConflictEntry(winner.ID, own.Dot.Replica, own.Dot.Counter, loser.ID),
		Kind:    winner.Kind,
		Place:   tree.Placement{Version: own, Context: own.Seen, Parent: winner.ID},
		Content: loser,
	}
	// Attributes of another write may differ between replicas at this moment; only those
	// written together with the loser are the same everywhere.
	e.Attrs = tree.Attributes{Version: own, Context: own.Seen, Mode: modeUnknown}
	if sameWrite(attrs.Version, own) && !own.IsNull() {
		e.Attrs.Mode, e.Attrs.Mtime = attrs.Mode, attrs.Mtime
	}
	return e
}

// modeUnknown is the permission of a kept loser whose own permissions are not known:
// readable and writable by its owner alone, never wider than what it had been.
const modeUnknown = 0o600
