package host

import (
	"runtime/debug"
	"sync/atomic"

	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/summary"
)

// calm is what is known of how busy the loop of a folder is.
type calm struct {
	handled atomic.Int64 // rounds of the loop
	// giving is set when the loop shall give memory back.
	giving atomic.Bool
	// walked is set when the whole folder was looked at: that leaves much behind, also when
	// nothing was found that the loop would hear of.
	walked atomic.Bool

	summaries [2]*summary.Tree // of the folder's machine; the loop's

	seen  int64 // handled at the last look; the tidier's, as is moved
	moved bool  // there was work since memory was given back
}

// calmRounds is how many rounds of the loop between two looks are no work: links and
// status cause some.
const calmRounds = 20

// calmDown gives the memory that a burst of work has left behind back to the system, once
// after each, when the folder has been calm from one look to the next. Go alone would keep
// twice of what it used at most, and the index its cached pages.
func (r *folderRun) calmDown() {
	handled := r.handled.Load()
	busy := handled-r.seen > calmRounds
	r.seen = handled
	r.moved = r.walked.Swap(false) || r.moved
	if busy {
		r.moved = true
		return
	}
	if !r.moved {
		return
	}
	r.moved = false
	r.giving.Store(true)
	r.barrier()
	r.seen = r.handled.Load()
	debug.FreeOSMemory()
}

// giveMemory is the loop's part of it: it owns the index, and the core with its summaries.
func (r *folderRun) giveMemory() {
	if !r.giving.CompareAndSwap(true, false) {
		return
	}
	for _, t := range r.summaries {
		t.Pack()
	}
	if err := r.store.Rest(); err != nil {
		panic(index.Failure{Err: err})
	}
}
