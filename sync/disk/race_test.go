package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/filestat"
	"github.com/shoal-sync/shoal/sync/disk/disktest"
	"github.com/shoal-sync/shoal/sync/tree"
)

// TestReadersSeeOldOrNew replaces a file a thousand times under a reader that never stops.
func TestReadersSeeOldOrNew(t *testing.T) {
	r := newReal(t, Limits{})
	version := func(i int) string {
		return string(bytes.Repeat([]byte{'a' + byte(i%26)}, 1000+i))
	}
	is := r.save(t, "f", version(0))
	var stop atomic.Bool
	result := make(chan error, 1)
	go func() {
		for !stop.Load() {
			got, err := os.ReadFile(filepath.Join(r.dir, "f"))
			if err != nil {
				result <- err
				return
			}
			if i := len(got) - 1000; i < 0 || string(got) != version(i) {
				result <- fmt.Errorf("%d bytes, a mix or a part", len(got))
				return
			}
		}
		result <- nil
	}()
	for i := 1; i <= 1000; i++ {
		s := r.do(t, disktest.Install("f", r.put(t, version(i)), is), tree.Done)
		is = &s
	}
	stop.Store(true)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// race is a local change made at one point of an order.
type race struct {
	name   string
	points []string
	change func(path string) error
	left   string // what the path must hold afterwards; "" for nothing
}

func rewriteInPlace(path string) error {
	return os.WriteFile(path, []byte("edited in place"), 0o644)
}

func saveByRename(path string) error {
	if err := os.WriteFile(path+".tmp", []byte("saved by rename"), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// TestEditRacesInstall changes the file at the last moment before the exchange. The edit
// must be at its path, and the order be refused.
func TestEditRacesInstall(t *testing.T) {
	for _, c := range []race{
		{"rewritten", []string{"install", "swap"}, rewriteInPlace, "edited in place"},
		{"replaced", []string{"install", "swap"}, saveByRename, "saved by rename"},
		{"deleted", []string{"install", "swap"}, os.Remove, ""},
	} {
		for _, point := range c.points {
			t.Run(c.name+" at "+point, func(t *testing.T) {
				r := newReal(t, Limits{})
				old := r.save(t, "f", "old")
				r.onceAt(t, point, func() error { return c.change(filepath.Join(r.dir, "f")) })
				got := r.Execute([]tree.Order{disktest.Install("f", r.put(t, "new"), old)})[0]
				want := tree.Changed
				if c.left == "" {
					want = tree.Missing
				}
				if got.Refusal != want {
					t.Errorf("refusal %d (%s), want %d", got.Refusal, got.Detail, want)
				}
				if _, found, err := r.Look("f"); err != nil || found != (c.left != "") {
					t.Errorf("found %v, %v", found, err)
				}
				if c.left != "" {
					r.holds(t, "f", c.left)
				}
				if !r.Complete(disktest.ID([]byte("new"))) || r.inPrivate(t, stageName) != 1 {
					t.Error("the refused content is not staged any more")
				}
				if r.inPrivate(t, victimsName) != 0 || r.inPrivate(t, trashName) != 0 {
					t.Error("the private directory holds leftovers")
				}
			})
		}
	}
}

// onceAt arranges for a change at a point of the next order.
func (r real) onceAt(t *testing.T, point string, change func() error) {
	done := false
	r.seam = func(at, _ string) {
		if at == point && !done {
			done = true
			if err := change(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(func() {
		if !done {
			t.Errorf("the order never came to point %q", point)
		}
	})
}

func TestEditRacesAttributes(t *testing.T) {
	r := newReal(t, Limits{})
	old := r.save(t, "f", "old")
	r.onceAt(t, "attributes", func() error { return saveByRename(filepath.Join(r.dir, "f")) })
	o := tree.Order{Op: tree.SetAttributes, Path: "f", Mode: 0o600, Mtime: 1e18, Victim: old}
	r.do(t, o, tree.Changed)
	if is := r.see(t, "f"); is.Mtime == o.Mtime || is.Mode != 0o644 {
		t.Errorf("a file that nobody decided about was changed: %+v", is)
	}
}

// TestForeignBitsStay keeps what decides who owns the files made in a directory.
func TestForeignBitsStay(t *testing.T) {
	r := newReal(t, Limits{})
	r.do(t, tree.Order{Op: tree.MakeDir, Path: "d", Mode: 0o755}, tree.Done)
	path := filepath.Join(r.dir, "d")
	if err := os.Chmod(path, 0o755|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	o := tree.Order{Op: tree.SetAttributes, Path: "d", Mode: 0o4750, Victim: r.see(t, "d")}
	r.do(t, o, tree.Done)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o750|os.ModeSetgid|os.ModeDir {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestSecondEditDuringUndo edits once before the exchange and once after it: the path must
// show the newer edit, and the older one be kept and reported.
func TestSecondEditDuringUndo(t *testing.T) {
	now := time.Now()
	r := newReal(t, Limits{Now: func() time.Time { return now }})
	old := r.save(t, "f", "old")
	r.seam = func(at, _ string) {
		var err error
		switch at {
		case "swap":
			err = rewriteInPlace(filepath.Join(r.dir, "f"))
		case "swapped":
			err = saveByRename(filepath.Join(r.dir, "f"))
		}
		if err != nil {
			t.Error(err)
		}
	}
	r.do(t, disktest.Install("f", r.put(t, "new"), old), tree.Changed)
	r.holds(t, "f", "saved by rename")
	now = now.Add(lookAgainAfter)
	changed, err := r.RecheckVictims()
	if err != nil || len(changed) != 1 {
		t.Fatalf("changed victims %+v, %v; want one", changed, err)
	}
	r.holds(t, changed[0].Private, "edited in place")
}

func TestEditRacesRemove(t *testing.T) {
	r := newReal(t, Limits{})
	old := r.save(t, "f", "old")
	r.onceAt(t, "remove", func() error { return saveByRename(filepath.Join(r.dir, "f")) })
	r.do(t, tree.Order{Op: tree.Remove, Path: "f", Victim: old}, tree.Changed)
	r.holds(t, "f", "saved by rename")
	if r.inPrivate(t, trashName) != 0 {
		t.Error("something was trashed")
	}
}

// TestEditAndNewFileRaceRemove leaves no place to put the wrong victim back to.
func TestEditAndNewFileRaceRemove(t *testing.T) {
	now := time.Now()
	r := newReal(t, Limits{Now: func() time.Time { return now }})
	old := r.save(t, "f", "old")
	path := filepath.Join(r.dir, "f")
	r.seam = func(at, _ string) {
		var err error
		switch at {
		case "remove":
			err = rewriteInPlace(path)
		case "removed":
			err = os.WriteFile(path, []byte("a new one"), 0o644)
		}
		if err != nil {
			t.Error(err)
		}
	}
	r.do(t, tree.Order{Op: tree.Remove, Path: "f", Victim: old}, tree.Changed)
	r.holds(t, "f", "a new one")
	now = now.Add(lookAgainAfter)
	changed, err := r.RecheckVictims()
	if err != nil || len(changed) != 1 {
		t.Fatalf("changed victims %+v, %v; want one", changed, err)
	}
	r.holds(t, changed[0].Private, "edited in place")
}

func TestNewFileRacesInstallAndMove(t *testing.T) {
	r := newReal(t, Limits{})
	save := func(path, content string) func() error {
		return func() error { return r.Save(path, []byte(content)) }
	}
	r.onceAt(t, "install", save("f", "local"))
	r.do(t, disktest.Install("f", r.put(t, "new"), nil), tree.Occupied)
	r.holds(t, "f", "local")
	s := r.save(t, "g", "g")
	r.onceAt(t, "move", save("to", "local"))
	r.do(t, tree.Order{Op: tree.Move, Path: "g", To: "to", Victim: s}, tree.Occupied)
	r.holds(t, "to", "local")
	r.onceAt(t, "move", save("g", "rewritten"))
	r.do(t, tree.Order{Op: tree.Move, Path: "g", To: "elsewhere", Victim: s}, tree.Changed)
	r.holds(t, "g", "rewritten")
}

// TestWithoutExchange runs the replacement for file systems that cannot exchange names.
func TestWithoutExchange(t *testing.T) {
	r := newReal(t, Limits{})
	old := r.save(t, "f", "old")
	content := r.put(t, "new")
	run := func(want tree.Refusal) {
		t.Helper()
		o := disktest.Install("f", content, old)
		b := &batch{folder: r.Folder, tasks: make([]task, 1), dirty: map[string]*dir{}}
		outcome := tree.Outcome{}
		b.tasks[0].order, b.tasks[0].outcome = &o, &outcome
		b.check()
		if err := b.open(); err != nil {
			t.Fatal(err)
		}
		b.prepare()
		if err := b.makeReady(); err != nil {
			t.Fatal(err)
		}
		parent, name, err := r.parentOf("f")
		if err != nil {
			t.Fatal(err)
		}
		defer parent.release()
		if done := b.replaceSlowly(&b.tasks[0], parent, name); done != (want == tree.Done) {
			t.Errorf("done %v", done)
		}
		if outcome.Refusal != want {
			t.Errorf("refusal %d (%s), want %d", outcome.Refusal, outcome.Detail, want)
		}
		if err := b.close(); err != nil {
			t.Error(err)
		}
	}
	if err := saveByRename(filepath.Join(r.dir, "f")); err != nil {
		t.Fatal(err)
	}
	run(tree.Changed)
	r.holds(t, "f", "saved by rename")
	old = r.see(t, "f")
	run(tree.Done)
	r.holds(t, "f", "new")
	kept, err := r.Folder.Trash()
	if err != nil || len(kept) != 1 || kept[0].Changed {
		t.Fatalf("trash %+v, %v", kept, err)
	}
	r.holds(t, kept[0].Private, "saved by rename")
}

// TestSymlinkSwap puts a link to a foreign directory in the place of a directory at every
// moment of an order. Nothing outside may be read or changed.
func TestSymlinkSwap(t *testing.T) {
	orders := func(r real, s *tree.Stat) map[string]tree.Order {
		return map[string]tree.Order{
			"install new": disktest.Install("d/new", []byte("new"), nil),
			"install":     disktest.Install("d/f", []byte("new"), s),
			"link":        {Op: tree.InstallLink, Path: "d/l", Target: "x"},
			"remove":      {Op: tree.Remove, Path: "d/f", Victim: s},
			"move":        {Op: tree.Move, Path: "d/f", To: "d/g", Victim: s},
			"mkdir":       {Op: tree.MakeDir, Path: "d/sub", Mode: 0o755},
			"attributes":  {Op: tree.SetAttributes, Path: "d/f", Mode: 0o777, Victim: s},
		}
	}
	for name := range orders(real{}, nil) {
		for _, when := range []string{"before", "install", "swap", "remove", "move"} {
			t.Run(name+" "+when, func(t *testing.T) {
				r := newReal(t, Limits{})
				outside, s := withTwin(t, r)
				before := seen(t, outside)
				swapIn := func() {
					err := os.Rename(filepath.Join(r.dir, "d"), filepath.Join(r.dir, "aside"))
					err = errors.Join(err, os.Symlink(outside, filepath.Join(r.dir, "d")))
					if err != nil {
						t.Error(err)
					}
				}
				r.put(t, "new")
				if when == "before" {
					swapIn()
				}
				swapped := false
				r.seam = func(at, _ string) {
					if at == when && !swapped {
						swapped = true
						swapIn()
					}
				}
				got := r.Execute([]tree.Order{orders(r, s)[name]})[0]
				if when == "before" && got.Refusal != tree.Missing {
					t.Errorf("refusal %d (%s), want %d", got.Refusal, got.Detail, tree.Missing)
				}
				// Without a link on the way, the twins rightly change together.
				if after := seen(t, outside); after != before && (name != "attributes" || when == "before") {
					t.Errorf("outside was %v, is %v", before, after)
				}
				if _, err := r.ReadChunkAt("d/f", *s, Range{0, 3}, nil); when == "before" &&
					!errors.Is(err, ErrChanged) {
					t.Errorf("read through a link: %v", err)
				}
			})
		}
	}
}

// withTwin makes a file d/f in the folder that is the same as the file f of a directory
// outside: only the way to it differs.
func withTwin(t *testing.T, r real) (outside string, is *tree.Stat) {
	t.Helper()
	outside = quickDir(t)
	if err := os.WriteFile(filepath.Join(outside, "f"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(r.dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(outside, "f"), filepath.Join(r.dir, "d", "f")); err != nil {
		t.Skip("no hard links here:", err)
	}
	return outside, r.see(t, "d/f")
}

// seen lists a directory with what each file holds and may.
func seen(t *testing.T, dir string) (all string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		s, err := filestat.OfPath(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all += fmt.Sprintf("%s %q %o %d; ", e.Name(), content, s.Mode, s.Mtime)
	}
	return all
}

// TestNeverWiderThanAsked looks at every file of the folder at every point of an install.
func TestNeverWiderThanAsked(t *testing.T) {
	r := newReal(t, Limits{})
	old := r.save(t, "f", "old")
	if err := os.Chmod(filepath.Join(r.dir, "f"), 0o600); err != nil {
		t.Fatal(err)
	}
	looks := 0
	look := func() {
		looks++
		err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&^0o600 != 0 {
				t.Errorf("%s: %v", path, info.Mode())
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(filepath.Join(r.dir, tree.PrivateDir)); err != nil ||
			info.Mode().Perm() != 0o700 {
			t.Errorf("private directory: %v, %v", info, err)
		}
	}
	r.seam = func(string, string) { look() }
	o := disktest.Install("f", r.put(t, "new"), old)
	o.Mode = 0o400
	look()
	got := r.do(t, o, tree.Done)
	look()
	if got.Mode != 0o400 || looks < 5 {
		t.Errorf("mode %o, %d looks", got.Mode, looks)
	}
	o = disktest.Install("f", r.put(t, "newer"), &got)
	o.Mode = 0o7777 // Bits beyond the permissions are nobody's to give.
	r.seam = nil
	if got := r.do(t, o, tree.Done); got.Mode != 0o777 {
		t.Errorf("mode %o", got.Mode)
	}
	info, err := os.Stat(filepath.Join(r.dir, "f"))
	if err != nil || info.Mode()&special != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
