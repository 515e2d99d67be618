package e2e

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// processors is how many there are, and ticksPerSecond in what Linux counts their time.
var processors = runtime.NumCPU()

const ticksPerSecond = 100

// cpuSeconds is how much processor time the agents have used since they began.
func (w *swarming) cpuSeconds() float64 {
	w.t.Helper()
	return cpuSeconds(w.t, append([]*agent{w.source}, w.others...)...)
}

func cpuSeconds(t *testing.T, agents ...*agent) (sum float64) {
	t.Helper()
	for _, a := range agents {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.process.Process.Pid))
		must(t, err)
		// The name in brackets may hold anything; user and system time are the 12th and 13th
		// behind it.
		_, rest, _ := strings.Cut(string(text), ") ")
		sum += ticks(t, strings.Fields(rest)[11:13])
	}
	return sum
}

// idleSeconds is for how long processors have had nothing to do.
func idleSeconds(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	must(t, err)
	line, _, _ := strings.Cut(string(text), "\n") // cpu, user, nice, system, idle, waiting for a disk
	return ticks(t, strings.Fields(line)[4:6])
}

func ticks(t *testing.T, counts []string) (seconds float64) {
	t.Helper()
	for _, count := range counts {
		n, err := strconv.ParseUint(count, 10, 64)
		must(t, err)
		seconds += float64(n) / ticksPerSecond
	}
	return seconds
}
