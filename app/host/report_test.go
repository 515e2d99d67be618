package host

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/tree"
)

// slowFolder is a core that begins only when as much is waiting as may wait.
type slowFolder struct {
	begun   func()
	handled int
}

func (c *slowFolder) Handle(_ step.Instant, event node.FolderEvent) []node.FolderEffect {
	switch e := event.(type) {
	case folder.FindingsReported:
		if c.handled == 0 {
			c.begun()
		}
		c.handled += len(e.Findings)
	case node.Sync:
		return []node.FolderEffect{node.Synced(e)}
	}
	return nil
}

func (c *slowFolder) Tick(step.Instant) []node.FolderEffect { return nil }
func (c *slowFolder) Deadline() step.Instant                { return step.Never }

// A look waits for a folder that cannot keep up, and does not pile up what it finds.
func TestALookWaitsForTheFolder(t *testing.T) {
	const batch, batches = 512, 8 * reportedMax / 512
	r := reading(t)
	var posted atomic.Int64
	core := &slowFolder{begun: func() {
		for posted.Load() < 2*reportedMax {
			runtime.Gosched()
		}
		for range 10_000 {
			runtime.Gosched()
		}
		if n := posted.Load(); n > 2*reportedMax+batch {
			t.Errorf("%d findings wait for the folder", n)
		}
	}}
	r.loop = step.NewLoop(step.NewClock(), core, r.act, func() (node.FolderEvent, bool) {
		for _, ticket := range r.synced {
			r.syncs.answer(ticket, struct{}{})
		}
		r.synced = nil
		return nil, false
	})
	r.start(r.runLoop)
	for range batches {
		posted.Add(batch)
		if err := r.report(make([]tree.Finding, batch)); err != nil {
			t.Fatal(err)
		}
	}
	r.barrier()
	if core.handled != batch*batches {
		t.Errorf("%d of %d findings were handled", core.handled, batch*batches)
	}
}
