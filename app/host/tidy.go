package host

import (
	"errors"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

// tidyEvery is how often old trash and unwanted stages are looked through.
const tidyEvery = 10 * time.Minute

// tidy looks once more at replaced files that a program may have kept open, and drops what
// is too old.
func (r *folderRun) tidy() {
	recheck := time.NewTicker(10 * time.Second)
	defer recheck.Stop()
	var swept time.Time
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.sweep:
			swept = time.Time{}
		case <-recheck.C:
		}
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
	}
}

func (r *folderRun) isStaging(content ident.ContentID) bool { return r.stageOf(content) != nil }
