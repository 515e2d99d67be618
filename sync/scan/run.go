package scan

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

// walkers is how many directories are walked at a time. A cold disk answers several
// questions sooner than one after the other; more than the cores cost nothing when warm.
const walkers = 8

// filesWaiting is how many files wait for a hasher, enough to keep all of them busy while
// a walker lists a directory.
const filesWaiting = 512

// run is one look.
type run struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	options Options
	top     *volume
	between func(path string)
	fresh   bool            // the index knows nothing, so nothing can have been moved
	seen    map[string]bool // names looked at one by one, not to be reported twice

	todo  stack
	files chan file
	batch batch
	tally tally
	large sync.Mutex // held while a file of several blocks is read: it keeps all cores busy

	pairing sync.WaitGroup // files whose hash decides whether they are moves
	hashers sync.WaitGroup
	ticker  sync.WaitGroup
	stop    chan struct{} // ends the ticker

	mu       sync.Mutex
	claimed  map[ident.EntryID]bool // entries found under another name
	thinned  []directory            // directories in which known names are missing
	gone     []gone
	doubtful []doubt
	result   Result
}

func newRun(
	ctx context.Context, cancel context.CancelCauseFunc, options Options, top *volume,
) *run {
	r := &run{
		ctx: ctx, cancel: cancel, options: options, top: top,
		seen: make(map[string]bool), files: make(chan file, filesWaiting),
		stop: make(chan struct{}), claimed: make(map[ident.EntryID]bool),
		batch: batch{recipesTo: options.Recipes, reportTo: options.Report, fail: cancel},
	}
	r.todo.init()
	context.AfterFunc(ctx, r.todo.abandon)
	return r
}

func (r *run) start() {
	for range max(2, runtime.GOMAXPROCS(0)) {
		r.hashers.Go(r.hashFiles)
	}
	r.ticker.Go(func() {
		tick := time.NewTicker(batchTime)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.batch.flush()
				r.tellProgress()
			case <-r.stop:
				return
			}
		}
	})
}

func (r *run) tellProgress() {
	if r.options.Progress != nil {
		r.options.Progress(r.tally.progress())
	}
}

// walk goes through all directories that have been entered, and those found in them.
// Directories that took the place of another are entered when it is clear what became of
// that one, which the walk of the others shows.
func (r *run) walk() {
	for {
		var workers sync.WaitGroup
		for range walkers {
			workers.Go(func() {
				buffer := make([]byte, 32<<10)
				for {
					d, ok := r.todo.pop()
					if !ok {
						return
					}
					if err := r.visit(d, buffer); err != nil {
						r.fail(err)
					}
					r.todo.done()
				}
			})
		}
		workers.Wait()
		if r.ctx.Err() != nil || !r.decideDoubtful() {
			return
		}
	}
}

// finish ends the look and completes its result.
func (r *run) finish() {
	close(r.files)
	r.hashers.Wait()
	close(r.stop)
	r.ticker.Wait()
	if r.ctx.Err() == nil {
		r.batch.flush()
	}
	r.tellProgress()
	r.result.Findings = r.batch.count
	r.result.Files, r.result.Bytes = r.tally.files.Load(), r.tally.bytes.Load()
	r.result.HashTime = time.Duration(r.tally.nanoseconds.Load())
}

// fail ends the look. The first reason counts.
func (r *run) fail(err error) { r.cancel(err) }

// enter has a directory walked.
func (r *run) enter(d directory) { r.todo.push(d) }

// again notes a name that must be looked at once more because it changed meanwhile.
func (r *run) again(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.result.Again) < namesMax {
		r.result.Again = append(r.result.Again, path)
	}
}

// fullOfNames reports whether no more names are noted: who gets so many walks all.
func (r *run) fullOfNames() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.result.Again) >= namesMax
}

func (r *run) noteRacy(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.result.Racy) < namesMax {
		r.result.Racy = append(r.result.Racy, path)
	}
}

func (r *run) noteSlow(path string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.result.Slow) < slowMax {
		r.result.Slow = append(r.result.Slow, Slow{path, took})
	}
}

// claim notes that an entry was found under another name. It reports false when another
// name has claimed it already.
func (r *run) claim(entry ident.EntryID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.claimed[entry] {
		return false
	}
	r.claimed[entry] = true
	return true
}

func (r *run) isClaimed(entry ident.EntryID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.claimed[entry]
}

// directory is one to be compared with the index.
type directory struct {
	path string
	ids  []ident.EntryID // whose children the index knows it by; none when it is new
	// shallow leaves known directories in it alone.
	shallow bool
	// only, when set, holds the keys (names.Volume) of the only names to be looked at.
	only map[string]bool
}

// gone is a name that the index knows and that was not found.
type gone struct {
	path string
	row  tree.Base
	// replaced tells that another entry has the name now.
	replaced bool
}

// stack holds directories that are to be walked. The one found last is walked first, so
// that its length grows with the depth of the folder and not with its size.
type stack struct {
	mu      sync.Mutex
	change  sync.Cond
	dirs    []directory
	working int
	ended   bool
}

func (s *stack) init() { s.change.L = &s.mu }

func (s *stack) push(d directory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirs = append(s.dirs, d)
	s.change.Signal()
}

// pop takes a directory, waiting while others may still find some. It reports false when
// there are none and will be none. Each directory taken is to be followed by done.
func (s *stack) pop() (directory, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.dirs) == 0 && s.working > 0 && !s.ended {
		s.change.Wait()
	}
	if len(s.dirs) == 0 || s.ended {
		return directory{}, false
	}
	d := s.dirs[len(s.dirs)-1]
	s.dirs = s.dirs[:len(s.dirs)-1]
	s.working++
	return d, true
}

func (s *stack) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.working--; s.working == 0 && len(s.dirs) == 0 {
		s.change.Broadcast()
	}
}

// abandon lets nobody wait any more.
func (s *stack) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.change.Broadcast()
}
