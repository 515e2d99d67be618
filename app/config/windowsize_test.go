package config

import (
	"os"
	"path/filepath"
	"testing"
)

// The window comes back as large as it was, unless that would be out of sight.
func TestWindowSizeIsRemembered(t *testing.T) {
	h, err := OpenHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want WindowSize, fails bool) {
		t.Helper()
		if s, err := h.WindowSize(); s != want || (err != nil) != fails {
			t.Errorf("remembered is %v, %v; want %v", s, err, want)
		}
	}
	expect(WindowSize{}, false)
	for _, c := range []struct{ was, want WindowSize }{
		{WindowSize{900.5, 640}, WindowSize{900.5, 640}}, {WindowSize{3840, 2160}, WindowSize{2560, 1600}},
		{WindowSize{1, 1}, WindowSize{400, 300}},
	} {
		if err := h.SaveWindowSize(c.was); err != nil {
			t.Fatal(err)
		}
		expect(c.want, false)
	}
	for _, damaged := range []string{"", "{", `{"width":100000,"height":5}`, `{"width":-1e30}`, `[]`} {
		if err := os.WriteFile(filepath.Join(h.Dir(), windowName), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		expect(WindowSize{}, true)
	}
}
