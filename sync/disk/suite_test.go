package disk

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/shoal-sync/shoal/sync/disk/disktest"
	"github.com/shoal-sync/shoal/sync/tree"
)

// real is a folder of the file system with a person's programs beside it.
type real struct {
	*Folder
	dir string
}

func (r real) Trash() ([]string, error) {
	kept, err := r.Folder.Trash()
	var paths []string
	for _, k := range kept {
		paths = append(paths, k.Path)
	}
	return paths, err
}

func (r real) Save(path string, content []byte) error {
	return os.WriteFile(filepath.Join(r.dir, path), content, 0o644)
}

func (r real) Read(path string) ([]byte, error) {
	path = filepath.Join(r.dir, path)
	if target, err := os.Readlink(path); err == nil {
		return []byte(target), nil
	}
	return os.ReadFile(path)
}

// quickDir returns a directory in memory where there is such a thing: what is tested there
// is the system's names, not its medium.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "disk-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func newReal(t testing.TB, limits Limits) real { return newRealIn(t, quickDir(t), limits) }

func newRealIn(t testing.TB, dir string, limits Limits) real {
	t.Helper()
	f, err := Create(dir, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return real{f, dir}
}

// reopen is what a restart of the program does.
func (r real) reopen(t testing.TB) real {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(r.dir, r.token, r.limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return real{f, r.dir}
}

func (r real) put(t testing.TB, content string) []byte {
	t.Helper()
	if err := r.PutWhole(disktest.ID([]byte(content)), []byte(content)); err != nil {
		t.Fatal(err)
	}
	return []byte(content)
}

func (r real) save(t testing.TB, path, content string) *tree.Stat {
	t.Helper()
	if err := r.Save(path, []byte(content)); err != nil {
		t.Fatal(err)
	}
	return r.see(t, path)
}

func (r real) see(t testing.TB, path string) *tree.Stat {
	t.Helper()
	s, found, err := r.Look(path)
	if err != nil || !found {
		t.Fatalf("look at %q: found %v, %v", path, found, err)
	}
	return &s
}

func (r real) holds(t testing.TB, path, want string) {
	t.Helper()
	got, err := r.Read(path)
	if err != nil || string(got) != want {
		t.Errorf("%q holds %q, %v; want %q", path, got, err, want)
	}
}

// do carries out one order and checks its refusal.
func (r real) do(t testing.TB, o tree.Order, want tree.Refusal) tree.Stat {
	t.Helper()
	got := r.Execute([]tree.Order{o})[0]
	if got.Refusal != want {
		t.Fatalf("op %d %q: refusal %d (%s), want %d", o.Op, o.Path, got.Refusal, got.Detail, want)
	}
	return got.Stat
}

// inPrivate counts what lies in a private directory.
func (r real) inPrivate(t testing.TB, name string) int {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(r.dir, tree.PrivateDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestSuite(t *testing.T) {
	disktest.Run(t, func(t *testing.T) disktest.Disk { return newRealIn(t, t.TempDir(), Limits{}) })
}
