package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// copies is a pair that copies, after a while, what the source holds.
type copies struct{ dir string }

func (c copies) source() string { return filepath.Join(c.dir, "a") }
func (c copies) target() string { return filepath.Join(c.dir, "b") }
func (c copies) begin() error   { return nil }
func (c copies) cpu() float64   { return 0 }
func (c copies) end() error     { return nil }
func (c copies) changed() error {
	time.AfterFunc(20*time.Millisecond, func() {
		_ = makeGrove(c.target(), 30, 3) // what is lacking is seen
	})
	return nil
}

// TestClockStopsWhenAllIsThere tries the clock on a copy that comes late.
func TestClockStopsWhenAllIsThere(t *testing.T) {
	c := copies{t.TempDir()}
	for _, dir := range []string{c.source(), c.target()} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	took, err := clocked(c, func() error { return makeGrove(c.source(), 30, 3) })
	if err != nil || took.wall < 0.02 || took.wall > 60 {
		t.Errorf("it took %v s, %v", took.wall, err)
	}
}

// TestTableSaysWhatIsMissed tries that a goal that is missed shows.
func TestTableSaysWhatIsMissed(t *testing.T) {
	got := table([]result{
		{name: "small files", ours: "2.00 s", peer: "rsync: 1.00 s", ratio: 2, cpu: 1.5, goal: "<= 0.8", binds: "CPU", misses: true},
		{name: "a rename", ours: "0.10 s", peer: "rsync: 1.00 s", ratio: 0.1, goal: "<= 0.3 s", binds: "waits"},
	})
	for _, want := range []string{
		"| small files | 2.00 s | rsync: 1.00 s | 2.00 | 1.50 | <= 0.8 (missed) | CPU |\n",
		"| a rename | 0.10 s | rsync: 1.00 s | 0.10 | - | <= 0.3 s | waits |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
}
