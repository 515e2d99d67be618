package summary

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
)

// Gatherer takes in all entries of a folder, in any order, and makes their tree in a quarter
// of the time that Set takes, in one piece of memory: 32 bytes an entry. The zero value is
// ready to use.
type Gatherer struct {
	pages [][]leafEntry
	count int
}

// pageEntries is how many entries are gathered in one piece, so that none is copied because
// there are more: 128 KiB.
const pageEntries = 4096

// Add takes in an entry. Each may be added once.
func (g *Gatherer) Add(id ident.EntryID, digest [sha256.Size]byte) {
	if g.count%pageEntries == 0 {
		room := pageEntries
		if g.count == 0 {
			room = leafMax // a small folder needs no whole page
		}
		g.pages = append(g.pages, make([]leafEntry, 0, room))
	}
	last := &g.pages[len(g.pages)-1]
	*last = append(*last, leafEntry{id, [digestLen]byte(digest[:digestLen])})
	g.count++
}

// Tree returns the tree of what was added, and forgets it.
func (g *Gatherer) Tree() *Tree {
	t := &Tree{top: packed(g.sorted(), 0)}
	*g = Gatherer{}
	return t
}

// sorted returns all entries in order. Ids are random as a rule: by their first two bytes
// alone nearly every entry finds its place.
func (g *Gatherer) sorted() []leafEntry {
	ends := make([]uint32, 1<<16+1)
	for _, page := range g.pages {
		for i := range page {
			ends[first(page[i].id)+1]++
		}
	}
	for i := 1; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	out := make([]leafEntry, g.count)
	for _, page := range g.pages {
		for i := range page {
			at := &ends[first(page[i].id)]
			out[*at] = page[i]
			*at++
		}
	}
	from := uint32(0)
	for i := range ends[:1<<16] {
		slices.SortFunc(out[from:ends[i]], func(a, b leafEntry) int { return bytes.Compare(a.id[:], b.id[:]) })
		from = ends[i]
	}
	return out
}

func first(id ident.EntryID) int { return int(binary.BigEndian.Uint16(id[:])) }

// packed returns the node of entries, which are in order. Its leaves are parts of that
// memory, each as long as it may grow: one that gains an entry moves out (setInLeaf).
func packed(entries []leafEntry, depth int) node {
	n := node{count: len(entries)}
	if len(entries) <= leafMax {
		n.entries = slices.Clip(entries)
		return n
	}
	if depth >= digitsMax {
		panic("bug: summary: more entries than one share an id")
	}
	n.children = new([fanOut]*node)
	for len(entries) > 0 {
		d, end := digit(entries[0].id, depth), 1
		for end < len(entries) && digit(entries[end].id, depth) == d {
			end++
		}
		child := packed(entries[:end], depth+1)
		n.children[d] = &child
		entries = entries[end:]
	}
	return n
}

// Pack moves the entries into one piece of memory, if many have come since that was done
// last: leaves that grow leave gaps behind, in sum as much again as they hold. It changes
// nothing that the tree says.
func (t *Tree) Pack() {
	if t.grown <= t.top.count/16 {
		return
	}
	entries := t.top.gather(make([]leafEntry, 0, t.top.count))
	t.top.lay(entries)
	t.grown = 0
}

// lay moves the entries of a subtree to the front of that memory, which has them already,
// and returns what is behind them.
func (n *node) lay(memory []leafEntry) []leafEntry {
	if n.children == nil {
		n.entries = slices.Clip(memory[:len(n.entries)])
		return memory[len(n.entries):]
	}
	for _, child := range n.children {
		if child != nil {
			memory = child.lay(memory)
		}
	}
	return memory
}
