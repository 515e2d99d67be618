package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// private is the directory that shoal keeps for itself in each folder.
const private = ".shoal"

// leaf is everything the demo compares of one name.
type leaf struct {
	mode    fs.FileMode // kind and permissions
	size    int64       // of a file
	modTime int64       // of a file, in nanoseconds
	hash    [sha256.Size]byte
	target  string // of a link
}

func (l leaf) String() string {
	switch {
	case l == leaf{}:
		return "nothing"
	case l.mode.IsDir():
		return fmt.Sprintf("a directory %s", l.mode)
	case l.mode&fs.ModeSymlink != 0:
		return fmt.Sprintf("a link to %s", l.target)
	}
	return fmt.Sprintf("a file %s of %d bytes, SHA-256 %x…, changed at %d ns", l.mode, l.size,
		l.hash[:4], l.modTime)
}

// ledger holds what is in a folder, or what must be there, by path with slashes.
type ledger map[string]leaf

// tally counts a ledger.
type tally struct {
	files, directories, links int
	bytes                     int64
}

func (l ledger) tally() (t tally) {
	for _, leaf := range l {
		switch {
		case leaf.mode.IsDir():
			t.directories++
		case leaf.mode&fs.ModeSymlink != 0:
			t.links++
		default:
			t.files++
			t.bytes += leaf.size
		}
	}
	return t
}

// under lists the paths of regular files below a directory, sorted.
func (l ledger) under(dir string) []string {
	var out []string
	for p, leaf := range l {
		if leaf.mode.IsRegular() && strings.HasPrefix(p, dir+"/") {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// move renames a path and all below it.
func (l ledger) move(from, to string) {
	for _, p := range slices.Collect(maps.Keys(l)) {
		if p == from || strings.HasPrefix(p, from+"/") {
			l[to+p[len(from):]] = l[p]
			delete(l, p)
		}
	}
}

// remove forgets a path and all below it.
func (l ledger) remove(gone string) {
	maps.DeleteFunc(l, func(p string, _ leaf) bool {
		return p == gone || strings.HasPrefix(p, gone+"/")
	})
}

// differences names up to most paths in which two ledgers differ, and counts the rest.
func (l ledger) differences(o ledger, mine, other string) []string {
	const most = 5
	names := slices.Collect(maps.Keys(l))
	for p := range o {
		if _, both := l[p]; !both {
			names = append(names, p)
		}
	}
	slices.Sort(names)
	var out []string
	more := 0
	for _, p := range names {
		switch {
		case l[p] == o[p]:
		case len(out) == most:
			more++
		default:
			out = append(out, fmt.Sprintf("%q is %s %s, and %s %s", p, l[p], mine, o[p], other))
		}
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// survey walks folders and hashes every file in them with all processors.
func survey(roots ...string) ([]ledger, error) {
	type job struct {
		ledger ledger
		root   string
		path   string
	}
	var jobs []job
	out := make([]ledger, len(roots))
	for i, root := range roots {
		walked, err := walk(root)
		if err != nil {
			return nil, err
		}
		out[i] = walked
		for p, leaf := range walked {
			if leaf.mode.IsRegular() {
				jobs = append(jobs, job{walked, root, p})
			}
		}
	}
	// The largest first: the last one to be taken keeps everybody waiting.
	slices.SortFunc(jobs, func(a, b job) int {
		return int(min(1, max(-1, b.ledger[b.path].size-a.ledger[a.path].size)))
	})
	var mu sync.Mutex
	var failed []error
	var work sync.WaitGroup
	next := 0
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for {
				mu.Lock()
				if next == len(jobs) || failed != nil {
					mu.Unlock()
					return
				}
				j := jobs[next]
				next++
				mu.Unlock()
				hash, err := hashFile(filepath.Join(j.root, filepath.FromSlash(j.path)))
				mu.Lock()
				if err != nil {
					failed = append(failed, err)
				}
				leaf := j.ledger[j.path]
				leaf.hash = hash
				j.ledger[j.path] = leaf
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return out, errors.Join(failed...)
}

// walk lists a folder without the contents of files, and without what is shoal's own.
func walk(root string) (ledger, error) {
	out := ledger{}
	err := filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		if err != nil || full == root {
			return err
		}
		if d.IsDir() && full == filepath.Join(root, private) {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(rel)], err = look(full)
		return err
	})
	return out, err
}

// look describes one name without the content of a file.
func look(full string) (leaf, error) {
	info, err := os.Lstat(full)
	if err != nil {
		return leaf{}, err
	}
	out := leaf{mode: info.Mode() & (fs.ModeType | fs.ModePerm)}
	switch {
	case info.Mode().IsRegular():
		out.size, out.modTime = info.Size(), info.ModTime().UnixNano()
	case info.Mode()&fs.ModeSymlink != 0:
		out.mode = fs.ModeSymlink // its permissions mean nothing, and differ by system
		out.target, err = os.Readlink(full)
	}
	return out, err
}

// take notes what is at a path of a folder now, and the directories that lead there.
func (l ledger) take(root, p string) error {
	full := filepath.Join(root, filepath.FromSlash(p))
	seen, err := look(full)
	if err == nil && seen.mode.IsRegular() {
		seen.hash, err = hashFile(full)
	}
	if err != nil {
		return err
	}
	l[p] = seen
	if dir := path.Dir(p); dir != "." {
		if _, known := l[dir]; !known {
			return l.take(root, dir)
		}
	}
	return nil
}

func hashFile(full string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(full)
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	_, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 256<<10))
	h.Sum(sum[:0])
	return sum, errors.Join(err, f.Close())
}
