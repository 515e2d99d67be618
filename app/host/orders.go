package host

import (
	"sync"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/fault"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// orderQueue holds orders for the disk until the worker takes them, as many as share one
// wait for the disk: a batch grows only while the disk is busy. The folder core bounds how
// many there can be: more than are taken, so that it records what came of some while others
// are carried out.
type orderQueue struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting []tree.Order
	ended   bool
}

func newOrderQueue() *orderQueue {
	q := &orderQueue{}
	q.changed.L = &q.mu
	return q
}

func (q *orderQueue) add(orders []tree.Order) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, orders...)
	q.changed.Signal()
}

func (q *orderQueue) take() ([]tree.Order, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.ended {
		q.changed.Wait()
	}
	n := min(len(q.waiting), disk.BatchMax)
	orders := q.waiting[:n:n]
	if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
		q.waiting = nil
	}
	return orders, !q.ended
}

func (q *orderQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Broadcast()
}

// executeOrders carries orders out, batch by batch, until the folder ends.
func (r *folderRun) executeOrders() {
	for {
		orders, ok := r.orders.take()
		if !ok {
			return
		}
		for _, o := range orders {
			if o.Op == tree.InstallFile && o.Content == recipe.Empty {
				// A file without bytes is not fetched from anybody. A failure shows when the
				// order finds nothing staged.
				if err := r.disk.PutWhole(o.Content, nil); err != nil {
					r.log.Warn("cannot stage an empty file", "path", o.Path, "error", err)
				}
			}
		}
		r.installs.begin(orders)
		fault.At("host.order")
		outcomes := r.disk.Execute(orders)
		fault.At("host.ordered")
		for i, o := range orders {
			if o.Op == tree.InstallFile && o.Copy == "" && outcomes[i].Refusal == tree.Done {
				r.dropStage(o.Content)
			}
			if outcomes[i].Refusal == tree.NoSpace {
				r.sweepSoon()
			}
			if outcomes[i].Refusal == tree.ContentGone && o.Copy != "" {
				r.verifyHolder(o.Content)
			}
			if o.Path == folder.IgnoreFile {
				r.loadPatterns()
			}
		}
		r.post(folder.OutcomesReported{Outcomes: outcomes})
		r.touchLate(orders, outcomes)
	}
}

var noticeKinds = map[folder.NoticeKind]status.Kind{
	folder.ItemStarted: status.ItemStarted, folder.ItemFinished: status.ItemFinished,
	folder.LocalChange: status.LocalChange, folder.RemoteChange: status.RemoteChange,
	folder.ConflictKept: status.Conflict, folder.ProblemFound: status.Trouble,
	folder.DeletesHeld: status.HeldDeletes,
}

// notice tells people what happened to a name.
func (r *folderRun) notice(f folder.Notice) {
	r.agent.events.add(status.Event{
		Kind: noticeKinds[f.Kind], Folder: r.id, Path: f.Path, Detail: f.Detail,
	})
	if f.Kind == folder.ProblemFound {
		r.log.Warn("a file needs attention", "path", f.Path, "reason", f.Detail)
	}
}

// known lets the scanner read what the index knows of the disk.
type known struct{ run *folderRun }

func (k known) List(dir ident.EntryID) (rows []tree.Base, err error) {
	err = k.read(func(v viewer) (err error) { rows, err = v.BaseList(dir); return err })
	return rows, err
}

func (k known) At(dir ident.EntryID, name string) (rows []tree.Base, err error) {
	err = k.read(func(v viewer) (err error) { rows, err = v.BaseAt(dir, name); return err })
	return rows, err
}

func (k known) ByFile(id tree.FileID) (rows []tree.Base, err error) {
	err = k.read(func(v viewer) (err error) { rows, err = v.BaseByFile(id); return err })
	return rows, err
}

func (k known) Path(entry ident.EntryID) (path string, ok bool, err error) {
	err = k.read(func(v viewer) (err error) { path, ok, err = v.Path(entry); return err })
	return path, ok, err
}
