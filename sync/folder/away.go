package folder

import (
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
)

// What is shown elsewhere than it is placed, as a directory whose move was undone, has its
// name there only while nobody is placed under it. Whoever comes to that name, or gives it
// up, cannot find it by any record: so these few are remembered, over restarts too, and met
// again with every change of a name.

const (
	awayKey = "away/"
	// awayMax bounds them. More are met when they are planned for another reason.
	awayMax = 256
)

// recallAway takes up what an earlier run noted.
func (c *Core) recallAway(notes []tree.Note) {
	for _, n := range notes {
		if id, ours := strings.CutPrefix(n.Key, awayKey); ours && len(id) == len(ident.EntryID{}) {
			c.away = append(c.away, ident.EntryID([]byte(id)))
		}
	}
}

// noteAway remembers an entry while it is shown elsewhere than it is placed.
func (c *Core) noteAway(id ident.EntryID, shown merge.Shown) {
	is, at := shown.Visible && shown.Away, slices.Index(c.away, id)
	note := tree.Note{Key: awayKey + string(id[:])}
	switch {
	case is && at < 0 && len(c.away) < awayMax:
		c.away = append(c.away, id)
		note.Body = []byte{1}
	case !is && at >= 0:
		c.away = slices.Delete(c.away, at, at+1)
	default:
		return
	}
	c.apply(tree.Batch{Notes: []tree.Note{note}})
}
