package filestat

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/shoal-sync/shoal/sync/tree"
)

func TestKindsAndFields(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("hello"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	cases := []struct {
		name string
		kind tree.Kind
		size int64
	}{{"file", tree.File, 5}, {"link", tree.Link, 4}, {".", tree.Dir, 0}}
	for _, c := range cases {
		s, err := OfPath(filepath.Join(dir, c.name))
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind != c.kind || s.Size != c.size || (s.Mtime == 0) != (c.kind == tree.Dir) {
			t.Errorf("%s: got %+v", c.name, s)
		}
	}
}

func TestLooksAgree(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	byPath, err := OfPath(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	byHandle, err := OfHandle(f)
	if err != nil {
		t.Fatal(err)
	}
	if byPath != byHandle {
		t.Errorf("by path %+v, by handle %+v", byPath, byHandle)
	}
	if err := os.Link(file, filepath.Join(dir, "second")); err != nil {
		t.Skip("no hard links here:", err)
	}
	twice, err := OfPath(file)
	if err != nil {
		t.Fatal(err)
	}
	if !twice.SameContent(byPath) {
		t.Errorf("a second name changed the file: %+v, was %+v", twice, byPath)
	}
}

func TestMissing(t *testing.T) {
	_, err := OfPath(filepath.Join(t.TempDir(), "nothing"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}
