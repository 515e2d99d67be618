package swarm

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

// peerWantsHave answers what a peer wants to know: from memory for contents being
// fetched, by a look at the index for the others. It will hear of news too.
func (c *Core) peerWantsHave(peer ident.DeviceID, contents []ident.ContentID) {
	var items []wire.HaveItem
	var look []ident.ContentID
	for _, content := range contents {
		// Noted before the look: what is put in place meanwhile is told of.
		c.addInterest(c.source(peer), content)
		w := c.wants[content]
		if w == nil {
			look = append(look, content)
			continue
		}
		item := wire.HaveItem{Content: content}
		for i, there := range w.have {
			if there && !w.silent {
				item.Pieces = append(item.Pieces, uint32(i))
			}
		}
		if len(item.Pieces) > 0 {
			items = append(items, item)
		}
	}
	c.sayHave(peer, items)
	s := c.source(peer)
	switch {
	case len(look) == 0:
	case s.checks >= checksMax:
		s.trouble.dropped++
	default:
		s.checks++
		c.emit(CheckHaves{Peer: peer, Contents: look})
	}
}

func (c *Core) havesChecked(e HavesChecked) {
	s := c.source(e.Peer)
	if s == nil {
		return // it has gone meanwhile, perhaps because it is no member any more
	}
	s.checks = max(0, s.checks-1)
	var items []wire.HaveItem
	for i, content := range e.Contents {
		if e.Here[i] {
			items = append(items, wire.HaveItem{Content: content, All: true})
			c.dropInterest(e.Peer, content)
		}
	}
	c.sayHave(e.Peer, items)
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
	if len(w.pieces) < 2 || w.silent {
		return
	}
	if len(c.interest[w.content]) > 0 {
		c.fresh[w.content] = append(c.fresh[w.content], index)
		c.freshDue = min(c.freshDue, max(c.now, c.freshTold.Add(c.tellPause())))
	}
}

// tellPause is the least time between two messages of news. While little is asked of this
// device its uplink would rest for want of them.
func (c *Core) tellPause() time.Duration {
	waiting := 0
	for _, a := range c.uploads.peers {
		if waiting += len(a.queue) + len(a.hand); waiting >= fewWait {
			return havePause
		}
	}
	return haveSoon
}

// tellFresh tells whoever asked of the pieces that came since the last time.
func (c *Core) tellFresh() {
	c.freshDue, c.freshTold = step.Never, c.now
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
