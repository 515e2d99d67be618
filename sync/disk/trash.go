package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/filestat"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
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
	// trashPercent is the part of the volume that deleted files may take.
	trashPercent = 10
	// keepFreeShare is the part of the volume, one in so many bytes, that is kept free as
	// long as there is something in the trash to give up for it.
	keepFreeShare = 20
	// keptMax bounds the contents of the trash that are found at once: some 40 MiB.
	keptMax = 200_000
)

// TrashRules say how long and how much the trash keeps. Zero fields mean what is usual.
type TrashRules struct {
	Off     bool  // nothing is kept longer than it takes to be sure that nobody writes to it
	Days    int64 // that deleted files are kept; usually 30
	Percent int64 // of the volume that they may take; usually 10
	Bytes   int64 // that they may take; goes before Percent
}

func (r TrashRules) keep(deleted bool) time.Duration {
	switch {
	case r.Off:
		return 0
	case r.Days == 0 && deleted:
		return keepDeleted
	case r.Days == 0:
		return keepRewritten
	}
	keep := time.Duration(r.Days) * 24 * time.Hour
	if !deleted {
		keep = min(keep, keepRewritten)
	}
	return keep
}

func (r TrashRules) most(volume int64) int64 {
	switch {
	case r.Bytes > 0:
		return r.Bytes
	case r.Percent > 0:
		return volume / 100 * r.Percent
	}
	return volume / 100 * trashPercent
}

// SetTrash changes what the trash keeps, from the next sweep on.
func (f *Folder) SetTrash(rules TrashRules) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = rules
}

func (f *Folder) trashRules() TrashRules {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rules
}

// victim is something that was taken from its path.
type victim struct {
	batch string
	line  line
	taken time.Time
	is    tree.Stat // how it looked when it was last looked at
	// earlier tells that a run before this one took it: only then can the power have been
	// cut since.
	earlier bool
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
	Content ident.ContentID // what it held when it was taken; zero: not known
	By      ident.DeviceID  // whose write took it away; zero: not known
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
func (v victim) changed() bool {
	return !v.is.SameContent(v.line.victim) && !(v.earlier && worn(v.is, v.line.victim))
}

func (v victim) trashed() Trashed {
	return Trashed{Path: v.line.path, Private: v.private(), Deleted: v.line.op == tree.Remove,
		Taken: v.taken, Stat: v.is, Changed: v.changed(), Content: v.line.old, By: v.line.by}
}

// Kept returns where the trash holds a content, if it does.
func (f *Folder) Kept(content ident.ContentID) (Trashed, bool, error) {
	f.mu.Lock()
	known := f.kept != nil
	t, ok := f.kept[content]
	f.mu.Unlock()
	if known || content.IsZero() {
		return t, ok, nil
	}
	f.executing.Lock() // no batch may come to the trash between the list and the map
	defer f.executing.Unlock()
	all, err := f.Trash()
	if err != nil {
		return t, false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept = map[ident.ContentID]Trashed{}
	for _, t := range all {
		f.keepLocked(t)
	}
	t, ok = f.kept[content]
	return t, ok, nil
}

// ForgetKept lets a content of the trash not be found any more: it cannot be read.
func (f *Folder) ForgetKept(content ident.ContentID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.kept, content)
}

// KeptNow is Kept for what is known already: it reads nothing.
func (f *Folder) KeptNow(content ident.ContentID) (Trashed, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, ok := f.kept[content]
	return t, ok
}

// keepLocked notes where a content of the trash is found. The lock of f is held.
func (f *Folder) keepLocked(t Trashed) {
	if f.kept != nil && !t.Changed && !t.Content.IsZero() && t.Stat.Kind == tree.File && len(f.kept) < keptMax {
		f.kept[t.Content] = t
	}
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
	_, earlier := slices.BinarySearch(f.earlier, name)
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
		all = append(all, victim{batch: name, line: l, taken: taken, is: is, earlier: earlier})
	}
	return all, nil
}

// SweepTrash drops what has been kept long enough: rewritten files after 7 days, deleted
// ones after 30 or what the rules say, and the oldest of those earlier when they take more
// than their share of the volume. When the volume is nearly full the oldest goes, whatever
// it is. What has changed since it was taken away stays; what was taken a moment ago does,
// too, for a program may still write to it. Between two files others may use the folder.
func (f *Folder) SweepTrash() error {
	all, err := f.Trash()
	if err != nil {
		return err
	}
	free, volume, err := f.private.volume()
	if err != nil {
		return fmt.Errorf("sweep the trash: %w", err)
	}
	rules := f.trashRules()
	most := rules.most(volume)
	var held int64
	room := make([]int64, len(all))
	for i, t := range all {
		if room[i] = f.roomOf(t); t.Deleted {
			held += room[i]
		}
	}
	now := f.limits.Now()
	var errs []error
	for i, t := range all {
		age := now.Sub(t.Taken)
		over := t.Deleted && held > most
		if t.Changed || age < lookAgainAfter || age < rules.keep(t.Deleted) && !over && free >= volume/keepFreeShare {
			continue
		}
		if err := f.purge(t); err != nil {
			errs = append(errs, err)
			continue
		}
		if free += room[i]; t.Deleted {
			held -= room[i]
		}
	}
	return errors.Join(append(errs, f.dropEmptyBatches())...)
}

// roomOf returns how much room a victim takes. What claims to be large may be holes for the
// most part, and must not drive everything else out.
func (f *Folder) roomOf(t Trashed) int64 {
	const large = 4 << 20
	if t.Stat.Kind != tree.File || t.Stat.Size < large {
		return t.Stat.Size
	}
	file, err := f.openWanted(t.Private, t.Stat)
	if err != nil {
		return t.Stat.Size // what cannot be looked at counts as what it claims
	}
	defer file.Close()
	room, err := occupied(file)
	if err != nil {
		return t.Stat.Size
	}
	return min(room, t.Stat.Size)
}

// EmptyTrash drops all that is kept, also what has changed since it was taken away, and
// returns how many files and bytes that were.
func (f *Folder) EmptyTrash() (files, bytes int64, err error) {
	all, err := f.Trash()
	if err != nil {
		return 0, 0, err
	}
	var errs []error
	for _, t := range all {
		if err := f.purge(t); err != nil {
			errs = append(errs, err)
			continue
		}
		files, bytes = files+1, bytes+t.Stat.Size
	}
	return files, bytes, errors.Join(append(errs, f.dropEmptyBatches())...)
}

// purge deletes one victim after looking at it for the last time.
func (f *Folder) purge(t Trashed) error {
	f.executing.Lock()
	defer f.executing.Unlock()
	parent, name, err := f.parentOf(t.Private)
	if err != nil {
		return fmt.Errorf("purge old version of %q: %w", t.Path, err)
	}
	defer parent.release()
	is, err := parent.look(name)
	if err == nil && !is.SameContent(t.Stat) {
		err = fmt.Errorf("%w just now; it stays", ErrChanged)
	}
	if err == nil {
		err = parent.unlink(name)
	}
	if err != nil {
		return fmt.Errorf("purge old version of %q: %w", t.Path, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept[t.Content].Private == t.Private {
		delete(f.kept, t.Content)
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

// RecipeOf reads a whole file of the folder, or of its trash, and returns its recipe. It
// fails with ErrChanged when it is not the file that was expected, or changes meanwhile.
func (f *Folder) RecipeOf(path string, want tree.Stat) (recipe.Recipe, error) {
	file, err := f.openWanted(path, want)
	if err != nil {
		return recipe.Recipe{}, err
	}
	defer file.Close()
	builder, err := recipe.NewBuilder(want.Size)
	if err != nil {
		return recipe.Recipe{}, fmt.Errorf("read %q: %w", path, err)
	}
	if _, err := io.CopyBuffer(feeder{builder}, file, make([]byte, 256<<10)); err != nil {
		return recipe.Recipe{}, fmt.Errorf("read %q: %w", path, err)
	}
	now, err := filestat.OfHandle(file)
	if err == nil && !now.SameContent(want) {
		err = ErrChanged
	}
	if err != nil {
		return recipe.Recipe{}, fmt.Errorf("read %q: %w", path, err)
	}
	return builder.Finish()
}

type feeder struct{ to *recipe.Builder }

func (f feeder) Write(block []byte) (int, error) { return len(block), f.to.Feed(block) }
