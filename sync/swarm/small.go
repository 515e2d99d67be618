package swarm

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Nobody is asked for news of a content that is one piece when somebody is known to hold it:
// for a note that would be more talk than the note. But a folder of small files would then
// come to everybody from the device that wrote them. So whoever got one says so, unasked, to
// those that are not known to have it; many files fit one message.

// offer notes who is told of a content of one piece that came, once it is in place.
func (c *Core) offer(w *want) {
	for _, s := range c.peers {
		if h := w.holders[s.peer]; s.near && !s.banned && (h == nil || !h.all) {
			c.addInterest(s, w.content)
		}
	}
	c.uploads.givenOf(w.content).passed = true
}

// tellHere tells whoever is to hear of contents that they are in place here.
func (c *Core) tellHere(contents []ident.ContentID) {
	news := map[ident.DeviceID][]wire.HaveItem{}
	for _, content := range contents {
		delete(c.fresh, content)
		for _, peer := range c.interest[content] {
			news[peer] = append(news[peer], wire.HaveItem{Content: content, All: true})
		}
		c.endInterest(content)
	}
	if len(news) == 0 {
		return
	}
	for _, s := range c.peers {
		c.sayHave(s.peer, news[s.peer])
	}
}

// heardWhole takes a peer off those that are to hear of a content: it has it.
func (c *Core) heardWhole(peer ident.DeviceID, content ident.ContentID) {
	if slices.Contains(c.interest[content], peer) {
		c.dropInterest(peer, content)
	}
}
