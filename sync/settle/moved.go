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
		if to, is := c.of(e, n.path); is {
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
func (c *Core) of(e NameMoved, path string) (to string, is bool) {
	if path == e.From || strings.HasPrefix(path, e.From+"/") {
		return e.To + path[len(e.From):], true
	}
	if c.volume.Exact() {
		return "", false
	}
	rest := path
	for dir := range strings.SplitSeq(e.From, "/") {
		if rest == "" {
			return "", false
		}
		name, below, _ := strings.Cut(rest, "/")
		if name != dir && c.volume.Key(name) != c.volume.Key(dir) {
			return "", false
		}
		rest = below
	}
	if rest == "" {
		return e.To, true
	}
	return e.To + "/" + rest, true
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
				if to, is := c.of(m, at); is && !slices.Contains(all[first:], to) {
					all = append(all, to)
				}
			}
		}
	}
	return all
}
