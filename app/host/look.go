package host

import (
	"context"
	"errors"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/scan"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/watch"

	"sync"
)

type viewer = *index.View

func (k known) read(with func(viewer) error) error { return k.run.look(with) }

// lookOrder is a look at the disk that settle ordered.
type lookOrder struct {
	ticket step.Ticket
	full   bool
	paths  []string
}

// actSettle carries out what settle orders. Only one look is ordered at a time, so the
// channel of one never blocks.
func (r *folderRun) actSettle(effect node.FolderEffect) bool {
	switch f := effect.(type) {
	case settle.ScanNames:
		r.looks <- lookOrder{ticket: f.Ticket, paths: f.Paths}
	case settle.ScanFolder:
		r.scans.ordered()
		r.looks <- lookOrder{ticket: f.Ticket, full: true}
	default:
		return false
	}
	return true
}

// watch begins to hear of changes. Where that is not possible the folder is scanned again
// and again instead.
func (r *folderRun) watch() (err error) {
	var traits func(string) tree.Traits
	if r.disk.Carry().Any() {
		traits = r.disk.Traits
	}
	r.scanner = scan.New(r.path, scan.Options{
		Traits: traits,
		Known:  known{r}, Recipes: r.keepRecipes, Report: r.report, Check: r.disk.CheckRoot,
		Ignored:  r.ignored,
		Own:      r.installs.own,
		Volume:   r.volume,
		Progress: func(p scan.Progress) { r.reading.Store(&p) },
		Now:      func() int64 { return time.Now().UnixNano() },

		Prospects: r.listenToReading(),
	})
	private := func(rel string) bool { return rel == tree.PrivateDir }
	touched := func(rel []string) {
		r.post(settle.NamesTouched{Paths: rel})
		r.touchedAhead(rel)
	}
	r.watcher, err = watch.New(r.path, private, touched, r.watchTrouble)
	r.unwatched = false
	return err
}

// unwatch ends the watcher, once.
func (r *folderRun) unwatch() error {
	w := r.watcher
	if w == nil || r.unwatched {
		return nil
	}
	r.unwatched = true
	return w.Close()
}

func (r *folderRun) watchTrouble(kind watch.Trouble, rel string, err error) {
	switch kind {
	case watch.Overflow:
		r.post(settle.WatchOverflowed{})
		return
	case watch.RootGone:
		r.post(settle.RescanAsked{})
	default:
		r.post(settle.WatchLimited{Path: rel})
	}
	why := err.Error()
	r.deaf.Store(&why)
	r.log.Warn("changes are not heard at once; the folder is scanned every minute instead",
		"path", rel, "reason", err)
	r.agent.events.add(status.Event{Kind: status.Trouble, Folder: r.id, Path: rel, Detail: err.Error()})
}

// runLooks looks at the disk when settle says so, until the folder ends.
func (r *folderRun) runLooks() {
	select {
	case <-r.watcher.Ready(): // what changed before is told to nobody: look after it
	case <-r.ctx.Done():
		return
	}
	for {
		select {
		case <-r.ctx.Done():
			return
		case o := <-r.looks:
			r.lookAt(o)
		}
	}
}

func (r *folderRun) lookAt(o lookOrder) {
	r.installs.look(o.full)
	// The scanner compares with what is committed: a row that is applied only would be
	// missed, and the touch that led here is used up.
	r.barrier()
	r.loadPatterns()
	var result scan.Result
	var err error
	if o.full {
		result, err = r.scanner.Folder(r.ctx)
	} else {
		result, err = r.scanner.Names(r.ctx, r.sift(o.paths))
	}
	r.noteRoot(err)
	r.reading.Store(nil)
	done := node.ScanFinished{Full: o.full, Names: o.paths, Look: settle.LookFinished{
		Ticket: o.ticket, Again: result.Again, Racy: result.Racy,
	}}
	for _, s := range result.Slow {
		done.Look.Slow = append(done.Look.Slow, settle.Slow{Path: s.Path, Took: s.Took})
	}
	if err != nil && r.ctx.Err() == nil {
		done.Problem, done.Look.Failed = err.Error(), true
		r.log.Warn("cannot look at the folder", "reason", err)
	}
	r.post(done)
	if o.full {
		r.barrier() // whoever waits for the scan must find what it found in the status
		r.walked.Store(true)
		r.scans.finished(err)
	}
}

func (r *folderRun) keepRecipes(recipes []scan.Recipe) error {
	out := make([]index.Recipe, len(recipes))
	for i, c := range recipes {
		out[i] = index.Recipe{Content: c.Content, Body: c.Encoded}
	}
	return r.store.PutRecipes(out)
}

// scanCount lets somebody wait for a full scan that began after they asked.
type scanCount struct {
	mu      sync.Mutex
	orders  int
	ends    int
	err     error // of the last one that ended
	changed chan struct{}
}

func (s *scanCount) init() { s.changed = make(chan struct{}) }

func (s *scanCount) ordered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders++
}

// haveEnded reports whether everything has been looked at once.
func (s *scanCount) haveEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends > 0 && s.err == nil
}

func (s *scanCount) finished(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends++
	s.err = err
	close(s.changed)
	s.changed = make(chan struct{})
}

// rescan orders a full scan and returns when one that began afterwards is over.
func (r *folderRun) rescan(ctx context.Context) error {
	r.scans.mu.Lock()
	goal := r.scans.orders + 1
	r.scans.mu.Unlock()
	r.post(settle.RescanAsked{})
	for {
		r.scans.mu.Lock()
		ends, err, changed := r.scans.ends, r.scans.err, r.scans.changed
		r.scans.mu.Unlock()
		if ends >= goal {
			return err
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return errors.New("the folder stopped while it was scanned")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
