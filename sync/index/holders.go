package index

import "github.com/shoal-sync/shoal/internal/ident"

// HoldingPaths finds, for each of many contents, a file on disk that holds it, as
// HoldingPath does for one. What is not held has an empty path. Asked together, contents
// that lie in one directory cost one walk up to the top, and all of them one transaction.
func (v *View) HoldingPaths(contents []ident.ContentID) (held []File, err error) {
	held = make([]File, len(contents))
	dirs := map[ident.EntryID]dirPath{}
	err = v.together(func() error {
		for i, content := range contents {
			holders, err := v.c.holding(content, holdersMax)
			if err != nil {
				return err
			}
			for _, b := range holders {
				dir, known := dirs[b.Parent]
				if !known {
					if dir.path, dir.here, err = v.c.path(b.Parent); err != nil {
						return err
					}
					dirs[b.Parent] = dir
				}
				if dir.here {
					held[i] = File{Path: below(dir.path, b.Name), Base: b}
					break
				}
			}
		}
		return nil
	})
	return held, err
}

// dirPath is where a directory is, if it is anywhere.
type dirPath struct {
	path   string
	folded string // as it is looked for by words; of a search alone
	here   bool
}

func below(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
