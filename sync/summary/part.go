package summary

import (
	"bytes"
	"crypto/sha256"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Prefix names a subtree: that of all ids which begin with the same hexadecimal digits.
type Prefix struct {
	ID     ident.EntryID // its other digits are zero
	Digits int           // 0 (the whole tree) to 32 (one id)
}

// below returns the prefix that is longer by one digit.
func (p Prefix) below(d int) Prefix {
	shift := 4 - p.Digits%2*4
	p.ID[p.Digits/2] |= byte(d) << shift
	p.Digits++
	return p
}

// Covers reports whether an id begins with the digits of p.
func (p Prefix) Covers(id ident.EntryID) bool {
	whole := p.Digits / 2
	if !bytes.Equal(p.ID[:whole], id[:whole]) {
		return false
	}
	return p.Digits%2 == 0 || p.ID[whole]>>4 == id[whole]>>4
}

// Valid reports whether p has a possible number of digits and zeros behind them.
func (p Prefix) Valid() bool {
	if p.Digits < 0 || p.Digits > digitsMax {
		return false
	}
	for depth := p.Digits; depth < digitsMax; depth++ {
		if digit(p.ID, depth) != 0 {
			return false
		}
	}
	return true
}

// Sum is the beginning of a subtree's hash, as devices tell it to each other.
type Sum [digestLen]byte

// Item is one entry of a leaf: its id and the beginning of its record's digest.
type Item struct {
	ID     ident.EntryID
	Digest Sum
}

// Part is a subtree as it is told: the sums of its sixteen subtrees, or, of a leaf, its
// entries. Count is the number of entries below.
type Part struct {
	Count    uint64
	Branch   bool
	Children [fanOut]Sum // of a branch; an empty subtree has the zero Sum
	Items    []Item      // of a leaf, ordered by id, at most 32
}

// Part returns the subtree of a prefix.
func (t *Tree) Part(p Prefix) Part {
	n, exact := t.find(p)
	if n == nil {
		return Part{}
	}
	if n.children == nil {
		var out Part
		for _, e := range n.entries {
			if exact || p.Covers(e.id) {
				out.Items = append(out.Items, Item{e.id, e.digest})
			}
		}
		out.Count = uint64(len(out.Items))
		return out
	}
	return Part{Count: uint64(n.count), Branch: true, Children: n.sums()}
}

// Sum returns what the part above this one says of it, when both are of one tree.
func (part *Part) Sum() Sum {
	if part.Branch {
		hash := hashBranch(part.Children)
		return Sum(hash[:digestLen])
	}
	leaf := node{entries: make([]leafEntry, len(part.Items))}
	for i, item := range part.Items {
		leaf.entries[i] = leafEntry{item.ID, item.Digest}
	}
	hash := leaf.sumLeaf()
	return Sum(hash[:digestLen])
}

// under returns the ids of all entries that a prefix covers, in order.
func (t *Tree) under(p Prefix) (ids []ident.EntryID) {
	n, exact := t.find(p)
	for _, e := range n.gather(nil) {
		if exact || p.Covers(e.id) {
			ids = append(ids, e.id)
		}
	}
	return ids
}

// Sum returns what Part of the prefix one digit shorter says of this one.
func (t *Tree) Sum(p Prefix) Sum {
	n, exact := t.find(p)
	switch {
	case n == nil:
		return Sum{}
	case exact && n.count == 0:
		return Sum{}
	case exact:
		hash := n.sum()
		return Sum(hash[:digestLen])
	}
	// The prefix ends inside a leaf. Its entries would be a leaf of their own.
	var inside node
	for _, e := range n.entries {
		if p.Covers(e.id) {
			inside.entries = append(inside.entries, e)
		}
	}
	if len(inside.entries) == 0 {
		return Sum{}
	}
	hash := inside.sumLeaf()
	return Sum(hash[:digestLen])
}

// Holds reports whether the tree has an entry with this very digest.
func (t *Tree) Holds(i Item) bool {
	n, _ := t.find(Prefix{i.ID, digitsMax})
	if n == nil {
		return false
	}
	at, found := n.find(i.ID)
	return found && n.entries[at].digest == i.Digest
}

// find returns the node of a prefix, or, exact being false, the leaf it ends in; nil when
// nothing is there.
func (t *Tree) find(p Prefix) (n *node, exact bool) {
	n = &t.top
	for depth := 0; depth < p.Digits; depth++ {
		if n.children == nil {
			return n, false
		}
		if n = n.children[digit(p.ID, depth)]; n == nil {
			return nil, false
		}
	}
	return n, true
}

// ItemOf returns how an entry with the given record digest is told.
func ItemOf(id ident.EntryID, digest [sha256.Size]byte) Item {
	return Item{id, Sum(digest[:digestLen])}
}
