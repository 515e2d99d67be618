package swarm

import (
	"slices"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/wire"
)

// wanted begins to fetch a content. What peers said of it before is used at once; the
// others are asked, unless the content is one piece that somebody is known to hold.
func (c *Core) wanted(e ContentWanted) {
	if c.wants[e.Content] != nil {
		return
	}
	w := &want{
		content: e.Content, size: e.Size, old: e.Old, since: c.now, again: c.now.Add(askEvery),
		holders: map[ident.DeviceID]*holding{},
	}
	c.wants[e.Content] = w
	for _, peer := range c.hints[e.Content] {
		if c.source(peer) != nil {
			w.holders[peer] = &holding{all: true, pieces: map[uint32]bool{}}
		}
	}
	delete(c.hints, e.Content)
	if len(w.holders) == 0 {
		c.orphanDue = min(c.orphanDue, orphanDueOf(w))
	}
	r, single := recipe.Implied(e.Content, e.Size)
	for _, s := range c.peers {
		if w.holders[s.peer] == nil && !(single && len(w.holders) > 0) {
			c.wantHave[s.peer] = append(c.wantHave[s.peer], e.Content)
		}
	}
	if !single {
		c.emit(FindRecipe{Content: e.Content})
		return
	}
	w.pieces = r.Chunks
	c.beginFetch(w, make([]bool, len(r.Chunks)))
}

// recipeFound opens the stage, or asks a holder for the recipe.
func (c *Core) recipeFound(e RecipeFound) {
	w := c.wants[e.Content]
	if w == nil || w.state != findingRecipe {
		return
	}
	if e.Recipe.Size() != w.size || e.Recipe.Verify(w.content) != nil {
		c.askRecipe(w)
		return
	}
	c.openStage(w, e.Recipe)
}

func (c *Core) openStage(w *want, r recipe.Recipe) {
	w.pieces, w.state, w.parts = r.Chunks, staging, nil
	c.emit(OpenStage{Content: w.content, Recipe: r, Old: w.old})
}

// askRecipe asks one holder that was not asked before; without one it waits for a holder.
func (c *Core) askRecipe(w *want) {
	for _, s := range c.peers {
		if h := w.holders[s.peer]; h != nil && !s.banned && s.peer != w.asked {
			w.state, w.asked, w.parts = askingRecipe, s.peer, nil
			w.owed = c.now.Add(stallAfter)
			c.recipeDue = min(c.recipeDue, w.owed)
			c.wantRecipe[s.peer] = append(c.wantRecipe[s.peer], w.content)
			return
		}
	}
	w.state, w.asked = findingRecipe, ident.DeviceID{}
}

// stageOpened begins to ask for what is not there yet.
func (c *Core) stageOpened(e StageOpened) {
	w := c.wants[e.Content]
	if w == nil || w.state != staging || len(e.Present) != len(w.pieces) {
		return
	}
	c.beginFetch(w, e.Present)
}

func (c *Core) beginFetch(w *want, present []bool) {
	w.state, w.have = fetching, present
	for i, there := range present {
		if there {
			c.noteFresh(w, uint32(i))
		} else {
			w.open = append(w.open, uint32(i))
		}
	}
	w.left = len(w.open)
	if w.left == 0 {
		c.complete(w)
		return
	}
	c.arrange(w)
	c.enqueue(w)
	c.noteAlone(w)
}

// arrange puts the open pieces in the order to ask for them: rarest first among several
// peers, ties by chance; in order from a lone peer, whose disk likes it so.
func (c *Core) arrange(w *want) {
	if len(c.peers) < 2 {
		slices.Sort(w.open)
		return
	}
	c.rand.Shuffle(len(w.open), func(i, j int) { w.open[i], w.open[j] = w.open[j], w.open[i] })
	count := make(map[uint32]int, len(w.open))
	for _, i := range w.open {
		for _, h := range w.holders {
			if h.has(i) {
				count[i]++
			}
		}
	}
	slices.SortStableFunc(w.open, func(a, b uint32) int { return count[a] - count[b] })
}

// complete tells the folder, and whoever asked, that a content is whole. A single piece is
// served only when it is in place; ContentsHere tells of it then.
func (c *Core) complete(w *want) {
	delete(c.wants, w.content)
	c.emit(ContentReady{Content: w.content})
	if len(w.pieces) > 1 {
		c.tellAll(w.content)
	}
}

// forget ends a fetch and takes its asks back.
func (c *Core) forget(content ident.ContentID) {
	w := c.wants[content]
	if w == nil {
		return
	}
	delete(c.wants, content)
	delete(c.fresh, content)
	byPeer := map[*source][]uint64{}
	for t, a := range c.asks {
		if a.want == w {
			byPeer[a.from] = append(byPeer[a.from], t)
		}
	}
	for _, s := range c.peers {
		if tickets := byPeer[s]; len(tickets) > 0 {
			slices.Sort(tickets)
			for _, t := range tickets {
				c.endAsk(t)
			}
			c.emit(CancelPieces{Peer: s.peer, Tickets: tickets})
		}
	}
}

func diskCause(full bool) Cause {
	if full {
		return DiskFull
	}
	return DiskFailed
}

func (c *Core) fail(content ident.ContentID, cause Cause, reason string) {
	if c.wants[content] == nil {
		return
	}
	c.forget(content)
	c.emit(ContentFailed{Content: content, Cause: cause, Reason: reason})
}

// hear takes in what a peer says about content.
func (c *Core) hear(peer ident.DeviceID, m wire.Message) {
	s := c.source(peer)
	if s == nil {
		return
	}
	switch m := m.(type) {
	case wire.Have:
		for _, item := range m.Items {
			c.peerHas(peer, item)
		}
	case wire.WantHave:
		c.peerWantsHave(peer, m.Contents)
	case wire.Recipes:
		for _, part := range m.Parts {
			c.recipePart(peer, part)
		}
	case wire.NoPiece:
		c.noPiece(s, m)
	}
}

// peerHas notes what a peer holds of a content: one being fetched, or one soon to be.
func (c *Core) peerHas(peer ident.DeviceID, item wire.HaveItem) {
	w := c.wants[item.Content]
	if w == nil {
		if item.All {
			c.hint(peer, item.Content)
		}
		return
	}
	if s := c.source(peer); s == nil || s.banned || !item.All && len(item.Pieces) == 0 {
		return
	}
	wasAlone := orphanDueOf(w) <= c.orphanDue && c.alone(w)
	h := w.holders[peer]
	if h == nil {
		h = &holding{pieces: map[uint32]bool{}}
		w.holders[peer] = h
	}
	h.all = h.all || item.All
	for _, i := range item.Pieces {
		if w.pieces == nil || int(i) < len(w.pieces) {
			h.pieces[i] = true
		}
	}
	if wasAlone && !c.alone(w) {
		c.findOrphanDue()
	}
	switch {
	case w.state == findingRecipe:
		c.askRecipe(w)
	case w.state == fetching && len(w.open) > 0:
		c.enqueue(w)
	}
}

// lose notes that a peer does not hold a content after all, or cannot be asked for it.
// From when nobody is left, patience counts.
func (c *Core) lose(w *want, peer ident.DeviceID) {
	if w.holders[peer] == nil {
		return
	}
	delete(w.holders, peer)
	if len(w.holders) == 0 {
		w.since, w.again = c.now, c.now.Add(gonePause)
		c.orphanDue = min(c.orphanDue, orphanDueOf(w))
		return
	}
	c.noteAlone(w)
}

// hint remembers a holder of a content that is not wanted yet.
func (c *Core) hint(peer ident.DeviceID, content ident.ContentID) {
	known, ok := c.hints[content]
	if slices.Contains(known, peer) {
		return
	}
	if !ok {
		if len(c.hintOrder) >= hintsMax {
			delete(c.hints, c.hintOrder[0])
			c.hintOrder = c.hintOrder[1:]
		}
		c.hintOrder = append(c.hintOrder, content)
	}
	c.hints[content] = append(known, peer)
}

// recipePart gathers an arriving recipe; a wrong one costs its sender like a wrong piece.
func (c *Core) recipePart(peer ident.DeviceID, part wire.RecipePart) {
	w := c.wants[part.Content]
	if w == nil || w.state != askingRecipe || w.asked != peer {
		return
	}
	if part.Total == 0 {
		c.lose(w, peer)
		c.askRecipe(w)
		return
	}
	if part.Offset != uint64(len(w.parts)) || part.Total > encodedMax(w.size) {
		c.blame(peer)
		c.lose(w, peer)
		c.askRecipe(w)
		return
	}
	w.parts = append(w.parts, part.Body...)
	w.owed = c.now.Add(stallAfter)
	if uint64(len(w.parts)) < part.Total {
		return
	}
	r, err := recipe.Parse(w.parts)
	if err != nil || r.Verify(w.content) != nil || r.Size() != w.size {
		c.blame(peer)
		c.lose(w, peer)
		c.askRecipe(w)
		return
	}
	c.openStage(w, r)
}

// encodedMax bounds the encoding of the recipe of a file of the given size.
func encodedMax(size int64) uint64 {
	most := size/int64(chunker.ClassOf(size).Min()) + 2
	one := recipe.Recipe{Chunks: make([]recipe.Chunk, 1)}.EncodedSize()
	return uint64(most) * uint64(one)
}
