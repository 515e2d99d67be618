package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/shoal-sync/shoal/sync/tree"
)

// repair finishes or undoes the batches that an earlier run left in victims/, and recalls
// which victims have not been looked at again.
func (f *Folder) repair() error {
	left, err := f.victims.names()
	if err != nil {
		return fmt.Errorf("repair after the last run: %w", err)
	}
	for _, name := range left {
		if err := f.repairBatch(name); err != nil {
			return fmt.Errorf("repair after the last run: %w", err)
		}
	}
	return f.recall()
}

func (f *Folder) repairBatch(name string) error {
	d, err := f.victims.sub(name)
	if err != nil {
		return err
	}
	defer d.release()
	lines, err := d.readList()
	if err != nil && !errors.Is(err, errBadList) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if errors.Is(err, errBadList) || errors.Is(err, fs.ErrNotExist) {
		// Without a whole list nothing had been taken from anywhere, yet a damaged list
		// looks the same: what is there is kept.
		lines = nil
	}
	for _, l := range lines {
		if err := f.repairSlot(d, l); err != nil {
			return fmt.Errorf("%q: %w", l.path, err)
		}
	}
	names, err := d.names()
	if err != nil {
		return err
	}
	if len(names) == 0 || len(names) == 1 && names[0] == listName {
		return f.dropIfEmpty(f.victims, name)
	}
	if _, ok := batchTime(name); !ok {
		name, err = f.renamed(name)
		if err != nil {
			return err
		}
	}
	return moveNew(f.victims, name, f.trash, name)
}

// renamed gives a directory that is no batch a batch's name, so that it is not lost sight
// of in the trash.
func (f *Folder) renamed(name string) (string, error) {
	fresh := batchName(f.limits.Now(), f.nextSerial())
	return fresh, moveNew(f.victims, name, f.victims, fresh)
}

// repairSlot settles one order that may have been under way.
func (f *Folder) repairSlot(d *dir, l line) error {
	if err := f.repairOld(d, l); err != nil {
		return err
	}
	name := slotName(l.slot)
	is, err := d.look(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // It was not begun.
	}
	if err != nil {
		return err
	}
	switch {
	case l.op != tree.Remove && (is.SameContent(l.staged) || sameFile(is, l.staged) || f.inPlace(l)):
		// Not exchanged, or exchanged back: it is content that nobody has ever seen. The
		// list may have become durable before it, so a power cut may have torn it; whoever
		// takes it over hashes it.
		if l.op == tree.InstallLink {
			return d.unlink(name)
		}
		return moveOver(d, name, f.stage, l.content.String())
	case is.SameContent(l.victim) || worn(is, l.victim):
		return nil // Done.
	}
	return f.restore(d, l)
}

// inPlace reports whether the victim of an order lies at its path as it did. Then it is not
// in the slot: that tells, too, where files have no numbers by which they could be told.
func (f *Folder) inPlace(l line) bool {
	now, there, err := f.Look(l.path)
	return err == nil && there && now.SameContent(l.victim)
}

// sameFile reports whether two looks show one file, whatever became of what it holds.
func sameFile(is, was tree.Stat) bool {
	return is.Kind == was.Kind && is.File == was.File && !is.File.IsZero()
}

// worn reports whether a file differs from an earlier look as after a power cut that took
// what a program had not synced: its time or its length went back. Whoever writes to a
// file moves its time on.
func worn(is, was tree.Stat) bool {
	return sameFile(is, was) && (is.Mtime < was.Mtime || is.Mtime == was.Mtime && is.Size < was.Size)
}

// restore puts something back that nobody had decided to take away. Where its path is no
// longer as the order left it, it stays, and is reported as changed.
func (f *Folder) restore(d *dir, l line) error {
	parent, name, err := f.parentOf(l.path)
	if err != nil {
		return nil // Its directory is gone.
	}
	defer parent.release()
	if l.op == tree.Remove {
		err = moveNew(d, slotName(l.slot), parent, name)
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
		return err
	}
	if now, err := parent.look(name); err != nil || !now.SameContent(l.staged) {
		return nil
	}
	err = swap(d, slotName(l.slot), parent, name)
	if err != nil {
		return nil // Kept in the trash, which is never wrong.
	}
	return moveOver(d, slotName(l.slot), f.stage, l.content.String())
}

// repairOld settles a replacement in steps: see batch.replaceSlowly.
func (f *Folder) repairOld(d *dir, l line) error {
	name := slotName(l.slot)
	old, err := d.look(name + oldSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := d.look(name); errors.Is(err, fs.ErrNotExist) {
		return moveOver(d, name+oldSuffix, d, name) // Ours is in its place.
	}
	parent, at, err := f.parentOf(l.path)
	if err != nil {
		return nil // Its directory is gone: keep it.
	}
	defer parent.release()
	now, err := parent.look(at)
	if err == nil && now.File == old.File && !now.File.IsZero() {
		return d.unlink(name + oldSuffix) // Only its second name.
	}
	err = moveNew(d, name+oldSuffix, parent, at)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// recall notes the victims of the last minutes, which the run that took them may not have
// looked at again.
func (f *Folder) recall() error {
	batches, err := f.trash.batches()
	if err != nil {
		return err
	}
	f.earlier = batches // not told by their times: the clock may have gone back meanwhile
	since := f.limits.Now().Add(-10 * time.Minute)
	for _, name := range batches {
		taken, _ := batchTime(name)
		if taken.Before(since) {
			continue
		}
		kept, err := f.victimsOf(name)
		if err != nil {
			return err
		}
		f.recent = append(f.recent, kept[:min(len(kept), recentMax-len(f.recent))]...)
	}
	return nil
}
