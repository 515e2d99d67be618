package host

import (
	"slices"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/scan"
	"github.com/shoal-sync/shoal/sync/tree"
)

const (
	// aheadEvery is how often what is being written is read on: often enough that others
	// have nearly all of it when it has settled.
	aheadEvery = time.Second
	// aheadNames bounds the names looked at each time; a storm of small files has more, and
	// none of them matters here.
	aheadNames = 32
	// aheadFiles is how many files are read while they are being written.
	aheadFiles = 2
	// aheadMin is from which size on: smaller files are read and sent in no time.
	aheadMin = 64 << 20
)

// ahead are new large files that are being written. They are read while they grow, so that
// others can have what is there already before the file has settled: a prospect.
type ahead struct {
	mu      sync.Mutex
	touched []string
	running bool
	growing []*scan.Growing // of the goroutine that runs
}

// touchedAhead hears of names that were written to. It does not wait.
func (r *folderRun) touchedAhead(paths []string) {
	q := &r.ahead
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, path := range paths {
		if len(q.touched) == aheadNames {
			break
		}
		if !slices.Contains(q.touched, path) {
			q.touched = append(q.touched, path)
		}
	}
	if q.running || len(q.touched) == 0 {
		return
	}
	q.running = true
	r.start(r.readAhead)
}

// readAhead reads on in what grows, until nothing does.
func (r *folderRun) readAhead() {
	every := time.NewTicker(aheadEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-r.ctx.Done():
			return
		}
		q := &r.ahead
		q.mu.Lock()
		paths := q.touched
		if q.touched = nil; len(paths) == 0 {
			q.running, q.growing = false, nil
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		if len(r.agent.links.connected()) == 0 {
			continue // nobody is there to be told
		}
		for _, path := range paths {
			r.readOn(path)
		}
	}
}

// readOn reads on in a file that is large and, but for a beginning at most, new.
func (r *folderRun) readOn(path string) {
	s, there, err := r.disk.Look(path)
	if err != nil || !there || s.Kind != tree.File || s.Size <= aheadMin || r.ignored(path, false) {
		return
	}
	var known tree.Row
	err = r.look(func(v *index.View) (err error) {
		known, _, _, err = v.At(path)
		return err
	})
	if err != nil || known.Entry.Content.Size > aheadMin {
		return // what is rewritten is mostly as it was; it is read when it has settled
	}
	q := &r.ahead
	i := slices.IndexFunc(q.growing, func(g *scan.Growing) bool { return g.Path == path })
	if i < 0 {
		if len(q.growing) == aheadFiles {
			q.growing = slices.Delete(q.growing, 0, 1)
		}
		q.growing = append(q.growing, &scan.Growing{Path: path})
		i = len(q.growing) - 1
	}
	if err := r.scanner.ReadAhead(r.ctx, q.growing[i]); err != nil {
		r.log.Debug("a file that is being written is not read ahead", "path", path, "reason", err)
	}
}
