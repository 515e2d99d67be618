package host

import (
	"sync"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/swarm"
)

const (
	// havesMax is how many contents a device may have asked for and not been answered: a
	// device wants some thousand at a time, and asks again only when its link is new.
	havesMax = 1 << 16
	// ownReadsMax is how many contents are looked up and made ready at a time for this
	// device itself: each reads the index, and most write to the disk.
	ownReadsMax = 8
)

// haves are the questions of devices which contents are here. Of each device one is answered
// at a time.
type haves struct {
	mu      sync.Mutex
	waiting map[ident.DeviceID][]swarm.CheckHaves
	count   map[ident.DeviceID]int // contents that wait, or are being looked for
	own     chan struct{}
}

func (h *haves) init() {
	h.waiting, h.count = map[ident.DeviceID][]swarm.CheckHaves{}, map[ident.DeviceID]int{}
	h.own = make(chan struct{}, ownReadsMax)
}

// add queues a question. First is set when nobody answers the device yet.
func (h *haves) add(q swarm.CheckHaves) (first, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, known := h.count[q.Peer]
	if n+len(q.Contents) > havesMax {
		return false, false
	}
	h.count[q.Peer] = n + len(q.Contents)
	h.waiting[q.Peer] = append(h.waiting[q.Peer], q)
	return !known, true
}

// take returns the next question of a device; false when there is none, and the next one is
// the first again.
func (h *haves) take(d ident.DeviceID) (swarm.CheckHaves, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiting[d]) == 0 {
		delete(h.waiting, d)
		delete(h.count, d)
		return swarm.CheckHaves{}, false
	}
	q := h.waiting[d][0]
	h.waiting[d] = h.waiting[d][1:]
	return q, true
}

func (h *haves) answered(q swarm.CheckHaves) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count[q.Peer] -= len(q.Contents)
}

// tellHaves answers which contents are here, in the order of the questions. The loop calls
// it; it does not wait.
func (r *folderRun) tellHaves(q swarm.CheckHaves) {
	first, ok := r.haves.add(q)
	if !ok {
		r.unanswered(q.Peer, errAsksTooMuch)
		return
	}
	if !first {
		return
	}
	r.start(func() {
		for q, more := r.haves.take(q.Peer); more; q, more = r.haves.take(q.Peer) {
			if r.inTurn(r.reads.slots, func() { r.checkHaves(q) }) {
				r.haves.answered(q)
			}
		}
	})
}

// inTurn does something that a bounded number may do at a time; false when the folder has
// ended before.
func (r *folderRun) inTurn(slots chan struct{}, do func()) bool {
	select {
	case slots <- struct{}{}:
	case <-r.ctx.Done():
		return false
	}
	do()
	<-slots
	return true
}

func (r *folderRun) checkHaves(f swarm.CheckHaves) {
	answer := swarm.HavesChecked{Peer: f.Peer, Contents: f.Contents, Here: make([]bool, len(f.Contents))}
	err := r.look(func(v *index.View) error {
		for i, content := range f.Contents {
			if r.holdsPart(content) {
				answer.Here[i] = true
				continue
			}
			_, _, ok, err := v.HoldingPath(content, r.isThere)
			if err != nil {
				return err
			}
			if ok = ok || r.disk.Complete(content); !ok {
				_, ok, err = r.disk.Kept(content)
			}
			if err != nil {
				return err
			}
			answer.Here[i] = ok
		}
		return nil
	})
	if err != nil {
		r.log.Error("cannot read the index", "error", err)
	}
	r.post(answer)
}
