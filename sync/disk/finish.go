package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/shoal-sync/shoal/internal/fault"
	"github.com/shoal-sync/shoal/sync/tree"
)

// dirtyMax is how many directories are held open to be made durable at the end of a batch
// on systems that cannot sync a whole volume.
const dirtyMax = 64

// touchParent notes that the directory holding a path is to be made durable.
func (b *batch) touchParent(path string) {
	parent := ""
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent = path[:i]
	}
	b.touch(parent)
}

// touch notes that a directory is to be made durable. It is held open: at the end of the
// batch its path may be another.
func (b *batch) touch(path string) {
	if b.loose {
		return
	}
	key := fmt.Sprintf("%d/%s", b.era, path)
	if _, known := b.dirty[key]; known {
		return
	}
	d, err := b.folder.openDir(path)
	if err != nil {
		b.loose = hasSyncVolume // Gone, or unreadable: it cannot be synced on its own.
		return
	}
	b.dirty[key] = d
	if hasSyncVolume && len(b.dirty) >= manyFiles {
		b.loose = true
		b.releaseDirty()
	} else if len(b.dirty) >= dirtyMax {
		if err := b.syncDirty(); err != nil {
			b.refuseAll(err)
		}
	}
}

func (b *batch) releaseDirty() {
	for _, d := range b.dirty {
		d.release()
	}
	clear(b.dirty)
}

// syncDirty makes the directories durable that the batch has changed.
func (b *batch) syncDirty() error {
	defer b.releaseDirty()
	if b.loose {
		return b.folder.top.syncVolume()
	}
	var calls []func() error
	for _, d := range b.dirty {
		calls = append(calls, d.sync)
	}
	if b.dir != nil && len(calls) > 0 {
		calls = append(calls, b.dir.sync)
	}
	return sideBySide(calls)
}

// close puts back what refused orders left and brings the victims to the trash.
func (b *batch) close() error {
	var errs []error
	kept := 0
	for i := range b.tasks {
		t := &b.tasks[i]
		if t.refused && t.name != "" && !t.kept {
			errs = append(errs, b.putBack(t))
		}
		if t.kept {
			kept++
		}
	}
	if b.dir == nil {
		return errors.Join(errs...)
	}
	f := b.folder
	if kept > 0 {
		errs = append(errs, moveNew(f.victims, b.name, f.trash, b.name))
		fault.At("disk.trashed")
		b.remember()
	} else {
		if err := b.dir.unlink(listName); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		errs = append(errs, f.victims.rmdir(b.name))
	}
	return errors.Join(append(errs, b.dir.close())...)
}

// putBack returns what was prepared for a refused order to the stage, so that it need not
// be fetched again, or drops it when it was made for this order alone.
func (b *batch) putBack(t *task) error {
	now, err := t.from.look(t.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // It was installed; what failed came later.
	}
	if err != nil {
		return err
	}
	if t.staged != (tree.Stat{}) && !now.SameContent(t.staged) {
		t.kept = t.slot >= 0
		return nil
	}
	f := b.folder
	if t.copied || b.spoiled {
		if b.spoiled {
			f.mu.Lock()
			delete(f.stages, t.order.Content)
			f.mu.Unlock()
		}
		return t.from.unlink(t.name)
	}
	if t.from == f.stage {
		return nil
	}
	return moveOver(t.from, t.name, f.stage, t.order.Content.String())
}

// remember notes the victims of the batch, to be looked at once more.
func (b *batch) remember() {
	f := b.folder
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.limits.Now()
	slots := map[int]line{}
	for _, l := range b.lines {
		slots[l.slot] = l
	}
	for i := range b.tasks {
		t := &b.tasks[i]
		if l, listed := slots[t.slot]; listed && t.kept {
			v := victim{batch: b.name, line: l, taken: now, is: l.victim}
			f.recent = append(f.recent, v)
			f.keepLocked(v.trashed())
		}
	}
	if extra := len(f.recent) - recentMax; extra > 0 {
		f.recent = append(f.recent[:0], f.recent[extra:]...)
	}
}
