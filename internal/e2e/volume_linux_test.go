//go:build unix

package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mount puts a small file system of its own under an agent's folder.
func (a *agent) mount(options string) {
	a.t.Helper()
	if os.Getuid() != 0 {
		a.t.Skip("SKIPPED: needs root, to mount a small file system")
	}
	if err := syscall.Mount("tmpfs", a.root, "tmpfs", 0, options); err != nil {
		a.t.Skipf("SKIPPED: cannot mount a small file system: %v", err)
	}
	a.t.Cleanup(func() {
		if err := poll(5*time.Second, func() error { return syscall.Unmount(a.root, 0) }); err != nil {
			a.t.Errorf("unmount: %v", err)
		}
	})
}

// TestFullVolume sends more than fits. 64 MiB are kept free, so of 100 MiB a folder may
// take 36.
func TestFullVolume(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	b.mount("size=100m")
	t.Cleanup(func() { b.stop() })
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	settle(a, b)
	a.put("small before", "1")
	a.drop("too large", 50<<20)
	a.put("small after", "2")
	full := func() error {
		f := b.folder()
		for _, p := range f.Problems {
			if p.Kind == "no-space" && p.Path == "too large" && strings.Contains(p.Reason, "space") {
				return nil
			}
		}
		return fmt.Errorf("state %s, problems %+v", f.State, f.Problems)
	}
	b.eventually(10*time.Second, "the status says that the volume is full", full)
	a.put("made when full", "3")
	for _, name := range []string{"small before", "small after", "made when full"} {
		b.eventually(5*time.Second, name+" arrives", func() error {
			_, err := os.Stat(b.at(name))
			return err
		})
	}
	if b.exists("too large") {
		t.Error("the file that does not fit is there")
	}
	a.command("wait", "--folder", shared, "--timeout", "300ms").failed(t, 4)
	b.command("wait", "--folder", shared, "--timeout", "300ms").failed(t, 4, "too large", "space")

	// Room is made: the next try finds it by itself.
	must(t, syscall.Mount("", b.root, "", syscall.MS_REMOUNT, "size=200m"))
	b.eventually(70*time.Second, "the file arrives after room was made", func() error {
		_, err := os.Stat(b.at("too large"))
		return err
	})
	settle(a, b)
	if p := b.folder().Problems; len(p) != 0 {
		t.Errorf("problems remain: %+v", p)
	}

	// Or the file goes away again.
	must(t, syscall.Mount("", b.root, "", syscall.MS_REMOUNT, "size=130m"))
	a.drop("again too large", 60<<20)
	b.eventually(10*time.Second, "the volume is full again", func() error {
		if f := b.folder(); len(f.Problems) == 0 {
			return fmt.Errorf("state %s", f.State)
		}
		return nil
	})
	a.remove("again too large")
	settle(a, b)
	if p := b.folder().Problems; len(p) != 0 {
		t.Errorf("problems remain: %+v", p)
	}
}

// TestReadOnlyVolume makes the volume of the receiver refuse every change for a while.
func TestReadOnlyVolume(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	b.mount("size=300m")
	t.Cleanup(func() { b.stop() })
	startAll(a, b)
	keep(a, b)
	link(a, b)
	share(a, b)
	a.put("first", "1")
	settle(a, b)
	must(t, syscall.Mount("", b.root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	a.put("second", "2")
	a.put("first", "changed")
	b.eventually(10*time.Second, "the status says that nothing can be written", func() error {
		f := b.folder()
		for _, p := range f.Problems {
			if strings.Contains(p.Reason, "read-only") {
				return nil
			}
		}
		return fmt.Errorf("state %s, problems %+v", f.State, f.Problems)
	})
	if b.read("first") != "1" || a.read("first") != "changed" {
		t.Error("content changed where nothing can be written, or back where it was")
	}
	must(t, syscall.Mount("", b.root, "", syscall.MS_REMOUNT, ""))
	settle(a, b)
	if b.read("first") != "changed" {
		t.Error("the change did not arrive")
	}
}
