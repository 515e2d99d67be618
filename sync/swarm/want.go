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
		content: e.Content, name: e.Name, size: e.Size, old: e.Old, since: c.now, again: c.now.Add(askEvery),
		holders: map[ident.DeviceID]*holding{},
	}
	c.wants[e.Content] = w
	known := false // to somebody near
	for _, peer := range c.hints[e.Content] {
		if s := c.source(peer); s != nil && !s.banned {
			w.holders[peer] = &holding{all: true}
			known = known || s.near
		}
	}
	delete(c.hints, e.Content)
	if !known {
		c.orphanDue = min(c.orphanDue, orphanDueOf(w))
	}
	r, single := recipe.Implied(e.Content, e.Size)
	for _, s := range c.peers {
		if s.near && w.holders[s.peer] == nil && !(single && known) {
			c.wantHave[s.peer] = append(c.wantHave[s.peer], e.Content)
		}
	}
	if told, ok := c.foreseen(e.Content); ok && told.Size() == e.Size {
		c.openStage(w, told)
		return
	}
	if !single {
		c.emit(FindRecipe{Content: e.Content})
		return
	}
	w.pieces = r.Chunks
	c.beginFetch(w, make([]bool, len(r.Chunks)))
}

// recipeFound opens the stage, or asks a holder for the recipe. A holder may have said that
// it is one meanwhile, and have been asked: what is here is here all the same.
func (c *Core) recipeFound(e RecipeFound) {
	w := c.wants[e.Content]
	if w == nil || w.state > askingRecipe {
		return
	}
	switch known := e.Recipe.Size() == w.size && e.Recipe.Verify(w.content) == nil; {
	case known:
		c.openStage(w, e.Recipe)
	case w.state == findingRecipe:
		c.askRecipe(w)
	}
}

func (c *Core) openStage(w *want, r recipe.Recipe) {
	w.pieces, w.state, w.tellers = r.Chunks, staging, nil
	order := OpenStage{Content: w.content, Recipe: r, Old: w.old}
	if w.heirOf, w.inherits = c.prospectOf(r); w.heirOf != nil {
		order.Prospect, w.heirOf.heir = w.heirOf.id, w
	}
	c.emit(order)
}

// stageOpened begins to ask for what is not there yet.
func (c *Core) stageOpened(e StageOpened) {
	w := c.wants[e.Content]
	if w != nil && w.state == fetching {
		c.foundHere(w, e)
		return
	}
	if w == nil || w.state != staging || len(e.Present) != len(w.pieces) {
		return
	}
	c.beginFetch(w, e.Present)
	c.inherit(w)
}

func (c *Core) beginFetch(w *want, present []bool) {
	w.state, w.have, w.asked = fetching, present, make([]uint8, len(present))
	for i, there := range present {
		if there {
			c.noteFresh(w, uint32(i))
		} else {
			w.left++
		}
	}
	if w.left == 0 {
		c.complete(w)
		return
	}
	if w.size > smallMax && w.of == nil {
		w.class = largeClass
	}
	p := &c.open[w.class]
	w.first, w.placed = p.take(w, len(w.pieces)), true
	for _, s := range c.peers {
		if h := w.holders[s.peer]; h != nil && s.near {
			c.spread(s, w, h, true)
		}
	}
	if len(c.open[smallClass].order)+len(c.open[largeClass].order) == 0 {
		c.lackSince = c.now
	}
	for i, there := range present {
		if !there {
			p.open(w.first + i)
		}
	}
	c.enqueue(w)
	c.stir(w)
	c.noteAlone(w)
}

// spread notes in the picker what a peer holds of a content, or that it may no longer be
// asked for it.
func (c *Core) spread(s *source, w *want, h *holding, add bool) {
	p, held := &c.open[w.class], &s.holds[w.class]
	for i := range w.pieces {
		slot := w.first + i
		if !h.has(uint32(i)) || held.has(slot) == add {
			continue
		}
		if add {
			held.set(slot)
			p.more(slot)
		} else {
			held.clear(slot)
			p.fewer(slot)
		}
	}
}

// stir lets whoever may hold an open piece of a content be asked again.
func (c *Core) stir(w *want) {
	for _, s := range c.peers {
		if w.holders[s.peer] != nil {
			s.dry = false
		}
	}
}

// endFetch gives back what a content took while it was fetched.
func (c *Core) endFetch(w *want) {
	delete(c.wants, w.content)
	if !w.placed {
		return
	}
	for _, s := range c.peers {
		if h := w.holders[s.peer]; h != nil && s.near {
			c.spread(s, w, h, false)
		}
	}
	w.placed = false
	c.open[w.class].give(w.first, len(w.pieces))
}

// enqueue puts a content with open pieces behind the others of its class. Those that are
// over are taken out when they are many.
func (c *Core) enqueue(w *want) {
	if w.queued {
		return
	}
	w.queued = true
	q := &c.queue[w.class]
	*q = append(*q, w)
	if len(*q) > 2*len(c.wants)+64 {
		*q = slices.DeleteFunc(*q, func(w *want) bool { return !w.placed })
	}
}

// complete tells the folder, and whoever asked, that a content is whole. A single piece is
// served only when it is in place; ContentsHere tells of it then.
func (c *Core) complete(w *want) {
	c.endFetch(w)
	if w.of != nil {
		if !w.silent {
			c.tellAll(w.content)
		}
		c.partEnded(w, partDone)
		return
	}
	c.ready(w.content)
	if len(w.pieces) > 1 {
		c.tellAll(w.content)
	} else {
		c.offer(w)
	}
	if w.inherits > 0 {
		c.openParts()
	}
}

// ready tells that a content is whole, together with those that became so just before it.
func (c *Core) ready(content ident.ContentID) {
	if n := len(c.out); n > 0 {
		if before, ok := c.out[n-1].(ContentReady); ok {
			before.Contents = append(before.Contents, content)
			c.out[n-1] = before
			return
		}
	}
	c.emit(ContentReady{Contents: []ident.ContentID{content}})
}

// forget ends a fetch and takes its asks back.
func (c *Core) forget(content ident.ContentID) {
	w := c.wants[content]
	if w == nil {
		return
	}
	delete(c.fresh, content)
	c.disinherit(w)
	for _, s := range c.peers {
		c.cancel(s, func(a *ask) bool { return a.want == w })
	}
	c.endFetch(w)
}

func diskCause(full bool) Cause {
	if full {
		return DiskFull
	}
	return DiskFailed
}

func (c *Core) fail(content ident.ContentID, cause Cause, reason string) {
	w := c.wants[content]
	if w == nil {
		return
	}
	c.forget(content)
	switch {
	case w.of != nil && cause == NoHolder:
		c.partEnded(w, partLost)
		return
	case w.of != nil:
		c.dropProspect(w.of)
		return
	}
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
	case wire.YieldPieces:
		c.yield(s, m.Tickets)
	case wire.Prospect:
		c.hearProspect(s, m)
	case wire.ProspectEnded:
		c.hearProspectEnded(s, m)
	case wire.NoPiece:
		c.noPiece(s, m)
	}
}

// peerHas notes what a peer holds of a content: one being fetched, or one soon to be.
func (c *Core) peerHas(peer ident.DeviceID, item wire.HaveItem) {
	if item.All {
		c.heardWhole(peer, item.Content)
	}
	w := c.wants[item.Content]
	if w == nil {
		c.uploads.spread.seen(peer, item, c.now)
		if item.All {
			c.hint(peer, item.Content)
		}
		return
	}
	s := c.source(peer)
	if s == nil || s.banned || !item.All && len(item.Pieces) == 0 {
		return
	}
	wasAlone := orphanDueOf(w) <= c.orphanDue && c.alone(w)
	h := w.holders[peer]
	if h == nil {
		h = &holding{}
		w.holders[peer] = h
	}
	if !s.near && c.nearCount() < 2*c.nearMost && c.alone(w) {
		c.approach(s) // nobody near holds what is lacking
	}
	c.takeHave(s, w, h, item)
	if wasAlone && !c.alone(w) {
		c.findOrphanDue()
	}
	if w.state == findingRecipe {
		c.askRecipe(w)
	}
}

// takeHave notes what a peer says to hold of a content.
func (c *Core) takeHave(s *source, w *want, h *holding, item wire.HaveItem) {
	if item.All && !h.all {
		h.all = true
		if w.placed && s.near {
			c.spread(s, w, h, true)
		}
	}
	most := uint64(len(w.pieces))
	if w.pieces == nil {
		most = piecesMost(w.size)
	}
	p, held := &c.open[w.class], &s.holds[w.class]
	for _, i := range item.Pieces {
		if uint64(i) >= most || h.has(i) {
			continue
		}
		h.pieces.set(int(i))
		c.noteBrought(s, w, int(i))
		if w.placed && s.near {
			held.set(w.first + int(i))
			p.more(w.first + int(i))
		}
	}
	s.dry = false
}

// lose notes that a peer does not hold a content after all, or cannot be asked for it.
// From when nobody is left, patience counts.
func (c *Core) lose(w *want, peer ident.DeviceID) {
	h := w.holders[peer]
	if h == nil {
		return
	}
	if s := c.source(peer); s != nil && s.near && w.placed {
		c.spread(s, w, h, false)
	}
	delete(w.holders, peer)
	c.stirFar()
	if len(w.holders) == 0 {
		c.startPatience(w)
		return
	}
	c.noteAlone(w)
}

// hint remembers a holder of a content that is not wanted yet.
func (c *Core) hint(peer ident.DeviceID, content ident.ContentID) {
	known, ok := c.hints[content]
	if len(known) >= hintPeersMax || slices.Contains(known, peer) {
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

// piecesMost bounds how many pieces a file of the given size has.
func piecesMost(size int64) uint64 {
	return uint64(size/int64(chunker.ClassOf(size).Min()) + 2)
}
