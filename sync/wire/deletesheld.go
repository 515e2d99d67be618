package wire

import (
	"encoding/binary"

	"github.com/shoal-sync/shoal/internal/ident"
)

// DeletesHeld tells of how many names the sender holds the deletes until a person has
// answered. State counts them among the needed files; this says why nothing comes of it. It
// comes before the State that counts them, when the number has changed since the last one of
// the conversation, which begins with none.
type DeletesHeld struct {
	Folder ident.FolderID
	Names  uint64
}

func (DeletesHeld) message() {}

func (DeletesHeld) kind() byte { return typeDeletesHeld }

func (m DeletesHeld) appendTo(b []byte) []byte {
	return binary.AppendUvarint(append(b, m.Folder[:]...), m.Names)
}

func (m DeletesHeld) size() int { return folderLen + uvarintLen(m.Names) }

func parseDeletesHeld(r *reader) (m DeletesHeld) {
	r.into("folder", m.Folder[:])
	m.Names = r.number("names")
	return m
}
