package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for an event that must come.
const patience = 20 * time.Second

// told is one call of a watcher.
type told struct {
	names   []string
	trouble Trouble
	rel     string
	err     error
}

// listener collects what a watcher tells.
type listener struct {
	t    *testing.T
	root string
	ears chan told
	seen map[string]bool
	*Watcher
}

func listen(t *testing.T, root string, skip func(string) bool) *listener {
	t.Helper()
	l := &listener{t: t, root: root, ears: make(chan told, 1024), seen: make(map[string]bool)}
	w, err := New(root, skip, l.touched, l.trouble)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	l.Watcher = w
	select {
	case <-w.Ready():
	case <-time.After(patience):
		t.Fatal("never ready")
	}
	return l
}

func (l *listener) touched(names []string) { l.ears <- told{names: names} }

func (l *listener) trouble(kind Trouble, rel string, err error) {
	l.ears <- told{trouble: kind, rel: rel, err: err}
}

// hears waits until all names have been told.
func (l *listener) hears(names ...string) {
	l.t.Helper()
	deadline := time.After(patience)
	for {
		missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return l.seen[n] })
		if len(missing) == 0 {
			return
		}
		select {
		case e := <-l.ears:
			if e.trouble != 0 {
				l.t.Fatalf("trouble %d at %q: %v", e.trouble, e.rel, e.err)
			}
			for _, n := range e.names {
				l.seen[n] = true
			}
		case <-deadline:
			l.t.Fatalf("never heard of %q", missing)
		}
	}
}

// settle waits until everything that happened so far was told, and forgets it.
func (l *listener) settle() {
	l.t.Helper()
	mark := fmt.Sprint("mark ", len(l.ears), time.Now().UnixNano())
	l.write(mark, "")
	l.hears(mark)
	clear(l.seen)
}

func (l *listener) troubled(kind Trouble) {
	l.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-l.ears:
			if e.trouble == kind {
				return
			}
		case <-deadline:
			l.t.Fatalf("trouble %d never came", kind)
		}
	}
}

func (l *listener) path(rel string) string { return filepath.Join(l.root, rel) }

func (l *listener) write(rel, content string) {
	l.t.Helper()
	if err := os.WriteFile(l.path(rel), []byte(content), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func (l *listener) mkdir(rel string) {
	l.t.Helper()
	if err := os.MkdirAll(l.path(rel), 0o755); err != nil {
		l.t.Fatal(err)
	}
}

func (l *listener) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func TestChangesOfAFile(t *testing.T) {
	root := t.TempDir()
	l := listen(t, root, nil)
	l.write("a", "one")
	l.hears("a")
	l.settle()
	l.must(os.Chmod(l.path("a"), 0o600))
	l.hears("a")
	l.settle()
	l.must(os.Rename(l.path("a"), l.path("b")))
	l.hears("a", "b")
	l.settle()
	l.must(os.Remove(l.path("b")))
	l.hears("b")
}

func TestDirectoriesThatWereThere(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b", "c")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	l := listen(t, root, nil)
	l.write("a/b/c/file", "")
	l.hears("a/b/c/file")
	if len(l.seen) != 1 {
		t.Errorf("heard of %v", l.seen)
	}
}

// What is made in a new directory is told, whether the watch or the listing sees it.
func TestNewDirectoriesAreSeenWhole(t *testing.T) {
	l := listen(t, t.TempDir(), nil)
	var want []string
	for i := range 50 {
		dir := fmt.Sprintf("d%d/e/f", i)
		l.mkdir(dir)
		l.write(dir+"/file", "")
		want = append(want, dir, dir+"/file")
	}
	l.hears(want...)
	l.settle()
	l.write("d7/e/f/later", "")
	l.hears("d7/e/f/later")
}

func TestALargeNewDirectoryIsToldByItsOwnName(t *testing.T) {
	outside, l := t.TempDir(), listen(t, t.TempDir(), nil)
	for i := range contentsMax + 1 {
		l.must(os.WriteFile(filepath.Join(outside, fmt.Sprint(i)), nil, 0o644))
	}
	l.must(os.Rename(outside, l.path("big")))
	l.hears("big")
	l.settle()
	l.write("big/0", "x")
	l.hears("big/0")
}

func TestMovedDirectoryIsHeardUnderItsNewName(t *testing.T) {
	l := listen(t, t.TempDir(), nil)
	l.mkdir("old/sub")
	l.hears("old", "old/sub")
	l.settle()
	l.must(os.Rename(l.path("old"), l.path("new")))
	l.hears("old", "new")
	l.settle()
	l.write("new/sub/file", "")
	l.hears("new/sub/file")
	// Exchange two directories by three moves.
	l.mkdir("other/sub")
	l.settle()
	l.must(os.Rename(l.path("new"), l.path("x")))
	l.must(os.Rename(l.path("other"), l.path("new")))
	l.must(os.Rename(l.path("x"), l.path("other")))
	l.settle()
	l.write("new/sub/one", "")
	l.write("other/sub/two", "")
	l.hears("new/sub/one", "other/sub/two")
	if l.seen["other/sub/one"] || l.seen["new/sub/two"] {
		t.Errorf("heard under the wrong name: %v", l.seen)
	}
}

func TestDirectoryMovedOutIsLeftAlone(t *testing.T) {
	away := filepath.Join(t.TempDir(), "away")
	l := listen(t, t.TempDir(), nil)
	l.mkdir("dir/sub")
	l.settle()
	l.must(os.Rename(l.path("dir"), away))
	l.hears("dir")
	l.settle()
	l.must(os.WriteFile(filepath.Join(away, "sub", "file"), nil, 0o644))
	l.settle()
	if names := l.fs.WatchList(); len(names) != 1 {
		t.Errorf("still watched: %q", names)
	}
	l.must(os.Rename(away, l.path("back")))
	l.hears("back", "back/sub", "back/sub/file")
	l.settle()
	l.write("back/sub/file", "again")
	l.hears("back/sub/file")
}

func TestRemovedTreeIsForgotten(t *testing.T) {
	l := listen(t, t.TempDir(), nil)
	l.mkdir("a/b/c")
	l.settle()
	l.must(os.RemoveAll(l.path("a")))
	l.hears("a")
	l.settle()
	l.mkdir("a/b")
	l.write("a/b/file", "")
	l.hears("a/b/file")
	l.settle()
	if names := l.fs.WatchList(); len(names) != 3 {
		t.Errorf("watched: %q", names)
	}
}

func TestOwnAndSkippedDirectoriesAreNotWatched(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{".shoal/stage", "cache/deep", "kept/.shoal"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l := listen(t, root, func(rel string) bool { return rel == "cache" })
	l.write(".shoal/stage/x", "")
	l.write("cache/deep/x", "")
	l.write("kept/.shoal/x", "")
	l.hears("kept/.shoal/x")
	l.settle()
	if names := l.fs.WatchList(); len(names) != 3 {
		t.Errorf("watched: %q", names)
	}
	for name := range l.seen {
		if strings.HasPrefix(name, ".shoal") || strings.HasPrefix(name, "cache") {
			t.Errorf("told of %q", name)
		}
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(outside, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(root, "before")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	l := listen(t, root, nil)
	l.must(os.Symlink(outside, l.path("after")))
	l.hears("after")
	l.settle()
	if names := l.fs.WatchList(); len(names) != 1 {
		t.Errorf("watched: %q", names)
	}
}

// While nobody takes what is told, the system's queue fills up. Afterwards the loss is
// told of, and directories made meanwhile are watched all the same.
func TestOverflow(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"one", "two"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"x/was/sub", "y/was/sub"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	open, troubles := make(chan struct{}), make(chan Trouble, 64)
	names := make(chan string, 1<<20)
	w, err := New(root, nil, func(rel []string) {
		<-open
		for _, n := range rel {
			names <- n
		}
	}, func(kind Trouble, _ string, _ error) { troubles <- kind })
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	<-w.Ready()
	// Equal events one after the other are one event, so two files take turns.
	for i := range 20_000 {
		name := filepath.Join(root, []string{"one", "two"}[i%2])
		if err := os.Chmod(name, 0o600|fs.FileMode(i/2%2)<<2); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "lost", "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	// In whatever order they are walked, one is met under its new name first.
	for was, is := range map[string]string{"x/was": "y/is", "y/was": "x/is"} {
		if err := os.Rename(filepath.Join(root, was), filepath.Join(root, is)); err != nil {
			t.Fatal(err)
		}
	}
	close(open)
	select {
	case kind := <-troubles:
		if kind != Overflow {
			t.Fatalf("trouble %d", kind)
		}
	case <-time.After(patience):
		t.Skip("this system's queue is longer than the test is patient")
	}
	// Directories are found by the walk that follows, and then they are watched.
	found := map[string]bool{"lost/deep": true, "x/is/sub": true, "y/is/sub": true}
	await(t, names, found)
	for _, name := range []string{"lost/deep/file", "x/is/sub/file", "y/is/sub/file"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		found[name] = true
	}
	await(t, names, found)
}

// await waits until all the wanted names were told, and strikes them out.
func await(t *testing.T, names chan string, want map[string]bool) {
	t.Helper()
	deadline := time.After(patience)
	for len(want) > 0 {
		select {
		case n := <-names:
			delete(want, n)
		case <-deadline:
			t.Fatalf("never heard of %v", want)
		}
	}
}

func TestLimitIsToldOnceWithTheRemedy(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"a/b", "c/d", "e/f"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ears := make(chan told, 64)
	w := &Watcher{root: root,
		touched: func([]string) {},
		trouble: func(kind Trouble, rel string, err error) {
			ears <- told{trouble: kind, rel: rel, err: err}
		}}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	real, left := w.add, 3
	w.add = func(path string) error {
		if left--; left < 0 {
			return syscall.EMFILE
		}
		return real(path)
	}
	w.start()
	<-w.Ready()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if len(ears) != 1 {
		t.Fatalf("told of %d troubles", len(ears))
	}
	e := <-ears
	if e.trouble != Limit || e.rel == "" || !errors.Is(e.err, ErrLimit) {
		t.Errorf("told %+v", e)
	}
}

func TestRootGone(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	l := listen(t, root, nil)
	l.must(os.Rename(root, root+" moved"))
	l.troubled(RootGone)
}

func TestNothingToWatch(t *testing.T) {
	_, err := New(filepath.Join(t.TempDir(), "nothing"), nil, nil, nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestCloseDuringAStorm(t *testing.T) {
	for range 20 {
		root := t.TempDir()
		closed := make(chan struct{})
		w, err := New(root, nil, func([]string) {
			select {
			case <-closed:
				t.Error("told after Close")
			default:
			}
		}, func(kind Trouble, rel string, err error) { t.Errorf("%d %s %v", kind, rel, err) })
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			if err := os.MkdirAll(filepath.Join(root, fmt.Sprint(i), "x"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		close(closed)
	}
}

func BenchmarkWatch10000Directories(b *testing.B) {
	root := b.TempDir()
	for i := range 100 {
		for j := range 99 {
			if err := os.MkdirAll(filepath.Join(root, fmt.Sprint(i), fmt.Sprint(j)), 0o755); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		w, err := New(root, nil, func([]string) {}, func(_ Trouble, _ string, err error) { b.Error(err) })
		if err != nil {
			b.Fatal(err)
		}
		<-w.Ready()
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
