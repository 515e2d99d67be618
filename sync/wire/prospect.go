package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
)

// Type bytes; see frame.go.
const (
	typeProspect      = 38
	typeProspectEnded = 39
)

// Prospect tells of a part of a large file that the sender is reading: its chunks are
// served, and will be wanted once the file is known to stand still. It is a hint. Pieces
// of a part are asked for by the part's id (recipe.Part), in the place of a content id.
type Prospect struct {
	Folder   ident.FolderID
	Prospect recipe.ProspectID
	Part     recipe.Part
}

// ProspectEnded tells that the sender has read a file to its end, and that it is this
// content; a content of zeros says that the file changed meanwhile.
type ProspectEnded struct {
	Folder   ident.FolderID
	Prospect recipe.ProspectID
	Content  ident.ContentID
}

func (Prospect) message()      {}
func (ProspectEnded) message() {}

func (Prospect) kind() byte      { return typeProspect }
func (ProspectEnded) kind() byte { return typeProspectEnded }

// partChunkSizeMin is a size and an id.
const partChunkSizeMin = 1 + 32

func (m Prospect) appendTo(b []byte) []byte {
	b = append(append(b, m.Folder[:]...), m.Prospect[:]...)
	b = append(b, byte(m.Part.Class))
	b = binary.AppendUvarint(b, uint64(m.Part.First))
	b = binary.AppendUvarint(b, uint64(m.Part.Offset))
	b = binary.AppendUvarint(b, uint64(len(m.Part.Chunks)))
	for _, c := range m.Part.Chunks {
		b = append(binary.AppendUvarint(b, uint64(c.Size)), c.ID[:]...)
	}
	return b
}

func (m Prospect) size() int {
	n := folderLen + len(m.Prospect) + 1 + uvarintLen(uint64(m.Part.First)) +
		uvarintLen(uint64(m.Part.Offset)) + uvarintLen(uint64(len(m.Part.Chunks)))
	for _, c := range m.Part.Chunks {
		n += uvarintLen(uint64(c.Size)) + len(c.ID)
	}
	return n
}

func parseProspect(r *reader) (m Prospect) {
	r.into("folder", m.Folder[:])
	r.into("prospect", m.Prospect[:])
	m.Part.Class = chunker.Class(r.byte("class"))
	m.Part.First = int(r.atMost("first", PiecesMax-1))
	m.Part.Offset = int64(r.atMost("offset", recipe.MaxSize))
	n := r.count("chunks", recipe.PartChunksMax, partChunkSizeMin)
	if n > 0 {
		m.Part.Chunks = make([]recipe.Chunk, n)
	}
	for i := range m.Part.Chunks {
		r.item = i
		m.Part.Chunks[i].Size = r.number32("size")
		r.into("chunk", m.Part.Chunks[i].ID[:])
	}
	r.item = noItem
	if r.err == nil {
		if err := m.Part.Validate(); err != nil {
			r.fail("part", fmt.Errorf("it cannot be: %w", err))
		}
	}
	return m
}

func (m ProspectEnded) appendTo(b []byte) []byte {
	b = append(append(b, m.Folder[:]...), m.Prospect[:]...)
	return append(b, m.Content[:]...)
}

func (m ProspectEnded) size() int { return folderLen + len(m.Prospect) + len(m.Content) }

func parseProspectEnded(r *reader) (m ProspectEnded) {
	r.into("folder", m.Folder[:])
	r.into("prospect", m.Prospect[:])
	r.into("content", m.Content[:])
	return m
}
