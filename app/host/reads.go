package host

import (
	"errors"
	"sync"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index"
)

const (
	// readsMax is how many reads of a folder's index that devices cause run at a time:
	// each has a connection to the database, and with it some files open.
	readsMax = 4
	// readsWaitMax is how many such reads one device may have open in a folder. A device
	// asks for one page after the other: it has two open, a few more when it has just
	// begun its conversation anew.
	readsWaitMax = 16
)

var errAsksTooMuch = errors.New("it asks for more at once than any device does")

// reads bounds what other devices let a folder read.
type reads struct {
	slots chan struct{}
	mu    sync.Mutex
	open  map[ident.DeviceID]int
}

func (q *reads) init() {
	q.slots = make(chan struct{}, readsMax)
	q.open = map[ident.DeviceID]int{}
}

// begin reports whether a device may have one more read open; if so, end has to follow.
func (q *reads) begin(d ident.DeviceID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open[d] == readsWaitMax {
		return false
	}
	q.open[d]++
	return true
}

func (q *reads) end(d ident.DeviceID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open[d]--; q.open[d] == 0 {
		delete(q.open, d)
	}
}

// readFor reads the committed index because of a device, in its turn, and then lets done
// go on with what was read. The loop calls it; it does not wait.
func (r *folderRun) readFor(d ident.DeviceID, read func(*index.View) error, done func()) {
	if !r.reads.begin(d) {
		r.log.Debug("a read of the index is refused", "device", d.Short(), "reason", errAsksTooMuch)
		r.unanswered(d, errAsksTooMuch)
		return
	}
	r.start(func() {
		defer r.reads.end(d)
		select {
		case r.reads.slots <- struct{}{}:
		case <-r.ctx.Done():
			return
		}
		err := r.look(read)
		<-r.reads.slots
		switch {
		case err == nil:
			done()
		case r.ctx.Err() != nil:
		case errors.Is(err, index.ErrCrowded):
			r.log.Warn("what a device asked for could not be read", "device", d.Short(), "reason", err)
			r.unanswered(d, err)
		default:
			r.breakDown("index", err)
		}
	})
}

// unanswered ends the link of a device that will not get the answer it waits for: it
// connects again, and the conversation begins anew and lacks nothing.
func (r *folderRun) unanswered(d ident.DeviceID, why error) {
	if l := r.agent.links.to(d); l != nil {
		r.agent.start(func() { l.Close("an answer cannot be given: " + why.Error()) })
	}
}
