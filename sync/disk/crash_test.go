package disk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/powercut"
	"github.com/shoal-sync/shoal/sync/disk/disktest"
	"github.com/shoal-sync/shoal/sync/tree"
)

const (
	stormEnv = "DISK_TEST_STORM" // the folder a child process storms
	tokenEnv = "DISK_TEST_TOKEN"
	firstEnv = "DISK_TEST_FIRST" // number of its first batch
	filesEnv = "DISK_TEST_FILES"
)

// stormFiles is how many files are stormed. From manyFiles on, all of the volume is synced
// at once.
var stormFiles = 30

func TestMain(m *testing.M) {
	powercut.Main()
	if dir := os.Getenv(stormEnv); dir != "" {
		if err := storm(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// stormVersion is what file i holds after batch n.
func stormVersion(i, n int) []byte {
	head := fmt.Appendf(nil, "%d %d\n", i, n)
	return append(head, bytes.Repeat([]byte{byte(i), byte(n)}, 500*(1+(i+n)%9))...)
}

// whichVersion reads the batch back from what a file holds; an error when it is no whole
// version of that file.
func whichVersion(i int, content []byte) (int, error) {
	head, _, _ := strings.Cut(string(content), "\n")
	var file, n int
	if _, err := fmt.Sscanf(head, "%d %d", &file, &n); err != nil {
		return 0, fmt.Errorf("file %d: %d bytes without a head: %w", i, len(content), err)
	}
	if file != i || !bytes.Equal(content, stormVersion(i, n)) {
		return 0, fmt.Errorf("file %d: %d bytes are no whole version %q", i, len(content), head)
	}
	return n, nil
}

// storm rewrites all files batch after batch, and says on standard output which batch is
// done. Every second batch removes a third of the files.
func storm(dir string) error {
	token, err := ParseToken(os.Getenv(tokenEnv))
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(os.Getenv(firstEnv))
	if err != nil {
		return err
	}
	if files := os.Getenv(filesEnv); files != "" {
		if stormFiles, err = strconv.Atoi(files); err != nil {
			return err
		}
	}
	f, err := Open(dir, token, Limits{})
	if err != nil {
		return err
	}
	for n := first; ; n++ {
		orders, err := stormBatch(f, n)
		if err != nil {
			return err
		}
		for _, o := range f.Execute(orders) {
			if o.Refusal != tree.Done {
				return errors.New(o.Detail)
			}
		}
		fmt.Println(n)
	}
}

func stormBatch(f *Folder, n int) (orders []tree.Order, err error) {
	for i := range stormFiles {
		path := strconv.Itoa(i)
		is, found, err := f.Look(path)
		if err != nil {
			return nil, err
		}
		var victim *tree.Stat
		if found {
			victim = &is
		}
		if n%2 == 1 && i%3 == 0 {
			if found {
				orders = append(orders, tree.Order{Op: tree.Remove, Path: path, Victim: victim})
			}
			continue
		}
		content := stormVersion(i, n)
		if err := f.PutWhole(disktest.ID(content), content); err != nil {
			return nil, err
		}
		orders = append(orders, disktest.Install(path, content, victim))
	}
	return orders, nil
}

// TestKilledInAStorm kills a process that rewrites files, again and again. After each
// restart every file is whole, and no version that was ever installed is lost.
func TestKilledInAStorm(t *testing.T) {
	r := newRealIn(t, t.TempDir(), Limits{})
	acked := 0 // the last batch that a child reported as done
	everWas := map[string]bool{}
	for round := range 12 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		acked = stormOnce(t, r, acked+2, 1+round%5, everWas)
		r = r.reopen(t)
		checkStorm(t, r, acked, everWas)
		if t.Failed() {
			t.Fatalf("after round %d", round)
		}
	}
	if len(everWas) < 100 {
		t.Errorf("only %d versions were ever installed: the storm was a breeze", len(everWas))
	}
}

// stormOnce lets a child finish some batches and kills it in the middle of another. It
// returns the last batch that was reported and notes the versions that were installed.
func stormOnce(t *testing.T, r real, first, batches int, everWas map[string]bool) (acked int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), stormEnv+"="+r.dir, tokenEnv+"="+r.token.String(),
		firstEnv+"="+strconv.Itoa(first))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	acked = first - 1
	for batches > 0 && lines.Scan() {
		batches--
		if acked, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
	}
	// Stage files coming and going are the sign that the next batch is under way.
	for i := 0; i < 50*first; i++ {
		if _, err := os.ReadDir(filepath.Join(r.dir, tree.PrivateDir, victimsName)); err != nil {
			t.Fatal(err)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // What it could still say.
		if acked, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	for n := first; n <= acked; n++ {
		for i := range stormFiles {
			if n%2 == 0 || i%3 != 0 {
				everWas[fmt.Sprint(i, n)] = true
			}
		}
	}
	return acked
}

func checkStorm(t *testing.T, r real, acked int, everWas map[string]bool) {
	t.Helper()
	is := map[string]bool{}
	for i := range stormFiles {
		content, err := r.Read(strconv.Itoa(i))
		removed := (acked%2 == 1 || (acked+1)%2 == 1) && i%3 == 0
		if errors.Is(err, os.ErrNotExist) && removed {
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		n, err := whichVersion(i, content)
		if err != nil || n != acked && n != acked+1 && !(removed && n == acked-1) {
			t.Errorf("file %d shows version %d, %v; batch %d was done", i, n, err, acked)
		}
		is[fmt.Sprint(i, n)] = true
	}
	checkKept(t, r, is, everWas)
}

// checkKept demands that every version that ever was is there or in the trash.
func checkKept(t *testing.T, r real, is, everWas map[string]bool) {
	t.Helper()
	kept, err := r.Folder.Trash()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kept {
		content, err := r.Read(k.Private)
		if err != nil {
			t.Fatal(err)
		}
		i, err := strconv.Atoi(k.Path)
		if err != nil {
			t.Fatal(err)
		}
		n, err := whichVersion(i, content)
		if err != nil || k.Changed {
			t.Errorf("in the trash: changed %v, %v", k.Changed, err)
		}
		is[fmt.Sprint(i, n)] = true
	}
	for version := range everWas {
		if !is[version] {
			t.Errorf("version %s is lost", version)
		}
	}
	if n := r.inPrivate(t, victimsName); n != 0 {
		t.Errorf("%d batches are still under way after the repair", n)
	}
}

// abandon stops in the middle of an order, as a kill does: what is on disk stays as it is,
// and the folder is opened anew.
func (r real) abandon(t *testing.T, point string, o tree.Order) (after real) {
	t.Helper()
	return r.abandonAfterEdit(t, "", point, nil, o)
}

func TestRepair(t *testing.T) {
	type state struct{ path, trash string }
	for _, c := range []struct {
		name, point string
		edit        func(path string) error // made just before the exchange
		want        state
		staged      bool
	}{
		{"before the exchange", "swap", nil, state{"old", ""}, true},
		{"after the exchange", "swapped", nil, state{"new", "old"}, false},
		{"wrong victim taken", "swapped", saveByRename, state{"saved by rename", ""}, true},
		{"wrong victim taken, edited", "swapped", rewriteInPlace, state{"edited in place", ""}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReal(t, Limits{})
			old := r.save(t, "f", "old")
			o := disktest.Install("f", r.put(t, "new"), old)
			if c.edit != nil {
				r = r.abandonAfterEdit(t, "swap", c.point, c.edit, o)
			} else {
				r = r.abandon(t, c.point, o)
			}
			r.holds(t, "f", c.want.path)
			kept, err := r.Folder.Trash()
			if err != nil || len(kept) != min(1, len(c.want.trash)) {
				t.Fatalf("trash %+v, %v", kept, err)
			}
			if len(kept) > 0 {
				r.holds(t, kept[0].Private, c.want.trash)
			}
			if n := r.inPrivate(t, stageName); (n == 1) != c.staged {
				t.Errorf("%d staged", n)
			}
			if n := r.inPrivate(t, victimsName); n != 0 {
				t.Errorf("%d batches left", n)
			}
		})
	}
}

// abandonAfterEdit edits the file at one point, which is too late for the look before it,
// and stops at another.
func (r real) abandonAfterEdit(t *testing.T, early, point string, edit func(string) error,
	o tree.Order) (after real) {
	t.Helper()
	func() {
		defer func() {
			if recover() == nil {
				t.Fatalf("the order never came to point %q", point)
			}
		}()
		r.seam = func(at, path string) {
			if at == early {
				if err := edit(filepath.Join(r.dir, path)); err != nil {
					t.Error(err)
				}
			}
			if at == point {
				panic("killed")
			}
		}
		r.Execute([]tree.Order{o})
	}()
	return r.reopen(t)
}

func TestRepairOfRemove(t *testing.T) {
	r := newReal(t, Limits{})
	old := r.save(t, "f", "old")
	o := tree.Order{Op: tree.Remove, Path: "f", Victim: old}
	r = r.abandon(t, "remove", o)
	r.holds(t, "f", "old")
	r = r.abandonAfterEdit(t, "remove", "removed", saveByRename, o)
	r.holds(t, "f", "saved by rename")
	if n := r.inPrivate(t, trashName); n != 0 {
		t.Errorf("%d batches in the trash", n)
	}
	o.Victim = r.see(t, "f")
	r = r.abandon(t, "removed", o)
	if _, found, err := r.Look("f"); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	kept, err := r.Folder.Trash()
	if err != nil || len(kept) != 1 || !kept[0].Deleted || kept[0].Path != "f" {
		t.Fatalf("trash %+v, %v", kept, err)
	}
}

// TestRepairWithoutList finds slots that nothing explains: they are kept.
func TestRepairWithoutList(t *testing.T) {
	r := newReal(t, Limits{})
	batch := filepath.Join(r.dir, tree.PrivateDir, victimsName, batchName(r.limits.Now(), 9))
	for _, text := range []string{"", "shoal victims 1\n0\t2\tzz\nend 1\n", "shoal vic"} {
		if err := os.MkdirAll(batch, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(batch, "0"), []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(batch, listName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r = r.reopen(t)
		moved := filepath.Join(r.dir, tree.PrivateDir, trashName, filepath.Base(batch))
		got, err := os.ReadFile(filepath.Join(moved, "0"))
		if err != nil || string(got) != "precious" {
			t.Errorf("%q, %v", got, err)
		}
		if err := r.SweepTrash(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(moved, "0")); err != nil {
			t.Error("what nothing explains was purged:", err)
		}
		if err := os.RemoveAll(moved); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRepairSlowReplacement finds each state that a replacement in steps can be killed in.
func TestRepairSlowReplacement(t *testing.T) {
	for _, c := range []struct {
		name          string
		linked, moved bool // how the victim got its second name; ours is in place
		want          string
	}{
		{"linked", true, false, "old"},
		{"moved away", false, false, "old"},
		{"linked and replaced", true, true, "new"},
		{"moved away and replaced", false, true, "new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReal(t, Limits{})
			old := r.save(t, "f", "old")
			r.seam = func(at, _ string) {
				if at == "swap" {
					panic("killed")
				}
			}
			func() {
				defer func() { _ = recover() }()
				r.Execute([]tree.Order{disktest.Install("f", r.put(t, "new"), old)})
			}()
			batches, err := filepath.Glob(filepath.Join(r.dir, tree.PrivateDir, victimsName, "*"))
			if err != nil || len(batches) != 1 {
				t.Fatal(batches, err)
			}
			slot, path := filepath.Join(batches[0], "0"), filepath.Join(r.dir, "f")
			if c.linked {
				err = os.Link(path, slot+oldSuffix)
			} else {
				err = os.Rename(path, slot+oldSuffix)
			}
			if c.moved {
				err = errors.Join(err, os.Rename(slot, path))
			}
			if err != nil {
				t.Fatal(err)
			}
			r = r.reopen(t)
			r.holds(t, "f", c.want)
			kept, err := r.Folder.Trash()
			if err != nil || (len(kept) == 1) != c.moved {
				t.Fatalf("trash %+v, %v", kept, err)
			}
			if c.moved {
				r.holds(t, kept[0].Private, "old")
			} else if n := r.inPrivate(t, trashName); n != 0 || r.see(t, "f").Links != 1 {
				t.Errorf("%d batches in the trash, file %+v", n, r.see(t, "f"))
			}
		})
	}
}

// TestTornStage: the list of a batch was durable and what it calls staged was not.
func TestTornStage(t *testing.T) {
	for _, kept := range []int64{0, 1, 3} {
		r := newReal(t, Limits{})
		old := r.save(t, "f", "old")
		r = r.abandonAfterEdit(t, "swap", "swap", func(string) error {
			slots, err := filepath.Glob(filepath.Join(r.dir, tree.PrivateDir, victimsName, "*", "0"))
			if err != nil || len(slots) != 1 {
				return fmt.Errorf("%v, %w", slots, err)
			}
			return os.Truncate(slots[0], kept)
		}, disktest.Install("f", r.put(t, "new"), old))
		r.holds(t, "f", "old")
		if kept, err := r.Folder.Trash(); err != nil || len(kept) != 0 {
			t.Errorf("trash %+v, %v", kept, err)
		}
		// What is left of it does not keep it from being installed.
		outcome := r.Execute([]tree.Order{disktest.Install("f", r.put(t, "new"), r.see(t, "f"))})
		if outcome[0].Refusal != tree.Done {
			t.Error(outcome[0].Detail)
		}
		r.holds(t, "f", "new")
	}
}

// TestWornVictim: what a program had saved without syncing it was taken away, and the power
// went before the batch was over.
func TestWornVictim(t *testing.T) {
	r := newReal(t, Limits{})
	old := r.save(t, "f", "old")
	if old.File.IsZero() {
		t.Skip("SKIPPED: files have no numbers here, by which a worn one is known")
	}
	o := disktest.Install("f", r.put(t, "new"), old)
	r = r.abandonAfterEdit(t, "swapped", "swapped", func(string) error {
		slots, err := filepath.Glob(filepath.Join(r.dir, tree.PrivateDir, victimsName, "*", "0"))
		if err != nil || len(slots) != 1 {
			return fmt.Errorf("%v, %w", slots, err)
		}
		then := time.Unix(0, old.Mtime)
		return errors.Join(os.Truncate(slots[0], 0), os.Chtimes(slots[0], then, then))
	}, o)
	r.holds(t, "f", "new")
	kept, err := r.Folder.Trash()
	if err != nil || len(kept) != 1 || kept[0].Changed {
		t.Errorf("trash %+v, %v", kept, err)
	}
}
