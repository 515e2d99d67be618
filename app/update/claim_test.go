package update

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestOneAtATime: two updates at once do not get into each other's way, and what one that
// was cut off has left is cleared by the next, and nothing else.
func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "shoal")
	stays := []string{".new-1-other", ".new-3-shoal-notes", ".new-x-shoal", "shoal", "shoal.old"}
	for _, name := range append([]string{".new-123-shoal", ".new-4-shoal-window.exe", ".new-77"}, stays...) {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	release, err := Claim(program)
	must(t, err)
	if second, err := Claim(program); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one at once: %v", err)
		if err == nil {
			must(t, second())
		}
	}
	must(t, release())
	release, err = Claim(program)
	must(t, err)
	must(t, release())
	all, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, file := range all {
		names = append(names, file.Name())
	}
	if !slices.Equal(names, stays) {
		t.Errorf("left are %q, want %q", names, stays)
	}
}
