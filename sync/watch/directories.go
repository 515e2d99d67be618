package watch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/shoal-sync/shoal/internal/filestat"
	"github.com/shoal-sync/shoal/sync/tree"
)

// listMax is how many names are read from a directory at a time.
const listMax = 1024

// node is a watched directory.
type node struct {
	parent   *node // nil for the root, and once dropped
	name     string
	children map[string]*node // nil while there are none
	file     tree.FileID
}

// task is a name that may be a directory to be watched.
type task struct {
	rel string
	// report tells of what is found in the directory: it is new, and its content came
	// before the watch.
	report bool
	// refresh goes over a directory that may be watched already, and reports it if not.
	refresh bool
}

// rel returns the directory's name below the root.
func (n *node) rel() string {
	if n.parent == nil {
		return ""
	}
	return path.Join(n.parent.rel(), n.name)
}

// find returns the watched directory of that name, or nil.
func (w *Watcher) find(rel string) *node {
	n := w.top
	for rel != "" && n != nil {
		var name string
		name, rel, _ = strings.Cut(rel, "/")
		n = n.children[name]
	}
	return n
}

// next does the task found last: deep before wide keeps the list of tasks short.
func (w *Watcher) next() {
	t := w.todo[len(w.todo)-1]
	w.todo = w.todo[:len(w.todo)-1]
	full := w.full(t.rel)
	before, ok := w.look(t.rel, full)
	if !ok {
		return
	}
	// A directory known under another name was moved, and the event is still to come. The
	// library would go on calling it by the old name, so the old watch ends first.
	known := w.find(t.rel)
	if other := w.byFile[before]; other != nil && other != known {
		w.drop(other)
	}
	if known != nil && known.file == before && !t.refresh {
		return // found by listing its parent, before the event of its making came
	}
	if known != nil && known.file != before {
		w.drop(known)
		known = nil
	}
	parent := w.find(path.Dir("/" + t.rel)[1:])
	if t.rel != "" && parent == nil {
		return // its parent went meanwhile
	}
	if err := w.add(full); err != nil {
		w.notWatched(t.rel, err)
		return
	}
	// The library follows links. What it watches now must still be the directory.
	if after, ok := w.look(t.rel, full); !ok || after != before {
		w.unwatch(full)
		return
	}
	if known == nil {
		known = w.insert(parent, path.Base(t.rel), before)
		t.report = t.report || t.refresh
	}
	if err := w.list(known, t); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.tellTrouble(Unwatched, t.rel, fmt.Errorf("list %q: %w", full, err))
	}
}

// look returns the identity of a directory; ok is false for everything else. The root may
// be a link, as the person gave it.
func (w *Watcher) look(rel, full string) (id tree.FileID, ok bool) {
	if rel == "" {
		return id, true
	}
	s, err := filestat.OfPath(full)
	return s.File, err == nil && s.Kind == tree.Dir
}

func (w *Watcher) full(rel string) string {
	return filepath.Join(w.root, filepath.FromSlash(rel))
}

func (w *Watcher) insert(parent *node, name string, file tree.FileID) *node {
	n := &node{parent: parent, name: name, file: file}
	if parent == nil {
		w.top = n
		return n
	}
	if parent.children == nil {
		parent.children = make(map[string]*node)
	}
	parent.children[name] = n
	if !file.IsZero() {
		w.byFile[file] = n
	}
	return n
}

// drop ends the watches of a directory and of all below it; nil and the root stay.
func (w *Watcher) drop(n *node) {
	if n == nil || n.parent == nil {
		return
	}
	full := w.full(n.rel())
	delete(n.parent.children, n.name)
	w.forget(n, full)
}

func (w *Watcher) forget(n *node, full string) {
	for name, child := range n.children {
		w.forget(child, filepath.Join(full, name))
	}
	n.parent, n.children = nil, nil
	if w.byFile[n.file] == n {
		delete(w.byFile, n.file)
	}
	w.unwatch(full)
}

// unwatch ends one watch. Where the directory is gone the watch ended before us, which is
// all that can go wrong, so there is nothing to tell.
func (w *Watcher) unwatch(full string) { _ = w.fs.Remove(full) }

// list finds directories in a directory and, where asked to, reports what is in it.
func (w *Watcher) list(n *node, t task) (err error) {
	f, err := os.Open(w.full(t.rel))
	if err != nil {
		return err
	}
	defer f.Close()
	var gone map[string]*node // watched below, and not seen yet
	if len(n.children) > 0 {
		gone = make(map[string]*node, len(n.children))
		for name, child := range n.children {
			gone[name] = child
		}
	}
	var few []string // its content, as long as that is told one by one
	count := 0
	for {
		entries, err := f.ReadDir(listMax)
		for _, e := range entries {
			rel := path.Join(t.rel, e.Name())
			if w.skips(rel) {
				continue
			}
			if e.IsDir() {
				delete(gone, e.Name())
				w.todo = append(w.todo, task{rel: rel, report: t.report, refresh: t.refresh})
			}
			if count++; count <= contentsMax {
				few = append(few, rel)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if count > contentsMax {
		few = append(few[:0], t.rel)
	}
	for _, rel := range few {
		if t.report {
			w.touch(rel)
		}
	}
	for _, child := range gone {
		w.drop(child)
	}
	return nil
}

// notWatched tells why a directory is not watched. One that is gone already is none.
func (w *Watcher) notWatched(rel string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	err = fmt.Errorf("watch %q: %w", w.full(rel), explain(err))
	if !errors.Is(err, ErrLimit) {
		w.tellTrouble(Unwatched, rel, err)
		return
	}
	if !w.limited {
		w.limited = true
		w.tellTrouble(Limit, rel, err)
	}
}
