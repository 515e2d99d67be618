package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/shoal-sync/shoal/internal/fault"
	"github.com/shoal-sync/shoal/internal/filestat"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// readyFile is a staged file that is still to be made durable.
type readyFile struct {
	task *task
	file *os.File
}

// prepare builds what is to be installed, with its final permissions and time, and puts it
// where the exchange will take it from.
func (b *batch) prepare() {
	for i := range b.tasks {
		t := &b.tasks[i]
		if t.refused || t.order.Op != tree.InstallFile && t.order.Op != tree.InstallLink {
			continue
		}
		var err error
		t.from = b.folder.stage
		if t.order.Op == tree.InstallLink {
			err = b.buildLink(t)
		} else {
			err = b.buildFile(t)
		}
		if err == nil && t.slot >= 0 {
			if err = moveNew(t.from, t.name, b.dir, slotName(t.slot)); err == nil {
				t.from, t.name = b.dir, slotName(t.slot)
			}
		}
		if err == nil && t.staged == (tree.Stat{}) {
			t.staged, err = t.from.look(t.name)
			t.staged.Traits = t.traits
		}
		if err == nil && t.order.Op == tree.InstallFile && t.staged.Size != t.order.Size {
			err = fmt.Errorf("%w: %d bytes are staged, not %d", ErrNotStaged, t.staged.Size,
				t.order.Size)
		}
		switch {
		case errors.Is(err, ErrNotStaged), errors.Is(err, ErrChanged):
			t.refuse(tree.ContentGone, err.Error())
		case err != nil:
			t.refuseFor(err)
		}
	}
}

// ownName names a file of this task alone in the stage directory.
func (b *batch) ownName(t *task) string {
	return fmt.Sprintf("%v.%d", t.order.Content, b.folder.nextSerial())
}

func (b *batch) buildLink(t *task) error {
	name := b.ownName(t)
	if err := t.from.symlink(t.order.Target, name); err != nil {
		return err
	}
	t.name, t.copied = name, true
	return nil // its time is not shared: it was made now
}

func (b *batch) buildFile(t *task) error {
	if err := b.claim(t); err != nil {
		return err
	}
	mode := t.order.Mode & 0o777
	if b.many && t.order.Traits == "" {
		if mode != privateMode && !b.folder.modeless {
			if err := t.from.chmodPrivate(t.name, mode); err != nil {
				return err
			}
		}
		var err error
		t.staged, err = t.from.setTime(t.name, t.order.Mtime)
		return err
	}
	file, err := t.from.open(t.name, os.O_RDWR)
	if err != nil {
		return err
	}
	var shown tree.Stat
	err = b.setOpenTraits(file, t.from, t.name, t.order.Traits, &shown)
	t.traits = shown.Traits
	if err == nil && !b.folder.modeless {
		err = chmodOpen(file, mode)
	}
	if err == nil {
		err = t.from.setOpenTime(file, t.name, t.order.Mtime)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	b.ready = append(b.ready, readyFile{t, file})
	if len(b.ready) >= manyFiles {
		return b.syncReady()
	}
	return nil
}

// claim finds the bytes of a task: staged, or in a file of the folder.
func (b *batch) claim(t *task) error {
	o, f := t.order, b.folder
	if o.Copy != "" {
		file, err := f.openWanted(o.Copy, o.CopyStat)
		if err != nil {
			if errors.Is(err, fs.ErrPermission) {
				return err
			}
			return fmt.Errorf("%w: %w", ErrNotStaged, err)
		}
		defer file.Close()
		return b.copyIn(t, file)
	}
	f.mu.Lock()
	s := f.stages[o.Content]
	f.mu.Unlock()
	b.wanted[o.Content]--
	if s == nil || s.Missing() > 0 {
		return ErrNotStaged
	}
	if b.wanted[o.Content] == 0 {
		t.name = o.Content.String()
		// It may have been given other permissions before another install was refused.
		if !b.many && !f.modeless {
			return f.stage.chmodPrivate(t.name, privateMode)
		}
		return nil
	}
	file, err := f.stage.open(o.Content.String(), os.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	return b.copyIn(t, file)
}

// copyIn makes a staged file from an open one, which must not change meanwhile.
func (b *batch) copyIn(t *task, from *os.File) (err error) {
	was, err := filestat.OfHandle(from)
	if err != nil {
		return err
	}
	if t.order.Copy != "" {
		room, err := occupied(from)
		if err == nil {
			err = b.folder.checkFree(min(room, was.Size))
		}
		if err != nil {
			return err
		}
	}
	name := b.ownName(t)
	to, err := t.from.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	t.name, t.copied = name, true
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := copyContent(to, from, was.Size); err != nil {
		return err
	}
	now, err := filestat.OfHandle(from)
	if err != nil {
		return err
	}
	if !now.SameContent(was) {
		return ErrChanged
	}
	return b.verify(t.order, to)
}

// verify hashes a copy where its chunks are known, and refuses it as changed when they do
// not match: a file can have lied about its time.
func (b *batch) verify(o *tree.Order, file *os.File) error {
	r, known := recipe.Implied(o.Content, o.Size)
	if !known && b.folder.limits.Recipe != nil {
		r, known = b.folder.limits.Recipe(o.Content)
	}
	if !known {
		return nil
	}
	var buf []byte
	var at int64
	for _, c := range r.Chunks {
		end := at + int64(c.Size)
		if c.IsHole() && nextWritten(file, at, o.Size) >= end {
			at = end
			continue
		}
		buf = sized(buf, int(c.Size))
		if _, err := file.ReadAt(buf, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if recipe.HashChunk(buf) != c.ID {
			return fmt.Errorf("copy %q: %w", o.Copy, ErrChanged)
		}
		at = end
	}
	return nil
}

// makeReady writes the list and makes all that was prepared durable.
func (b *batch) makeReady() error {
	for i := range b.tasks {
		t := &b.tasks[i]
		if t.slot < 0 || t.refused {
			continue
		}
		b.lines = append(b.lines, line{slot: t.slot, op: t.order.Op, content: t.order.Content,
			staged: t.staged, victim: *t.order.Victim, path: t.order.Path, old: t.order.Old, by: t.order.By})
	}
	if len(b.lines) > 0 {
		if err := b.dir.writeNew(listName, encodeList(b.lines)); err != nil {
			return err
		}
		fault.At("disk.listed")
	}
	if b.many {
		err := b.syncReady(b.folder.top.syncVolume) // ready are those that were opened for traits
		b.spoiled = b.spoiled || err != nil
		return err
	}
	if len(b.lines) == 0 {
		return b.syncReady()
	}
	return b.syncReady(func() error { return b.dir.syncFile(listName) }, b.dir.sync,
		b.folder.victims.sync)
}

// syncReady makes staged files durable, and what else there is to wait for, side by side:
// the medium takes several at once.
func (b *batch) syncReady(others ...func() error) error {
	errs := make([]error, len(b.ready))
	for i, r := range b.ready {
		others = append(others, func() error {
			errs[i] = errors.Join(r.file.Sync(), r.file.Close())
			return nil
		})
	}
	err := sideBySide(others)
	for i, r := range b.ready {
		if errs[i] != nil {
			b.spoiled = true
			r.task.refuseFor(errs[i])
		}
	}
	b.ready = b.ready[:0]
	return err
}

// sideBySide makes all calls at once and waits for them.
func sideBySide(calls []func() error) error {
	errs := make([]error, len(calls))
	var all sync.WaitGroup
	for i, call := range calls[min(1, len(calls)):] {
		all.Go(func() { errs[i+1] = call() })
	}
	if len(calls) > 0 {
		errs[0] = calls[0]()
	}
	all.Wait()
	return errors.Join(errs...)
}

// install puts what is prepared in its place.
func (b *batch) install(t *task) {
	parent, name, ok := b.place(t)
	if !ok {
		return
	}
	b.at("install", t)
	if t.order.Victim == nil {
		if err := moveNew(t.from, t.name, parent, name); err != nil {
			t.refuseFor(err)
			return
		}
		b.at("installed", t)
	} else if !b.replace(t, parent, name) {
		return
	}
	b.touchParent(t.order.Path)
	t.outcome.Stat = t.staged
	if t.order.Op == tree.InstallFile && !t.copied {
		b.folder.mu.Lock()
		delete(b.folder.stages, t.order.Content)
		b.folder.mu.Unlock()
	}
}

// replace exchanges what is prepared with the victim, and reports whether it got it.
func (b *batch) replace(t *task, parent *dir, name string) bool {
	if !b.isVictim(t, parent, name) {
		return false
	}
	b.at("swap", t)
	err := swap(t.from, t.name, parent, name)
	if errors.Is(err, errNoSwap) {
		return b.replaceSlowly(t, parent, name)
	}
	if err != nil {
		t.refuseFor(err)
		return false
	}
	b.at("swapped", t)
	b.touchParent(t.order.Path)
	if got, err := t.from.look(t.name); err == nil && got.SameContent(*t.order.Victim) {
		t.kept = true
		return true
	}
	err = t.undo(parent, name)
	t.refuse(tree.Changed, undone("it has changed meanwhile", err))
	return false
}

// undo exchanges back: the victim was not the one decided about.
func (t *task) undo(parent *dir, name string) error {
	if err := swap(t.from, t.name, parent, name); err != nil {
		t.kept = true
		return err
	}
	back, err := t.from.look(t.name)
	if err == nil && back.SameContent(t.staged) {
		return nil
	}
	// Somebody changed the file again while ours was there. What came back is the newest,
	// so it goes to the path; what it replaced is kept, and reported as a changed victim.
	t.kept = true
	return errors.Join(err, swap(t.from, t.name, parent, name))
}

// replaceSlowly does what replace does where names cannot be exchanged: the victim gets a
// second name first. Where there are no second names either it is moved away, and for a
// moment readers find nothing.
func (b *batch) replaceSlowly(t *task, parent *dir, name string) bool {
	old := t.name + oldSuffix
	linked := hardLink(parent, name, t.from, old) == nil
	if !linked {
		if err := moveNew(parent, name, t.from, old); err != nil {
			t.refuseFor(err)
			return false
		}
	}
	b.at("moved away", t)
	got, err := t.from.look(old)
	if err == nil && !got.SameContent(*t.order.Victim) {
		err = ErrChanged
	}
	if err == nil && linked {
		err = moveOver(t.from, t.name, parent, name)
	} else if err == nil {
		err = moveNew(t.from, t.name, parent, name)
	}
	if err == nil {
		t.kept = true
		err = moveOver(t.from, old, t.from, t.name)
		if err == nil {
			return true
		}
	} else {
		err = errors.Join(err, t.putOld(parent, name, linked))
	}
	if errors.Is(err, ErrChanged) {
		t.refuse(tree.Changed, explain(err))
	} else {
		t.refuseFor(err)
	}
	return false
}

// putOld takes back what replaceSlowly did to the victim.
func (t *task) putOld(parent *dir, name string, linked bool) error {
	old := t.name + oldSuffix
	if linked {
		return t.from.unlink(old)
	}
	err := moveNew(t.from, old, parent, name)
	t.kept = err != nil
	return err
}

// oldSuffix marks a victim that waits beside what takes its place.
const oldSuffix = ".old"
