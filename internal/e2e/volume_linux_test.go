//go:build unix

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// smallVolume mounts a small file system of its own somewhere, until the test ends or it is
// unmounted.
func smallVolume(t *testing.T, at, options string) (unmount func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root, to mount a small file system")
	}
	if err := syscall.Mount("tmpfs", at, "tmpfs", 0, options); err != nil {
		t.Skipf("SKIPPED: cannot mount a small file system: %v", err)
	}
	unmount = sync.OnceFunc(func() {
		if err := poll(patience, func() error { return syscall.Unmount(at, 0) }); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	t.Cleanup(unmount)
	return unmount
}

// TestFullVolume sends more than fits. 64 MiB are kept free, so of 100 MiB a folder may
// take 36.
func TestFullVolume(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	smallVolume(t, b.root, "size=100m")
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
	b.eventually(patience, "the status says that the volume is full", full)
	a.put("made when full", "3")
	for _, name := range []string{"small before", "small after", "made when full"} {
		b.eventually(patience, name+" arrives", func() error {
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
	b.eventually(patience, "the volume is full again", func() error {
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
	smallVolume(t, b.root, "size=300m")
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
	b.eventually(patience, "the status says that nothing can be written", func() error {
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

// TestVolumeInTheFolder mounts another volume inside a folder: nothing can be put there in
// one step, so what belongs there waits and says why, and the rest goes on.
func TestVolumeInTheFolder(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("inside/first", "1")
	settle(a, b)
	b.stop()
	unmount := smallVolume(t, b.at("inside"), "size=100m")
	b.put("inside/first", "1")
	b.start()
	a.put("inside/second", "2")
	a.put("beside", "3")
	b.eventually(patience, "the status says what is in the way", func() error {
		for _, p := range b.folder().Problems {
			if strings.HasPrefix(p.Path, "inside") && strings.Contains(p.Reason, "another volume is mounted") {
				return nil
			}
		}
		return fmt.Errorf("%+v", b.folder().Problems)
	})
	b.eventually(patience, "the rest arrives", func() error { _, err := os.Stat(b.at("beside")); return err })
	b.stop()
	unmount()
	b.start()
	settle(a, b)
	if b.read("inside/second") != "2" || a.read("inside/first") != "1" {
		t.Error("something was lost under the other volume")
	}
	noConflicts(t, a, b)
}

// TestFullStateVolume fills the volume of an agent's home, where its index is: it says so,
// loses nothing, and goes on when there is room again.
func TestFullStateVolume(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("before", "1")
	settle(a, b)
	b.stop()
	kept := t.TempDir()
	must(t, exec.Command("cp", "-a", b.home+"/.", kept).Run())
	smallVolume(t, b.home, "size=8m,mode=0700")
	t.Cleanup(b.stop)
	must(t, exec.Command("cp", "-a", kept+"/.", b.home).Run())
	b.start()
	settle(a, b)
	ballast := filepath.Join(b.home, "ballast")
	file, err := os.Create(ballast)
	must(t, err)
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	must(t, file.Close())
	for i := range 300 {
		a.put(fmt.Sprintf("many/%d", i), fmt.Sprintf("file %d", i))
	}
	b.put("made there", "by bert")
	b.eventually(patience, "the status says that the volume of the index is full", func() error {
		for _, p := range b.folder().Problems {
			if strings.Contains(p.Reason, "full") && strings.Contains(p.Reason, "free some space") {
				return nil
			}
		}
		return fmt.Errorf("%s %+v", b.folder().State, b.folder().Problems)
	})
	must(t, os.Remove(ballast))
	b.command("folder", "rescan", shared) // it would find out by itself, within half a minute
	b.eventually(patience, "it goes on when there is room", func() error {
		if !a.exists("made there") || !b.exists("many/299") {
			return fmt.Errorf("%s %+v", b.folder().State, b.folder().Problems)
		}
		return nil
	})
	settle(a, b)
	noConflicts(t, a, b)
}
