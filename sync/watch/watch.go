// Package watch hears file changes from the operating system.
//
// It knows which directories below a root are being watched and turns the system's events
// into names that were touched. What it tells is a hint: systems lose events, merge them
// and limit them, so a name it tells of may be unchanged, and only a scan finds everything.
// When hints may have been lost it says so. It leaves to package settle when to look at a
// name, and to package scan the looking. The host joins the three.
//
// One goroutine owns the tree of watched directories. It adds the watch of a directory
// first and lists the directory then, so that whatever is made in a new directory is seen
// either by the watch or by the listing.
//
//	system events ──▶ loop ──▶ touched names, in batches
//	                  │  ▲
//	                  ▼  │ found while listing
//	         directories to be watched
package watch

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
)

const (
	// batchTime is how long the first name of a batch may wait for others. It is shorter
	// than the wait of settle, so it costs no time.
	batchTime = 5 * time.Millisecond
	// batchMax is how many names a batch has at most.
	batchMax = 256
	// contentsMax is how many names of a new directory are told one by one. Of one with
	// more its own name is told once more: to look at each of its names costs more than to
	// list it, and mostly that look is still to come and sees all of them.
	contentsMax = 4
)

// Trouble is a reason why names may have been touched without being told of.
type Trouble uint8

// The kinds of trouble and what the caller can do.
const (
	// Overflow: events came faster than they were taken, some are lost. The watches stay;
	// scan the folder.
	Overflow Trouble = iota + 1
	// Limit: the system gives no more watches. Told once, with the first directory that
	// could not be watched; others may follow silently. Scan the folder now and then.
	Limit
	// Unwatched: this directory could not be watched or listed for another reason, such
	// as a missing permission. Changes below it are not heard.
	Unwatched
	// RootGone: the root itself was moved away or removed.
	RootGone
)

// ErrLimit is wrapped by errors that come from a limit of the system on watching. Their
// text names the limit and how to raise it.
var ErrLimit = errors.New("the system watches no more directories for this user")

// Watcher watches all directories below a root. Make one with New.
type Watcher struct {
	root    string
	skip    func(rel string) bool
	touched func(rel []string)
	trouble func(kind Trouble, rel string, err error)

	fs     *fsnotify.Watcher
	add    func(path string) error
	errors errorBox

	// Owned by the loop's goroutine.
	top     *node
	byFile  map[tree.FileID]*node
	todo    []task
	batch   []string
	batched map[string]struct{}
	flush   *time.Timer
	limited bool

	ready     chan struct{}
	readyOnce sync.Once
	closing   atomic.Bool // nobody wants to know of troubles any more
	ended     sync.WaitGroup
}

// New begins to watch the directory root. Touched is given the names that changed,
// relative to root, with slashes; names for which skip reports true, and what is below
// them, are left out. Trouble is told when names may have been missed. Both are called
// from one goroutine, may block (the system then keeps the events as long as it can) and
// must not call Close. New returns once root itself is watched; Ready tells when the rest
// is. It returns an error wrapping ErrLimit when the system has no watcher to spare.
func New(
	root string,
	skip func(rel string) bool,
	touched func(rel []string),
	trouble func(kind Trouble, rel string, err error),
) (*Watcher, error) {
	w := &Watcher{root: filepath.Clean(root), skip: skip, touched: touched, trouble: trouble}
	if err := w.open(); err != nil {
		return nil, fmt.Errorf("watch %q: %w", root, explain(err))
	}
	w.start()
	return w, nil
}

// open gets a watcher from the system and puts it on the root, so that the caller learns
// at once when there is nothing to watch.
func (w *Watcher) open() error {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	if err := fs.Add(w.root); err != nil {
		return errors.Join(err, fs.Close())
	}
	w.fs, w.add, w.errors = fs, fs.Add, newErrorBox()
	return nil
}

func (w *Watcher) start() {
	w.byFile, w.batched = make(map[tree.FileID]*node), make(map[string]struct{})
	w.flush = time.NewTimer(time.Hour)
	w.flush.Stop()
	w.ready = make(chan struct{})
	w.todo = []task{{}}
	w.ended.Add(2)
	go w.collectErrors()
	go w.loop()
}

// Ready is closed when every directory that was there at the start is watched. What
// changed before is not told: begin the first scan after it.
func (w *Watcher) Ready() <-chan struct{} { return w.ready }

// Close ends watching. When it returns, nothing is told any more.
func (w *Watcher) Close() error {
	w.closing.Store(true)
	err := w.fs.Close()
	w.ended.Wait()
	if err != nil {
		return fmt.Errorf("end watching %q: %w", w.root, err)
	}
	return nil
}

// tellTrouble tells of a trouble, unless the watcher is being closed: what fails then, such
// as a watch on a queue the system has closed already, is nobody's trouble.
func (w *Watcher) tellTrouble(kind Trouble, rel string, err error) {
	if !w.closing.Load() {
		w.trouble(kind, rel, err)
	}
}

func (w *Watcher) loop() {
	defer w.ended.Done()
	defer w.flush.Stop()
	for {
		if len(w.todo) > 0 {
			if !w.hearNow() {
				return
			}
			w.next()
			continue
		}
		w.readyOnce.Do(func() { close(w.ready) })
		select {
		case event, ok := <-w.fs.Events:
			if !ok {
				return
			}
			w.heard(event)
		case <-w.errors.come:
			w.heardErrors()
		case <-w.flush.C:
			w.tell()
		}
	}
}

// hearNow takes what has come without waiting, so that a long walk over new directories
// does not let the system's queue fill up. It reports false when the watcher is closed.
func (w *Watcher) hearNow() bool {
	for {
		select {
		case event, ok := <-w.fs.Events:
			if !ok {
				return false
			}
			w.heard(event)
		case <-w.errors.come:
			w.heardErrors()
		case <-w.flush.C:
			w.tell()
		default:
			return true
		}
	}
}

// heard takes in one event of the system.
func (w *Watcher) heard(event fsnotify.Event) {
	rel, ok := w.relative(event.Name)
	if !ok {
		return
	}
	if rel == "" {
		if event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
			w.tellTrouble(RootGone, "", fmt.Errorf("%q was moved away or removed", w.root))
		}
		return
	}
	if w.skips(rel) {
		return
	}
	if event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
		w.drop(w.find(rel))
	}
	if event.Has(fsnotify.Create) {
		// Whether it is a directory is found out when its turn comes.
		w.todo = append(w.todo, task{rel: rel, report: true})
	}
	// Some systems tell of a write to a directory when its children change; the children
	// are told of by themselves.
	if event.Op != fsnotify.Write || w.find(rel) == nil {
		w.touch(rel)
	}
}

// relative turns a path of the system into a name below the root.
func (w *Watcher) relative(path string) (string, bool) {
	rel, ok := strings.CutPrefix(path, w.root)
	if !ok {
		return "", false
	}
	return strings.TrimPrefix(filepath.ToSlash(rel), "/"), true
}

// skips reports whether a name is not to be told of. Our own private directory never is.
func (w *Watcher) skips(rel string) bool {
	top, _, _ := strings.Cut(rel, "/")
	return tree.Reserved(ident.Root, top) || w.skip != nil && w.skip(rel)
}

// touch puts a name into the batch.
func (w *Watcher) touch(rel string) {
	if _, ok := w.batched[rel]; ok {
		return
	}
	if len(w.batch) == 0 {
		w.flush.Reset(batchTime)
	}
	w.batched[rel] = struct{}{}
	w.batch = append(w.batch, rel)
	if len(w.batch) == batchMax {
		w.tell()
	}
}

// tell hands the batch on.
func (w *Watcher) tell() {
	w.flush.Stop()
	if len(w.batch) == 0 {
		return
	}
	names := w.batch
	w.batch = nil
	clear(w.batched)
	w.touched(names)
}

// errorBox keeps what the system complains of until the loop has time. The watcher
// library holds its lock while it complains, so nobody may make it wait.
type errorBox struct {
	mu   sync.Mutex
	err  error         // the first since the box was last emptied
	come chan struct{} // holds one note that there is something in the box
}

func newErrorBox() errorBox { return errorBox{come: make(chan struct{}, 1)} }

func (w *Watcher) collectErrors() {
	defer w.ended.Done()
	for err := range w.fs.Errors {
		// Removing a watch that ended by itself a moment ago is refused so; all is well.
		if errors.Is(err, syscall.EINVAL) {
			continue
		}
		w.errors.mu.Lock()
		if w.errors.err == nil {
			w.errors.err = err
		}
		w.errors.mu.Unlock()
		select {
		case w.errors.come <- struct{}{}:
		default:
		}
	}
}

// heardErrors tells of lost events, and goes over all directories once more: among what
// was lost may be the making of a directory.
func (w *Watcher) heardErrors() {
	w.errors.mu.Lock()
	err := w.errors.err
	w.errors.err = nil
	w.errors.mu.Unlock()
	if err == nil {
		return
	}
	w.todo = append(w.todo, task{refresh: true})
	w.tellTrouble(Overflow, "", fmt.Errorf("changes in %q came faster than they could be "+
		"taken, the folder is scanned instead: %w", w.root, err))
}
