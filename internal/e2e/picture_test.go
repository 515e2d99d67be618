//go:build unix

package e2e

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// view is a tree as a person sees it: each path with everything that is kept in step.
type view map[string]string

// picture takes in the tree below root.
func picture(t *testing.T, root string) view {
	t.Helper()
	v, err := tryPicture(root)
	must(t, err)
	return v
}

func tryPicture(root string) (view, error) {
	v := view{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case rel == ".":
			return nil
		case rel == ".shoal":
			return fs.SkipDir
		}
		v[rel], err = describe(path, d)
		return err
	})
	return v, err
}

func describe(path string, d fs.DirEntry) (string, error) {
	info, err := d.Info()
	if err != nil {
		return "", err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return "link to " + target, err
	case info.IsDir():
		return fmt.Sprintf("dir %v", info.Mode().Perm()), nil
	case !info.Mode().IsRegular():
		return info.Mode().Type().String(), nil
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("file %v %s %d bytes %x", info.Mode().Perm(),
		info.ModTime().UTC().Format(time.RFC3339Nano), len(body), sha256.Sum256(body)), nil
}

// differs lists what is not the same in two trees, "" when nothing is.
func (v view) differs(o view) string {
	var lines []string
	for path, is := range v {
		switch other, ok := o[path]; {
		case !ok:
			lines = append(lines, fmt.Sprintf("%q: %s, missing in the other", path, is))
		case other != is:
			lines = append(lines, fmt.Sprintf("%q: %s, in the other %s", path, is, other))
		}
	}
	for path, is := range o {
		if _, ok := v[path]; !ok {
			lines = append(lines, fmt.Sprintf("%q: missing, in the other %s", path, is))
		}
	}
	slices.Sort(lines)
	if more := len(lines) - 20; more > 0 {
		lines = append(lines[:20], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// names lists the paths of the tree.
func (v view) names() []string {
	var out []string
	for path := range v {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

// at is a path in the folder of an agent.
func (a *agent) at(path string) string { return filepath.Join(a.root, path) }

// put writes a file, making the directories above it.
func (a *agent) put(path, body string) {
	a.t.Helper()
	must(a.t, os.MkdirAll(filepath.Dir(a.at(path)), 0o755))
	must(a.t, os.WriteFile(a.at(path), []byte(body), 0o644))
}

// fill writes a file of that many bytes which nothing else holds.
func (a *agent) fill(path string, size int) {
	a.t.Helper()
	a.put(path, string(noise(uint64(len(path))<<32^uint64(size)^seedOf(path), size)))
}

// drop fills a file elsewhere and moves it into the folder, so that no part of it is seen
// before the rest.
func (a *agent) drop(path string, size int) {
	a.t.Helper()
	outside := filepath.Join(filepath.Dir(a.root), "outside")
	must(a.t, os.WriteFile(outside, noise(seedOf(path)^uint64(size), size), 0o644))
	must(a.t, os.Rename(outside, a.at(path)))
}

func seedOf(text string) (seed uint64) {
	for _, b := range []byte(text) {
		seed = seed*131 + uint64(b)
	}
	return seed
}

// noise returns bytes that cannot be compressed and are the same for the same seed.
func noise(seed uint64, size int) []byte {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	out := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(out) // never fails
	return out
}

func (a *agent) read(path string) string {
	a.t.Helper()
	body, err := os.ReadFile(a.at(path))
	must(a.t, err)
	return string(body)
}

func (a *agent) move(from, to string) {
	a.t.Helper()
	must(a.t, os.Rename(a.at(from), a.at(to)))
}

func (a *agent) remove(path string) {
	a.t.Helper()
	must(a.t, os.RemoveAll(a.at(path)))
}

func (a *agent) mkdir(path string) {
	a.t.Helper()
	must(a.t, os.MkdirAll(a.at(path), 0o755))
}

func (a *agent) exists(path string) bool {
	a.t.Helper()
	_, err := os.Lstat(a.at(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.t.Fatal(err)
	}
	return err == nil
}
