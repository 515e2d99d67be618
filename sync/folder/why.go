package folder

import (
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
)

// PathAsked: a person wants to know why a path is as it is. Answered by PathTold.
type PathAsked struct {
	Ticket step.Ticket
	Path   string
	Coming []ident.ContentID // as in GiveUpAsked
}

// PathTold says how the folder stands to one path.
type PathTold struct {
	Ticket step.Ticket
	Facts  PathFacts
}

func (PathAsked) event() {}
func (PathTold) effect() {}

// PathFacts are what is known of a path. More than one may be true.
type PathFacts struct {
	Known    bool      // an entry is, or was, shown under this path
	Live     bool      // it is to be there
	OnDisk   bool      // as far as the last look or order shows
	Need     bool      // something is still to be done on disk
	Kind     tree.Kind // of the entry
	Size     int64     // bytes
	Conflict bool      // it is shown as a conflict copy
	Held     string    // batch of held deletes it belongs to
	Trouble  *Trouble  // what keeps it from being as it should be
	Fetching bool      // its content is on its way
	Ordered  bool      // the disk was told to do something with it
	Queued   bool      // it waits to be planned
	WaitsFor string    // path of what has to be done first
	Vanished bool      // it was not there when last looked at; not believed yet
	Gated    bool      // everything waits for the ignore patterns
}

// tellPath looks up what is known of a path.
func (c *Core) tellPath(e PathAsked) {
	c.emit(PathTold{e.Ticket, c.factsOf(e.Path, e.Coming)})
}

func (c *Core) factsOf(path string, coming []ident.ContentID) (f PathFacts) {
	f.Gated = c.gated
	if t, bad := c.unread[path]; bad {
		f.Trouble = &t
	}
	id, ok := c.entryAt(path)
	if !ok {
		return f
	}
	row, ok := c.index.Entry(id)
	if !ok {
		return f
	}
	shown := c.view.Of(&row)
	_, f.OnDisk = c.index.Base(id)
	f.Known, f.Live, f.Need, f.Kind = true, shown.Visible, row.Need, row.Entry.Kind
	f.Size = row.Entry.Content.Size
	f.Conflict = shown.Visible && row.Entry.Kind != tree.Dir && (shown.Renamed || row.Entry.ShowsConflict())
	if top, held := c.heldAbove(id); held {
		f.Held, f.OnDisk = c.held.entries[top].Batch, false
	}
	comes := slices.Contains(coming, row.Entry.Content.ID)
	if t := c.troubles[id]; t != nil && (t.Kind != ContentMissing || !comes) {
		known := *t
		f.Trouble = &known
	}
	fetch := c.fetches[row.Entry.Content.ID]
	f.Fetching = row.Need && fetch != nil && !fetch.staged
	f.Ordered, f.Queued = c.acts[id] != nil, c.queued[id]
	_, f.Vanished = c.vanished[id]
	if on, waits := c.waitsOn[id]; waits {
		f.WaitsFor = c.nameOf(on)
	}
	return f
}

// nameOf is where an entry is on disk, or else where the view shows it.
func (c *Core) nameOf(id ident.EntryID) string {
	if b, ok := c.index.Base(id); ok {
		return c.basePath(&b)
	}
	row, ok := c.index.Entry(id)
	if !ok {
		return ""
	}
	if shown := c.view.Of(&row); shown.Visible {
		return c.shownPath(shown.Parent, shown.Name)
	}
	return describe(&row.Entry)
}

// entryAt returns the entry that is on disk under a path, or is to be there, or was.
func (c *Core) entryAt(path string) (found ident.EntryID, ok bool) {
	dirs := []ident.EntryID{ident.Root}
	for depth := 0; path != "" && depth < pathMax; depth++ {
		name, rest, _ := strings.Cut(path, "/")
		var here []ident.EntryID
		for _, dir := range dirs {
			for _, b := range c.index.BaseAt(dir, name) {
				here = append(here, b.Entry)
			}
		}
		var gone []ident.EntryID
		for _, dir := range dirs {
			for _, row := range c.index.Placed(dir, name) {
				if c.view.Of(&row).Visible {
					here = append(here, row.Entry.ID)
				} else {
					gone = append(gone, row.Entry.ID)
				}
			}
		}
		if here = append(here, gone...); len(here) == 0 {
			return found, false
		}
		found, ok, dirs, path = here[0], true, here, rest
	}
	return found, ok
}
