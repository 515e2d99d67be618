package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	haveItemSizeMin   = contentLen + 1 + 1
	recipePartSizeMin = contentLen + 1 + 1 + 1
	pieceAskSizeMin   = 1 + contentLen + 1 + contentLen + 1

	// recipeTotalMax is more than the encoding of PiecesMax chunks takes: an id and a size
	// each. It keeps a peer from announcing recipes that no content can have.
	recipeTotalMax = PiecesMax * (32 + 8)
)

func (WantHave) kind() byte { return typeWantHave }

func (m WantHave) appendTo(b []byte) []byte {
	return appendContents(append(b, m.Folder[:]...), m.Contents)
}

func (m WantHave) size() int { return folderLen + contentsSize(m.Contents) }

func parseWantHave(r *reader) (m WantHave) {
	r.into("folder", m.Folder[:])
	m.Contents = r.contents(HaveMax)
	return m
}

func (Have) kind() byte { return typeHave }

// appendTo writes piece numbers as gaps: how many pieces are left out before each. A run of
// pieces costs a byte each, and a list can only increase.
func (m Have) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, uint64(len(m.Items)))
	for i := range m.Items {
		h := &m.Items[i]
		b = append(b, h.Content[:]...)
		b = appendFlag(b, h.All)
		b = binary.AppendUvarint(b, uint64(len(h.Pieces)))
		next := uint32(0)
		for _, piece := range h.Pieces {
			b = binary.AppendUvarint(b, uint64(piece-next))
			next = piece + 1
		}
	}
	return b
}

func (m Have) size() int {
	n := folderLen + uvarintLen(uint64(len(m.Items)))
	for i := range m.Items {
		h := &m.Items[i]
		n += contentLen + 1 + uvarintLen(uint64(len(h.Pieces)))
		next := uint32(0)
		for _, piece := range h.Pieces {
			n += uvarintLen(uint64(piece - next))
			next = piece + 1
		}
	}
	return n
}

func parseHave(r *reader) (m Have) {
	r.into("folder", m.Folder[:])
	n := r.count("items", HaveMax, haveItemSizeMin)
	if n == 0 {
		return m
	}
	m.Items = make([]HaveItem, n)
	for i := range m.Items {
		r.item = i
		h := &m.Items[i]
		r.into("content", h.Content[:])
		h.All = r.flag("all")
		h.Pieces = parsePieces(r)
		if h.All && len(h.Pieces) > 0 {
			r.fail("pieces", errors.New("listed although it has all"))
		}
	}
	return m
}

func parsePieces(r *reader) []uint32 {
	n := r.count("pieces", PiecesMax, 1)
	if n == 0 {
		return nil
	}
	pieces := make([]uint32, n)
	next := uint64(0)
	for i := range pieces {
		next += r.atMost("pieces", PiecesMax)
		if next >= PiecesMax {
			r.fail("pieces", fmt.Errorf("piece %d, not below %d", next, PiecesMax))
			return nil
		}
		pieces[i] = uint32(next)
		next++
	}
	return pieces
}

func (AskRecipes) kind() byte { return typeAskRecipes }

func (m AskRecipes) appendTo(b []byte) []byte {
	return appendContents(append(b, m.Folder[:]...), m.Contents)
}

func (m AskRecipes) size() int { return folderLen + contentsSize(m.Contents) }

func parseAskRecipes(r *reader) (m AskRecipes) {
	r.into("folder", m.Folder[:])
	m.Contents = r.contents(AskMax)
	return m
}

func (Recipes) kind() byte { return typeRecipes }

func (m Recipes) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, uint64(len(m.Parts)))
	for i := range m.Parts {
		p := &m.Parts[i]
		b = append(b, p.Content[:]...)
		b = binary.AppendUvarint(b, p.Total)
		b = binary.AppendUvarint(b, p.Offset)
		b = binary.AppendUvarint(b, uint64(len(p.Body)))
		b = append(b, p.Body...)
	}
	return b
}

func (m Recipes) size() int {
	n := folderLen + uvarintLen(uint64(len(m.Parts)))
	for i := range m.Parts {
		p := &m.Parts[i]
		n += contentLen + uvarintLen(p.Total) + uvarintLen(p.Offset) + sizedLen(len(p.Body))
	}
	return n
}

func parseRecipes(r *reader) (m Recipes) {
	r.into("folder", m.Folder[:])
	n := r.count("parts", AskMax, recipePartSizeMin)
	if n == 0 {
		return m
	}
	m.Parts = make([]RecipePart, n)
	room := RecipeMax
	for i := range m.Parts {
		r.item = i
		p := &m.Parts[i]
		r.into("content", p.Content[:])
		p.Total = r.atMost("total", recipeTotalMax)
		p.Offset = r.atMost("offset", p.Total)
		p.Body = r.sized("body", room)
		room -= len(p.Body)
		if p.Offset+uint64(len(p.Body)) > p.Total {
			r.fail("body", fmt.Errorf("ends at %d of %d bytes",
				p.Offset+uint64(len(p.Body)), p.Total))
		}
	}
	return m
}

func (AskPieces) kind() byte { return typeAskPieces }

func (m AskPieces) appendTo(b []byte) []byte {
	b = append(b, m.Folder[:]...)
	b = binary.AppendUvarint(b, uint64(len(m.Items)))
	for i := range m.Items {
		a := &m.Items[i]
		b = binary.AppendUvarint(b, a.Ticket)
		b = append(b, a.Content[:]...)
		b = binary.AppendUvarint(b, uint64(a.Index))
		b = append(b, a.Chunk[:]...)
		b = binary.AppendUvarint(b, uint64(a.Size))
	}
	return b
}

func (m AskPieces) size() int {
	n := folderLen + uvarintLen(uint64(len(m.Items)))
	for i := range m.Items {
		a := &m.Items[i]
		n += len(a.Content) + len(a.Chunk) + uvarintLen(a.Ticket) +
			uvarintLen(uint64(a.Index)) + uvarintLen(uint64(a.Size))
	}
	return n
}

func parseAskPieces(r *reader) (m AskPieces) {
	r.into("folder", m.Folder[:])
	n := r.count("items", AskMax, pieceAskSizeMin)
	if n == 0 {
		return m
	}
	m.Items = make([]PieceAsk, n)
	for i := range m.Items {
		r.item = i
		a := &m.Items[i]
		a.Ticket = r.number("ticket")
		r.into("content", a.Content[:])
		a.Index = uint32(r.atMost("index", PiecesMax-1))
		r.into("chunk", a.Chunk[:])
		a.Size = r.number32("size")
	}
	return m
}

func (CancelPieces) kind() byte { return typeCancelPieces }

func (m CancelPieces) appendTo(b []byte) []byte { return appendTickets(b, m.Tickets) }

func (m CancelPieces) size() int { return ticketsSize(m.Tickets) }

func parseCancelPieces(r *reader) CancelPieces { return CancelPieces{r.tickets()} }

func appendTickets(b []byte, tickets []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(tickets)))
	for _, t := range tickets {
		b = binary.AppendUvarint(b, t)
	}
	return b
}

func ticketsSize(tickets []uint64) int {
	n := uvarintLen(uint64(len(tickets)))
	for _, t := range tickets {
		n += uvarintLen(t)
	}
	return n
}

func (r *reader) tickets() []uint64 {
	n := r.count("tickets", AskMax, 1)
	if n == 0 {
		return nil
	}
	tickets := make([]uint64, n)
	for i := range tickets {
		r.item = i
		tickets[i] = r.number("ticket")
	}
	return tickets
}

func (Slice) kind() byte { return typeSlice }

func (m Slice) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, m.Ticket)
	b = binary.AppendUvarint(b, uint64(m.Offset))
	b = binary.AppendUvarint(b, uint64(len(m.Body)))
	return append(b, m.Body...)
}

func (m Slice) size() int {
	return uvarintLen(m.Ticket) + uvarintLen(uint64(m.Offset)) + sizedLen(len(m.Body))
}

// parseSlice refuses an empty slice: no piece is empty, and slices without bytes would
// only keep a request alive.
func parseSlice(r *reader) (m Slice) {
	m.Ticket = r.number("ticket")
	m.Offset = r.number32("offset")
	m.Body = r.sized("body", SliceMax)
	if len(m.Body) == 0 {
		r.fail("body", errors.New("empty"))
	}
	return m
}

func (NoPiece) kind() byte { return typeNoPiece }

func (m NoPiece) appendTo(b []byte) []byte {
	return append(binary.AppendUvarint(b, m.Ticket), byte(m.Reason))
}

func (m NoPiece) size() int { return uvarintLen(m.Ticket) + 1 }

func parseNoPiece(r *reader) (m NoPiece) {
	m.Ticket = r.number("ticket")
	m.Reason = NoReason(r.byte("reason"))
	return m
}
