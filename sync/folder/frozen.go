package folder

import (
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
)

// An entry whose name is ignored is frozen: it is not scanned, wanted, installed, moved or
// deleted here, whatever peers write about it. Its records are kept and passed on, so that
// it goes on from there when the pattern is taken away.

// IgnoreFile is the name, at the folder's top, of the patterns all devices obey. It is an
// entry like any other, except that everything else waits for it.
const IgnoreFile = ".shoalignore"

// gate returns the entry of the ignore file while its newest version is not on disk yet.
// Whatever it names must not be touched before it is known, so nothing else is planned.
func (c *Core) gate() (ident.EntryID, bool) {
	for _, row := range c.index.Placed(ident.Root, IgnoreFile) {
		_, blocked := c.blocked[row.Entry.ID]
		if row.Need && !blocked && row.Entry.Live() && row.Entry.Kind == tree.File && c.view.Of(&row).Name == IgnoreFile {
			return row.Entry.ID, true
		}
	}
	return ident.EntryID{}, false
}

// frozen reports whether an entry is to be left alone because of its name: the one it is
// shown under, or, when it is to go from disk, the one it has there.
func (c *Core) frozen(base *tree.Base, onDisk, dir bool, shown merge.Shown) bool {
	if c.patterns.Len() == 0 {
		return false
	}
	if shown.Visible {
		return c.patterns.Match(c.shownPath(shown.Parent, shown.Name), dir).Ignored()
	}
	return onDisk && c.patterns.Match(c.basePath(base), dir).Ignored()
}

// shownPath is where the view shows a name of a directory.
func (c *Core) shownPath(dir ident.EntryID, name string) string {
	path := name
	for depth := 0; !dir.IsRoot() && depth < pathMax; depth++ {
		row, ok := c.index.Entry(dir)
		if !ok {
			break
		}
		above := c.view.Of(&row)
		path = above.Name + "/" + path
		dir = above.Parent
	}
	return strings.TrimPrefix(path, "/")
}

// basePath is where a base row's file is on disk.
func (c *Core) basePath(b *tree.Base) string {
	path := b.Name
	for at, depth := b.Parent, 0; !at.IsRoot() && depth < pathMax; depth++ {
		above, ok := c.index.Base(at)
		if !ok {
			break
		}
		path = above.Name + "/" + path
		at = above.Parent
	}
	return path
}
