package host

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// install puts files in place as the worker for orders does, and returns what came of it.
func install(t *testing.T, r *folderRun, paths ...string) ([]tree.Order, []tree.Outcome) {
	t.Helper()
	orders := make([]tree.Order, len(paths))
	for i, p := range paths {
		body := []byte("the content of " + p)
		content := ident.ContentID(recipe.HashChunk(body))
		if err := r.disk.PutWhole(content, body); err != nil {
			t.Fatal(err)
		}
		orders[i] = tree.Order{
			Op: tree.InstallFile, Path: p, Content: content, Size: int64(len(body)), Mode: 0o644, Mtime: 7e9,
		}
	}
	r.installs.begin(orders)
	return orders, r.disk.Execute(orders)
}

// record notes in the index that a file is in place.
func record(t *testing.T, r *folderRun, id byte, path string, o tree.Outcome) {
	t.Helper()
	r.store.Apply(tree.Batch{Placed: []tree.Base{{Entry: ident.EntryID{id}, Name: path, Stat: o.Stat, Rev: 1}}})
	if err := r.store.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestOwnInstallsAreNotLookedAt(t *testing.T) {
	r := &folderRun{}
	r.installs.init()
	root := onDisk(t, r)
	indexed(t, r)
	sifted := func(when string, want ...string) {
		t.Helper()
		if got := r.sift([]string{"a", "b", "foreign"}); !slices.Equal(got, want) {
			t.Errorf("%s: %q are looked at, want %q", when, got, want)
		}
	}
	sifted("before anything", "a", "b", "foreign")
	orders, outcomes := install(t, r, "a", "b")
	sifted("while the files are in hand", "foreign")
	if late := r.installs.end(orders, outcomes); !slices.Equal(late, []string{"a", "b"}) {
		t.Errorf("touched again are %q", late)
	}
	record(t, r, 1, "a", outcomes[0])
	record(t, r, 2, "b", outcomes[1])
	sifted("when they are in place", "foreign")
	sifted("and touched once more", "foreign")

	// A person writes to one: it counts from then on, even when it looks as it did before.
	edit := func(body string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, "a"), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	edit("another text")
	sifted("after an edit", "a", "foreign")
	edit("the content of a")
	if err := os.Chtimes(filepath.Join(root, "a"), time.Time{}, time.Unix(7, 0)); err != nil {
		t.Fatal(err)
	}
	sifted("after the edit was taken back", "a", "foreign")
	if err := os.Remove(filepath.Join(root, "b")); err != nil {
		t.Fatal(err)
	}
	sifted("after a delete", "a", "b", "foreign")

	// What was refused is looked at.
	orders, outcomes = install(t, r, "a")
	if outcomes[0].Refusal == tree.Done {
		t.Fatal("a file that is there was replaced without saying so")
	}
	r.installs.end(orders, outcomes)
	sifted("after a refusal", "a", "b", "foreign")
	orders, outcomes = install(t, r, "b")
	r.installs.end(orders, outcomes)
	record(t, r, 2, "b", outcomes[0])
	sifted("when it was put there once more", "a", "foreign")
	r.installs.look(true)
	sifted("after a look at everything", "a", "b", "foreign")
	if err := os.Remove(filepath.Join(root, "b")); err != nil {
		t.Fatal(err)
	}
	orders, outcomes = install(t, r, "b")
	r.installs.end(orders, outcomes)
	record(t, r, 2, "moved", outcomes[0])
	sifted("where the index knows it elsewhere", "a", "b", "foreign")
}

// A look at a directory finds what is being put into it, and what was a moment ago.
func TestOwnInstallsAreFoundInDirectories(t *testing.T) {
	r := &folderRun{}
	r.installs.init()
	root := onDisk(t, r)
	own := func(when string, want bool) {
		t.Helper()
		s, _, err := r.disk.Look("a")
		if err != nil {
			t.Fatal(err)
		}
		if got := r.installs.own("a", s); got != want {
			t.Errorf("%s: own is %v", when, got)
		}
	}
	own("before anything", false)
	orders, outcomes := install(t, r, "a")
	own("while it is in hand", true)
	if late := r.installs.end(orders, outcomes); !slices.Equal(late, []string{"a"}) {
		t.Errorf("touched again are %q", late)
	}
	own("when it is in place", true)
	r.installs.look(false)
	own("when it was there before the look", false)
	if err := os.Remove(filepath.Join(root, "a")); err != nil {
		t.Fatal(err)
	}
	orders, outcomes = install(t, r, "a")
	r.installs.end(orders, outcomes)
	own("when it came after the look began", true)
	if err := os.Chtimes(filepath.Join(root, "a"), time.Time{}, time.Unix(8, 0)); err != nil {
		t.Fatal(err)
	}
	own("after a person touched it", false)
	if err := os.Chtimes(filepath.Join(root, "a"), time.Time{}, time.Unix(7, 0)); err != nil {
		t.Fatal(err)
	}
	own("after that was taken back", false)
}
