package disk

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk/disktest"
	"github.com/shoal-sync/shoal/sync/tree"
)

func TestTokenGuardsTheRoot(t *testing.T) {
	r := newReal(t, Limits{})
	if err := r.CheckRoot(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(r.dir, r.token, Limits{}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(r.dir, tree.PrivateDir)
	for _, c := range []struct {
		name   string
		change func() error
		want   error
	}{
		{"another token", func() error {
			other := strings.Repeat("ab", 16) + "\n"
			return os.WriteFile(filepath.Join(private, rootName), []byte(other), 0o600)
		}, ErrRootReplaced},
		{"no token", func() error { return os.Remove(filepath.Join(private, rootName)) }, ErrRootGone},
		{"a link for the private directory", func() error {
			return errors.Join(os.Rename(private, r.dir+".aside"), os.Symlink(r.dir+".aside", private))
		}, ErrRootGone},
		{"emptied", func() error { return os.Remove(private) }, ErrRootGone},
		{"no directory", func() error { return os.Remove(r.dir) }, ErrRootGone},
	} {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		f, err := Open(r.dir, r.token, Limits{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if f != nil {
			t.Errorf("%s: a folder that is not open was returned", c.name)
		}
		if _, err := os.Stat(private); c.name == "emptied" && err == nil {
			t.Error("opening an empty directory left something in it")
		}
	}
}

// TestRootReplacedMeanwhile moves the folder away and puts another in its place.
func TestRootReplacedMeanwhile(t *testing.T) {
	r := newReal(t, Limits{})
	is := r.save(t, "f", "old")
	content := r.put(t, "new")
	aside := filepath.Join(quickDir(t), "aside")
	if err := os.Rename(r.dir, aside); err != nil {
		t.Fatal(err)
	}
	if err := r.CheckRoot(); !errors.Is(err, ErrRootGone) {
		t.Errorf("moved away: %v", err)
	}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := r.CheckRoot(); !errors.Is(err, ErrRootReplaced) {
		t.Errorf("replaced: %v", err)
	}
	for _, o := range r.Execute([]tree.Order{disktest.Install("f", content, is),
		{Op: tree.MakeDir, Path: "d", Mode: 0o755}}) {
		if o.Refusal != tree.OtherFailure || o.Detail == "" {
			t.Errorf("%+v", o)
		}
	}
	for _, dir := range []string{aside, r.dir} {
		if got, err := os.ReadFile(filepath.Join(dir, "f")); err == nil && string(got) != "old" {
			t.Errorf("%q was changed to %q", dir, got)
		}
	}
	if err := errors.Join(os.Remove(r.dir), os.Rename(aside, r.dir)); err != nil {
		t.Fatal(err)
	}
	r.do(t, disktest.Install("f", content, is), tree.Done)
}

func TestTrashIsKeptAndSwept(t *testing.T) {
	now := time.Now()
	r := newReal(t, Limits{Now: func() time.Time { return now }})
	is := r.save(t, "rewritten", "first")
	long := strings.Repeat("long/", 40) + strings.Repeat("n", 255)
	if err := os.MkdirAll(filepath.Join(r.dir, filepath.Dir(long)), 0o755); err != nil {
		t.Fatal(err)
	}
	gone := r.save(t, long, "deleted")
	r.do(t, disktest.Install("rewritten", r.put(t, "second"), is), tree.Done)
	r.do(t, tree.Order{Op: tree.Remove, Path: long, Victim: gone}, tree.Done)
	odd := r.save(t, "odd\xff\n\t\"name", "odd")
	r.do(t, tree.Order{Op: tree.Remove, Path: "odd\xff\n\t\"name", Victim: odd}, tree.Done)

	check := func(paths ...string) {
		t.Helper()
		if err := r.SweepTrash(); err != nil {
			t.Error(err)
		}
		kept, err := r.Folder.Trash()
		if err != nil || len(kept) != len(paths) {
			t.Fatalf("trash %+v, %v; want %v", kept, err, paths)
		}
		for i, k := range kept {
			if k.Path != paths[i] || k.Changed {
				t.Errorf("trash %+v, want %q", k, paths[i])
			}
		}
	}
	check("rewritten", long, "odd\xff\n\t\"name")
	r = r.reopen(t)
	now = now.Add(keepRewritten)
	check(long, "odd\xff\n\t\"name")
	now = now.Add(keepDeleted - keepRewritten)
	check()
	if n := r.inPrivate(t, trashName); n != 0 {
		t.Errorf("%d empty batches are left", n)
	}
}

func TestTrashMax(t *testing.T) {
	now := time.Now()
	r := newReal(t, Limits{Trash: TrashRules{Bytes: 10}, Now: func() time.Time { return now }})
	for _, name := range []string{"a", "b", "c"} {
		r.do(t, tree.Order{Op: tree.Remove, Path: name, Victim: r.save(t, name, "12345")}, tree.Done)
	}
	if err := r.SweepTrash(); err != nil {
		t.Fatal(err)
	}
	if kept, err := r.Folder.Trash(); err != nil || len(kept) != 3 {
		t.Errorf("what was deleted a moment ago is not kept: %+v, %v", kept, err)
	}
	now = now.Add(lookAgainAfter)
	if err := r.SweepTrash(); err != nil {
		t.Fatal(err)
	}
	kept, err := r.Folder.Trash()
	if err != nil || len(kept) != 2 || kept[0].Path != "b" {
		t.Errorf("trash %+v, %v; want b and c", kept, err)
	}
	r.SetTrash(TrashRules{Off: true})
	if err := r.SweepTrash(); err != nil {
		t.Fatal(err)
	}
	if kept, err := r.Folder.Trash(); err != nil || len(kept) != 0 {
		t.Errorf("trash %+v, %v although it is off", kept, err)
	}
}

// TestKept finds contents of the trash by their ids, also after a restart, and no longer
// once they are purged.
func TestKept(t *testing.T) {
	r := newReal(t, Limits{})
	find := func(text string, want bool) {
		t.Helper()
		k, ok, err := r.Kept(disktest.ID([]byte(text)))
		if err != nil || ok != want {
			t.Fatalf("%q is kept: %v, %v; want %v", text, ok, err, want)
		}
		if ok {
			r.holds(t, k.Private, text)
			if made, err := r.RecipeOf(k.Private, k.Stat); err != nil || made.ID() != disktest.ID([]byte(text)) {
				t.Errorf("the recipe of %q: %v, %v", text, made.ID(), err)
			}
		}
	}
	device := ident.DeviceID{7}
	take := func(path, text string) {
		o := tree.Order{Op: tree.Remove, Path: path, Victim: r.save(t, path, text)}
		o.Old, o.By = disktest.ID([]byte(text)), device
		r.do(t, o, tree.Done)
	}
	take("a", "first")
	find("first", true)
	take("b", "second") // while the contents are known
	find("second", true)
	find("third", false)
	r = r.reopen(t)
	find("second", true)
	kept, err := r.Folder.Trash()
	if err != nil || len(kept) != 2 || kept[0].By != device || kept[0].Content != disktest.ID([]byte("first")) {
		t.Errorf("trash %+v, %v", kept, err)
	}
	files, bytes, err := r.EmptyTrash()
	if files != 2 || bytes != 11 || err != nil {
		t.Errorf("emptied %d files, %d bytes, %v", files, bytes, err)
	}
	find("first", false)
	find("second", false)
}

// TestVictimWhoseTimeGoesBack is written to by a program that sets an older time, as those
// do that unpack or copy files with their times.
func TestVictimWhoseTimeGoesBack(t *testing.T) {
	now := time.Now()
	r := newReal(t, Limits{Now: func() time.Time { return now }})
	is := r.save(t, "f", "old")
	open, err := os.OpenFile(filepath.Join(r.dir, "f"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	r.do(t, disktest.Install("f", r.put(t, "new"), is), tree.Done)
	kept, err := r.Folder.Trash()
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept are %+v, %v", kept, err)
	}
	if _, err := open.WriteString(" and more"); err != nil {
		t.Fatal(err)
	}
	before := now.Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(r.dir, kept[0].Private), before, before); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookAgainAfter)
	changed, err := r.RecheckVictims()
	if err != nil || len(changed) != 1 || !changed[0].Changed {
		t.Fatalf("changed victims %+v, %v", changed, err)
	}
	r.holds(t, changed[0].Private, "old and more")
}

// TestVictimStillOpen keeps writing to a file that has been replaced.
func TestVictimStillOpen(t *testing.T) {
	now := time.Now()
	r := newReal(t, Limits{Now: func() time.Time { return now }})
	is := r.save(t, "f", "old")
	open, err := os.OpenFile(filepath.Join(r.dir, "f"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	r.do(t, disktest.Install("f", r.put(t, "new"), is), tree.Done)
	if changed, err := r.RecheckVictims(); err != nil || len(changed) != 0 {
		t.Errorf("too early: %+v, %v", changed, err)
	}
	if _, err := open.WriteString(" and more"); err != nil {
		t.Fatal(err)
	}
	r = r.reopen(t) // The next run has to know.
	now = now.Add(lookAgainAfter)
	changed, err := r.RecheckVictims()
	if err != nil || len(changed) != 1 || changed[0].Path != "f" || !changed[0].Changed {
		t.Fatalf("changed victims %+v, %v", changed, err)
	}
	r.holds(t, changed[0].Private, "old and more")
	now = now.Add(10 * keepDeleted)
	if err := r.SweepTrash(); err != nil {
		t.Error(err)
	}
	r.holds(t, changed[0].Private, "old and more")
	if again, err := r.RecheckVictims(); err != nil || len(again) != 0 {
		t.Errorf("reported twice: %+v, %v", again, err)
	}
	// A conflict copy can be made of it.
	o := disktest.Install("copy", []byte("old and more"), nil)
	o.Copy, o.CopyStat = changed[0].Private, changed[0].Stat
	r.do(t, o, tree.Done)
	r.holds(t, "copy", "old and more")
}

func TestMoveIntoItself(t *testing.T) {
	r := newReal(t, Limits{})
	s := r.do(t, tree.Order{Op: tree.MakeDir, Path: "d", Mode: 0o755}, tree.Done)
	r.do(t, tree.Order{Op: tree.Move, Path: "d", To: "d/e", Victim: &s}, tree.OtherFailure)
}

func TestListRoundTrip(t *testing.T) {
	lines := []line{
		{slot: 0, op: tree.Remove, path: "a/b\n\t\xff", victim: tree.Stat{Kind: tree.Link,
			Size: 1, Mtime: math.MinInt64, Mode: 0o777, Links: 1,
			File: tree.FileID{Volume: math.MaxUint64, Inode: 2, Birth: -3}}},
		{slot: BatchMax - 1, op: tree.InstallFile, content: disktest.ID([]byte("x")), path: "x",
			old: disktest.ID([]byte("y")), by: ident.DeviceID{1, 31: 9}},
	}
	got, err := parseList(string(encodeList(lines)))
	if err != nil || !reflect.DeepEqual(got, lines) {
		t.Errorf("got %+v, %v; want %+v", got, err, lines)
	}
	before := listFirst + "\n" + `0	5		` + "x"
	if _, err := parseList(before); err == nil {
		t.Error("half a list was read")
	}
}

func FuzzParseList(f *testing.F) {
	f.Add(string(encodeList(nil)))
	f.Add(string(encodeList([]line{{slot: 3, op: tree.Remove, path: "a b"}})))
	f.Add("shoal victims 1\nend 0")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parseList(text)
		if err != nil {
			return
		}
		again, err := parseList(string(encodeList(lines)))
		if err != nil || len(again) != len(lines) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// After a power cut a computer may begin with a clock that lags behind. What the run before
// took, and the cut has worn, is not taken for what a program wrote.
func TestWornVictimWhileTheClockLags(t *testing.T) {
	now := time.Now()
	r := newReal(t, Limits{Now: func() time.Time { return now }})
	is := r.save(t, "f", "old")
	r.do(t, disktest.Install("f", r.put(t, "new"), is), tree.Done)
	kept, err := r.Folder.Trash()
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept are %+v, %v", kept, err)
	}
	before := now.Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(r.dir, kept[0].Private), before, before); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-time.Hour)
	r = r.reopen(t)
	if kept, err = r.Folder.Trash(); err != nil || len(kept) != 1 || kept[0].Changed {
		t.Errorf("kept are %+v, %v", kept, err)
	}
}
