package wire

import (
	"github.com/shoal-sync/shoal/internal/ident"
)

// YieldPieces asks the receiver to leave pieces to others that would rest otherwise. An ask
// it has not begun to answer it answers with NoPiece and Yielded, the others as if nothing
// had been said: no byte is sent twice.
type YieldPieces struct {
	Folder  ident.FolderID
	Tickets []uint64
}

func (YieldPieces) message()   {}
func (YieldPieces) kind() byte { return typeYieldPieces }

func (m YieldPieces) appendTo(b []byte) []byte {
	return appendTickets(append(b, m.Folder[:]...), m.Tickets)
}

func (m YieldPieces) size() int {
	return folderLen + ticketsSize(m.Tickets)
}

func parseYieldPieces(r *reader) (m YieldPieces) {
	r.into("folder", m.Folder[:])
	m.Tickets = r.tickets()
	return m
}
