package swarm

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

// smallMax is up to where a content goes before larger ones, so that whoever saves a note
// need not wait for a film. Beyond it a content has a good part of a second to itself on
// common links.
const smallMax = 1 << 20

// askPieces fills the windows of all peers, the emptiest window first, with pieces of the
// small contents, then of the others, each in the order in which they were wanted.
func (c *Core) askPieces() {
	batches := make([][]wire.PieceAsk, len(c.peers))
	for _, w := range c.ready {
		if w.size <= smallMax && c.wants[w.content] == w {
			c.askFor(w, batches)
		}
	}
	rest := c.ready[:0]
	for _, w := range c.ready {
		if c.wants[w.content] == w && w.size > smallMax {
			c.askFor(w, batches)
		}
		if w.queued = c.wants[w.content] == w && len(w.open) > 0; w.queued {
			rest = append(rest, w)
		}
	}
	clear(c.ready[len(rest):])
	c.ready = rest
	for i, items := range batches {
		for len(items) > 0 {
			n := min(len(items), wire.AskMax)
			c.emit(AskPieces{Peer: c.peers[i].peer, Items: items[:n]})
			items = items[n:]
		}
	}
}

// askFor asks for as many open pieces of a content as windows have room for.
func (c *Core) askFor(w *want, batches [][]wire.PieceAsk) {
	if !c.anyRoom(w) {
		return
	}
	left := w.open[:0]
	for n, index := range w.open {
		best := c.choose(w, index)
		if best < 0 {
			left = append(left, index)
			if !c.anyRoom(w) {
				left = append(left, w.open[n+1:]...)
				break
			}
			continue
		}
		s, chunk := c.peers[best], w.pieces[index]
		if s.pieces == 0 {
			s.lastCame = c.now
		}
		c.ticket++
		c.asks[c.ticket] = &ask{want: w, index: index, from: s, size: int64(chunk.Size)}
		w.asking++
		s.bytes += int64(chunk.Size)
		s.pieces++
		c.limit.Take(c.now, int(chunk.Size))
		batches[best] = append(batches[best], wire.PieceAsk{
			Ticket: c.ticket, Content: w.content, Index: index, Chunk: chunk.ID, Size: chunk.Size,
		})
	}
	w.open = left
}

// choose returns which peer to ask for a piece: of those that hold it and have room, the
// one with least on its way; -1 when there is none now.
func (c *Core) choose(w *want, index uint32) int {
	best := -1
	for i, s := range c.peers {
		h := w.holders[s.peer]
		if h == nil || !h.has(index) || !c.hasRoom(s) {
			continue
		}
		if best < 0 || s.bytes < c.peers[best].bytes {
			best = i
		}
	}
	return best
}

func (c *Core) hasRoom(s *source) bool {
	return !s.banned && s.pause <= c.now && c.limit.Due() <= c.now && s.bytes < windowBytes && s.pieces < windowPieces
}

func (c *Core) anyRoom(w *want) bool {
	for _, s := range c.peers {
		if w.holders[s.peer] != nil && c.hasRoom(s) {
			return true
		}
	}
	return false
}

// pieceStored notes a piece that came.
func (c *Core) pieceStored(ticket uint64) {
	if c.asks[ticket] == nil {
		return // taken back meanwhile; the piece is in the stage all the same
	}
	a := c.endAsk(ticket)
	a.from.lastCame = c.now
	a.from.delivered += a.size
	w := a.want
	if c.wants[w.content] != w || w.have[a.index] {
		return
	}
	w.have[a.index] = true
	w.left--
	c.noteFresh(w, a.index)
	if w.left == 0 {
		c.complete(w)
		return
	}
	c.noteAlone(w)
}

// pieceBad asks another peer for a piece; a peer that lies twice is asked nothing more.
func (c *Core) pieceBad(e PieceBad) {
	if c.asks[e.Ticket] == nil {
		return
	}
	a := c.endAsk(e.Ticket)
	if e.Ours {
		c.fail(a.want.content, diskCause(e.Full), e.Reason)
		return
	}
	c.blame(a.from.peer)
	c.lose(a.want, a.from.peer)
	c.reopen(a.want, a.index)
}

func (c *Core) blame(peer ident.DeviceID) {
	s := c.source(peer)
	if s == nil {
		return
	}
	if s.bad++; s.bad >= badMax && !s.banned {
		s.banned = true
		c.takeBack(s)
		for _, w := range c.sortedWants() {
			c.lose(w, peer)
		}
		c.emit(PeerBanned{Peer: peer, Reason: "it sent content that is not what it claims to be"})
	}
}

// noPiece asks another peer, or the same later when it was only busy.
func (c *Core) noPiece(s *source, m wire.NoPiece) {
	a := c.asks[m.Ticket]
	if a == nil || a.from != s {
		return
	}
	c.endAsk(m.Ticket)
	s.lastCame = c.now
	if m.Reason == wire.Busy {
		s.pause = c.now.Add(busyPause)
	} else {
		c.lose(a.want, s.peer)
	}
	c.reopen(a.want, a.index)
}

// flushQuestions sends what is to be asked of each peer besides pieces.
func (c *Core) flushQuestions() {
	for _, s := range c.peers {
		for contents := range slices.Chunk(c.wantHave[s.peer], wire.HaveMax) {
			c.emit(Send{s.peer, wire.WantHave{Folder: c.folder, Contents: slices.Clone(contents)}})
		}
		for contents := range slices.Chunk(c.wantRecipe[s.peer], wire.AskMax) {
			c.emit(Send{s.peer, wire.AskRecipes{Folder: c.folder, Contents: slices.Clone(contents)}})
		}
		delete(c.wantHave, s.peer)
		delete(c.wantRecipe, s.peer)
	}
}

// peerWantsHave answers what a peer wants to know: from memory for contents being
// fetched, by a look at the index for the others. It will hear of news too.
func (c *Core) peerWantsHave(peer ident.DeviceID, contents []ident.ContentID) {
	var items []wire.HaveItem
	var look []ident.ContentID
	for _, content := range contents {
		// Noted before the look: what is put in place meanwhile is told of.
		c.addInterest(peer, content)
		w := c.wants[content]
		if w == nil {
			look = append(look, content)
			continue
		}
		item := wire.HaveItem{Content: content}
		for i, there := range w.have {
			if there {
				item.Pieces = append(item.Pieces, uint32(i))
			}
		}
		if len(item.Pieces) > 0 {
			items = append(items, item)
		}
	}
	c.sayHave(peer, items)
	if s := c.source(peer); len(look) > 0 && s.checks < checksMax {
		s.checks++
		c.emit(CheckHaves{Peer: peer, Contents: look})
	}
}

func (c *Core) havesChecked(e HavesChecked) {
	if s := c.source(e.Peer); s != nil {
		s.checks = max(0, s.checks-1)
	}
	var items []wire.HaveItem
	for i, content := range e.Contents {
		if e.Here[i] {
			items = append(items, wire.HaveItem{Content: content, All: true})
			c.dropInterest(e.Peer, content)
		}
	}
	c.sayHave(e.Peer, items)
}

func (c *Core) addInterest(peer ident.DeviceID, content ident.ContentID) {
	peers, known := c.interest[content]
	if slices.Contains(peers, peer) || !known && len(c.interest) >= interestMax {
		return // it asks again when its patience ends
	}
	c.interest[content] = append(peers, peer)
}

func (c *Core) dropInterest(peer ident.DeviceID, content ident.ContentID) {
	rest := slices.DeleteFunc(c.interest[content], func(p ident.DeviceID) bool { return p == peer })
	if c.interest[content] = rest; len(rest) == 0 {
		delete(c.interest, content)
	}
}

// sayHave tells a peer, in messages that fit a frame.
func (c *Core) sayHave(peer ident.DeviceID, items []wire.HaveItem) {
	const piecesMax = 128 << 10 // indexes in one message; each takes at most 4 bytes
	var batch []wire.HaveItem
	room := piecesMax
	flush := func() {
		if len(batch) > 0 {
			c.emit(Send{peer, wire.Have{Folder: c.folder, Items: batch}})
		}
		batch, room = nil, piecesMax
	}
	for _, item := range items {
		for {
			part := item
			part.Pieces = item.Pieces[:min(len(item.Pieces), room)]
			batch = append(batch, part)
			room -= len(part.Pieces)
			if room == 0 || len(batch) == wire.HaveMax {
				flush()
			}
			if item.Pieces = item.Pieces[len(part.Pieces):]; len(item.Pieces) == 0 {
				break
			}
		}
	}
	flush()
}

// noteFresh remembers a piece to tell of, if anybody wants to hear.
func (c *Core) noteFresh(w *want, index uint32) {
	if len(w.pieces) < 2 {
		return
	}
	c.fresh[w.content] = append(c.fresh[w.content], index)
	if len(c.interest[w.content]) > 0 {
		c.freshDue = min(c.freshDue, c.now.Add(havePause))
	}
}

// tellFresh tells whoever asked of the pieces that came since the last time.
func (c *Core) tellFresh() {
	c.freshDue = step.Never
	contents := make([]ident.ContentID, 0, len(c.fresh))
	for content := range c.fresh {
		contents = append(contents, content)
	}
	slices.SortFunc(contents, func(a, b ident.ContentID) int { return slices.Compare(a[:], b[:]) })
	news := map[ident.DeviceID][]wire.HaveItem{}
	for _, content := range contents {
		pieces := c.fresh[content]
		slices.Sort(pieces)
		for _, peer := range c.interest[content] {
			news[peer] = append(news[peer], wire.HaveItem{Content: content, Pieces: pieces})
		}
		delete(c.fresh, content)
	}
	for _, s := range c.peers {
		c.sayHave(s.peer, news[s.peer])
	}
}

// tellAll tells whoever asked that a content is whole here. They are told once more when
// it is in place: what they ask of the stage at its end may come too late.
func (c *Core) tellAll(content ident.ContentID) {
	delete(c.fresh, content)
	for _, peer := range c.interest[content] {
		if c.source(peer) != nil {
			c.emit(Send{peer, wire.Have{Folder: c.folder, Items: []wire.HaveItem{{Content: content, All: true}}}})
		}
	}
}
