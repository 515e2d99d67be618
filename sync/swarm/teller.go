package swarm

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// recipeTime is how long all who are asked for a recipe may tell nothing of it before
	// one more holder is asked beside them: the usual answer comes within a round trip, and
	// who is silent must not hold up a file that others have.
	recipeTime = 4 * time.Second
	// tellersMax bounds who is asked for one recipe at the same time, and so how often it
	// can arrive.
	tellersMax = 3
	// Who tells a recipe more slowly than besidePace bytes a second does not keep others
	// from being asked beside it, and who is slower than leastPace is given up: a few bytes
	// now and then must not hold up a file either.
	besidePace = 64 << 10
	leastPace  = 4 << 10
)

// teller is a peer that is asked for a recipe.
type teller struct {
	peer  ident.DeviceID
	parts []byte       // what it has told so far
	begun step.Instant // when the first of it came
	owed  step.Instant // when it has had its time
}

// keeps reports whether a peer has told its parts at so many bytes a second, or nearly.
func (t *teller) keeps(now step.Instant, pace int) bool {
	return now.Since(t.begun) <= recipeTime+time.Duration(len(t.parts))*time.Second/time.Duration(pace)
}

// askRecipe asks one more holder; without one, and with nobody asked, it waits for a holder.
func (c *Core) askRecipe(w *want) {
	if len(w.tellers) < tellersMax {
		for _, s := range c.peers {
			if w.holders[s.peer] != nil && !s.banned && w.teller(s.peer) == nil {
				w.tellers = append(w.tellers, &teller{peer: s.peer, owed: c.now.Add(stallAfter)})
				c.wantRecipe[s.peer] = append(c.wantRecipe[s.peer], w.content)
				break
			}
		}
	}
	w.state = askingRecipe
	if len(w.tellers) == 0 {
		w.state = findingRecipe
		return
	}
	w.beside = c.now.Add(recipeTime)
	c.recipeDue = min(c.recipeDue, w.beside)
}

func (w *want) teller(peer ident.DeviceID) *teller {
	if i := slices.IndexFunc(w.tellers, func(t *teller) bool { return t.peer == peer }); i >= 0 {
		return w.tellers[i]
	}
	return nil
}

// noMoreOf turns from a peer that may have been asked for a recipe.
func (c *Core) noMoreOf(w *want, peer ident.DeviceID) {
	if t := w.teller(peer); t != nil {
		w.tellers = slices.DeleteFunc(w.tellers, func(o *teller) bool { return o == t })
		c.askRecipe(w)
	}
}

// askOthers asks more peers for the recipes that those who were asked do not tell.
func (c *Core) askOthers() {
	c.recipeDue = step.Never
	for _, w := range c.sortedWants() {
		if w.state != askingRecipe {
			continue
		}
		for _, t := range slices.Clone(w.tellers) {
			if t.owed <= c.now {
				c.lose(w, t.peer)
				c.noMoreOf(w, t.peer)
			}
		}
		if w.state == askingRecipe && w.beside <= c.now {
			c.askRecipe(w)
		}
		if w.state != askingRecipe {
			continue
		}
		c.recipeDue = min(c.recipeDue, w.beside)
		for _, t := range w.tellers {
			c.recipeDue = min(c.recipeDue, t.owed)
		}
	}
}

// recipePart gathers an arriving recipe; a wrong one costs its sender like a wrong piece.
func (c *Core) recipePart(peer ident.DeviceID, part wire.RecipePart) {
	w := c.wants[part.Content]
	if w == nil || w.state != askingRecipe {
		return
	}
	t := w.teller(peer)
	if t == nil {
		return
	}
	if part.Total == 0 {
		c.lose(w, peer)
		w.denied = w.denied || c.alone(w)
		c.noMoreOf(w, peer)
		return
	}
	if len(part.Body) == 0 || part.Offset != uint64(len(t.parts)) || part.Total > encodedMax(w.size) {
		c.lied(w, peer)
		return
	}
	if len(t.parts) == 0 {
		t.begun = c.now
	}
	t.parts = append(t.parts, part.Body...)
	if t.keeps(c.now, leastPace) {
		t.owed = c.now.Add(stallAfter)
	}
	if t.keeps(c.now, besidePace) {
		w.beside = c.now.Add(recipeTime)
	}
	if uint64(len(t.parts)) < part.Total {
		return
	}
	r, err := recipe.Parse(t.parts)
	if err != nil || r.Verify(w.content) != nil || r.Size() != w.size {
		c.lied(w, peer)
		return
	}
	w.denied = false
	c.openStage(w, r)
}

// lied takes a wrong recipe for what it is.
func (c *Core) lied(w *want, peer ident.DeviceID) {
	c.blame(peer)
	c.lose(w, peer)
	c.noMoreOf(w, peer)
}

// encodedMax bounds the encoding of the recipe of a file of the given size.
func encodedMax(size int64) uint64 {
	one := recipe.Recipe{Chunks: make([]recipe.Chunk, 1)}.EncodedSize()
	return piecesMost(size) * uint64(one)
}
