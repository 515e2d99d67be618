package mutants

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMutationsApply: every line that is to be broken is there, once.
func TestMutationsApply(t *testing.T) {
	for i := range table {
		m := &table[i]
		broken, err := m.apply(top(t))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		} else if !strings.Contains(string(broken), m.new) {
			t.Errorf("%s: nothing is broken", m.name)
		}
	}
}

// TestMutantsAreKilled runs the tests that answer for each mutation and wants them to
// fail. SHOAL_MUTANTS is a regular expression for the names of those to run.
func TestMutantsAreKilled(t *testing.T) {
	which := os.Getenv("SHOAL_MUTANTS")
	if which == "" {
		t.Skip("SHOAL_MUTANTS is not set")
	}
	names := regexp.MustCompile(which)
	for i := range table {
		if m := &table[i]; names.MatchString(m.name) {
			t.Run(m.name, func(t *testing.T) { kill(t, m) })
		}
	}
}

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)|^panic: (.*)$`)

func kill(t *testing.T, m *mutation) {
	overlay, err := m.plant(top(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	cmd := exec.Command("go", "test", "-overlay", overlay, "-count=1", "-failfast", "-short",
		"-run", m.run, "./"+m.dir)
	cmd.Dir = top(t)
	out, err := cmd.CombinedOutput()
	switch by := failed.FindStringSubmatch(string(out)); {
	case err == nil:
		t.Errorf("it lives: nobody notices that %s", m.name)
	case by == nil:
		t.Errorf("the tests could not run:\n%s", out)
	default:
		t.Logf("killed by %s %s%s in %v", m.dir, by[1], by[2], time.Since(start).Round(time.Second))
	}
}
