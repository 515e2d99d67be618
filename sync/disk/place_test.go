package disk

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/shoal-sync/shoal/sync/disk/disktest"
	"github.com/shoal-sync/shoal/sync/tree"
)

// TestLookEach tries that many looks say what one look at each says.
func TestLookEach(t *testing.T) {
	r := newReal(t, Limits{})
	for _, path := range []string{"top", "d/a", "d/b", "d/e/f", "g/a"} {
		if err := os.MkdirAll(filepath.Join(r.dir, filepath.Dir(path)), 0o777); err != nil {
			t.Fatal(err)
		}
		r.save(t, path, path)
	}
	paths := []string{"top", "d/a", "d/b", "d/none", "d/e/f", "d/e", "none/a", "none/b", "d/a", "g/a", "g/a/b", "d/..", "d/b"}
	for i, got := range r.LookEach(paths) {
		stat, there, err := r.Look(paths[i])
		if got.Stat != stat || got.There != there || (got.Err == nil) != (err == nil) {
			t.Errorf("%q: %+v; one look says %+v, %v, %v", paths[i], got, stat, there, err)
		}
	}
}

// TestInstallsInOneDirectory installs into directories in turn, one of which is moved, and
// has another put in its place, in the middle of a batch: what was decided for a directory
// goes where that is now.
func TestInstallsInOneDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a directory that is open stays where it is")
	}
	r := newReal(t, Limits{})
	for _, dir := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(r.dir, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	order := func(path string) tree.Order {
		content := r.put(t, "in "+path)
		dir := filepath.Dir(path)
		return tree.Order{
			Op: tree.InstallFile, Path: path, Content: disktest.ID(content), Size: int64(len(content)),
			Mode: 0o644, Mtime: 1_700_000_000_000_000_000, Into: r.see(t, dir).File,
		}
	}
	orders := []tree.Order{order("a/1"), order("a/2"), order("b/1"), order("a/3"), order("b/2"), order("b/3")}
	r.seam = func(point, path string) {
		if point == "installed" && path == "b/2" { // somebody puts another in its place
			err := os.Rename(filepath.Join(r.dir, "b"), filepath.Join(r.dir, "c"))
			if err = errors.Join(err, os.Mkdir(filepath.Join(r.dir, "b"), 0o777)); err != nil {
				t.Error(err)
			}
		}
	}
	outcomes := r.Execute(orders)
	r.seam = nil
	for i, o := range outcomes {
		if o.Refusal != tree.Done {
			t.Errorf("%q: %s", orders[i].Path, o.Detail)
		}
	}
	for path, content := range map[string]string{
		"a/1": "in a/1", "a/2": "in a/2", "a/3": "in a/3", "c/1": "in b/1", "c/2": "in b/2", "c/3": "in b/3",
	} {
		r.holds(t, path, content)
	}
}
