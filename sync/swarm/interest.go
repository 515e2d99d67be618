package swarm

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// interestMax contents are remembered for a lone peer that wants to hear of them. Among
	// several it is shared out, and interestLeast left to each: twice as many contents as a
	// folder fetches at once. Beyond its share a peer hears no news of what it asked about
	// first, which may be long gone everywhere, and takes nothing from the others.
	interestMax   = 65536
	interestLeast = 4096
)

// interestShare is of how many contents one peer may want to hear at once.
func (c *Core) interestShare() int { return max(interestLeast, interestMax/max(1, len(c.peers))) }

// addInterest notes that a peer wants to hear of a content.
func (c *Core) addInterest(s *source, content ident.ContentID) {
	if slices.Contains(c.interest[content], s.peer) {
		return
	}
	share := c.interestShare()
	for s.curious >= share {
		c.dropInterest(s.peer, s.interests[0])
		s.interests = s.interests[1:]
	}
	if len(s.interests) > 2*share {
		c.tidyInterests(s)
	}
	s.curious++
	s.interests = append(s.interests, content)
	c.interest[content] = append(c.interest[content], s.peer)
}

// tidyInterests leaves in a peer's list what it wants to hear of still, each once.
func (c *Core) tidyInterests(s *source) {
	met := make(map[ident.ContentID]bool, s.curious)
	s.interests = slices.DeleteFunc(s.interests, func(content ident.ContentID) bool {
		gone := met[content] || !slices.Contains(c.interest[content], s.peer)
		met[content] = true
		return gone
	})
}

// dropInterest notes that a peer need not hear of a content any more.
func (c *Core) dropInterest(peer ident.DeviceID, content ident.ContentID) {
	peers := c.interest[content]
	at := slices.Index(peers, peer)
	if at < 0 {
		return
	}
	if s := c.source(peer); s != nil {
		s.curious--
	}
	if c.interest[content] = slices.Delete(peers, at, at+1); len(peers) == 1 {
		delete(c.interest, content)
	}
}

// endInterest forgets who wants to hear of a content: all have heard.
func (c *Core) endInterest(content ident.ContentID) {
	for _, peer := range c.interest[content] {
		if s := c.source(peer); s != nil {
			s.curious--
		}
	}
	delete(c.interest, content)
}

// interestLeaves forgets what a peer that left wanted to hear of.
func (c *Core) interestLeaves(peer ident.DeviceID) {
	for content := range c.interest {
		c.dropInterest(peer, content)
	}
}
