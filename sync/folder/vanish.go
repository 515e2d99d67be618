package folder

import (
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
)

// vanish is a name that is gone from disk and waits for its partner: the same file under
// another name. Editors that save by rename, and people who move files, make a name
// vanish a moment before it, or its partner, appears.
type vanish struct {
	base  tree.Base
	since step.Instant
	until step.Instant // then it is forgotten: it came back, or a later scan tells again
	// sure is set when a second look found nothing either; path and weight are then what
	// the brake has to know.
	sure      bool
	found     step.Instant // when a look last found nothing
	path      string
	weight    weight
	heldBelow bool // something below it is held
	replaced  bool // something else has its name
	// asked is set while it waits for one more look, seen when that look has met it.
	asked, seen bool
	unseen      int // looks since that have not met it
}

const (
	// partnerWait is how long a vanished name waits before it is looked at once more; two
	// looks that find nothing make a delete.
	partnerWait = 150 * time.Millisecond
	// vanishLife is how long the first look is remembered. A folder scanned under load may
	// take long to come back to a name.
	vanishLife = 5 * time.Minute
)

// takeVanished notes a name that is gone, or believes it when it was gone before too.
func (c *Core) takeVanished(b tree.Base, path string) {
	v, known := c.vanished[b.Entry]
	if known && v.base.Rev == b.Rev && c.now.Since(v.since) >= partnerWait {
		if !v.sure {
			v.sure = true
			v.weight, v.heldBelow = c.weigh(b)
		}
		v.found, v.path, v.asked, v.unseen = c.now, path, false, 0
		c.vanished[b.Entry] = v
		return
	}
	if !known && len(c.vanished) >= vanishMax {
		return // a later scan reports the name again
	}
	if !known || v.base.Rev != b.Rev {
		c.vanished[b.Entry] = vanish{base: b, since: c.now, until: c.now.Add(vanishLife)}
		if !known {
			c.brake.vanishing.add(c.now, 1)
			c.brake.last = c.now
		}
		c.dueAt(c.now.Add(vanishLife))
	}
	c.lookAgain(partnerWait, path)
}

// lookOnceMore orders one more look at a name whose finding cannot be believed; of what has
// moved there at the name that it had, too: a look that met it elsewhere does not tell that
// it is gone from there, and by the next one it may be gone from both. Where that had the
// name of late and where it has one now may differ, and the name may be another entry's.
func (c *Core) lookOnceMore(f *tree.Finding) {
	paths := []string{f.Path}
	if f.From != "" {
		paths = append(paths, f.From)
	}
	if b, onDisk := c.index.Base(f.Known); onDisk && f.Moved {
		if at := c.basePath(&b); at != f.From {
			paths = append(paths, at)
		}
	}
	c.lookAgain(relook, paths...)
}

// pairVanished recognises a new name as the partner of one that vanished: the same file
// of the file system, not hard-linked elsewhere. A directory takes all it holds along.
func (c *Core) pairVanished(f *tree.Finding, parent ident.EntryID, name string) bool {
	if len(c.vanished) == 0 || f.Stat.File.IsZero() || f.Stat.Kind != tree.Dir && f.Stat.Links > 1 {
		return false
	}
	var found tree.Base
	for id, v := range c.vanished {
		b, ok := c.index.Base(id)
		if ok && b.Rev == v.base.Rev && b.Stat.File == f.Stat.File && b.Stat.Kind == f.Stat.Kind &&
			c.acts[id] == nil && (found.Entry.IsRoot() || lessID(id, found.Entry)) {
			found = b
		}
	}
	if found.Entry.IsRoot() || c.inside(parent, found.Entry) {
		return false
	}
	c.move(found, f, parent, name)
	return true
}

// inside reports whether a directory on disk lies in, or is, another entry.
func (c *Core) inside(dir, above ident.EntryID) bool {
	for depth := 0; depth < pathMax; depth++ {
		if dir == above {
			return true
		}
		b, ok := c.index.Base(dir)
		if !ok {
			return false
		}
		dir = b.Parent
	}
	return true
}

// forgetVanished drops names whose wait is over without a second look that found them
// gone: they came back.
func (c *Core) forgetVanished() {
	for id, v := range c.vanished {
		if v.until <= c.now {
			delete(c.vanished, id)
		} else {
			c.dueAt(v.until)
		}
	}
}

func lessID(a, b ident.EntryID) bool { return string(a[:]) < string(b[:]) }
