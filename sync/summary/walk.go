package summary

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
)

// ErrNoTree reports an answer that no tree can give.
var ErrNoTree = errors.New("what was told is no summary of a folder")

// partsMax ends a walk through a tree that does not end: more parts than a folder of some
// thirty million entries has, all of them different.
const partsMax = 1 << 22

// Walk goes down another replica's tree along the branches in which it differs from ours,
// and finds the entries that the other one has and we have not, or have otherwise. Who asks
// and who answers is the folder core's business:
//
//	Ask ──▶ prefixes ──▶ the other's Tree.Part ──▶ parts ──▶ Take ──▶ items
//
// Each part costs the other side a message some ten times as long as the question, and us
// as much memory as one path through the tree, whatever it says. Our own tree may change
// in the meantime.
//
// A walk that is begun with a root takes in what hashes up to that root alone, whoever
// answers, and finds also what we have and the tree of that root has not.
type Walk struct {
	ours   *Tree
	next   []place // to be asked; the last first, so that few wait at a time
	asked  []place // asked, in this order, and not answered
	parts  int
	proven bool // parts must have the sum that is said of them
	short  bool // some had not
	extra  []ident.EntryID
}

// place is a subtree of the other tree, and what was told of it.
type place struct {
	Prefix
	sum Sum
}

// NewWalk begins a walk at the top of the other tree.
func NewWalk(ours *Tree) *Walk { return &Walk{ours: ours, next: []place{{}}} }

// NewProof begins a walk through the tree that has the given root. It is over at once when
// ours has it.
func NewProof(ours *Tree, root [sha256.Size]byte) *Walk {
	w := &Walk{ours: ours, proven: true}
	if ours.Root() != root {
		w.next = []place{{sum: Sum(root[:digestLen])}}
	}
	return w
}

// Done reports whether the walk has come to its end.
func (w *Walk) Done() bool { return len(w.next) == 0 && len(w.asked) == 0 }

// Whole reports whether everything asked was answered as the root demands. Parts that were
// not are left out: the other side has moved on from that root, or it lies.
func (w *Walk) Whole() bool { return !w.short }

// Extra returns what the walk has found, since this was last asked, that is in our tree and
// not in that of the root.
func (w *Walk) Extra() []ident.EntryID {
	out := w.extra
	w.extra = nil
	return out
}

// Ask returns what is to be asked now, up to limit prefixes; none while an answer is due.
func (w *Walk) Ask(limit int) []Prefix {
	if len(w.asked) > 0 {
		return nil
	}
	n := min(limit, len(w.next))
	w.asked = append(w.asked, w.next[len(w.next)-n:]...)
	w.next = w.next[:len(w.next)-n]
	out := make([]Prefix, n)
	for i := range w.asked {
		out[i] = w.asked[i].Prefix
	}
	return out
}

// Take takes in the answer: one part for each prefix asked, in order. It returns the other's
// entries that are not the same here. The error wraps ErrNoTree.
func (w *Walk) Take(parts []Part) ([]Item, error) {
	if len(parts) != len(w.asked) {
		return nil, ErrNoTree
	}
	if w.parts += len(parts); w.parts > partsMax {
		return nil, ErrNoTree
	}
	var differ []Item
	for i := range parts {
		p, part := w.asked[i], &parts[i]
		if !part.below(p.Prefix) {
			return nil, ErrNoTree
		}
		if w.proven && part.Sum() != p.sum {
			w.short = true
			continue
		}
		if part.Branch {
			w.descend(p.Prefix, part)
			continue
		}
		for _, item := range part.Items {
			if !w.ours.Holds(item) {
				differ = append(differ, item)
			}
		}
		if w.proven {
			w.compare(p.Prefix, part.Items)
		}
	}
	w.asked = nil
	return differ, nil
}

// descend notes which subtrees of a branch are to be asked for.
func (w *Walk) descend(p Prefix, part *Part) {
	for d, sum := range part.Children {
		child := p.below(d)
		switch ours := w.ours.Sum(child); {
		case sum == ours:
		case sum != (Sum{}):
			w.next = append(w.next, place{child, sum})
		case w.proven:
			w.extra = append(w.extra, w.ours.under(child)...)
		}
	}
}

// compare notes what a leaf of ours has and that of the root has not.
func (w *Walk) compare(p Prefix, items []Item) {
	for _, id := range w.ours.under(p) {
		_, there := slices.BinarySearchFunc(items, id, func(i Item, id ident.EntryID) int {
			return bytes.Compare(i.ID[:], id[:])
		})
		if !there {
			w.extra = append(w.extra, id)
		}
	}
}

// below reports whether a part can be the subtree of a prefix.
func (part *Part) below(p Prefix) bool {
	if part.Branch {
		return p.Digits < digitsMax
	}
	for i := range part.Items {
		id := &part.Items[i].ID
		if !p.Covers(*id) || i > 0 && bytes.Compare(part.Items[i-1].ID[:], id[:]) >= 0 {
			return false
		}
	}
	return len(part.Items) <= leafMax
}
