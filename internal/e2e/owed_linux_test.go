package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// owedMax bounds what a busy machine is forgiven.
const owedMax = 10 * time.Second

// debt notes for how long agents have had something to do and no processor to do it on,
// and returns what has come to that since, by the books of Linux (sched-stats.rst): a limit
// of time is meant for a machine that lets them run. It is at most owedMax, and next to
// nothing on one with little else to do.
func debt(t *testing.T, agents ...*agent) (since func() time.Duration) {
	t.Helper()
	before := waited(t, agents)
	return func() time.Duration { return min(max(0, waited(t, agents)-before), owedMax) }
}

func waited(t *testing.T, agents []*agent) (sum time.Duration) {
	t.Helper()
	for _, a := range agents {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", a.process.Process.Pid))
		must(t, err)
		for _, one := range threads {
			text, err := os.ReadFile(one)
			if err != nil {
				continue // it has just ended
			}
			var ran, stood time.Duration // in nanoseconds
			if _, err := fmt.Fscan(strings.NewReader(string(text)), &ran, &stood); err != nil {
				t.Fatalf("%s: %q: %v", one, text, err)
			}
			sum += stood
		}
	}
	return sum
}
