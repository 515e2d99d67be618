package index

import (
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// At returns the live entry that is on disk under a path, or, where nothing is, that was
// placed there.
func (v *View) At(path string) (row tree.Row, here, found bool, err error) {
	err = v.together(func() error {
		id := ident.Root
		for name := range strings.SplitSeq(path, "/") {
			if row, here, found, err = v.c.named(id, name); err != nil || !found {
				return err
			}
			id = row.Entry.ID
		}
		return nil
	})
	return row, here && found, found, err
}

// named returns the live entry under a name in a directory.
func (c *conn) named(dir ident.EntryID, name string) (row tree.Row, here, found bool, err error) {
	bases, err := c.baseAt(dir, name)
	for i := 0; i < len(bases) && err == nil; i++ {
		row, found, err = c.entry(bases[i].Entry)
		if found && row.Entry.Live() {
			here = row.Entry.Kind == tree.Dir || bases[i].Content == row.Entry.Content.ID
			return row, here, true, err
		}
	}
	if err != nil {
		return row, false, false, err
	}
	rows, err := c.placed(dir, name)
	for i := range rows {
		if rows[i].Entry.Live() {
			return rows[i], false, true, err
		}
	}
	return row, false, false, err
}
