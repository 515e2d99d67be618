package index

import (
	"errors"
	"fmt"
	"time"
)

// How the log file beside the database is kept short. SQLite counts it in pages.
const (
	// pagesTidy is when committed pages are moved without disturbing anybody: 16 MiB. A
	// page that several commits wrote is moved once, so more often would cost more.
	pagesTidy = 4000
	// pagesMax is when the writer has to wait while they are moved: 64 MiB. A steady
	// writer keeps the log from ever starting anew otherwise.
	pagesMax = 16000
	// lookPause lies between two looks, so that fast commits are not each looked at.
	lookPause = 50 * time.Millisecond
	// idleAfter is how long nothing is committed before the log is emptied and memory is
	// given back.
	idleAfter = 10 * time.Second
)

// tidier moves committed pages from the log into the database, on its own goroutine and
// connection.
type tidier struct {
	path string
	idle func() error
	// wake holds one wish to look: more of them would say the same.
	wake chan struct{}
	quit chan struct{}
	done chan struct{}
	err  error // of the last attempt; read after done
	c    *conn
}

func startTidier(path string, idle func() error) *tidier {
	t := &tidier{path: path, idle: idle, wake: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{})}
	go t.run()
	return t
}

// look asks for a look at the log after a commit. It never waits.
func (t *tidier) look() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// stop ends the goroutine and returns the error of its last attempt. What could not be
// moved stays in the log, where it is as durable.
func (t *tidier) stop() error {
	close(t.quit)
	<-t.done
	return t.err
}

func (t *tidier) run() {
	defer close(t.done)
	timer := time.NewTimer(idleAfter)
	defer timer.Stop()
	for {
		select {
		case <-t.quit:
			t.err = errors.Join(t.err, t.hangUp())
			return
		case <-t.wake:
			t.err = t.tidy()
			timer.Reset(lookPause)
			select {
			case <-t.quit:
				t.err = errors.Join(t.err, t.hangUp())
				return
			case <-timer.C:
			}
			timer.Reset(idleAfter)
		case <-timer.C:
			t.err = t.rest()
		}
	}
}

// tidy looks how long the log is and does what that asks for.
func (t *tidier) tidy() error {
	pages, err := t.checkpoint("NOOP")
	if err == nil && pages >= pagesTidy {
		pages, err = t.checkpoint("PASSIVE")
	}
	if err == nil && pages >= pagesMax {
		_, err = t.checkpoint("TRUNCATE")
	}
	return err
}

// rest is done when nothing has happened for a while.
func (t *tidier) rest() error {
	if t.c == nil {
		return t.idle() // nothing was committed since the last rest
	}
	_, err := t.checkpoint("TRUNCATE")
	return errors.Join(err, t.hangUp(), t.idle())
}

// checkpoint returns how many pages of the log are not yet in the database.
func (t *tidier) checkpoint(mode string) (pages int64, err error) {
	if t.c == nil {
		if t.c, err = dial(t.path, 0); err != nil {
			return 0, fmt.Errorf("tidy index %q: %w", t.path, err)
		}
	}
	s, _, err := t.c.db.PrepareTransient("PRAGMA wal_checkpoint(" + mode + ")")
	if err == nil {
		if _, err = s.Step(); err == nil {
			pages = s.ColumnInt64(1) - s.ColumnInt64(2)
		}
		if end := s.Finalize(); err == nil {
			err = end
		}
	}
	if err != nil {
		return 0, fmt.Errorf("tidy index %q: %w", t.path, explain(err))
	}
	return pages, nil
}

func (t *tidier) hangUp() error {
	if t.c == nil {
		return nil
	}
	err := t.c.close()
	t.c = nil
	return err
}
