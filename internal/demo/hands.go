package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
)

// hands change files on one device as a person does, and enter in the ledger what must
// come of it, until something fails.
type hands struct {
	device       *device
	root         string
	want         ledger
	edited, made int
	err          error
}

func newHands(d *device, want ledger) *hands {
	return &hands{device: d, root: d.folder(), want: want}
}

// do changes one path and enters what is there afterwards.
func (h *hands) do(p string, change func(full string) error) {
	if h.err != nil {
		return
	}
	full := filepath.Join(h.root, filepath.FromSlash(p))
	h.err = os.MkdirAll(filepath.Dir(full), 0o755)
	if h.err == nil {
		h.err = change(full)
	}
	if h.err == nil {
		h.err = h.want.take(h.root, p)
	}
}

// edit appends a line to files.
func (h *hands) edit(paths ...string) {
	for _, p := range paths {
		h.do(p, func(full string) error {
			f, err := os.OpenFile(full, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(f, "\nedited on %s\n", h.device.name)
			return errors.Join(err, f.Close())
		})
		h.edited++
	}
}

func (h *hands) write(p, text string) {
	h.do(p, func(full string) error { return os.WriteFile(full, []byte(text), 0o644) })
}

func (h *hands) create(pattern string, n int) {
	for i := range n {
		h.write(fmt.Sprintf(pattern, i), fmt.Sprintf("made on %s, page %d\n", h.device.name, i))
		h.made++
	}
}

func (h *hands) remove(paths ...string) {
	for _, p := range paths {
		if h.err == nil {
			h.err = os.RemoveAll(filepath.Join(h.root, filepath.FromSlash(p)))
			h.want.remove(p)
		}
	}
}

func (h *hands) move(from, to string) {
	if h.err != nil {
		return
	}
	target := filepath.Join(h.root, filepath.FromSlash(to))
	h.err = errors.Join(os.MkdirAll(filepath.Dir(target), 0o755),
		os.Rename(filepath.Join(h.root, filepath.FromSlash(from)), target))
	if h.err == nil {
		h.want.move(from, to)
		h.err = h.want.take(h.root, path.Dir(to))
	}
}

// insert puts bytes into the middle of a file and saves it as editors do: written beside
// the folder, then renamed over the old one.
func (h *hands) insert(p string, n int) {
	h.do(p, func(full string) error {
		old, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		fresh := filepath.Join(h.device.dir, filepath.Base(full))
		middle := len(old) / 2
		text := slices.Concat(old[:middle], make([]byte, n), old[middle:])
		return errors.Join(os.WriteFile(fresh, text, 0o644), os.Rename(fresh, full))
	})
}

// oddChanges are small ones that are easily forgotten.
func (h *hands) oddChanges() {
	h.do(runnable, func(full string) error { return os.Chmod(full, 0o644) })
	h.do(aLink, func(full string) error {
		return errors.Join(os.Remove(full), os.Symlink("empty.txt", full))
	})
	h.do("odd names/another empty directory", func(full string) error { return os.Mkdir(full, 0o755) })
}

// conflictName is the name that the contract gives to the version that lost.
var conflictName = regexp.MustCompile(
	`^plan \(conflict, (desktop|server), \d{4}-\d\d-\d\d \d\d-\d\d-\d\d\)\.md$`)

// bothKept looks for both versions of the plan on every device, enters them in the
// ledger, and returns the path of the one that lost the name.
func (s *stage) bothKept(hands []*hands) (string, error) {
	dir := path.Dir(planFile)
	copied := ""
	for _, d := range s.devices {
		names, err := os.ReadDir(filepath.Join(d.folder(), dir))
		if err != nil {
			return "", err
		}
		var found []string
		for _, n := range names {
			found = append(found, n.Name())
		}
		if len(found) != 2 || !conflictName.MatchString(found[0]) || found[1] != path.Base(planFile) {
			return "", fmt.Errorf("%s has %q in %s instead of %s and its conflict copy", d.name,
				found, dir, path.Base(planFile))
		}
		copied = dir + "/" + found[0]
	}
	loser, winner := hands[0], hands[1]
	if conflictName.FindStringSubmatch(path.Base(copied))[1] != loser.device.name {
		loser, winner = winner, loser
	}
	s.want[planFile], s.want[copied] = winner.want[planFile], loser.want[planFile]
	return copied, nil
}
