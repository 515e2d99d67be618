package swarm

import "github.com/shoal-sync/shoal/sync/recipe"

// seekHere looks on this device itself for a content of one piece that nobody is known to
// hold, once: a crash may have left it in the stage, and it may lie in the trash. Contents
// of several pieces are looked for there anyway, when their stage is opened. To do that for
// every small file would cost more than to fetch it.
func (c *Core) seekHere(w *want) {
	if w.sought || w.of != nil || w.state != fetching || len(w.pieces) != 1 || w.left == 0 {
		return
	}
	w.sought = true
	r, ok := recipe.Implied(w.content, w.size)
	if ok {
		c.emit(OpenStage{Content: w.content, Recipe: r})
	}
}

// foundHere notes that the only piece of a content was on this device.
func (c *Core) foundHere(w *want, e StageOpened) {
	if !w.sought || w.left != 1 || len(e.Present) != 1 || !e.Present[0] {
		return
	}
	for _, s := range c.peers {
		c.cancel(s, func(a *ask) bool { return a.want == w })
	}
	w.have[0], w.left = true, 0
	c.complete(w)
}
