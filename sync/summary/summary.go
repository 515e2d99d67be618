// Package summary is a folder in 32 bytes: the root of a hash tree over its live entries.
// Two replicas with equal roots hold equal folders, whatever happened to them before.
//
// It knows entry ids and digests of their records, nothing of what they say; the folder
// core sets and removes them as entries change and sends the root to its peers.
//
// The root is a function of the set alone, never of the order of changes. A subtree is
// everything whose id begins with the same hexadecimal digits. One that holds at most 32
// entries is a leaf, any other has sixteen subtrees, one for each next digit:
//
//	leaf    SHA-256("shoal summary leaf 1" 0x00, then each id and digest, ordered by id)
//	branch  SHA-256("shoal summary branch 2" 0x00, then the sums of its 16 subtrees)
//
// A sum is the first 16 bytes of a subtree's hash, and zeros for an empty subtree; digests
// are used to their first 16 bytes, too. So a part of the tree, as it is told, proves itself
// by the sum that the part above it has told, up to the root. To forge one that passes for
// another takes 2^128 tries, as with any 16-byte hash; to find two own records that share a
// sum takes 2^64, and fools only the devices of whoever tries. An empty tree is a leaf
// without entries.
package summary

import (
	"bytes"
	"crypto/sha256"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	leafTag   = "shoal summary leaf 1\x00"
	branchTag = "shoal summary branch 2\x00"

	// leafMax is part of the format. A leaf is big enough that its entries share the cost
	// of a node, and small enough that a change rehashes at most 1 KiB of it.
	leafMax = 32

	fanOut    = 16
	digestLen = 16
	digitsMax = 2 * len(ident.EntryID{})
)

// Tree is the hash tree of one folder. The zero value is the tree of an empty folder. It
// is not safe for use by several goroutines.
type Tree struct {
	top   node
	grown int // entries gained since the tree was packed
}

type leafEntry struct {
	id     ident.EntryID
	digest [digestLen]byte
}

// node is a leaf, with entries ordered by id, or a branch, with children and no entries.
type node struct {
	entries  []leafEntry
	children *[fanOut]*node // a nil child is an empty subtree
	count    int            // entries in the whole subtree
	hashed   bool           // hash is up to date
	hash     [sha256.Size]byte
}

// Len returns how many entries the tree holds.
func (t *Tree) Len() int { return t.top.count }

// Root returns the hash of all entries. After changes it costs as much hashing as there
// are nodes above them.
func (t *Tree) Root() [sha256.Size]byte { return t.top.sum() }

// Set adds an entry, or replaces the digest of one that is there.
func (t *Tree) Set(id ident.EntryID, digest [sha256.Size]byte) {
	gained, _ := t.top.set(leafEntry{id, [digestLen]byte(digest[:digestLen])}, 0)
	t.grown += gained
}

// Remove takes an entry out; one that is not there is no mistake.
func (t *Tree) Remove(id ident.EntryID) { t.top.remove(id, 0) }

func (n *node) sum() [sha256.Size]byte {
	if n.hashed {
		return n.hash
	}
	if n.children == nil {
		n.hash = n.sumLeaf()
	} else {
		n.hash = hashBranch(n.sums())
	}
	n.hashed = true
	return n.hash
}

// sums returns what a branch says of its subtrees.
func (n *node) sums() (out [fanOut]Sum) {
	for d, child := range n.children {
		if child != nil {
			hash := child.sum()
			out[d] = Sum(hash[:digestLen])
		}
	}
	return out
}

func hashBranch(sums [fanOut]Sum) [sha256.Size]byte {
	var buf [len(branchTag) + fanOut*digestLen]byte
	b := append(buf[:0], branchTag...)
	for d := range sums {
		b = append(b, sums[d][:]...)
	}
	return sha256.Sum256(b)
}

func (n *node) sumLeaf() [sha256.Size]byte {
	var buf [len(leafTag) + leafMax*(len(ident.EntryID{})+digestLen)]byte
	b := append(buf[:0], leafTag...)
	for i := range n.entries {
		b = append(b, n.entries[i].id[:]...)
		b = append(b, n.entries[i].digest[:]...)
	}
	return sha256.Sum256(b)
}

// set reports how many entries the subtree gained: 1 or 0. A digest that is there already
// leaves all hashes valid.
func (n *node) set(e leafEntry, depth int) (gained int, changed bool) {
	if n.children != nil {
		child := &n.children[digit(e.id, depth)]
		if *child == nil {
			*child = &node{}
		}
		gained, changed = (*child).set(e, depth+1)
	} else {
		gained, changed = n.setInLeaf(e)
	}
	n.count += gained
	n.hashed = n.hashed && !changed
	if n.children == nil && n.count > leafMax {
		n.split(depth)
	}
	return gained, changed
}

func (n *node) setInLeaf(e leafEntry) (gained int, changed bool) {
	i, found := n.find(e.id)
	if found {
		changed = n.entries[i].digest != e.digest
		n.entries[i].digest = e.digest
		return 0, changed
	}
	if len(n.entries) == cap(n.entries) {
		// Doubling would leave a quarter of a big folder's tree unused.
		grown := make([]leafEntry, len(n.entries), len(n.entries)+1+len(n.entries)/8)
		copy(grown, n.entries)
		n.entries = grown
	}
	n.entries = append(n.entries, leafEntry{})
	copy(n.entries[i+1:], n.entries[i:])
	n.entries[i] = e
	return 1, true
}

// split turns a leaf that has grown too full into a branch. Ids differ in their last
// digit at the latest, so it ends before digits run out.
func (n *node) split(depth int) {
	if depth >= digitsMax {
		panic("bug: summary: more entries than one share an id")
	}
	n.children = new([fanOut]*node)
	for len(n.entries) > 0 {
		d := digit(n.entries[0].id, depth)
		end := 1
		for end < len(n.entries) && digit(n.entries[end].id, depth) == d {
			end++
		}
		part := make([]leafEntry, end)
		copy(part, n.entries)
		child := &node{entries: part, count: end}
		if end > leafMax {
			child.split(depth + 1)
		}
		n.children[d] = child
		n.entries = n.entries[end:]
	}
	n.entries = nil
}

func (n *node) remove(id ident.EntryID, depth int) (found bool) {
	if n.children != nil {
		slot := &n.children[digit(id, depth)]
		if *slot == nil || !(*slot).remove(id, depth+1) {
			return false
		}
		if (*slot).count == 0 {
			*slot = nil
		}
	} else {
		i, there := n.find(id)
		if !there {
			return false
		}
		n.entries = append(n.entries[:i], n.entries[i+1:]...)
	}
	n.count--
	n.hashed = false
	if n.children != nil && n.count <= leafMax {
		n.entries = n.gather(make([]leafEntry, 0, n.count))
		n.children = nil
	}
	return true
}

// gather appends all entries of the subtree in order.
func (n *node) gather(into []leafEntry) []leafEntry {
	if n == nil {
		return into
	}
	if n.children == nil {
		return append(into, n.entries...)
	}
	for _, child := range n.children {
		into = child.gather(into)
	}
	return into
}

func (n *node) find(id ident.EntryID) (int, bool) {
	low, high := 0, len(n.entries)
	for low < high {
		middle := (low + high) / 2
		switch bytes.Compare(n.entries[middle].id[:], id[:]) {
		case 0:
			return middle, true
		case -1:
			low = middle + 1
		default:
			high = middle
		}
	}
	return low, false
}

func digit(id ident.EntryID, depth int) int {
	if depth%2 == 0 {
		return int(id[depth/2] >> 4)
	}
	return int(id[depth/2] & 15)
}
