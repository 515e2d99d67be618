package folder

import (
	"fmt"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A parked directory is out of sight: no look goes there. What a person put into it a
// moment before it was parked is not known here, and orders meet it and are refused for
// ever. Then the directory comes out under a name that nobody has, is looked at, and what
// it holds is taken in like anything else.

// comeOut lets the parked directory that a refused order concerns come out of the parking
// place. One that is not there is found by a look wherever it is.
func (c *Core) comeOut(o *tree.Order, why tree.Refusal) {
	rest, parked := strings.CutPrefix(o.Path, tree.ParkingDir+"/")
	if !parked {
		return
	}
	first, _, below := strings.Cut(rest, "/")
	if why == tree.Missing && !below {
		return
	}
	for _, b := range c.index.BaseAt(tree.Parking, first) {
		row, ok := c.index.Entry(b.Entry)
		if !ok || b.Stat.Kind != tree.Dir || c.acts[b.Entry] != nil {
			continue
		}
		name := c.visibleName(&row.Entry)
		victim := b.Stat
		c.order(&row, tree.Order{
			Op: tree.Move, Path: tree.ParkingDir + "/" + first, To: name, Victim: &victim,
		}, ident.Root, name)
	}
}

// cameOutMax bounds the directories that are looked at one by one when one comes out of the
// parking place. For more the whole folder is walked (package settle).
const cameOutMax = 10_001

// cameOut has a reader look at all that is in a directory which an order took out of the
// parking place. What a person did in it is on no disk but this one, and what was listed of
// that is forgotten when the agent stops; the look at the whole folder after that does not
// go to the parking place, and one at the directory goes into none below it that are known.
func (c *Core) cameOut(a *act, dir tree.Base) {
	if !c.reader || dir.Stat.Kind != tree.Dir || !strings.HasPrefix(a.order.Path, tree.ParkingDir+"/") {
		return
	}
	const page = 256
	dirs, paths := []tree.Base{dir}, []string{a.order.To}
	for i := 0; i < len(dirs) && len(paths) < cameOutMax; i++ {
		for after := ""; len(paths) < cameOutMax; {
			below := c.index.BaseChildren(dirs[i].Entry, after, page)
			for _, child := range below {
				after = child.Name
				if child.Stat.Kind == tree.Dir {
					dirs, paths = append(dirs, child), append(paths, join(paths[i], child.Name))
				}
			}
			if len(below) < page {
				break
			}
		}
	}
	c.lookAgain(0, paths...)
}

// ParkedByOrders returns the names in the parking place that orders an earlier run was
// about to give put something to, or take it from. Until it is known how those ended, the
// index need not know of what rests there.
func ParkedByOrders(intents []tree.Intent) (map[string]bool, error) {
	names := map[string]bool{}
	for _, in := range intents {
		batch, err := parseIntents(in.Body)
		if err != nil {
			return nil, fmt.Errorf("read what was about to be parked when the agent stopped: %w", err)
		}
		for i := range batch {
			for _, path := range []string{batch[i].Order.Path, batch[i].Order.To} {
				if rest, parked := strings.CutPrefix(path, tree.ParkingDir+"/"); parked {
					name, _, _ := strings.Cut(rest, "/")
					names[name] = true
				}
			}
		}
	}
	return names, nil
}

// visibleName is a name that no other entry has: it lasts until the view's name is free.
func (c *Core) visibleName(e *tree.Entry) string {
	mark := " (" + e.ID.String()[:8] + ")"
	name := merge.CutName(e.Place.Name, tree.NameMax-len(mark)) + mark
	if c.cfg.Volume.RefusalAtTop(name) != "" {
		name = "directory" + mark
	}
	return name
}
