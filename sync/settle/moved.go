package settle

import (
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
)

// NameMoved tells that Shoal itself has moved what was at From, with all that is below it,
// to To. What was to be looked at there is to be looked at here.
type NameMoved struct{ From, To string }

func (NameMoved) event() {}

// NamePlaced tells that Shoal itself has put something under a name, and that this is
// recorded from now on.
type NamePlaced struct{ Path string }

func (NamePlaced) event() {}

// placed has a name looked at again that was looked at before: the look may have come after
// the order and before the news of it. What a person deleted in between was then neither on
// disk nor recorded, and nobody would ever look for it.
func (c *Core) placed(now step.Instant, path string) {
	if n := c.names[path]; n != nil && !n.pending {
		c.ask(now.Add(loneWait), []string{path})
	}
}

// movedAfter is how long names are remembered after a look at them: it may have come
// between a move on disk and the news of it, and then it saw nothing.
const movedAfter = 10 * time.Second

// movesMax is how many moves are remembered while a look is under way. With more, what it
// could not read is found by a scan.
const movesMax = 256

// moved has names looked at again where they are now, those of late looks too.
func (c *Core) moved(now step.Instant, e NameMoved) {
	switch {
	case !c.busy:
	case len(c.moves) < movesMax:
		c.moves = append(c.moves, e)
	default:
		c.orderScan(now)
	}
	var paths []string
	for _, n := range c.queue.names {
		if to, is := e.of(n.path); is {
			paths = append(paths, to)
		}
	}
	c.ask(now.Add(loneWait), paths)
	if c.busy && c.full {
		// The walk may have passed the new place before and the old one after the move.
		c.orderScan(now)
	}
}

// of returns where the move has taken a name; false when it has left it where it was.
func (e NameMoved) of(path string) (to string, is bool) {
	if path != e.From && !strings.HasPrefix(path, e.From+"/") {
		return "", false
	}
	return e.To + path[len(e.From):], true
}

// places returns names that a look tells of, and where they may be by now: it may have met
// them before they were moved, with the directory that they are in, and nobody but it knows
// of what is new in there.
func (c *Core) places(names []string) []string {
	if len(c.moves) == 0 {
		return names
	}
	var all []string
	for _, name := range names {
		first := len(all)
		all = append(all, name)
		for _, m := range c.moves {
			for _, at := range all[first:] {
				if to, is := m.of(at); is && !slices.Contains(all[first:], to) {
					all = append(all, to)
				}
			}
		}
	}
	return all
}
