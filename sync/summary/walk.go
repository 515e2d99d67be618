package summary

import (
	"bytes"
	"errors"

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
//	Ask ──▶ prefixes ──▶ the other's Tree.Part ──▶ parts ──▶ Take ──▶ ids
//
// Each part costs the other side a message some ten times as long as the question, and us
// as much memory as one path through the tree, whatever it says. Our own tree may change
// in the meantime.
type Walk struct {
	ours  *Tree
	next  []Prefix // to be asked; the last first, so that few wait at a time
	asked []Prefix // asked, in this order, and not answered
	parts int
}

// NewWalk begins a walk at the top of the other tree.
func NewWalk(ours *Tree) *Walk { return &Walk{ours: ours, next: []Prefix{{}}} }

// Done reports whether the walk has come to its end.
func (w *Walk) Done() bool { return len(w.next) == 0 && len(w.asked) == 0 }

// Ask returns what is to be asked now, up to limit prefixes; none while an answer is due.
func (w *Walk) Ask(limit int) []Prefix {
	if len(w.asked) > 0 {
		return nil
	}
	n := min(limit, len(w.next))
	w.asked = append(w.asked, w.next[len(w.next)-n:]...)
	w.next = w.next[:len(w.next)-n]
	return w.asked
}

// Take takes in the answer: one part for each prefix asked, in order. It returns the ids of
// the other's entries that are not the same here. The error wraps ErrNoTree.
func (w *Walk) Take(parts []Part) ([]ident.EntryID, error) {
	if len(parts) != len(w.asked) {
		return nil, ErrNoTree
	}
	if w.parts += len(parts); w.parts > partsMax {
		return nil, ErrNoTree
	}
	var differ []ident.EntryID
	for i := range parts {
		p := w.asked[i]
		if !parts[i].below(p) {
			return nil, ErrNoTree
		}
		if !parts[i].Branch {
			for _, item := range parts[i].Items {
				if !w.ours.Holds(item) {
					differ = append(differ, item.ID)
				}
			}
			continue
		}
		for d, sum := range parts[i].Children {
			child := p.below(d)
			if sum != (Sum{}) && sum != w.ours.Sum(child) {
				w.next = append(w.next, child)
			}
		}
	}
	w.asked = nil
	return differ, nil
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
