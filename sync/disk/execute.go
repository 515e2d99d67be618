package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/shoal-sync/shoal/internal/fault"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// BatchMax is how many orders share one wait for the disk. More gain nothing that can be
// measured, and one batch bounds what a repair has to look at.
const BatchMax = 1024

// Execute carries out orders, one after the other, and returns the outcome of each in the
// same order. What it reports as done is durable. An order that is refused has changed
// nothing and does not keep the following ones from being carried out.
//
// Outcome.Stat of an install is the look at the file before it was put in its place, so
// that whatever a program does to it afterwards shows as a difference.
//
// Staged content is used up by the install. Where several orders of one call want the same
// content it is copied; later ones must name a Copy.
func (f *Folder) Execute(orders []tree.Order) []tree.Outcome {
	f.executing.Lock()
	defer f.executing.Unlock()
	outcomes := make([]tree.Outcome, len(orders))
	for i := range orders {
		outcomes[i].Ticket = orders[i].Ticket
	}
	if err := f.CheckRoot(); err != nil {
		for i := range orders {
			outcomes[i].Refusal, outcomes[i].Detail = tree.OtherFailure, err.Error()
		}
		return outcomes
	}
	for start := 0; start < len(orders); start += BatchMax {
		end := min(start+BatchMax, len(orders))
		b := &batch{folder: f, tasks: make([]task, end-start), dirty: map[string]*dir{}}
		for i := range b.tasks {
			b.tasks[i].order, b.tasks[i].outcome = &orders[start+i], &outcomes[start+i]
		}
		b.run()
	}
	return outcomes
}

// task is one order on its way.
type task struct {
	order   *tree.Order
	outcome *tree.Outcome
	refused bool

	// An install that is prepared lies as name in from, and looks like staged.
	from   *dir
	name   string
	staged tree.Stat
	traits uint32 // mark of those that what is prepared has
	copied bool   // made for this task alone
	slot   int    // where the victim goes; -1 when nothing is taken away
	kept   bool   // something that is not ours lies in the slot
}

// refuse settles a task. A person reads the detail.
func (t *task) refuse(why tree.Refusal, detail string) {
	t.refused = true
	t.outcome.Refusal = why
	t.outcome.Detail = fmt.Sprintf("%s %q: %s", verb(t.order.Op), t.order.Path, detail)
	t.outcome.Stat = tree.Stat{}
}

func (t *task) refuseFor(err error) { t.refuse(refusalOf(err), explain(err)) }

func verb(op tree.Op) string {
	switch op {
	case tree.MakeDir:
		return "make directory"
	case tree.InstallFile:
		return "install"
	case tree.InstallLink:
		return "install link"
	case tree.Move:
		return "move"
	case tree.Remove:
		return "remove"
	case tree.SetAttributes:
		return "set attributes of"
	}
	return "do an unknown operation to"
}

// batch is the orders that share their waits for the disk.
type batch struct {
	folder *Folder
	tasks  []task
	name   string
	dir    *dir // victims/name; nil when nothing is taken away
	lines  []line

	// One wait for the whole volume is cheaper than one for each file.
	many, manyAttributes bool

	wanted  map[ident.ContentID]int // staged content that so many tasks still want
	ready   []readyFile             // staged files to be made durable one by one
	spoiled bool                    // what is staged may not be what was written
	dirty   map[string]*dir         // directories to be made durable at the end
	era     int                     // grows when paths may mean other directories
	last    place                   // where the last file was installed
	loose   bool                    // more than dirty holds: the whole volume at the end
}

// manyFiles is from where one sync of the volume is cheaper than one for each file.
const manyFiles = 20

func (b *batch) run() {
	b.check()
	if err := b.open(); err != nil {
		b.refuseAll(err)
		return
	}
	b.prepare()
	fault.At("disk.prepared")
	if err := b.makeReady(); err != nil {
		b.refuseAll(err)
	} else {
		fault.At("disk.ready")
		for i := range b.tasks {
			if t := &b.tasks[i]; !t.refused {
				b.act(t)
			}
		}
		b.leave()
	}
	fault.At("disk.acted")
	if err := b.syncDirty(); err != nil {
		b.refuseAll(fmt.Errorf("the change is there but may not survive a power cut: %w", err))
	}
	fault.At("disk.synced")
	if err := b.close(); err != nil {
		b.refuseAll(fmt.Errorf("the change is there but its leftovers are not put away: %w", err))
	}
}

func (b *batch) refuseAll(err error) {
	for i := range b.tasks {
		if !b.tasks[i].refused {
			b.tasks[i].refuseFor(err)
		}
	}
}

// check refuses orders that no file system need be asked about.
func (b *batch) check() {
	installs, attributes := 0, 0
	b.wanted = map[ident.ContentID]int{}
	for i := range b.tasks {
		t := &b.tasks[i]
		t.slot = -1
		if err := checkPath(t.order.Path); err != nil {
			t.refuse(tree.NameRefused, err.Error())
			continue
		}
		switch t.order.Op {
		case tree.Move:
			if err := checkPath(t.order.To); err != nil {
				t.refuse(tree.NameRefused, err.Error())
			} else if strings.HasPrefix(t.order.To, t.order.Path+"/") {
				t.refuse(tree.OtherFailure, "a directory cannot be moved into itself")
			}
		case tree.InstallFile:
			installs++
			if t.order.Copy == "" {
				b.wanted[t.order.Content]++
			}
			b.refuseDirVictim(t)
		case tree.InstallLink:
			installs++
			b.refuseDirVictim(t)
		case tree.SetAttributes:
			attributes++
		case tree.MakeDir, tree.Remove:
		default:
			t.refuse(tree.Unsupported, "this version does not know how")
		}
	}
	b.many = hasSyncVolume && installs >= manyFiles
	b.manyAttributes = hasSyncVolume && attributes >= manyFiles
}

// refuseDirVictim keeps a directory from being swapped for a file: what is in it would
// vanish with it.
func (b *batch) refuseDirVictim(t *task) {
	if v := t.order.Victim; v != nil && v.Kind != tree.File && v.Kind != tree.Link {
		t.refuse(tree.Occupied, "a directory is there")
	}
}

// checkPath refuses what is no path inside the folder, or is Shoal's own, the parking
// place excepted.
func checkPath(path string) error {
	if parked, ok := strings.CutPrefix(path, tree.ParkingDir+"/"); ok {
		path = parked
	}
	first, _, _ := strings.Cut(path, "/")
	if tree.Reserved(ident.Root, first) {
		return fmt.Errorf("%w: %q is Shoal's own directory", tree.ErrBadName, first)
	}
	for part := range strings.SplitSeq(path, "/") {
		if err := checkName(part); err != nil {
			return err
		}
	}
	return nil
}

// open makes the directory for victims and gives out its slots.
func (b *batch) open() error {
	slots := 0
	for i := range b.tasks {
		t := &b.tasks[i]
		if t.refused || t.order.Victim == nil {
			continue
		}
		o := t.order
		if o.Op == tree.InstallFile || o.Op == tree.InstallLink ||
			o.Op == tree.Remove && o.Victim.Kind != tree.Dir {
			t.slot = slots
			slots++
		}
	}
	if slots == 0 {
		return nil
	}
	b.name = batchName(b.folder.limits.Now(), b.folder.nextSerial())
	var err error
	b.dir, err = b.folder.victims.makeSub(b.name)
	return err
}

func (b *batch) act(t *task) {
	if t.order.Op != tree.InstallFile {
		b.leave() // a directory that is held open cannot be moved everywhere
	}
	switch t.order.Op {
	case tree.MakeDir:
		b.makeDir(t)
	case tree.InstallFile, tree.InstallLink:
		b.install(t)
	case tree.Move:
		b.move(t)
	case tree.Remove:
		b.remove(t)
	case tree.SetAttributes:
		b.setAttributes(t)
	}
}

// parent opens the directory of a path; the caller releases it. It refuses the task when
// there is none.
func (b *batch) parent(t *task, path string) (*dir, string, bool) {
	parent, name, err := b.folder.parentOf(path)
	if err != nil {
		t.refuseFor(err)
		return nil, "", false
	}
	return parent, name, true
}

// into is parent, for an order that makes a name. It refuses the task when the directory
// is another one than the order was decided about.
func (b *batch) into(t *task, path string) (*dir, string, bool) {
	parent, name, ok := b.parent(t, path)
	if !ok || t.order.Into.IsZero() {
		return parent, name, ok
	}
	switch now, err := parent.lookSelf(); {
	case err != nil:
		t.refuseFor(err)
	case now.File != t.order.Into:
		t.refuse(tree.Changed, "its directory is another one now")
	default:
		return parent, name, true
	}
	parent.release()
	return nil, "", false
}

// isVictim looks at a name and refuses the task unless it is what the order was decided
// about.
func (b *batch) isVictim(t *task, parent *dir, name string) bool {
	now, err := parent.look(name)
	switch {
	case t.order.Victim == nil && err == nil:
		t.refuse(tree.Occupied, "something is there already")
	case err != nil:
		t.refuseFor(err)
	case !now.SameContent(*t.order.Victim):
		t.refuse(tree.Changed, "it has changed meanwhile")
	default:
		return true
	}
	return false
}

func (b *batch) at(point string, t *task) {
	fault.At("disk." + point)
	if b.folder.seam != nil {
		b.folder.seam(point, t.order.Path)
	}
}

func (b *batch) makeDir(t *task) {
	parent, name, ok := b.into(t, t.order.Path)
	if !ok {
		return
	}
	defer parent.release()
	// Made narrow and widened through its handle: the umask must not decide.
	if err := parent.mkdir(name, privateDir&t.order.Mode); err != nil {
		t.refuseFor(err)
		return
	}
	made, err := b.setMode(parent, name, t.order.Mode)
	if err != nil {
		t.refuseFor(err)
		return
	}
	if err := b.addTraits(parent, name, t.order.Traits, &made); err != nil {
		t.refuseFor(err)
		return
	}
	t.outcome.Stat = made
	b.touch(t.order.Path)
	b.touchParent(t.order.Path)
}

// setMode sets permission bits, where the volume keeps them.
func (b *batch) setMode(parent *dir, name string, mode uint32) (tree.Stat, error) {
	if b.folder.modeless {
		return parent.look(name)
	}
	return parent.setMode(name, mode)
}

func (b *batch) move(t *task) {
	from, name, ok := b.parent(t, t.order.Path)
	if !ok {
		return
	}
	defer from.release()
	to, newName, ok := b.into(t, t.order.To)
	if !ok {
		return
	}
	defer to.release()
	if t.order.Victim == nil {
		t.refuse(tree.Changed, "the order does not say what to move")
		return
	}
	if !b.isVictim(t, from, name) {
		return
	}
	b.at("move", t)
	if err := moveNew(from, name, to, newName); err != nil {
		t.refuseFor(err)
		return
	}
	b.touchParent(t.order.Path)
	b.touchParent(t.order.To)
	if t.order.Victim.Kind == tree.Dir {
		b.era++
	}
	b.at("moved", t)
	now, err := to.look(newName)
	if err == nil && now.SameContent(*t.order.Victim) {
		t.outcome.Stat = now
		return
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // Somebody has taken it away again: nothing to put back.
	} else {
		err = moveNew(to, newName, from, name)
	}
	t.refuse(tree.Changed, undone("it has changed meanwhile", err))
}

// undone says whether a change that was not to be could be taken back.
func undone(why string, err error) string {
	if err == nil {
		return why
	}
	return fmt.Sprintf("%s, and what was taken could not be put back: %v", why, err)
}

func (b *batch) remove(t *task) {
	parent, name, ok := b.parent(t, t.order.Path)
	if !ok {
		return
	}
	defer parent.release()
	if t.order.Victim == nil {
		t.refuse(tree.Changed, "the order does not say what to remove")
		return
	}
	if !b.isVictim(t, parent, name) || !b.keeperStays(t) {
		return
	}
	b.at("remove", t)
	if t.slot < 0 {
		if err := parent.rmdir(name); err != nil {
			t.refuseFor(err)
			return
		}
		b.era++
		b.touchParent(t.order.Path)
		return
	}
	slot := slotName(t.slot)
	if err := moveNew(parent, name, b.dir, slot); err != nil {
		t.refuseFor(err)
		return
	}
	t.kept = true
	b.touchParent(t.order.Path)
	b.at("removed", t)
	if now, err := b.dir.look(slot); err == nil && now.SameContent(*t.order.Victim) {
		return
	}
	err := moveNew(b.dir, slot, parent, name)
	t.kept = err != nil
	t.refuse(tree.Changed, undone("it has changed meanwhile", err))
}

// keeperStays makes sure that the file because of which another is removed, one with the
// same content under the same name, is still what it was decided about.
func (b *batch) keeperStays(t *task) bool {
	if t.order.Copy == "" {
		return true
	}
	now, there, err := b.folder.Look(t.order.Copy)
	if err != nil {
		t.refuseFor(err)
		return false
	}
	if !there || !now.SameContent(t.order.CopyStat) {
		t.refuse(tree.ContentGone, "the file that holds the same content has changed")
		return false
	}
	return true
}

func (b *batch) setAttributes(t *task) {
	o := t.order
	parent, name, ok := b.parent(t, o.Path)
	if !ok {
		return
	}
	defer parent.release()
	if o.Victim == nil {
		t.refuse(tree.Changed, "the order does not say what to change")
		return
	}
	if !b.isVictim(t, parent, name) {
		return
	}
	if o.Victim.Kind == tree.Link {
		t.outcome.Stat = *o.Victim // A link has no permissions, and nobody reads its time.
		return
	}
	b.at("attributes", t)
	if b.folder.modeless {
		same := *o
		same.Mode, o = o.Victim.Mode, &same
	}
	now, err := b.setAllAttributes(parent, name, o)
	b.loose = b.loose || b.manyAttributes
	if err != nil {
		if errors.Is(err, ErrChanged) {
			t.refuse(tree.Changed, "it has changed meanwhile")
			return
		}
		t.refuseFor(err)
		return
	}
	t.outcome.Stat = now
	if o.Victim.Kind == tree.Dir {
		b.touch(o.Path)
	}
}
