//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// faultSteps are the marks at which the process is killed, and how often each is passed
// before. Every mark in the source is here: see TestEveryFaultIsTried.
var faultSteps = []string{
	"disk.staged:1", "disk.staged:7", "disk.whole:3", "disk.prepared:1", "disk.listed:1",
	"disk.ready:1", "disk.install:2", "disk.installed:2", "disk.swap:1", "disk.swapped:1",
	"disk.swapped:3", "disk.move:1", "disk.moved:1", "disk.remove:1", "disk.removed:2",
	"disk.attributes:1", "disk.acted:1", "disk.synced:1", "disk.trashed:1", "host.order:2",
	"host.ordered:1", "index.commit:1", "index.commit:2", "index.committed:1", "index.committed:3",
}

// shortSteps are those of short runs.
var shortSteps = []string{"disk.installed:2", "disk.swapped:1", "index.commit:2"}

// TestKilledAtEveryStep kills a receiver, which has own changes to tell as well, at every
// step of its work. After the next start both devices hold what both people left, each
// once: nothing is lost, nothing comes back, and our own half-done work is nobody's edit.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	faulty := filepath.Join(t.TempDir(), "shoal-faults")
	must(t, build(faulty, "CGO_ENABLED=0", "-tags", "faults"))
	a, b := pair(t)
	steps := faultSteps
	if testing.Short() {
		steps = shortSteps
	}
	for _, device := range []*agent{a, b} {
		// So many deletes in a minute would wait for a yes.
		device.command("folder", "set", shared, "brake", "off").done(t)
	}
	f := faultStory{a: a, b: b}
	f.edit(0)
	settle(a, b)
	for round, step := range steps {
		b.stop()
		f.edit(round + 1)
		b.binary, b.env = faulty, []string{"SHOAL_FAULT=" + step}
		begun := time.Now()
		b.dies(step)
		died := time.Since(begun)
		b.binary, b.env = "", nil
		b.start()
		settle(a, b)
		t.Logf("%s: passed after %v, equal after %v more", step, died, time.Since(begun)-died)
		f.check(round+1, step)
		if t.Failed() {
			t.Fatalf("killed at %s, round %d", step, round)
		}
	}
}

// dies runs the agent until the step at which it kills itself.
func (a *agent) dies(step string) {
	a.t.Helper()
	a.spawn()
	select {
	case <-a.exited:
	case <-time.After(patience):
		a.t.Errorf("%s is never passed", step)
		a.stop()
		return
	}
	status, ok := a.process.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		a.t.Errorf("at %s it ended with %v:\n%s", step, a.process.ProcessState, a.log)
	}
	a.buried()
}

// faultStory is what two people do to their copies of a folder while one device is down.
type faultStory struct{ a, b *agent }

// edit lets every kind of order be needed: files new, many, large, replaced, swapped, moved
// with their directory, given other permissions, removed, alone and with their directory.
// No path changes twice in a short time, for such a one is looked at later.
func (f *faultStory) edit(round int) {
	a, b := f.a, f.b
	dir := func(before int) string { return fmt.Sprint(round - before) }
	for i := range 24 {
		a.put(fmt.Sprintf("new/%s/%d", dir(0), i), fmt.Sprintf("file %d of round %d", i, round))
	}
	a.put("swap/"+dir(0)+"/x", "one")
	a.put("swap/"+dir(0)+"/y", "the other")
	a.fill("large/"+dir(0), 1<<20+round)
	b.put("bert/"+dir(0), "bert's file")
	if round == 0 {
		return
	}
	for i := range 4 {
		a.put(fmt.Sprintf("new/%s/%d", dir(1), i), "anna's other text")
	}
	swap(a, "swap/"+dir(1)+"/x", "swap/"+dir(1)+"/y")
	must(a.t, os.Chmod(a.at("large/"+dir(1)), 0o640))
	b.put("bert/"+dir(1), "bert's other text")
	if round > 1 {
		a.mkdir("moved")
		a.move("new/"+dir(2), "moved/"+dir(2))
		b.remove("bert/" + dir(2))
	}
	if round > 2 {
		for i := range 3 {
			a.remove(fmt.Sprintf("moved/%s/%d", dir(3), i))
		}
	}
	if round > 3 {
		must(a.t, os.RemoveAll(a.at("moved/"+dir(4))))
		must(a.t, os.RemoveAll(a.at("swap/"+dir(4))))
	}
}

// left is what the story leaves after so many rounds, names and texts; large files and
// directories without their content.
func (f *faultStory) left(round int) map[string]string {
	left := map[string]string{}
	for r := range round + 1 {
		age := round - r
		left[fmt.Sprintf("large/%d", r)] = ""
		if age < 2 {
			left[fmt.Sprintf("bert/%d", r)] = []string{"bert's file", "bert's other text"}[age]
		}
		if age > 3 {
			continue
		}
		dir := fmt.Sprintf("new/%d", r)
		if age > 1 {
			dir = fmt.Sprintf("moved/%d", r)
		}
		for i := range 24 {
			path := fmt.Sprintf("%s/%d", dir, i)
			switch {
			case age == 3 && i < 3: // removed
			case age > 0 && i < 4:
				left[path] = "anna's other text"
			default:
				left[path] = fmt.Sprintf("file %d of round %d", i, r)
			}
		}
		x, y := "one", "the other"
		if age > 0 {
			x, y = y, x
		}
		left[fmt.Sprintf("swap/%d/x", r)], left[fmt.Sprintf("swap/%d/y", r)] = x, y
	}
	return left
}

// check demands that both hold what the story of so many rounds leaves.
func (f *faultStory) check(round int, step string) {
	a := f.a
	want := f.left(round)
	for _, name := range picture(a.t, a.root).names() {
		info, err := os.Stat(a.at(name))
		must(a.t, err)
		text, known := want[name]
		switch {
		case info.IsDir():
		case !known:
			a.t.Errorf("killed at %s: %s is there", step, name)
		case text != "" && a.read(name) != text:
			a.t.Errorf("killed at %s: %s holds %q, want %q", step, name, a.read(name), text)
		}
		delete(want, name)
	}
	for name := range want {
		a.t.Errorf("killed at %s: %s is not there", step, name)
	}
	if left, err := os.ReadDir(f.b.at(".shoal/victims")); err != nil || len(left) > 0 {
		a.t.Errorf("killed at %s: %d batches are left undone, %v", step, len(left), err)
	}
}

// TestKilledWhileMakingTheIndex: an index that is half made, or half brought to a newer
// format, is none.
func TestKilledWhileMakingTheIndex(t *testing.T) {
	long(t)
	t.Parallel()
	faulty := filepath.Join(t.TempDir(), "shoal-faults")
	must(t, build(faulty, "CGO_ENABLED=0", "-tags", "faults"))
	a, b := pair(t)
	a.put("file", "text")
	settle(a, b)
	for _, at := range []string{"index.migrate:1", "index.migrated:1"} {
		b.stop()
		b.loseIndex()
		b.binary, b.env = faulty, []string{"SHOAL_FAULT=" + at}
		b.dies(at)
		b.binary, b.env = "", nil
		b.start()
		settle(a, b)
		noConflicts(t, a, b)
	}
}

// TestEveryFaultIsTried: a mark that no test names tests nothing.
func TestEveryFaultIsTried(t *testing.T) {
	tried := append([]string{"index.migrate:1", "index.migrated:1", "disk.moved away:1"}, faultSteps...)
	marks := 0
	for _, dir := range []string{"../../sync/disk", "../../sync/index", "../../app/host"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		must(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			must(t, err)
			for _, call := range []string{`fault.At("`, `b.at("`} {
				for _, rest := range strings.Split(string(text), call)[1:] {
					mark, _, _ := strings.Cut(rest, `"`)
					if call == `b.at("` {
						mark = "disk." + mark
					}
					if strings.HasSuffix(mark, ".") {
						continue // the door through which b.at goes
					}
					marks++
					if !slices.ContainsFunc(tried, func(s string) bool { return strings.HasPrefix(s, mark+":") }) {
						t.Errorf("%s: nobody is killed at %s", file, mark)
					}
				}
			}
		}
	}
	if marks < 20 {
		t.Errorf("only %d marks are found", marks)
	}
}
