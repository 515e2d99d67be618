package folder

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
)

// What a person changes on a device that may only read never becomes a version (rule R17).
// The base keeps saying what the members' version was when it was last on disk, so every
// look finds the difference again, and it need not be remembered over a restart:
//
//	look ──▶ differs from the base ──▶ listed ──▶ a newer version is wanted there:
//	                                     │          the local bytes move aside
//	                                     └──▶ revert: into the trash
//
// A device that becomes a writer looks at everything anew, and what was listed is written.
// One that becomes a reader begins with a new index: what others had not taken in yet from
// it stays on its disk, as a local change (docs/decisions/0021).

// local is a name on disk that is not as the members' version says.
type local struct {
	tree.Finding
	look   uint64 // the scan that told of it, or went on when it came to be: see Core.looks
	revert bool   // it is to go into the trash
	doubt  bool   // an order met something else: only a look can tell what it is now
}

// localsMax bounds the local changes that are remembered; the disk keeps all, but those
// beyond are met only when an order is refused.
const localsMax = 100_000

// errand is an order about a name that has no entry: a local change that moves aside, or
// goes into the trash.
type errand struct {
	path string
	to   string // empty: into the trash
}

// errandID stands for a name as if it were an entry, so that others can wait for it.
func errandID(path string) (id ident.EntryID) {
	sum := sha256.Sum256([]byte("local change at " + path))
	copy(id[:], sum[:])
	return id
}

// handleReader takes in what concerns the role of this device.
func (c *Core) handleReader(event Event) {
	switch e := event.(type) {
	case MayWrite:
		c.reader = false
		clear(c.locals)
		clear(c.signed.heard) // what it stands as it signs itself
	case RevertAsked:
		n := c.revert()
		c.emit(Reverting{Ticket: e.Ticket, Changes: n})
	}
}

// takeLocal lists what a look found, or takes it off the list.
func (c *Core) takeLocal(f *tree.Finding) {
	parentPath, name := split(f.Path)
	dirs, ok := c.directoriesAt(parentPath)
	if c.busy[f.Path] > 0 || c.overtaken(f) {
		c.lookOnceMore(f)
		return
	}
	if f.Moved && f.Stat.Kind == tree.Dir {
		c.takeCarried(f)
		return
	}
	var here []tree.Base
	for _, dir := range dirs {
		here = append(here, c.index.BaseAt(dir, name)...)
	}
	switch {
	case len(here) > 0 && f.Rev != 0 && !f.Moved && !matches(here, f):
		c.lookOnceMore(f)
	case len(here) == 0 && f.Gone:
		delete(c.locals, f.Path)
	case len(here) == 0 && ok && c.adopt(f, dirs[0], name):
		delete(c.locals, f.Path)
	case len(here) > 0 && !f.Gone && f.Stat.Kind == here[0].Stat.Kind && f.Content == here[0].Content &&
		!c.attributesChanged(&here[0].Stat, &f.Stat):
		b := here[0]
		b.Stat, b.Racy = f.Stat, f.Racy
		c.setBase(b)
		c.restat(b, here[0].Stat.File)
		c.lookedAtTraits(&here[0], f)
		delete(c.locals, f.Path)
	default:
		c.list(f)
	}
	if f.Moved {
		if b, known := c.index.Base(f.Known); known && b.Rev == f.Rev {
			from := c.basePath(&b)
			if l := c.locals[from]; from != f.Path && (l == nil || l.Gone || l.Stat.File == f.Stat.File) {
				c.list(&tree.Finding{Path: from, Known: b.Entry, Rev: b.Rev, Gone: true})
			} // or something else was met there
		}
	}
}

// overtaken reports whether an order has changed, or is changing, what a finding is about,
// perhaps under another path: its directory may be moving, too.
func (c *Core) overtaken(f *tree.Finding) bool {
	if f.Known.IsRoot() {
		return false
	}
	b, onDisk := c.index.Base(f.Known)
	return c.acts[f.Known] != nil || !onDisk || b.Rev != f.Rev
}

// takeCarried takes in that a person has moved a directory. It comes back where the members
// have it; the one that was moved is looked at as something that is only here.
func (c *Core) takeCarried(f *tree.Finding) {
	if b, known := c.index.Base(f.Known); known && b.Rev == f.Rev && !c.worksInside([]tree.Base{b}) {
		for _, same := range c.index.BaseAt(b.Parent, b.Name) {
			c.clearBelow(same)
		}
		c.view.Forget()
	}
	c.lookOnceMore(f)
}

// standsAgain tells that an order has just put something under a name, and takes it off the
// list that it was missing there. What stays on the list would be taken for what a look has
// found.
func (c *Core) standsAgain(a *act) {
	path := a.place()
	if l := c.locals[path]; l != nil && l.Gone {
		delete(c.locals, path)
	}
	if a.order.Op != tree.SetAttributes && a.order.Op != tree.Move {
		c.emit(NamePlaced{path})
	}
}

func (c *Core) list(f *tree.Finding) {
	if _, known := c.locals[f.Path]; !known {
		if len(c.locals) >= localsMax {
			return
		}
		c.emit(Notice{Kind: LocalChange, Path: f.Path, Detail: "not sent: this device may only read"})
	}
	c.locals[f.Path] = &local{Finding: *f, look: c.looks}
}

// forgetLocals takes off the list what a look that is over has not found any more.
func (c *Core) forgetLocals(e ScanEnded) {
	missed := e.missed()
	look := func(path string) {
		if strings.HasPrefix(path, tree.ParkingDir+"/") {
			return // no look goes there: what is listed comes out again with its directory
		}
		if l := c.locals[path]; l != nil && l.look < c.looks && !missed(path) {
			delete(c.locals, path)
		}
	}
	if e.Full {
		for path := range c.locals {
			look(path)
		}
	}
	for _, path := range e.Names {
		look(path)
	}
}

// forgetLocalsBelow takes off the list what was in a directory that an order has removed.
// From the parking place nothing else would: no look goes there.
func (c *Core) forgetLocalsBelow(dir string) {
	for path := range c.locals {
		if strings.HasPrefix(path, dir+"/") {
			delete(c.locals, path)
		}
	}
}

// planLocal plans an entry whose place on disk holds a local change. False: it does not.
func (c *Core) planLocal(row *tree.Row, base *tree.Base, onDisk bool, shown merge.Shown) bool {
	if len(c.locals) == 0 {
		return false
	}
	if !onDisk {
		return shown.Visible && c.planOverLocal(row, shown)
	}
	path := c.basePath(base)
	l := c.locals[path]
	if l == nil && !shown.Visible && row.Entry.Kind == tree.Dir && c.holdsLocals(base, path) {
		c.clearBase(row.Entry.ID) // what is in it is this device's alone, and so is the directory
		c.touch(row.Entry.ID)
		c.lookAgain(0, path)
		return true
	}
	inPlace := shown.Visible && shown.Name == base.Name && c.sameDirectory(base.Parent, shown.Parent)
	if l == nil && shown.Visible && !inPlace {
		return c.planMoveOverLocal(row, shown)
	}
	if l == nil || l.revert || l.doubt {
		return false
	}
	wanted := c.attributes(&row.Entry)
	switch {
	case inPlace && (row.Entry.Kind == tree.Dir || base.Content == row.Entry.Content.ID) &&
		(row.Entry.Kind == tree.Link || !attributesDiffer(&base.Stat, wanted.mode, wanted.mtime)):
		c.settled(row) // nothing new is wanted: the local change rests
	case l.Gone:
		delete(c.locals, path)
		c.clearBelow(*base)
		c.touch(row.Entry.ID)
	case row.Entry.Kind == tree.Dir && l.Stat.Kind == tree.Dir:
		return false // what is in it decides
	case !inPlace || l.Stat.Kind != base.Stat.Kind:
		l.Known, l.Rev = ident.EntryID{}, 0
		c.clearBelow(*base) // what lies there is this device's alone from now on
		c.touch(row.Entry.ID)
		c.lookAgain(0, path)
	default:
		c.moveAside(row, path, l)
	}
	return true
}

// holdsLocals reports whether nothing is left in a directory but local changes.
func (c *Core) holdsLocals(dir *tree.Base, path string) bool {
	if len(c.index.BaseChildren(dir.Entry, "", 1)) > 0 {
		return false
	}
	for below, l := range c.locals {
		if strings.HasPrefix(below, path+"/") && !l.Gone && !l.revert {
			return true
		}
	}
	return false
}

// planOverLocal plans an entry that is not on disk, where a local change has its name: the
// same thing is taken for it, another one moves aside.
func (c *Core) planOverLocal(row *tree.Row, shown merge.Shown) bool {
	b := tree.Base{Entry: row.Entry.ID, Parent: shown.Parent, Name: shown.Name}
	if !shown.Parent.IsRoot() {
		parent, ok := c.parentOnDisk(row, shown.Parent)
		if !ok {
			return true
		}
		b.Parent = parent
	}
	path := c.basePath(&b)
	l := c.locals[path]
	if l == nil || l.Gone || l.revert || l.doubt {
		return false
	}
	e := &row.Entry
	if l.Stat.Kind == e.Kind && (e.Kind == tree.Dir || l.Content == e.Content.ID) {
		b.Content, b.Stat, b.Racy = l.Content, l.Stat, l.Racy
		sawAll(&b, e)
		delete(c.locals, path)
		c.displaced(path, l)
		c.setBase(b)
		c.touch(e.ID)
		c.wake(e.ID)
		return true
	}
	c.moveAside(row, path, l)
	return true
}

// planMoveOverLocal plans an entry that is on disk and is to move to where a local change
// has its name: that moves aside. False: nothing is in the way.
func (c *Core) planMoveOverLocal(row *tree.Row, shown merge.Shown) bool {
	parent, ok := c.directoryOf(shown.Parent)
	if !ok {
		return false // it is not there yet, and waited for
	}
	path := c.basePath(&tree.Base{Entry: row.Entry.ID, Parent: parent, Name: shown.Name})
	l := c.locals[path]
	if l == nil || l.Gone || l.revert || l.doubt {
		return false
	}
	c.moveAside(row, path, l)
	return true
}

// displaced forgets what the base has in a place where a local change is taken for an entry:
// what another entry had there is not there any more, and no look will find that again.
func (c *Core) displaced(path string, l *local) {
	for _, b := range c.basesAt(path) {
		if b.Stat.Kind != l.Stat.Kind || b.Stat.Kind != tree.Dir && b.Content != l.Content {
			c.clearBelow(b)
		}
	}
}

// clearBelow forgets what the base has of an entry, and of what is in it.
func (c *Core) clearBelow(b tree.Base) {
	const page = 256
	for b.Stat.Kind == tree.Dir {
		below := c.index.BaseChildren(b.Entry, "", page)
		if len(below) == 0 {
			break
		}
		for _, child := range below {
			c.clearBelow(child)
		}
	}
	c.clearBase(b.Entry)
	c.touch(b.Entry)
}

// moveAside gives a local change a name of its own, so that the members' version can take
// the old one.
func (c *Core) moveAside(row *tree.Row, path string, l *local) {
	if c.isBusy(row, path) {
		return
	}
	parent, name := split(path)
	aside := merge.ConflictName(name, c.names[c.state.Replica].Name, l.Stat.Mtime/1e6)
	to := join(parent, aside)
	for n := 2; c.locals[to] != nil || len(c.basesAt(to)) > 0; n++ {
		to = join(parent, merge.Numbered(aside, n))
	}
	c.run(errand{path: path, to: to}, l)
	c.await(row, errandID(path))
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// basesAt returns what the base says is on disk at a path.
func (c *Core) basesAt(path string) (here []tree.Base) {
	parentPath, name := split(path)
	dirs, _ := c.directoriesAt(parentPath)
	for _, dir := range dirs {
		here = append(here, c.index.BaseAt(dir, name)...)
	}
	return here
}

// run orders an errand.
func (c *Core) run(e errand, l *local) {
	c.ticket++
	victim := l.Stat
	o := tree.Order{Ticket: c.ticket, Entry: errandID(e.path), Op: tree.Remove, Path: e.path, Victim: &victim}
	if e.to != "" {
		o.Op, o.To = tree.Move, e.to
	}
	c.under(&act{entry: o.Entry, ticket: c.ticket, order: o, errand: true})
	c.orders = append(c.orders, o)
}

// errandDone notes how an errand ended. What could not be moved is looked at again.
func (c *Core) errandDone(a *act, o *tree.Outcome) {
	path := a.order.Path
	if !c.reader {
		c.lookAgain(0, path, a.place()) // it is a change like any other by now
		return
	}
	l := c.locals[path]
	if o.Refusal != tree.Done {
		if l != nil {
			l.doubt = true
		}
		if l != nil && l.revert {
			l.revert = false
			c.emit(Notice{Kind: ProblemFound, Path: path, Detail: o.Detail})
		}
		c.lookAgain(relook, path)
		return
	}
	delete(c.locals, path)
	for _, b := range c.basesAt(path) {
		c.clearBelow(b)
	}
	if a.order.Op == tree.Move {
		c.moveLocals(path, a.order.To)
		c.locals[a.order.To] = &local{Finding: tree.Finding{Path: a.order.To, Stat: o.Stat}, look: c.looks}
		if l != nil {
			c.locals[a.order.To].Content, c.locals[a.order.To].Target = l.Content, l.Target
		}
		c.emit(Notice{Kind: ConflictKept, Path: a.order.To, Detail: "a local change; it is kept on this device only"})
	}
	c.goOnReverting()
}

// moveLocals lets local changes follow a directory that has moved.
func (c *Core) moveLocals(from, to string) {
	moved := map[string]*local{}
	for below, l := range c.locals {
		if rest, inside := strings.CutPrefix(below, from+"/"); inside {
			delete(c.locals, below)
			l.Path = to + "/" + rest
			moved[l.Path] = l
		}
	}
	maps.Copy(c.locals, moved)
}

// revert brings back the members' version wherever a local change is, and returns how many
// there are. What a person wrote ends in the trash.
func (c *Core) revert() int {
	var paths []string
	for path := range c.locals {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		l := c.locals[path]
		here := c.basesAt(path)
		switch {
		case len(here) == 0 && l.Gone:
			delete(c.locals, path)
		case len(here) > 0 && l.Gone:
			delete(c.locals, path)
			for _, b := range here {
				c.clearBelow(b)
			}
		case len(here) > 0 && l.Stat.Kind == here[0].Stat.Kind:
			// What lies there is what the base says from now on; the plan replaces it, and
			// the replaced bytes rest in the trash.
			delete(c.locals, path)
			b := here[0]
			b.Content, b.Stat, b.Racy = l.Content, l.Stat, l.Racy
			c.setBase(b)
			c.restat(b, here[0].Stat.File)
			c.touch(b.Entry)
		default:
			l.revert = true
		}
	}
	c.goOnReverting()
	return len(paths)
}

// goOnReverting removes local things that hold no others which are to go first.
func (c *Core) goOnReverting() {
	holds := map[string]bool{}
	var paths []string
	for path, l := range c.locals {
		if !l.revert {
			continue
		}
		paths = append(paths, path)
		for dir, _ := split(path); dir != ""; dir, _ = split(dir) {
			holds[dir] = true
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		if len(c.acts) >= actsMax {
			return // the end of one goes on
		}
		if !holds[path] && c.busy[path] == 0 {
			c.run(errand{path: path}, c.locals[path])
		}
	}
}

// changedHere reports whether the file of a base row was changed by a person here since.
func (c *Core) changedHere(b *tree.Base) bool {
	if len(c.locals) == 0 {
		return false
	}
	return c.locals[c.basePath(b)] != nil
}

// localTroubles lists local changes for people.
func (c *Core) localTroubles(limit int) []Trouble {
	paths := make([]string, 0, len(c.locals))
	for path := range c.locals {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var out []Trouble
	for _, path := range paths[:min(len(paths), limit)] {
		what := "changed here"
		switch l := c.locals[path]; {
		case l.Gone:
			what = "deleted here"
		case l.Known.IsRoot():
			what = "only here"
		}
		out = append(out, Trouble{Path: path, Kind: OnlyHere, NextTry: step.Never,
			Reason: what + ", and not sent, for this device may only read the folder"})
	}
	return out
}
