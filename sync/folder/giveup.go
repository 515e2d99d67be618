package folder

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A content that nobody has is waited for, because a device that is away may have it
// (docs/decisions/0044). Only a person can know that none has, and ends that here
// (docs/decisions/0051).

// GiveUpAsked: a person does without the content that no connected device has of what is
// to be shown under a path.
type GiveUpAsked struct {
	Ticket step.Ticket
	Path   string
	Wall   int64 // unix milliseconds
	// Coming are contents that were missed and that somebody holds by now: they are not
	// given up.
	Coming []ident.ContentID
}

// GivenUp answers GiveUpAsked: of so many files an older version that is on this disk stays,
// and so many are deleted. Both are 0 when nothing under the path is waited for so.
type GivenUp struct {
	Ticket        step.Ticket
	Kept, Deleted int
}

func (GiveUpAsked) event() {}
func (GivenUp) effect()    {}

// Knowing tells an event, if it asks of contents that are missed, which of them come.
func Knowing(e Event, coming func() []ident.ContentID) Event {
	switch asked := e.(type) {
	case GiveUpAsked:
		asked.Coming = coming()
		return asked
	case PathAsked:
		asked.Coming = coming()
		return asked
	}
	return e
}

func (c *Core) giveUp(e GiveUpAsked) {
	c.wall = e.Wall
	var ids []ident.EntryID
	for id, t := range c.troubles {
		if t.Kind == ContentMissing && t.Path == e.Path && !c.reader {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b ident.EntryID) int { return slices.Compare(a[:], b[:]) })
	done := GivenUp{Ticket: e.Ticket}
	for _, id := range ids {
		row, ok := c.index.Entry(id)
		if !ok || !row.Need || c.acts[id] != nil || row.Entry.Kind != tree.File ||
			slices.Contains(e.Coming, row.Entry.Content.ID) {
			continue
		}
		c.overcome(id)
		if b, onDisk := c.index.Base(id); onDisk && b.Stat.Kind == tree.File {
			c.keepHere(&row, b)
			done.Kept++
			continue
		}
		c.join(c.deletion(&row.Entry), "")
		done.Deleted++
	}
	c.emit(done)
}
