// Package merge makes one decision, twice: given two records of an entry, what the entry
// is now (Join), and given the entries of a folder, what a person is to see (View).
//
// Both are pure functions. Join is commutative, associative and idempotent, and adds no
// dot: every replica that has seen the same writes holds byte-identical records. The
// rules R1-R15 it follows are named where they become code. The folder core calls it; it
// knows nothing of disks or peers.
package merge

import (
	"bytes"
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
//
// Each register takes the greater of two values in one total order, and the join of two
// contexts, so nothing depends on the order in which records are met, whatever they say
// (docs/decisions/0010). That the order does not contradict what writers had seen is
// theirs to keep: see Rank.
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
	return out, []tree.Entry{keep(out, *loser, a.Attrs, b.Attrs)}, nil
}

// joinPlace: R8 (moves do not meet edits, they are another register), R9.
func joinPlace(a, b tree.Placement) tree.Placement {
	win := a
	if placeOrder(a, b) < 0 {
		win = b
	}
	win.Context = a.Context.Join(b.Context)
	return win
}

// placeOrder puts placements in the order of their stamps, so null ones last.
func placeOrder(a, b tree.Placement) int {
	return cmp.Or(
		versionOrder(a.Version, b.Version),
		bytes.Compare(a.Parent[:], b.Parent[:]),
		strings.Compare(a.Name, b.Name),
		bytes.Compare(a.WasParent[:], b.WasParent[:]),
		strings.Compare(a.WasName, b.WasName),
	)
}

// joinContent returns the content that stands and the one that must be kept beside it,
// nil when nothing is lost.
func joinContent(a, b tree.Content) (tree.Content, *tree.Content) {
	win, lost := a, b
	if contentOrder(a, b) < 0 {
		win, lost = b, a
	}
	// What the winner's author had seen is replaced (R1). What else its context covers was
	// kept where the two met first, and that entry is told of before the record that has
	// seen both; or it was replaced knowingly, and nobody wants it (docs/decisions/0012).
	settled := win.Dot != lost.Dot && win.Context.Covers(lost.Dot)
	win.Context = a.Context.Join(b.Context)
	// What any delete ever saw of the placement counts, also when another delete stands, or
	// a content does that a later delete will replace (R6, R15).
	win.SawPlace = a.SawPlace.Join(b.SawPlace)
	if settled || lost.Deleted || win.Descends(lost.ID) && !PutsBack(&lost, &win) { // R5, R2 and R3
		return win, nil
	}
	return win, &lost
}

// PutsBack reports whether a content that another one descends from is no old state: its
// author had seen what came after it in the lineage of the other one, and put it back. Two
// people wanted two things then, and what loses is kept.
func PutsBack(c, other *tree.Content) bool {
	if c.ID == other.ID {
		return false
	}
	for _, newer := range other.Ancestors {
		if newer == c.ID {
			return false
		}
		if slices.Contains(c.Ancestors, newer) {
			return true
		}
	}
	return false
}

// contentOrder says which of two contents stands: real ones before null ones, then the
// higher stamp (R3). A delete is stamped just above the content it deleted: so it stands
// against what that content would have won against, and every edit that came after the
// content, concurrent with the delete, stands against the delete (R5). Of two null
// contents the lower id stands (R4).
func contentOrder(a, b tree.Content) int {
	return cmp.Or(
		-boolOrder(a.IsNull(), b.IsNull()),
		cmp.Compare(a.Stamp.Time, b.Stamp.Time),
		-boolOrder(a.Deleted, b.Deleted),
		versionOrder(a.Version, b.Version),
		-bytes.Compare(a.ID[:], b.ID[:]),
		strings.Compare(a.Target, b.Target),
		cmp.Compare(a.Size, b.Size),
		slices.CompareFunc(a.Ancestors, b.Ancestors, func(x, y ident.ContentID) int {
			return bytes.Compare(x[:], y[:])
		}),
	)
}

// versionOrder is the order of stamps. The rest settles only what no honest replica
// makes, two different versions with one stamp, so that even those end alike everywhere.
func versionOrder(a, b version.Version) int {
	return cmp.Or(
		a.Stamp.Compare(b.Stamp),
		a.Dot.Compare(b.Dot),
		slices.CompareFunc(a.Seen, b.Seen, version.Dot.Compare),
	)
}

// Stands reports whether a content wins, or has won, against another one of its entry.
func Stands(c, other *tree.Content) bool {
	return c.Dot != other.Dot && contentOrder(*c, *other) > 0
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// joinAttrs: R13, the highest stamp.
func joinAttrs(a, b tree.Attributes) tree.Attributes {
	win := a
	if attrsOrder(a, b) < 0 {
		win = b
	}
	win.Context = a.Context.Join(b.Context)
	return win
}

// attrsOrder looks at the values too: null attributes differ, and so do those of a kept
// loser whose permissions were known to one replica and not to another (see keep).
func attrsOrder(a, b tree.Attributes) int {
	return cmp.Or(
		versionOrder(a.Version, b.Version),
		cmp.Compare(a.Mtime, b.Mtime),
		cmp.Compare(a.Mode, b.Mode),
		cmp.Compare(a.Traits, b.Traits),
	)
}

// LaterAttributes reports whether a stands before b where two directories are shown as one.
func LaterAttributes(a, b tree.Attributes) bool { return attrsOrder(a, b) > 0 }

// joinExtra picks one of two unknown parts by a rule every program knows; a program that
// understands the fields joins them properly.
func joinExtra(a, b []byte) []byte {
	if cmp.Or(cmp.Compare(len(a), len(b)), bytes.Compare(a, b)) < 0 {
		return b
	}
	return a
}

// keep makes the entry that holds a losing content. It rests beside the winner's entry
// until somebody moves it, and carries the loser's dot and stamp, so that every replica
// that meets the two contents writes the very same record.
func keep(winner tree.Entry, loser tree.Content, attrs ...tree.Attributes) tree.Entry {
	own := loser.Version
	loser.SawPlace = nil // of the entry it lost to
	context := own.Seen.With(own.Dot)
	loser.Context = context
	e := tree.Entry{
		ID:      ident.ConflictEntry(winner.ID, own.Dot.Replica, own.Dot.Counter, loser.ID),
		Kind:    winner.Kind,
		Place:   tree.Placement{Version: own, Context: context, Parent: winner.ID},
		Content: loser,
	}
	// Attributes of another write may differ between replicas at this moment; only those
	// written together with the loser are the same everywhere.
	e.Attrs = tree.Attributes{Version: own, Context: context, Mode: modeUnknown}
	for _, a := range attrs {
		known := tree.Attributes{Version: own, Context: context, Mode: a.Mode, Mtime: a.Mtime, Traits: a.Traits}
		written := a.Dot == own.Dot && a.Stamp == own.Stamp && !own.IsNull()
		if written && attrsOrder(e.Attrs, known) < 0 {
			e.Attrs = known
		}
	}
	return e
}

// modeUnknown is the permission of a kept loser whose own permissions are not known:
// readable and writable by its owner alone, never wider than what it had been.
const modeUnknown = 0o600
