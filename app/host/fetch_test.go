package host

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A copy for a folder that is kept in sync is written where nobody syncs it.
func TestCopiesAreWrittenOutOfSight(t *testing.T) {
	top := t.TempDir()
	stage := filepath.Join(top, "folder", ".shoal", "stage")
	below := filepath.Join(top, "folder", "a", "b")
	if err := errors.Join(os.MkdirAll(stage, 0o700), os.MkdirAll(below, 0o700),
		os.WriteFile(filepath.Join(top, "folder", ".shoal", "root"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{below: stage, filepath.Join(top, "folder"): stage, top: top} {
		if got := stageBeside(dir); got != want {
			t.Errorf("for %s: %s, want %s", dir, got, want)
		}
	}
}
