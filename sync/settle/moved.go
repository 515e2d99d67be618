package settle

import (
	"strings"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
)

// NameMoved tells that Shoal itself has moved what was at From, with all that is below it,
// to To. What was to be looked at there is to be looked at here.
type NameMoved struct{ From, To string }

func (NameMoved) event() {}

// movedAfter is how long names are remembered after a look at them: it may have come
// between a move on disk and the news of it, and then it saw nothing.
const movedAfter = 10 * time.Second

// moved has names looked at again where they are now, those of late looks too.
func (c *Core) moved(now step.Instant, e NameMoved) {
	var paths []string
	for _, n := range c.queue.names {
		if n.path == e.From || strings.HasPrefix(n.path, e.From+"/") {
			paths = append(paths, e.To+n.path[len(e.From):])
		}
	}
	c.ask(now.Add(loneWait), paths)
	if c.busy && c.full {
		// The walk may have passed the new place before and the old one after the move.
		c.orderScan(now)
	}
}
