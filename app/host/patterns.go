package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/tree"
)

// localPatterns is this device's own file of patterns, in the folder's private directory.
const localPatterns = "ignore-local"

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

// loadPatterns takes in changed patterns, before anything is looked at or told by them.
// Patterns that cannot be read leave those in force that were: taken for none, they would
// share what a person wants kept apart.
func (r *folderRun) loadPatterns() {
	fresh, err := readPatterns(r.path)
	if err != nil {
		if old := r.badPatterns.Load(); old == nil || old.Reason != err.Error() {
			r.badPatterns.Store(&status.Problem{Path: folder.IgnoreFile, Kind: "ignore", Reason: err.Error()})
			r.log.Warn("the old ignore patterns stay in force", "reason", err)
		}
		return
	}
	r.badPatterns.Store(nil)
	if old := r.patterns.Swap(&fresh); old != nil && old.Hash() != fresh.Hash() {
		r.log.Info("the ignore patterns have changed", "patterns", fresh.Len())
		r.post(folder.PatternsChanged{Patterns: fresh})
		r.post(settle.RescanAsked{})
	}
}

func (r *folderRun) ignored(path string, dir bool) bool {
	p := r.patterns.Load()
	return p != nil && p.Len() > 0 && p.Match(path, dir).Ignored()
}
