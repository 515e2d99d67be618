package index

import (
	"math"

	"github.com/shoal-sync/shoal/sync/tree"
)

// page is a part of the log, and what is on disk for the entries in it.
type page struct {
	rows   []tree.Row
	onDisk []tree.Base
}

// ahead reads the next page of the log on a goroutine of its own, while the owner thinks
// about the one before: who goes over all rows spends more than half of the time on reading
// them. A page counts only if nothing was changed since it was begun, so that the owner gets
// what it would have read itself.
type ahead struct {
	next  *aheadPage
	moved uint64 // changes, when the last page was asked for
}

// aheadPage is a page that is being read, or was; what is in it may be read after done.
type aheadPage struct {
	after uint64
	limit int
	moved uint64 // changes, when it was begun
	done  chan struct{}
	page
	err error
}

// since returns a page of the log, and has the next one read when it seems that it will be
// asked for.
func (s *Store) since(after uint64, limit int) (page, error) {
	c := s.reader()
	p, ok := s.takeAhead(after, limit)
	if !ok {
		var err error
		if p, err = c.shown(shownSince, after, limit); err != nil {
			return page{}, err
		}
	}
	// While rows keep changing a page that was read ahead would be read for nothing.
	still := s.ahead.moved == s.changes && s.committed == s.changes
	s.ahead.moved = s.changes
	if still && limit > 0 && len(p.rows) == limit {
		s.readAhead(p.rows[limit-1].Seq, limit)
	}
	return p, nil
}

// takeAhead returns the page that was read ahead, if it is the one that is asked for.
func (s *Store) takeAhead(after uint64, limit int) (page, bool) {
	p := s.ahead.next
	s.ahead.next = nil
	if p == nil || p.after != after || p.limit != limit || p.moved != s.changes {
		return page{}, false
	}
	<-p.done
	// Of an error the owner hears when it meets it itself.
	return p.page, p.err == nil
}

// readAhead begins to read a page. All that was applied has been committed, so a View sees
// what the owner does.
func (s *Store) readAhead(after uint64, limit int) {
	if after == math.MaxInt64 {
		return
	}
	p := &aheadPage{after: after, limit: limit, moved: s.changes, done: make(chan struct{})}
	s.ahead.next = p
	s.reading.Add(1)
	go func() {
		defer s.reading.Done()
		defer close(p.done)
		c, err := s.views.take()
		if err != nil {
			p.err = err
			return
		}
		p.page, p.err = c.shown(shownSince, after, limit)
		if err := s.views.give(c); p.err == nil {
			p.err = err
		}
	}()
}
