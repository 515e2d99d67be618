package disk

import (
	"strings"

	"github.com/shoal-sync/shoal/sync/tree"
)

// place is a directory that stays open from one install to the next: files come in by
// directories. Whatever happens to its path meanwhile, what is held is the very directory
// that the orders were decided about.
type place struct {
	dir  *dir // nil when none is held
	path string
	era  int
	file tree.FileID
}

// place is into, for an order that installs a file. The batch releases what it returns.
func (b *batch) place(t *task) (*dir, string, bool) {
	path, name := "", t.order.Path
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		path, name = name[:i], name[i+1:]
	}
	l := &b.last
	if l.dir != nil && l.path == path && l.era == b.era && l.file == t.order.Into &&
		!l.file.IsZero() {
		return l.dir, name, true
	}
	b.leave()
	dir, name, ok := b.into(t, t.order.Path)
	if ok {
		*l = place{dir, path, b.era, t.order.Into}
	}
	return dir, name, ok
}

// leave releases the directory of the last install.
func (b *batch) leave() {
	if b.last.dir != nil {
		b.last.dir.release()
	}
	b.last = place{}
}

// Seen is what LookEach saw at a path.
type Seen struct {
	Stat  tree.Stat
	There bool // false when nothing is there
	Err   error
}

// LookEach is Look for many paths, of which those in one directory follow one another:
// that costs one walk for each directory and not for each name.
func (f *Folder) LookEach(paths []string) []Seen {
	out := make([]Seen, len(paths))
	var parent *dir
	var of string
	defer func() {
		if parent != nil {
			parent.release()
		}
	}()
	for i, path := range paths {
		cut := strings.LastIndexByte(path, '/')
		if parent == nil || cut < 0 || path[:cut] != of || checkName(path[cut+1:]) != nil {
			if parent != nil {
				parent.release()
				parent = nil
			}
			out[i].Stat, out[i].There, out[i].Err = f.Look(path)
			if cut > 0 && out[i].There {
				if d, err := f.openDir(path[:cut]); err == nil {
					parent, of = d, path[:cut]
				}
			}
			continue
		}
		out[i] = seenIn(parent, path, path[cut+1:])
	}
	return out
}

func seenIn(parent *dir, path, name string) Seen {
	s, err := parent.look(name)
	switch {
	case err == nil:
		return Seen{Stat: s, There: true}
	case refusalOf(err) == tree.Missing:
		return Seen{}
	}
	return Seen{Err: lookFailed(path, err)}
}
