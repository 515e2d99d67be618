package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/tree"
)

// localPatterns is this device's own file of patterns, in the folder's private directory.
const localPatterns = "ignore-local"

// obeyed is which patterns a folder obeys, and what is in the way of others.
type obeyed struct {
	patterns    atomic.Pointer[ignore.Patterns]
	badPatterns atomic.Pointer[status.Problem]
	// heldPatterns wait for a person; allowed are those that a person has said yes to.
	heldPatterns atomic.Pointer[heldPatterns]
	allowed      atomic.Pointer[[32]byte]
	brakeOff     atomic.Bool
	reloading    sync.Mutex // one looks at the patterns on disk at a time
}

// ignoresByItself reports whether this device has patterns of its own: others may read, and
// tell of, what it leaves alone.
func (r *folderRun) ignoresByItself() bool {
	p := r.patterns.Load()
	if p == nil {
		return false
	}
	texts := p.Texts()
	return len(texts) > 1 && len(texts[1]) > 0
}

// readPatterns reads what is to be ignored in a folder: the shared patterns, then this
// device's own, which win.
func readPatterns(root string) (ignore.Patterns, error) {
	var all ignore.Patterns
	for i, name := range []string{
		folder.IgnoreFile, filepath.Join(tree.PrivateDir, localPatterns),
	} {
		text, err := readSmall(filepath.Join(root, name))
		if err != nil {
			return all, err
		}
		p, err := ignore.Parse(text)
		if err != nil {
			return all, fmt.Errorf("%s: %w", name, err)
		}
		if i == 0 {
			all = p
		} else {
			all = ignore.Combine(all, p)
		}
	}
	return all, nil
}

// readSmall reads a file of patterns; one that is not there is empty. A link is not
// followed: it may lead out of the folder.
func readSmall(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file, so its patterns cannot be obeyed", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, ignore.TextMax+1))
	return text, errors.Join(err, file.Close())
}

// firstPatterns are those that an earlier run obeyed: should others lie on disk by now, the
// first look takes them in like any change. A folder without patterns in force shares
// nothing, so it must not begin.
func (r *folderRun) firstPatterns() error {
	noted, ok, err := folder.PatternsNoted(r.store.Notes())
	if err != nil {
		return err
	}
	if !ok {
		if noted, err = readPatterns(r.path); err != nil {
			return err
		}
	}
	r.patterns.Store(&noted)
	return nil
}

// loadPatterns takes in changed patterns, before anything is looked at or told by them.
// Patterns that cannot be read leave those in force that were: taken for none, they would
// share what a person wants kept apart. So do patterns that wait for a person's yes.
func (r *folderRun) loadPatterns() {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	fresh, err := readPatterns(r.path)
	if err != nil {
		if old := r.badPatterns.Load(); old == nil || old.Reason != err.Error() {
			r.badPatterns.Store(&status.Problem{Path: folder.IgnoreFile, Kind: "ignore", Reason: err.Error()})
			r.log.Warn("the old ignore patterns stay in force", "reason", err)
		}
		return
	}
	r.badPatterns.Store(nil)
	switch old := r.patterns.Load(); {
	case old.Hash() == fresh.Hash():
		r.heldPatterns.Store(nil)
	case r.mayObey(old, &fresh):
		r.heldPatterns.Store(nil)
		r.patterns.Store(&fresh)
		r.log.Info("the ignore patterns have changed", "patterns", fresh.Len())
		r.post(folder.PatternsChanged{Patterns: fresh})
		r.post(settle.RescanAsked{})
	}
}

func (r *folderRun) ignored(path string, dir bool) bool {
	p := r.patterns.Load()
	return p != nil && p.Len() > 0 && p.Match(path, dir).Ignored()
}
