package folder

import (
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A parked directory is out of sight: no look goes there. What a person put into it a
// moment before it was parked is not known here, and orders meet it and are refused for
// ever. Then the directory comes out under a name that nobody has, is looked at, and what
// it holds is taken in like anything else.

// comeOut lets the parked directory that a refused order concerns come out of the parking
// place.
func (c *Core) comeOut(o *tree.Order) {
	rest, parked := strings.CutPrefix(o.Path, tree.ParkingDir+"/")
	if !parked {
		return
	}
	first, _, _ := strings.Cut(rest, "/")
	for _, b := range c.index.BaseAt(tree.Parking, first) {
		row, ok := c.index.Entry(b.Entry)
		if !ok || b.Stat.Kind != tree.Dir || c.acts[b.Entry] != nil {
			continue
		}
		name := visibleName(&row.Entry)
		victim := b.Stat
		c.order(&row, tree.Order{
			Op: tree.Move, Path: tree.ParkingDir + "/" + first, To: name, Victim: &victim,
		}, ident.Root, name)
	}
}

// visibleName is a name that no other entry has: it lasts until the view's name is free.
func visibleName(e *tree.Entry) string {
	mark := " (" + e.ID.String()[:8] + ")"
	return e.Place.Name[:min(len(e.Place.Name), tree.NameMax-len(mark))] + mark
}
