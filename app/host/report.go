package host

import (
	"context"
	"time"

	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
)

// reportedMax is how many findings a look reports before it waits until those before them
// are recorded: twice as many at most are on their way, some 6 MiB. The queue of the loop
// alone would take half a million.
const reportedMax = 8192

// reported is what a look has reported lately. It belongs to the look.
type reported struct {
	count  int
	before <-chan struct{} // answered when what was reported until then is recorded
}

func (r *folderRun) report(findings []tree.Finding) error {
	if !r.loop.Post(r.ctx, folder.FindingsReported{Findings: findings, Wall: time.Now().UnixMilli()}) {
		return context.Cause(r.ctx)
	}
	if r.reported.count += len(findings); r.reported.count < reportedMax {
		return nil
	}
	before := r.reported.before
	r.reported = reported{before: r.syncs.begin(r, syncWith)}
	if before == nil {
		return nil
	}
	select {
	case <-before:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}
