package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/sync/tree"
)

const (
	// lookAgainAfter is when a victim is looked at once more: a program that had the file
	// open when it was replaced has mostly written by then.
	lookAgainAfter = 10 * time.Second
	// recentMax bounds what is remembered for that. The ones beyond are still looked at
	// before they are purged.
	recentMax = 100_000

	keepRewritten = 7 * 24 * time.Hour
	keepDeleted   = 30 * 24 * time.Hour
	// trashShare is the part of the volume the trash may take: one in so many bytes.
	trashShare = 10
)

// victim is something that was taken from its path.
type victim struct {
	batch string
	line  line
	taken time.Time
	is    tree.Stat // how it looked when it was last looked at
}

// private returns where it lies now, relative to the folder.
func (v victim) private() string {
	return fmt.Sprintf("%s/%s/%s/%d", tree.PrivateDir, trashName, v.batch, v.line.slot)
}

// Trashed is something that was replaced or removed and is still kept.
type Trashed struct {
	Path    string    // where it was
	Private string    // where it is now, relative to the folder; usable as Order.Copy
	Deleted bool      // false: it was replaced by another version
	Taken   time.Time // when it was taken away
	Stat    tree.Stat // how it looks now
	// Changed is set when it is not what was meant to be taken away: somebody wrote to it.
	// It holds the only copy of that and is never purged.
	Changed bool
}

// RecheckVictims looks once more at what was taken away at least 10 s ago and returns what
// has changed since it was decided about: some program still had it open, or it lost a race
// and could not be put back. Each is returned once.
func (f *Folder) RecheckVictims() ([]Trashed, error) {
	now := f.limits.Now()
	f.mu.Lock()
	var due []victim
	f.recent = slices.DeleteFunc(f.recent, func(v victim) bool {
		if now.Sub(v.taken) < lookAgainAfter {
			return false
		}
		due = append(due, v)
		return true
	})
	f.mu.Unlock()
	var changed []Trashed
	for _, v := range due {
		is, found, err := f.Look(v.private())
		if err != nil {
			return changed, fmt.Errorf("look again at what was at %q: %w", v.line.path, err)
		}
		v.is = is
		if found && v.changed() {
			changed = append(changed, v.trashed())
		}
	}
	return changed, nil
}

// changed reports whether it is not what the order was decided about.
func (v victim) changed() bool { return !v.is.SameContent(v.line.victim) }

func (v victim) trashed() Trashed {
	return Trashed{Path: v.line.path, Private: v.private(), Deleted: v.line.op == tree.Remove,
		Taken: v.taken, Stat: v.is, Changed: v.changed()}
}

// Trash lists what is kept, oldest first.
func (f *Folder) Trash() ([]Trashed, error) {
	batches, err := f.trash.batches()
	if err != nil {
		return nil, fmt.Errorf("list the trash: %w", err)
	}
	var all []Trashed
	for _, name := range batches {
		kept, err := f.victimsOf(name)
		if err != nil {
			return nil, fmt.Errorf("list the trash: %w", err)
		}
		for _, v := range kept {
			all = append(all, v.trashed())
		}
	}
	return all, nil
}

// batches returns the names of a directory's batches, oldest first.
func (d *dir) batches() ([]string, error) {
	names, err := d.names()
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, ok := batchTime(name)
		return !ok
	})
	slices.Sort(names)
	return names, nil
}

// victimsOf lists one batch of the trash.
func (f *Folder) victimsOf(name string) ([]victim, error) {
	d, err := f.trash.sub(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // Swept meanwhile.
	}
	if err != nil {
		return nil, err
	}
	defer d.release()
	taken, _ := batchTime(name)
	lines, err := d.readList()
	if err != nil && !errors.Is(err, errBadList) && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []victim
	for _, l := range lines {
		is, err := d.look(slotName(l.slot))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, victim{batch: name, line: l, taken: taken, is: is})
	}
	return all, nil
}

// SweepTrash drops what has been kept long enough: rewritten files after 7 days, deleted
// ones after 30, and the oldest of them earlier when the trash takes more than its share of
// the volume. What has changed since it was taken away stays.
func (f *Folder) SweepTrash() error {
	f.executing.Lock()
	defer f.executing.Unlock()
	all, err := f.Trash()
	if err != nil {
		return err
	}
	most := f.limits.TrashMax
	if most == 0 {
		_, volume, err := f.private.volume()
		if err != nil {
			return fmt.Errorf("sweep the trash: %w", err)
		}
		most = volume / trashShare
	}
	var held int64
	for _, t := range all {
		held += t.Stat.Size
	}
	now := f.limits.Now()
	var errs []error
	for _, t := range all {
		keep := keepRewritten
		if t.Deleted {
			keep = keepDeleted
		}
		if t.Changed || now.Sub(t.Taken) < keep && held <= most {
			continue
		}
		held -= t.Stat.Size
		errs = append(errs, f.purge(t))
	}
	return errors.Join(append(errs, f.dropEmptyBatches())...)
}

// purge deletes one victim after looking at it for the last time.
func (f *Folder) purge(t Trashed) error {
	parent, name, err := f.parentOf(t.Private)
	if err != nil {
		return fmt.Errorf("purge old version of %q: %w", t.Path, err)
	}
	defer parent.release()
	is, err := parent.look(name)
	if err == nil && is.SameContent(t.Stat) {
		err = parent.unlink(name)
	}
	if err != nil {
		return fmt.Errorf("purge old version of %q: %w", t.Path, err)
	}
	return nil
}

// dropEmptyBatches removes batches of which only the list is left.
func (f *Folder) dropEmptyBatches() error {
	batches, err := f.trash.batches()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range batches {
		errs = append(errs, f.dropIfEmpty(f.trash, name))
	}
	return errors.Join(errs...)
}

func (f *Folder) dropIfEmpty(in *dir, name string) error {
	d, err := in.sub(name)
	if err != nil {
		return err
	}
	defer d.release()
	names, err := d.names()
	if err != nil || len(names) > 1 || len(names) == 1 && names[0] != listName {
		return err
	}
	if len(names) == 1 {
		if err := d.unlink(listName); err != nil {
			return err
		}
	}
	return in.rmdir(name)
}
