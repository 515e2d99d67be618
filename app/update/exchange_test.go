package update

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestExchange: the steps on disk of an exchange, and of going back, on every system.
func TestExchange(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), 0o755))
		return path
	}
	one, two := put("shoal.exe", "old"), put("shoal-window.exe", "old")
	expect := func(want string) {
		t.Helper()
		for _, path := range []string{one, two} {
			if got, err := os.ReadFile(path); string(got) != want || err != nil {
				t.Errorf("%s is %q, %v, want %q", path, got, err, want)
			}
		}
	}
	prepared := func(content string) *Swap {
		return &Swap{dir: dir, names: []string{"shoal.exe", "shoal-window.exe"}, fresh: map[string]string{
			"shoal.exe": put(".new-1", content), "shoal-window.exe": put(".new-2", content)}}
	}
	if s := prepared("new"); !s.Replaces(one) || !s.Replaces(two) || s.Replaces(one+".old") ||
		s.Replaces(filepath.Join(dir, "bin", "shoal.exe")) || !Replaceable(two, one) || Replaceable(put("other.exe", ""), one) {
		t.Error("it does not know which programs it replaces")
	}
	must(t, prepared("new").Do())
	expect("new")
	must(t, prepared("newer").Do()) // what was replaced before goes
	expect("newer")
	must(t, Back(one))
	expect("new")
	s := prepared("broken")
	must(t, os.Remove(s.fresh["shoal-window.exe"]))
	if err := s.Do(); err == nil {
		t.Error("half an exchange is called a whole one")
	}
	expect("new")
	must(t, s.Drop())
	if err := Back(filepath.Join(dir, "shoal")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it goes back where nothing was replaced: %v", err)
	}
}
