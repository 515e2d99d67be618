package host

import (
	"errors"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/index"
)

const (
	// tidyEvery is how often old trash and unwanted stages are looked through.
	tidyEvery = 10 * time.Minute
	// collectEvery is how often recipes that nobody needs any more are looked for, which
	// reads the whole index. It is first done a while after the start.
	collectEvery = 24 * time.Hour
	collectFirst = time.Hour
	// collectRows is how many rows the loop looks at in one step: a millisecond's worth.
	collectRows = 512
)

// tidy looks once more at replaced files that a program may have kept open, and drops what
// is too old.
func (r *folderRun) tidy() {
	recheck := time.NewTicker(10 * time.Second)
	defer recheck.Stop()
	if _, _, err := r.disk.Kept(ident.ContentID{1}); err != nil { // lists the trash once, here
		r.log.Warn("cannot list the trash", "error", err)
	}
	var swept time.Time
	collected := time.Now().Add(collectFirst - collectEvery)
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.sweep:
			swept = time.Time{}
		case <-recheck.C:
		}
		r.calmDown()
		changed, err := r.disk.RecheckVictims()
		if err != nil {
			r.log.Warn("cannot look at replaced files", "error", err)
		}
		for _, v := range changed {
			r.keepChanged(v)
		}
		if time.Since(swept) < tidyEvery {
			continue
		}
		swept = time.Now()
		if err := errors.Join(r.disk.Sweep(r.isStaging), r.disk.SweepTrash()); err != nil {
			r.log.Warn("cannot tidy up", "error", err)
		}
		if time.Since(collected) >= collectEvery {
			collected = time.Now()
			r.collecting.Store(true)
			for r.collecting.Load() && r.ctx.Err() == nil {
				r.barrier()
			}
		}
	}
}

// collectRecipes takes one step in removing recipes of contents that neither an entry nor a
// file has any more. It belongs to the loop, which owns the index.
func (r *folderRun) collectRecipes() {
	if !r.collecting.Load() {
		return
	}
	more, err := r.store.CollectRecipes(collectRows)
	if err != nil {
		panic(index.Failure{Err: err})
	}
	r.collecting.Store(more)
}

func (r *folderRun) isStaging(content ident.ContentID) bool { return r.stageOf(content) != nil }

// sweepSoon has the trash looked through now: it gives way when the volume is nearly full.
func (r *folderRun) sweepSoon() {
	select {
	case r.sweep <- struct{}{}:
	default: // one is due already
	}
}

// noteFull reports whether something failed because the volume is full, and has the trash
// give way.
func (r *folderRun) noteFull(err error) bool {
	full := errors.Is(err, disk.ErrNoSpace)
	if full {
		r.sweepSoon()
	}
	return full
}

// removeIndex deletes the index of a folder that is not kept any more.
func removeIndex(dir string, id ident.FolderID) error { return removeIndexFile(indexFile(dir, id)) }
