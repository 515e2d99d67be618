package folder

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// RotFound: a file whose size and time say that nobody has written to it holds other bytes
// than those that were put there or read from it: the disk has lost them.
type RotFound struct {
	Path    string
	Rev     uint64          // of the base row it was compared with
	Content ident.ContentID // what it holds now
}

func (RotFound) event() {}

// takeRot notes what is on disk, which is no write of anybody: what is wanted is fetched
// again and put in its place, and the damaged file goes to the trash. Where the base has
// moved on since, or cannot tell a late edit by its time, it may be somebody's edit: that
// is for a look to tell.
func (c *Core) takeRot(e RotFound) {
	parent, name := split(e.Path)
	dirs, ok := c.directoriesAt(parent)
	if !ok || c.busy[e.Path] > 0 {
		return // something is being done about it; the next verification looks again
	}
	var here []tree.Base
	for _, dir := range dirs {
		here = append(here, c.index.BaseAt(dir, name)...)
	}
	stands := slices.ContainsFunc(here, func(b tree.Base) bool { return b.Rev == e.Rev })
	if !stands || slices.ContainsFunc(here, func(b tree.Base) bool { return b.Racy }) {
		c.lookAgain(relook, e.Path)
		return
	}
	for _, b := range here {
		if b.Stat.Kind != tree.File || c.acts[b.Entry] != nil || b.Content == e.Content {
			continue
		}
		b.Content = e.Content
		c.setBase(b)
		c.touch(b.Entry)
		c.emit(Notice{Kind: ProblemFound, Path: e.Path,
			Detail: "its bytes have changed although nobody wrote to it: the disk may be failing; they are fetched again"})
	}
}
