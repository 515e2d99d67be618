//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// owedMax bounds what a busy machine is forgiven.
const owedMax = 10 * time.Second

// debt notes for how long agents have had something to do and no processor to do it on,
// by the books of Linux (sched-stats.rst), and for how long nothing ran at all, and returns
// what has come to that since: a limit of time is meant for a machine that lets them run.
// It is at most owedMax, and next to nothing on one with little else to do.
func debt(t *testing.T, agents ...*agent) (since func() time.Duration) {
	t.Helper()
	stood, last := stalls().sum(), map[string]time.Duration{}
	waited(t, agents, last)
	var all time.Duration
	return func() time.Duration {
		all += waited(t, agents, last)
		return min(all+stalls().sum()-stood, owedMax)
	}
}

// stallMin is how late a tick is when the machine, or the tests, stood still.
const stallMin = 100 * time.Millisecond

// standstill adds up for how long this process was not let run.
type standstill struct {
	mu   sync.Mutex
	last time.Time
	all  time.Duration
}

var stalls = sync.OnceValue(func() *standstill {
	s := &standstill{last: time.Now()}
	go func() { // as long as there are tests
		for range time.Tick(stallMin / 10) {
			s.sum()
		}
	}()
	return s
})

func (s *standstill) sum() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if late := now.Sub(s.last); late > stallMin {
		s.all += late
	}
	s.last = now
	return s.all
}

// waited is what the threads of agents have waited in all since the last look. A thread that
// has ended is in the books no more.
func waited(t *testing.T, agents []*agent, last map[string]time.Duration) (sum time.Duration) {
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
			sum += max(0, stood-last[one])
			last[one] = stood
		}
	}
	return sum
}
