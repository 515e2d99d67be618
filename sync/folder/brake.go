package folder

import (
	"math"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
)

// The brake stops mass deletes where they happen, before anybody is told of them: more
// files gone within a minute than a person deletes on purpose every day wait for a yes
// (held.go). Rewrites and moves are no deletes. A few deletes are written down as soon as
// a second look confirms them; when more names vanish, all of them wait until the storm
// is over, so that its beginning is held together with its end (docs/decisions/0022).

// Brake says how many deletes within a minute wait for a person's yes. The zero value is
// the usual: more than 100 files, and more than 30 % of the folder's.
type Brake struct {
	Off     bool
	Files   int64 // more than so many files
	Percent int64 // more than this part of the folder's files, 1..100
}

const (
	brakeFiles   = 100
	brakePercent = 30
	// brakeSpan is how far apart two deletes of one mishap may be.
	brakeSpan = time.Minute
	// stormSpan is the time over which vanishing names are counted to see whether many are
	// on their way.
	stormSpan = 5 * time.Second
	// A few names in stormSpan are no storm. Some more wait for a short rest, many, or a
	// good part of what the brake allows, for a longer one: 100 files a minute are one
	// every 0.6 s.
	stormFew, stormMany = 2, 10
	restShort, restLong = 300 * time.Millisecond, time.Second
	// unseenMax is how many looks may not meet what waited before it is taken for returned.
	unseenMax = 3
)

// limit is how many deletes are let pass in a folder of so many files.
func (b Brake) limit(files int64) int64 {
	switch {
	case b.Off:
		return math.MaxInt64
	case b == Brake{}:
		return max(brakeFiles, files*brakePercent/100)
	}
	return max(b.Files, files*b.Percent/100)
}

// window counts what happened within a span of time.
type window struct {
	span  time.Duration
	marks []mark
	sum   int64
}

type mark struct {
	at step.Instant
	n  int64
}

func (w *window) add(now step.Instant, n int64) {
	w.sum += n
	if last := len(w.marks) - 1; last >= 0 && w.marks[last].at == now {
		w.marks[last].n += n
		return
	}
	w.marks = append(w.marks, mark{now, n})
}

func (w *window) count(now step.Instant) int64 {
	gone := 0
	for gone < len(w.marks) && now.Since(w.marks[gone].at) >= w.span {
		w.sum -= w.marks[gone].n
		gone++
	}
	w.marks = slices.Delete(w.marks, 0, gone)
	return w.sum
}

// braking is what the brake remembers of the last minute.
type braking struct {
	set       Brake
	written   window // deletes that were written down
	kept      window // deletes that are held
	vanishing window // names that were not there when they were looked at
	last      step.Instant
	waiting   bool // deletes were confirmed and not judged yet
}

func newBraking(set Brake) braking {
	return braking{
		set: set, written: window{span: brakeSpan}, kept: window{span: brakeSpan},
		vanishing: window{span: stormSpan},
	}
}

// rest is how long no more names must vanish before deletes that were confirmed are
// written down.
func (b *braking) rest(now step.Instant, deletes, limit int64) time.Duration {
	storm := b.vanishing.count(now)
	switch {
	case deletes > limit/4 && deletes > stormFew, storm > stormMany:
		return restLong
	case storm > stormFew:
		return restShort
	}
	return 0
}

// weight is what goes with a name: itself, or all that is below it.
type weight struct{ Files, Bytes int64 }

func (w *weight) add(o weight) { w.Files, w.Bytes = w.Files+o.Files, w.Bytes+o.Bytes }

// weigh counts the files below a name that is gone. Names below it that waited on their
// own, or are held on their own, are part of it from now on.
func (c *Core) weigh(b tree.Base) (w weight, held bool) {
	const page = 256
	if b.Stat.Kind != tree.Dir {
		return weight{1, sizeOf(&b.Stat)}, false
	}
	for after := ""; ; {
		below := c.index.BaseChildren(b.Entry, after, page)
		for _, child := range below {
			after = child.Name
			delete(c.vanished, child.Entry)
			if h := c.held.entries[child.Entry]; h != nil {
				w.add(h.Weight)
				held = true
				c.unhold(child.Entry)
				continue
			}
			sum, any := c.weigh(child)
			w.add(sum)
			held = held || any
		}
		if len(below) < page {
			return w, held
		}
	}
}

// judgeDeletes decides on the deletes that were confirmed: written down, held, or left to
// wait because more may be on their way. What has waited is looked at once more before it
// is written down.
func (c *Core) judgeDeletes() {
	sure, deletes := c.sureDeletes()
	c.brake.waiting = slices.ContainsFunc(sure, func(v vanish) bool { return v.asked })
	if len(sure) == 0 {
		return
	}
	recent := c.brake.written.count(c.now)
	sum := deletes + recent + c.brake.kept.count(c.now)
	limit := c.brake.set.limit(c.totals.Files + recent)
	due := c.brake.last.Add(c.brake.rest(c.now, sum, limit))
	switch {
	case sum > limit:
		c.hold(sure)
	case c.now < due:
		c.brake.waiting = true
		c.dueAt(due)
	default:
		c.letPass(sure)
	}
}

// letPass writes down what was confirmed just now, and has the rest looked at once more.
func (c *Core) letPass(sure []vanish) {
	var again []string
	for i := range sure {
		v := &sure[i]
		switch {
		case v.heldBelow:
			c.hold(sure[i : i+1])
		case v.found == c.now:
			c.deleteGone(v.base, v.path)
			if v.replaced {
				again = append(again, v.path)
			}
			c.brake.written.add(c.now, v.weight.Files)
		case !v.asked:
			v.asked, v.seen = true, false
			v.path = c.basePath(&v.base) // a directory above may have moved since
			c.vanished[v.base.Entry] = *v
			again = append(again, v.path)
		}
	}
	if len(again) > 0 {
		c.lookAgain(0, again...)
	}
}

// sureDeletes returns the deletes that two looks confirmed, by entry. What was overtaken
// by something else since is looked at anew.
func (c *Core) sureDeletes() (sure []vanish, files int64) {
	for _, v := range c.vanished {
		if v.sure {
			sure = append(sure, v)
		}
	}
	slices.SortFunc(sure, func(a, b vanish) int {
		return slices.Compare(a.base.Entry[:], b.base.Entry[:])
	})
	var again []string
	sure = slices.DeleteFunc(sure, func(v vanish) bool {
		b, onDisk := c.index.Base(v.base.Entry)
		if onDisk && b.Rev == v.base.Rev {
			files += v.weight.Files
			return false
		}
		delete(c.vanished, v.base.Entry)
		again = append(again, v.path)
		return true
	})
	if len(again) > 0 {
		c.lookAgain(relook, again...)
	}
	return sure, files
}

// stillGone notes that a look has met a name which is gone, although something under way
// keeps it from being believed.
func (c *Core) stillGone(f *tree.Finding) {
	if h := c.held.entries[f.Known]; h != nil && f.Gone {
		h.unsure = true
	}
	if v, waits := c.vanished[f.Known]; waits && v.asked {
		v.seen = true
		c.vanished[f.Known] = v
	}
}

// lookedAtGone forgets what waited for one more look and was there again. A look that met
// something else on the way, such as a directory that has moved, says nothing about what
// is in it: so a few looks must agree.
func (c *Core) lookedAtGone(e ScanEnded) {
	looked := map[string]bool{}
	for _, path := range e.Names {
		looked[path] = true
	}
	var again []string
	for id, v := range c.vanished {
		switch {
		case !v.asked || !e.Full && !looked[v.path] && !looked[c.basePath(&v.base)]:
			continue
		case v.seen:
			v.asked = false // who disbelieved it has ordered a look
		case v.unseen == unseenMax:
			delete(c.vanished, id)
			continue
		default:
			v.unseen++
			v.path = c.basePath(&v.base)
			again = append(again, v.path)
		}
		c.vanished[id] = v
	}
	if len(again) > 0 {
		slices.Sort(again)
		c.lookAgain(relook, again...)
	}
}

// sharers returns the entries that are the file or directory of a base row, which may be
// several where twins share it, and whether something else has the name too.
func (c *Core) sharers(b tree.Base) (same []tree.Base, others bool) {
	here := c.index.BaseAt(b.Parent, b.Name)
	same = slices.DeleteFunc(slices.Clone(here), func(o tree.Base) bool {
		return o.Stat.File != b.Stat.File
	})
	return same, len(same) < len(here)
}

// deleteGone writes down that a name is gone.
func (c *Core) deleteGone(b tree.Base, path string) {
	same, others := c.sharers(b)
	c.removeAll(same)
	c.noticeLocal(path, "deleted")
	if others {
		c.lookAgain(0, path) // another one has the name now, or a twin that was looked at another time
	}
}

// mayHaveMoved reports whether what the base has under a name where something of another
// kind is has to wait: one look does not tell whether a directory, or what a directory is
// in the place of now, was deleted, for the look that finds it elsewhere may come later. It
// goes like any name that has vanished. A link in the place of a file is a rewrite of it.
func (c *Core) mayHaveMoved(here []tree.Base, f *tree.Finding) bool {
	if c.foundHeld(here) {
		return true
	}
	if here[0].Stat.Kind != tree.Dir && f.Stat.Kind != tree.Dir {
		return false
	}
	b := known(here, f)
	c.takeVanished(b, f.Path)
	if v, waits := c.vanished[b.Entry]; waits {
		v.replaced = true
		c.vanished[b.Entry] = v
	}
	return true
}

// setBrake takes in what a person wants. What was written while the brake was off is not
// told to be checked.
func (c *Core) setBrake(set Brake) {
	c.brake.set = set
	c.skipUnbraked()
}
