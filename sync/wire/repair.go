package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// Limits of the messages by which two replicas find out how they differ.
const (
	// PartsMax is how many subtrees are asked for at once: the longest answer, all of them
	// full leaves, is half a frame.
	PartsMax = 512
	// FindMax is how many entries are asked for at once.
	FindMax = 1000
)

// AskParts asks for subtrees of the receiver's state summary.
type AskParts struct {
	Folder   ident.FolderID
	Repair   uint64 // the asker's number of this repair, repeated in the answers
	Prefixes []summary.Prefix
}

// Parts answers AskParts: one part for each prefix, in order.
type Parts struct {
	Folder ident.FolderID
	Repair uint64
	Parts  []summary.Part
}

// AskEntries asks for entries as the receiver has recorded them.
type AskEntries struct {
	Folder ident.FolderID
	Repair uint64
	IDs    []ident.EntryID
}

// AskDeleted asks for entries that are recorded as deleted and that the asker may not have
// heard of: not all that is in them is covered by its knowledge.
type AskDeleted struct {
	Folder    ident.FolderID
	Repair    uint64
	After     uint64 // number in the receiver's log: those up to it are not asked for
	Knowledge version.Vector
}

// Found answers AskEntries and AskDeleted, in one message or several. Entries that are not
// known are left out. Has[i] is set when the content of Entries[i] is complete at the
// sender.
type Found struct {
	Folder  ident.FolderID
	Repair  uint64
	Entries []tree.Entry
	Has     []bool // as long as Entries
	// Last is set in the last message of an answer. Then After is, of an answer to
	// AskDeleted, where to ask on, or 0 when that was all.
	Last  bool
	After uint64
}

// Horizon follows each Join.
type Horizon struct {
	Folder ident.FolderID
	// Life is a number drawn when the sender began to keep the folder, anew at each start of
	// its program. One that comes back after another one means that two run at once.
	Life uint64
	// TookLife is the receiver's life in which the sender took the last of TookSeq, as its
	// Join said; 0 when it does not know.
	TookLife uint64
	// Collected covers the deletes that the sender has forgotten. A receiver that has not
	// heard of them may hold what was deleted, and must not tell of it.
	Collected version.Vector
}

func (Horizon) message()    {}
func (AskParts) message()   {}
func (Parts) message()      {}
func (AskEntries) message() {}
func (AskDeleted) message() {}
func (Found) message()      {}

const (
	entryIDLen  = len(ident.EntryID{})
	sumLen      = len(summary.Sum{})
	fanOut      = len(summary.Part{}.Children)
	partSizeMin = 1 + 1 + 1
	itemsMax    = 32
)

func (Horizon) kind() byte { return typeHorizon }

func (m Horizon) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.BigEndian.AppendUint64(b, m.Life)
	b = binary.BigEndian.AppendUint64(b, m.TookLife)
	return appendVector(b, m.Collected)
}

func (m Horizon) size() int { return folderLen + 2*8 + vectorSize(m.Collected) }

func parseHorizon(r *reader) (m Horizon) {
	r.into("folder", m.Folder[:])
	m.Life = r.fixed64("life")
	m.TookLife = r.fixed64("took life")
	m.Collected = r.vector("collected", KnowledgeMax)
	return m
}

func (AskParts) kind() byte { return typeAskParts }

func (m AskParts) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, m.Repair)
	b = binary.AppendUvarint(b, uint64(len(m.Prefixes)))
	for _, p := range m.Prefixes {
		b = append(b, byte(p.Digits))
		b = append(b, p.ID[:(p.Digits+1)/2]...)
	}
	return b
}

func (m AskParts) size() int {
	n := folderLen + uvarintLen(m.Repair) + uvarintLen(uint64(len(m.Prefixes)))
	for _, p := range m.Prefixes {
		n += 1 + (p.Digits+1)/2
	}
	return n
}

func parseAskParts(r *reader) (m AskParts) {
	r.into("folder", m.Folder[:])
	m.Repair = r.number("repair")
	n := r.count("prefixes", PartsMax, 1)
	if n == 0 {
		return m
	}
	m.Prefixes = make([]summary.Prefix, n)
	for i := range m.Prefixes {
		r.item = i
		p := &m.Prefixes[i]
		if p.Digits = int(r.byte("digits")); p.Digits > 2*entryIDLen {
			r.fail("digits", fmt.Errorf("%d, more than an id has", p.Digits))
			return m
		}
		r.into("prefix", p.ID[:(p.Digits+1)/2])
		if !p.Valid() {
			r.fail("prefix", errors.New("half a byte too much"))
		}
	}
	r.item = noItem
	return m
}

func (Parts) kind() byte { return typeParts }

func (m Parts) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, m.Repair)
	b = binary.AppendUvarint(b, uint64(len(m.Parts)))
	for i := range m.Parts {
		b = appendPart(b, &m.Parts[i])
	}
	return b
}

// appendPart writes a branch as a set of bits and a sum for each bit set, so that empty
// subtrees cost nothing.
func appendPart(b []byte, p *summary.Part) []byte {
	b = binary.AppendUvarint(b, p.Count)
	b = appendFlag(b, p.Branch)
	if !p.Branch {
		b = binary.AppendUvarint(b, uint64(len(p.Items)))
		for i := range p.Items {
			b = append(b, p.Items[i].ID[:]...)
			b = append(b, p.Items[i].Digest[:]...)
		}
		return b
	}
	b = binary.BigEndian.AppendUint16(b, there(p))
	for d := range p.Children {
		if p.Children[d] != (summary.Sum{}) {
			b = append(b, p.Children[d][:]...)
		}
	}
	return b
}

// there has bit d set when subtree d of a branch is not empty.
func there(p *summary.Part) (bits uint16) {
	for d := range p.Children {
		if p.Children[d] != (summary.Sum{}) {
			bits |= 1 << d
		}
	}
	return bits
}

func (m Parts) size() int {
	n := folderLen + uvarintLen(m.Repair) + uvarintLen(uint64(len(m.Parts)))
	for i := range m.Parts {
		p := &m.Parts[i]
		n += uvarintLen(p.Count) + 1
		if !p.Branch {
			n += uvarintLen(uint64(len(p.Items))) + len(p.Items)*(entryIDLen+sumLen)
			continue
		}
		n += 2
		for d := range p.Children {
			if p.Children[d] != (summary.Sum{}) {
				n += sumLen
			}
		}
	}
	return n
}

func parseParts(r *reader) (m Parts) {
	r.into("folder", m.Folder[:])
	m.Repair = r.number("repair")
	n := r.count("parts", PartsMax, partSizeMin)
	if n == 0 {
		return m
	}
	m.Parts = make([]summary.Part, n)
	for i := range m.Parts {
		r.item = i
		parsePart(r, &m.Parts[i])
	}
	r.item = noItem
	return m
}

func parsePart(r *reader, p *summary.Part) {
	p.Count = r.number("count")
	p.Branch = r.flag("branch")
	if p.Branch {
		bits := binary.BigEndian.Uint16(append(r.raw("children", 2), 0, 0))
		for d := range fanOut {
			if bits>>d&1 == 0 {
				continue
			}
			r.into("child", p.Children[d][:])
			if r.err == nil && p.Children[d] == (summary.Sum{}) {
				r.fail("child", errors.New("a subtree that is there has no sum"))
			}
		}
		return
	}
	n := r.count("items", itemsMax, entryIDLen+sumLen)
	if n == 0 {
		return
	}
	p.Items = make([]summary.Item, n)
	for i := range p.Items {
		r.into("id", p.Items[i].ID[:])
		r.into("digest", p.Items[i].Digest[:])
	}
}

func (AskEntries) kind() byte { return typeAskEntries }

func (m AskEntries) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, m.Repair)
	b = binary.AppendUvarint(b, uint64(len(m.IDs)))
	for i := range m.IDs {
		b = append(b, m.IDs[i][:]...)
	}
	return b
}

func (m AskEntries) size() int {
	return folderLen + uvarintLen(m.Repair) + uvarintLen(uint64(len(m.IDs))) + len(m.IDs)*entryIDLen
}

func parseAskEntries(r *reader) (m AskEntries) {
	r.into("folder", m.Folder[:])
	m.Repair = r.number("repair")
	n := r.count("ids", FindMax, entryIDLen)
	if n == 0 {
		return m
	}
	m.IDs = make([]ident.EntryID, n)
	for i := range m.IDs {
		r.into("id", m.IDs[i][:])
	}
	return m
}

func (AskDeleted) kind() byte { return typeAskDeleted }

func (m AskDeleted) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, m.Repair)
	b = binary.AppendUvarint(b, m.After)
	return appendVector(b, m.Knowledge)
}

func (m AskDeleted) size() int {
	return folderLen + uvarintLen(m.Repair) + uvarintLen(m.After) + vectorSize(m.Knowledge)
}

func parseAskDeleted(r *reader) (m AskDeleted) {
	r.into("folder", m.Folder[:])
	m.Repair = r.number("repair")
	m.After = r.number("after")
	m.Knowledge = r.vector("knowledge", KnowledgeMax)
	return m
}

func (Found) kind() byte { return typeFound }

func (m Found) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, m.Repair)
	b = appendEntries(b, m.Entries, m.Has)
	b = appendFlag(b, m.Last)
	return binary.AppendUvarint(b, m.After)
}

func (m Found) size() int {
	return folderLen + uvarintLen(m.Repair) + entriesSize(m.Entries, m.Has) + 1 + uvarintLen(m.After)
}

func parseFound(r *reader) (m Found) {
	r.into("folder", m.Folder[:])
	m.Repair = r.number("repair")
	m.Entries, m.Has = entries(r, r.count("entries", RowsMax, entrySizeMin))
	m.Last = r.flag("last")
	m.After = r.number("after")
	return m
}
