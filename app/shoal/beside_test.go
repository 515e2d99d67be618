package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestBesideWindow: of the two programs on Windows, the one with a console finds the one
// with the window, and nothing else looks for one.
func TestBesideWindow(t *testing.T) {
	dir := t.TempDir()
	if besideWindow(filepath.Join(dir, "shoal.exe")) {
		t.Error("alone, it finds a window")
	}
	if err := os.WriteFile(filepath.Join(dir, windowProgram), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"shoal.exe": true, "Shoal.EXE": true, "shoal": false, windowProgram: false} {
		if got := besideWindow(filepath.Join(dir, name)); got != want {
			t.Errorf("%s finds a window beside it: %v, want %v", name, got, want)
		}
	}
}
