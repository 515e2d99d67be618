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
	n := c.names[path]
	if n != nil && !n.pending || n == nil && c.keys[c.key(path)] > 0 {
		c.ask(now.Add(loneWait), []string{path})
	}
}

// movedAfter is how long names are remembered after a look at them: it may have come
// between a move on disk and the news of it, and then it saw nothing.
const movedAfter = 10 * time.Second

// movesMax is how many moves are remembered, for movedAfter and while a look is under way.
// With more, what that could not read is found by a scan.
const movesMax = 1024

// made is a move, and when it was told of.
type made struct {
	NameMoved
	key string // of From
	at  step.Instant
}

// moved has names looked at again where they are now, those of late looks too.
func (c *Core) moved(now step.Instant, e NameMoved) {
	since := now.Add(-movedAfter)
	if c.busy {
		since = min(since, c.began)
	}
	old := 0
	for old < len(c.moves) && c.moves[old].at < since {
		old++
	}
	if len(c.moves)-old >= movesMax {
		if c.busy && c.moves[old].at >= c.began {
			c.orderScan(now)
		}
		old++
	}
	m := made{e, c.key(e.From), now}
	c.moves = append(slices.Delete(c.moves, 0, old), m)
	var paths []string
	for _, n := range c.queue.names {
		if to, is := m.of(n.path, n.key); is {
			paths = append(paths, to)
		}
	}
	c.ask(now.Add(loneWait), paths)
	if c.busy && c.full {
		// The walk may have passed the new place before and the old one after the move.
		c.orderScan(now)
	}
}

// of returns where a move has taken a name; false when it has left it where it was. What is
// touched is told of as the volume shows it, orders use the names that are recorded.
func (m *made) of(path, key string) (to string, is bool) {
	below, is := strings.CutPrefix(key, m.key)
	if !is || below != "" && below[0] != '/' {
		return "", false
	}
	if below == "" {
		return m.To, true
	}
	for range strings.Count(m.From, "/") + 1 {
		_, path, _ = strings.Cut(path, "/")
	}
	return m.To + "/" + path, true
}

// key is what all paths have in common that the volume takes for one.
func (c *Core) key(path string) string {
	if c.volume.Exact() {
		return path
	}
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = c.volume.Key(parts[i])
	}
	return strings.Join(parts, "/")
}

// places returns names, and where what had them once may be by now: a look may have met it
// before it was moved, with the directory that it is in, and nobody but that look knows of
// what is new in there. Nor need what is touched be told of before a move that came after.
func (c *Core) places(names []string) []string {
	if len(c.moves) == 0 {
		return names
	}
	var all []string
	for _, name := range names {
		first, key := len(all), c.key(name)
		all = append(all, name)
		for i := range c.moves {
			if to, is := c.moves[i].of(name, key); is {
				if to = c.since(i+1, to); !slices.Contains(all[first:], to) {
					all = append(all, to)
				}
			}
		}
	}
	return all
}

// since returns where all moves from the given one on have taken a name.
func (c *Core) since(first int, name string) string {
	key := c.key(name)
	for i := first; i < len(c.moves); i++ {
		if to, is := c.moves[i].of(name, key); is {
			name, key = to, c.key(to)
		}
	}
	return name
}
