// Package tree is the vocabulary of the shared tree: entries with stable ids, what is
// known of them on disk, the orders that change the disk and the findings of a scan.
//
// It holds values and their encodings; what to do with them is decided by merge (which
// value wins, what the view is) and folder (what to do next). The index, the scanner, the
// disk and the simulator all speak these words.
package tree

import (
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/version"
)

// Kind is what an entry is. It never changes: a file that became a directory is a delete
// and a new entry.
type Kind uint8

// The kinds an entry can have. Other numbers are carried through and not materialised.
const (
	File Kind = 1
	Dir  Kind = 2
	Link Kind = 3 // symbolic link
)

// String returns "file", "dir" or "link".
func (k Kind) String() string {
	switch k {
	case File:
		return "file"
	case Dir:
		return "dir"
	case Link:
		return "link"
	}
	return "unknown kind"
}

// AncestorsMax is how many replaced content ids a content carries: a loser among the
// winner's last 8 ancestors needs no conflict copy (rule R3).
const AncestorsMax = 8

// Entry is one file, directory or link of the replicated set: three registers under a
// stable id. Each register holds the winning value and the context, the join of all
// writes that were seen when it won.
type Entry struct {
	ID      ident.EntryID
	Kind    Kind
	Place   Placement
	Content Content
	Attrs   Attributes
	// Extra holds encoded fields that a newer program wrote. They are carried through.
	Extra []byte
}

// Placement says where an entry is. Its name is empty in a conflict entry that nobody has
// moved: then Parent is the entry it lost to, and it is shown beside that one.
type Placement struct {
	version.Version
	Context version.Vector // every write to this register that was seen; covers Seen
	Parent  ident.EntryID
	Name    string
	// WasParent and WasName are the place this one replaced; the view falls back to it
	// when concurrent moves make a cycle (rule R10). Both are zero for a first placement.
	WasParent ident.EntryID
	WasName   string
}

// Content says what bytes an entry holds, or that it was deleted.
type Content struct {
	version.Version
	Context version.Vector
	ID      ident.ContentID // zero for directories; of a deleted entry: what it held last
	Size    int64           // bytes
	Target  string          // where a link points; empty otherwise
	Deleted bool
	// SawPlace is what those who ever deleted the entry knew of its placement: one that it
	// does not cover survives the delete (rule R15). It is kept while a content stands
	// against a delete, for the next delete may be joined with the earlier one first.
	SawPlace version.Vector
	// Ancestors are the content ids this one replaced, newest first, at most AncestorsMax.
	Ancestors []ident.ContentID
}

// Attributes are permission bits, times and, where a folder carries them, traits.
type Attributes struct {
	version.Version
	Context version.Vector
	Mode    uint32 // Unix permission bits, 0..0o777
	Mtime   int64  // nanoseconds since 1970 (UTC)
	Traits  Traits // empty where nobody has said any
}

// Live reports whether the entry is to be seen: not deleted, or moved by somebody whom no
// delete had seen.
func (e *Entry) Live() bool {
	p, saw := &e.Place, e.Content.SawPlace
	if !e.Content.Deleted {
		return true
	}
	return !p.IsNull() && !saw.Covers(p.Dot) && !(p.writtenDown() && coversBefore(saw, p.Version))
}

// writtenDown reports whether no person moved the entry here: a device wrote down the
// conflict name under which the view showed it.
func (p *Placement) writtenDown() bool {
	rested := p.WasName == "" && !p.WasParent.IsRoot() // beside the entry it had lost to
	stayed := p.Parent == p.WasParent && len(p.Name) > len(p.WasName)
	return (rested || stayed) && strings.Contains(p.Name, ConflictMark)
}

// coversBefore reports whether a vector covers what others had written before a write.
func coversBefore(v version.Vector, w version.Version) bool {
	for _, dot := range w.Seen {
		if dot.Replica != w.Dot.Replica && !v.Covers(dot) {
			return false
		}
	}
	return true
}

// IsConflict reports whether e keeps the content of a loser and still rests beside the
// entry it lost to.
func (e *Entry) IsConflict() bool { return e.Place.Name == "" }

// LostTo returns the entry that e's content lost to, while no person has moved e: it rests
// beside that one, or a device has written down the conflict name under which it is shown.
func (e *Entry) LostTo() (origin ident.EntryID, ok bool) {
	if e.IsConflict() {
		return e.Place.Parent, true
	}
	return e.Place.WasParent, e.Place.WasName == "" && e.Place.writtenDown()
}

// ConflictMark begins what a conflict name has between stem and extension.
const ConflictMark = " (conflict"

// ShowsConflict reports whether a person sees the entry as a conflict copy: it rests
// beside the entry it lost to, or its own name says so.
func (e *Entry) ShowsConflict() bool {
	return e.Kind != Dir && (e.IsConflict() || strings.Contains(e.Place.Name, ConflictMark))
}

// Descends reports whether c is, or knowingly replaced, the given content.
func (c *Content) Descends(id ident.ContentID) bool {
	return c.ID == id || slices.Contains(c.Ancestors, id)
}

// KnownBy reports whether somebody with this knowledge has heard of every write in e. What
// a first scan found was written by nobody; of that it says nothing.
func (e *Entry) KnownBy(k version.Vector) bool {
	return k.CoversAll(e.Place.Context) && k.CoversAll(e.Content.Context) && k.CoversAll(e.Attrs.Context)
}

// Clone returns a copy that shares no changeable memory with e. Vectors are immutable and
// may be shared.
func (e *Entry) Clone() Entry {
	c := *e
	c.Content.Ancestors = slices.Clone(e.Content.Ancestors)
	c.Extra = slices.Clone(e.Extra)
	return c
}
