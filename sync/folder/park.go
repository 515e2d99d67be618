package folder

import (
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

// visibleName is a name that no other entry has: it lasts until the view's name is free.
func (c *Core) visibleName(e *tree.Entry) string {
	mark := " (" + e.ID.String()[:8] + ")"
	name := merge.CutName(e.Place.Name, tree.NameMax-len(mark)) + mark
	if c.cfg.Volume.RefusalAtTop(name) != "" {
		name = "directory" + mark
	}
	return name
}
