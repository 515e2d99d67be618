package folder

import (
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Trouble is why an entry is not yet as it should be, for people.
type Trouble struct {
	Path    string
	Kind    TroubleKind
	Reason  string
	NextTry step.Instant
	Since   step.Instant // when it began
	tries   int
	look    uint64 // the scan that told of it: see Core.looks
}

// TroubleKind says what kind of trouble it is.
type TroubleKind string

// The kinds of trouble.
const (
	ChangedMeanwhile TroubleKind = "changed"    // somebody changes the file right now
	VolumeFull       TroubleKind = "no-space"   // the disk is full
	NotPermitted     TroubleKind = "denied"     // the system does not permit it
	BlockedName      TroubleKind = "name"       // this volume cannot show the name
	BlockedKind      TroubleKind = "kind"       // this system cannot hold what it is
	ContentMissing   TroubleKind = "content"    // nobody reachable has the content
	Unreadable       TroubleKind = "unreadable" // a scan could not read the name
	RootProblem      TroubleKind = "root"       // the folder itself cannot be read
	Forged           TroubleKind = "forged"     // a peer sent what cannot be
	OnlyHere         TroubleKind = "local"      // changed on a device that may only read
	DiskFailure      TroubleKind = "disk"       // anything else the disk reported
)

const (
	retryFirst = 300 * time.Millisecond // long enough for a finished write to settle
	retryMax   = time.Minute
	// patience is how many refusals pass before a person is told: a name that changes
	// under our hands is normal for a moment.
	patience = 3
	// troublesMax bounds the entries whose trouble is remembered one by one; others stay
	// marked Need and are met again by the paging.
	troublesMax = 10000
)

// takeOutcome notes what an order did to the disk.
func (c *Core) takeOutcome(o *tree.Outcome) {
	a := c.tickets[o.Ticket]
	if a == nil {
		panic("bug: an outcome without its order")
	}
	delete(c.tickets, o.Ticket)
	delete(c.acts, a.entry)
	if c.installing[a.order.Content] == a.entry {
		delete(c.installing, a.order.Content)
	}
	c.intentDone(a.intent)
	c.release(a.order.Path)
	if a.order.To != "" {
		c.release(a.order.To)
	}
	if a.errand {
		c.errandDone(a, o)
	} else if o.Refusal == tree.Done {
		c.done(a, o)
	} else {
		c.refused(a, o)
	}
	c.wake(a.entry)
}

func (c *Core) release(path string) {
	if c.busy[path]--; c.busy[path] == 0 {
		delete(c.busy, path)
	}
}

// done brings the base in line with what the disk now shows.
func (c *Core) done(a *act, o *tree.Outcome) {
	delete(c.troubles, a.entry)
	base, onDisk := c.index.Base(a.entry)
	changes := a.order.Op == tree.Move || a.order.Op == tree.SetAttributes
	removed := a.order.Op == tree.Remove
	if !removed && !c.landed(a) || changes && !onDisk || removed && len(c.index.BaseChildren(a.entry, "", 1)) > 0 {
		c.lookAgain(0, a.place()) // the base has moved on meanwhile: believe a look
		c.touch(a.entry)
		return
	}
	if o.Recalled {
		base.Racy = true // it may have been edited since, and looks as we left it
		c.lookAgain(relook, a.place())
	}
	traits := base.Stat.Traits
	switch a.order.Op {
	case tree.Remove:
		if base.Stat.Kind == tree.Dir {
			c.forgetLocalsBelow(a.order.Path) // one that could go was empty
		}
		c.clearBase(a.entry)
		c.touch(a.entry) // it may be for this device to write down that it has gone
		c.gaveUp(a.entry)
		if base.Parent != tree.Parking {
			c.touch(base.Parent)
			c.wake(base.Parent)
		}
	case tree.Move:
		c.noticeConflict(a, base.Name)
		c.movedAlong(base)
		base.Parent, base.Name, base.Stat = a.parent, a.name, o.Stat
		base.Stat.Traits = traitsAfter(&a.order, &o.Stat, traits)
		base.Racy = base.Racy || o.Recalled // it may have been written to since
		base.SawPlace = a.sawPlace
		c.setBase(base)
		c.followMove(a, base)
	case tree.SetAttributes:
		base.Stat, base.SawAttrs = o.Stat, a.sawAtt
		base.Stat.Traits = traitsAfter(&a.order, &o.Stat, traits)
		base.Racy = base.Racy || o.Recalled
		c.setBase(base)
		c.noteUnkept(a.entry, &a.order, &o.Stat)
		c.restat(base, base.Stat.File)
	default:
		c.replaced(a)
		if !onDisk {
			c.noticeConflict(a, "")
			base = tree.Base{Entry: a.entry, Parent: a.parent, Name: a.name, SawPlace: a.sawPlace}
		}
		base.Content, base.Stat, base.Racy = a.content, o.Stat, o.Recalled
		base.SawContent, base.SawAttrs = a.sawContent, a.sawAtt
		c.setBase(base)
		if a.order.Op == tree.InstallFile {
			c.placed = append(c.placed, a.content)
		}
		if a.order.Op != tree.MakeDir {
			c.emit(Notice{Kind: ItemFinished, Path: a.order.Path})
			c.nameFound(a.entry)
		}
	}
	if a.order.Op != tree.Remove {
		c.standsAgain(a)
	}
	if a.order.Op != tree.SetAttributes {
		c.emit(Notice{Kind: RemoteChange, Path: a.order.Path, Detail: opWords[a.order.Op]})
	}
	c.touch(a.entry)
}

// replaced notes that what an order has put something over is gone: for the entry that it
// was of then, and for whoever shares it, or was handed it while the order was under way.
func (c *Core) replaced(a *act) {
	if a.over == (ident.EntryID{}) {
		return
	}
	gone := []ident.EntryID{a.over}
	for _, dir := range c.view.Twins(a.parent) {
		for _, b := range c.index.BaseAt(dir, a.name) {
			if b.Entry != a.entry && b.Entry != a.over && b.Stat.File == a.order.Victim.File {
				gone = append(gone, b.Entry)
			}
		}
	}
	for _, id := range gone {
		c.clearBase(id)
		c.gaveUp(id)
		c.touch(id)
	}
}

// movedAlong notes that what an order has moved is not in its old place any more for those
// either that share it, as a directory that is parked because of only one of them. Each is
// put in its place anew.
func (c *Core) movedAlong(base tree.Base) {
	var others []tree.Base
	c.eachSharing(base, func(o *tree.Base) { others = append(others, *o) })
	for _, o := range others {
		c.handOver(o, base)
		c.touch(o.Entry)
	}
}

// followMove lets what is known by paths follow what an order has moved.
func (c *Core) followMove(a *act, base tree.Base) {
	c.forget()
	c.moveLocals(a.order.Path, a.order.To)
	c.emit(NameMoved{From: a.order.Path, To: a.order.To})
	c.cameOut(a, base)
}

// place is the path where an order leaves something.
func (a *act) place() string {
	if a.order.To != "" {
		return a.order.To
	}
	return a.order.Path
}

// landed reports whether the directory an order worked in is on disk as far as the base
// knows. It may be another entry's by now, when twins that shared it went apart, and the
// entry's own place another directory.
func (c *Core) landed(a *act) bool {
	if a.parent.IsRoot() || a.parent == tree.Parking {
		return true
	}
	into := a.order.Into // none of what an earlier run ordered before this was noted
	if _, ok := c.index.Base(a.parent); ok && (into.IsZero() || c.identityOf(a.parent) == into) {
		return true
	}
	parentPath, _ := split(a.place())
	dirs, ok := c.directoriesAt(parentPath)
	if !ok || !into.IsZero() && c.identityOf(dirs[0]) != into {
		return false
	}
	a.parent = dirs[0]
	return true
}

var opWords = map[tree.Op]string{
	tree.MakeDir: "new", tree.InstallFile: "installed", tree.InstallLink: "installed",
	tree.Move: "moved", tree.Remove: "deleted",
}

// refused notes why, lets the name be looked at again where the disk was not as expected,
// and plans a retry.
func (c *Core) refused(a *act, o *tree.Outcome) {
	row, ok := c.index.Entry(a.entry)
	if !ok {
		panic("bug: an order for an entry that is not recorded")
	}
	t := Trouble{Path: a.order.Path, Kind: ChangedMeanwhile, Reason: o.Detail}
	c.stillStaged(a, o)
	c.noteUnsure(a, o)
	c.noteBoth(a, o)
	switch o.Refusal {
	case tree.Changed, tree.Occupied, tree.Missing, tree.NotEmpty:
		paths := []string{a.order.Path}
		if a.order.To != "" && a.parent != tree.Parking {
			paths = append(paths, a.order.To)
		}
		c.lookAgain(0, paths...)
		defer c.comeOut(&a.order, o.Refusal)
	case tree.ContentGone:
		t.Kind = ContentMissing
		if a.order.Copy != "" {
			c.lookAgain(0, a.order.Copy)
		}
	case tree.NoSpace:
		t.Kind = VolumeFull
	case tree.Denied:
		t.Kind = NotPermitted
	case tree.NameRefused, tree.Unsupported:
		t.Kind, t.NextTry = BlockedName, c.now.Add(blockedAgain)
		if o.Refusal == tree.Unsupported {
			t.Kind = BlockedKind
		}
		c.block(&row, ident.Root, t)
		return
	default:
		t.Kind = DiskFailure
	}
	c.fail(&row, t)
}

// fail notes trouble with an entry and when to try again.
func (c *Core) fail(row *tree.Row, t Trouble) {
	c.setNeed(row, true)
	if t.Path == "" {
		t.Path = describe(&row.Entry)
		if shown := c.view.Of(row); shown.Visible {
			t.Path = c.shownPath(shown.Parent, shown.Name)
		}
	}
	c.note(row.Entry.ID, t)
}

func (c *Core) note(id ident.EntryID, t Trouble) {
	old := c.troubles[id]
	if old == nil && len(c.troubles) >= troublesMax {
		c.needs.rewind()
		return
	}
	t.Since = c.now
	if old != nil {
		t.tries, t.Since = old.tries+1, old.Since
	}
	t.NextTry = c.now.Add(min(retryMax, retryFirst<<min(t.tries, 10)))
	c.troubles[id] = &t
	c.dueAt(t.NextTry)
	if t.tries == patience || t.tries == 0 && t.Kind != ChangedMeanwhile {
		c.emit(Notice{Kind: ProblemFound, Path: t.Path, Detail: t.Reason})
	}
}

// resting reports whether an entry waits for its next try. Without the wait those that want
// its name would have it ordered again at once, and no look at the name, which is busy all
// the time, would be believed.
func (c *Core) resting(id ident.EntryID) bool {
	t := c.troubles[id]
	return t != nil && t.NextTry != step.Never && c.now < t.NextTry
}

// retryTroubles plans the entries whose next try is due. Their tries stay counted.
func (c *Core) retryTroubles() {
	for id, t := range c.troubles {
		if t.NextTry <= c.now {
			t.NextTry = step.Never
			c.retry = append(c.retry, id)
		} else {
			c.dueAt(t.NextTry)
		}
	}
	c.touchSorted()
}

// retryMissing plans at once what waited for somebody who has its content.
func (c *Core) retryMissing() {
	for id, t := range c.troubles {
		if t.Kind == ContentMissing {
			t.NextTry = step.Never
			c.retry = append(c.retry, id)
		}
	}
	c.touchSorted()
}

// noteUnreadable remembers that a scan could not read a name; its entry is left alone.
func (c *Core) noteUnreadable(f *tree.Finding) {
	if _, known := c.unread[f.Path]; !known {
		if len(c.unread) >= troublesMax {
			return
		}
		c.emit(Notice{Kind: ProblemFound, Path: f.Path, Detail: f.Problem})
	}
	c.unread[f.Path] = Trouble{
		Path: f.Path, Kind: Unreadable, Reason: f.Problem, NextTry: step.Never, look: c.looks,
	}
}

// missed returns what tells whether a scan says nothing of a name, for that, or a directory
// above it, changed while it was read.
func (e *ScanEnded) missed() func(path string) bool {
	again := make(map[string]bool, len(e.Again))
	for _, path := range e.Again {
		again[path] = true
	}
	return func(path string) bool {
		for path != "" && !again[path] {
			path, _ = split(path)
		}
		return path != ""
	}
}

// forgetReadable drops what a scan that is over has looked at and not found unreadable
// again: the name is gone, or can be read and holds nothing new.
func (c *Core) forgetReadable(e ScanEnded) {
	missed := e.missed()
	look := func(path string) {
		if t, known := c.unread[path]; known && t.look < c.looks && !missed(path) {
			delete(c.unread, path)
		}
	}
	if e.Full {
		for path := range c.unread {
			look(path)
		}
	}
	for _, path := range e.Names {
		look(path)
	}
}

func (c *Core) noticeLocal(path, what string) {
	c.emit(Notice{Kind: LocalChange, Path: path, Detail: what})
}
