package index

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Too many open files is no damage: it passes. An index that is gone does not come back.
func TestViewsTellTooManyFilesFromALostIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder.db")
	s, _ := openAt(t, path)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	next, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	first := uint64(next.Fd())
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	for spare := range uint64(2) { // for none of its files, for the first only
		few := syscall.Rlimit{Cur: first + spare, Max: before.Max}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
			t.Fatal(err)
		}
		v, err := s.View()
		if back := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); back != nil {
			t.Fatal(back)
		}
		if v != nil || !errors.Is(err, ErrCrowded) {
			t.Errorf("with %d files to spare: %v", spare, err)
		}
	}
	v := viewOf(t, s)
	if rows, err := v.Since(0, 1); err != nil || len(rows) != 0 {
		t.Errorf("with files to spare again: %d rows, %v", len(rows), err)
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if other, err := s.View(); other != nil || err == nil || errors.Is(err, ErrCrowded) {
		t.Errorf("of an index that is gone: %v", err)
	}
}
