package folder

import (
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A directory that was found in the place of another one, and cannot be believed to be there
// yet, hides what is in it: by its path that would be in the other one, which may have moved
// into this very directory. So what a look finds below such a place is looked at again, too,
// until it is known which directory is there.

// doubt has a finding looked at again, with what the same look finds below it.
func (c *Core) doubt(f *tree.Finding) {
	c.stillGone(f)
	c.lookOnceMore(f)
	if f.Gone || f.Stat.Kind != tree.Dir {
		return
	}
	c.doubts[f.Path] = true
	if f.Moved {
		c.deferMove(f)
	}
}

// inDoubt reports whether it is not known which directory a path is in.
func (c *Core) inDoubt(path string) bool {
	if len(c.doubts) == 0 {
		return false
	}
	for dir, _ := split(path); dir != ""; dir, _ = split(dir) {
		if c.doubts[dir] {
			return true
		}
	}
	return false
}

// makesRoom reports whether what the base has at the place of a move is found elsewhere by
// the same look, and so on until a free place or the beginning: directories that changed
// places. Each move alone would wait for the others.
func (c *Core) makesRoom(f *tree.Finding, here []tree.Base) bool {
	seen := map[ident.EntryID]string{f.Known: f.Path}
	for len(here) > 0 {
		g := c.leaving(here)
		if g == nil {
			return false
		}
		if _, met := seen[g.Known]; met || liesIn(g.Path, seen) {
			return true
		}
		seen[g.Known] = g.Path
		parentPath, name := split(g.Path)
		dirs, ok := c.directoriesAt(parentPath)
		if !ok || c.busy[g.Path] > 0 {
			return false
		}
		here = nil
		for _, dir := range dirs {
			here = append(here, c.index.BaseAt(dir, name)...)
		}
	}
	return true
}

// liesIn reports whether a path is in a directory that has moved itself: the base knows
// what is above the path only once that move is taken in.
func liesIn(path string, moved map[ident.EntryID]string) bool {
	for _, dir := range moved {
		if strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

// leaving returns the finding among those reported together that what is at a place, one
// directory with all its twins, has moved; nil when there is none to be believed.
func (c *Core) leaving(here []tree.Base) *tree.Finding {
	for i := range len(c.reported) + len(c.deferred) {
		var g *tree.Finding
		if i < len(c.reported) {
			g = &c.reported[i]
		} else if d := &c.deferred[i-len(c.reported)]; c.now.Since(d.at) < deferredLife {
			g = &d.Finding
		} else {
			continue
		}
		known, ok := c.index.Base(g.Known)
		if !g.Moved || !ok || known.Rev != g.Rev {
			continue
		}
		if !slices.ContainsFunc(here, func(b tree.Base) bool {
			return b.Parent != known.Parent || b.Stat.File != known.Stat.File || c.acts[b.Entry] != nil
		}) {
			return g
		}
	}
	return nil
}

// deferred is a move that waits for what has its place to be found elsewhere; the looks at
// the two may come one after the other.
type deferred struct {
	tree.Finding
	at step.Instant
}

const (
	deferredLife = time.Second // a few looks again
	deferredMax  = 64          // directories that change places at once
)

func (c *Core) deferMove(f *tree.Finding) {
	c.deferred = slices.DeleteFunc(c.deferred, func(d deferred) bool {
		return d.Known == f.Known || c.now.Since(d.at) >= deferredLife
	})
	if len(c.deferred) < deferredMax {
		c.deferred = append(c.deferred, deferred{*f, c.now})
	}
}

// takeDeferred takes in the moves that waited: there is room for them now, or never. What
// has waited longer was looked at again since, and may have moved back.
func (c *Core) takeDeferred() {
	waited := c.deferred
	c.deferred = nil
	for i := range waited {
		if c.now.Since(waited[i].at) < deferredLife {
			c.takeFinding(&waited[i].Finding)
		}
	}
}
