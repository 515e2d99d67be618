package scan

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
)

func TestFirstScanAndRescan(t *testing.T) {
	b := newBed(t)
	b.write("docs/a.txt", "one")
	b.write("docs/deep/er/b.txt", strings.Repeat("two", 20_000))
	b.write("empty", "")
	b.write(".shoal/stage/x", "not an entry")
	b.write("docs/.shoal/x", "an entry, it is not at the top")
	b.must(os.Symlink("docs/a.txt", b.full("link")))
	b.want(b.folder(), "new dir docs", "new dir docs/.shoal", "new dir docs/deep",
		"new dir docs/deep/er", "new file docs/.shoal/x", "new file docs/a.txt",
		"new file docs/deep/er/b.txt", "new file empty", "new link link")
	b.must(os.RemoveAll(b.full(".shoal")))
	b.agree()
	result, err := b.scanner.Folder(context.Background())
	b.must(err)
	if result.Findings != 0 || result.Files != 0 {
		t.Errorf("nothing changed, yet %+v", result)
	}
}

func TestChanges(t *testing.T) {
	later := time.Now().Add(10 * time.Second)
	cases := map[string]struct {
		change func(*bed)
		want   []string
	}{
		"content": {func(b *bed) { b.write("d/f", "longer than before") }, []string{"changed d/f"}},
		"same size, restored time": {func(b *bed) {
			info, err := os.Stat(b.full("d/f"))
			b.must(err)
			b.write("new", "xyz")
			b.must(os.Chtimes(b.full("new"), info.ModTime(), info.ModTime()))
			b.rename("new", "d/f")
		}, []string{"changed d/f"}},
		"time only": {func(b *bed) {
			b.must(os.Chtimes(b.full("d/f"), later, later))
		}, []string{"changed d/f"}},
		"mode":         {func(b *bed) { b.must(os.Chmod(b.full("d/f"), 0o600)) }, []string{"changed d/f"}},
		"mode of dir":  {func(b *bed) { b.must(os.Chmod(b.full("d"), 0o700)) }, []string{"changed d"}},
		"file removed": {func(b *bed) { b.must(os.Remove(b.full("d/f"))) }, []string{"gone d/f"}},
		"dir removed":  {func(b *bed) { b.must(os.RemoveAll(b.full("d"))) }, []string{"gone d"}},
		"file to dir": {func(b *bed) {
			b.must(os.Remove(b.full("d/f")))
			b.write("d/f/x", "in")
		}, []string{"changed d/f", "new file d/f/x"}},
		"dir to file": {func(b *bed) {
			b.must(os.RemoveAll(b.full("d")))
			b.write("d", "file")
		}, []string{"changed d"}},
		"dir to link": {func(b *bed) {
			b.rename("d", "real")
			b.must(os.Symlink("real", b.full("d")))
		}, []string{"moved real", "new link d"}},
		"file to dir, file moved": {func(b *bed) {
			b.rename("d/f", "kept")
			b.write("d/f/x", "in")
		}, []string{"moved kept", "new dir d/f", "new file d/f/x"}},
		"link": {func(b *bed) {
			b.must(os.Remove(b.full("l")))
			b.must(os.Symlink("elsewhere", b.full("l")))
		}, []string{"changed l"}},
		"dir made anew": {func(b *bed) {
			b.must(os.RemoveAll(b.full("d")))
			b.write("d/f", "one")
		}, []string{"changed d", "changed d/f", "gone d/sub"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.late = true
			b.write("d/f", "one")
			b.write("d/sub/g", "two")
			b.must(os.Symlink("d", b.full("l")))
			b.folder()
			c.change(b)
			got := b.folder()
			b.want(got, c.want...)
			b.agree()
			b.want(b.folder())
		})
	}
}

// moveCase is a change and what a look then finds.
type moveCase struct {
	change func(*bed)
	want   []string
	keeps  [][2]string // old and new path of the same entry
	reads  int64       // files that have to be read
}

func TestMoves(t *testing.T) {
	cases := map[string]moveCase{
		"file": {func(b *bed) { b.rename("a/f", "a/z") },
			[]string{"moved a/z"}, [][2]string{{"a/f", "a/z"}}, 0},
		"file to another dir": {func(b *bed) { b.rename("a/f", "b/f") },
			[]string{"moved b/f"}, [][2]string{{"a/f", "b/f"}}, 0},
		"file out of a removed dir": {func(b *bed) {
			b.rename("a/f", "b/f")
			b.must(os.RemoveAll(b.full("a")))
		}, []string{"gone a", "moved b/f"}, [][2]string{{"a/f", "b/f"}}, 0},
		"link": {func(b *bed) { b.rename("l", "b/l") },
			[]string{"moved b/l"}, [][2]string{{"l", "b/l"}}, 0},
		"dir": {func(b *bed) { b.rename("a", "b/moved") },
			[]string{"moved b/moved"}, [][2]string{{"a", "b/moved"}, {"a/s/g", "b/moved/s/g"}}, 0},
		"dir, and a file in it": {func(b *bed) {
			b.rename("a", "c")
			b.rename("c/f", "c/s/f")
		}, []string{"moved c", "moved c/s/f"}, [][2]string{{"a/f", "c/s/f"}, {"a/s", "c/s"}}, 0},
		"dir, with an edit": {func(b *bed) {
			b.rename("a", "c")
			b.write("c/f", "edited")
		}, []string{"changed c/f", "moved c"}, [][2]string{{"a/f", "c/f"}}, 1},
		"dir, and another in its place": {func(b *bed) {
			b.rename("a", "z")
			b.write("a/f", "new")
		}, []string{"moved z", "new dir a", "new file a/f"}, [][2]string{{"a", "z"}, {"a/f", "z/f"}}, 1},
		"dir into a new dir": {func(b *bed) {
			b.must(os.Mkdir(b.full("n"), 0o755))
			b.rename("a", "n/a")
		}, []string{"moved n/a", "new dir n"}, [][2]string{{"a/s/g", "n/a/s/g"}}, 0},
		"save by rename": {func(b *bed) {
			b.write("a/tmp", "saved")
			b.rename("a/tmp", "a/f")
		}, []string{"changed a/f"}, [][2]string{{"a/f", "a/f"}}, 1},
		"save with backup": {func(b *bed) {
			b.rename("a/f", "a/f~")
			b.write("a/f", "saved")
		}, []string{"changed a/f", "new file a/f~"}, [][2]string{{"a/f", "a/f"}}, 1},
		"second name": {func(b *bed) { b.must(os.Link(b.full("a/f"), b.full("a/h"))) },
			[]string{"new file a/h"}, nil, 0},
	}
	for name, c := range cases {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(name, late), func(t *testing.T) {
				b := newBed(t)
				b.late = late
				c.run(b)
			})
		}
	}
}

// run makes a small folder, changes it and looks at it.
func (c moveCase) run(b *bed) {
	b.write("a/f", "one")
	b.write("a/s/g", "two")
	b.write("b/h", "three")
	b.must(os.Symlink("b", b.full("l")))
	b.folder()
	before := make(map[string]ident.EntryID)
	for _, k := range c.keeps {
		before[k[0]] = b.entry(k[0])
	}
	c.change(b)
	result, err := b.scanner.Folder(context.Background())
	b.must(err)
	b.want(b.words(), c.want...)
	b.agree()
	for _, k := range c.keeps {
		if b.entry(k[1]) != before[k[0]] {
			b.t.Errorf("%q became %q and is another entry", k[0], k[1])
		}
	}
	if result.Files != c.reads {
		b.t.Errorf("%d files read, want %d", result.Files, c.reads)
	}
	b.want(b.folder())
}

// Which of several names of a file was moved cannot be known, so none was.
func TestFilesWithTwoNamesAreNotMoved(t *testing.T) {
	b := newBed(t)
	b.write("f", "one")
	b.must(os.Link(b.full("f"), b.full("g")))
	b.folder()
	b.rename("g", "h")
	b.want(b.folder(), "gone g", "new file h")
	b.agree()
}

// Two directories that exchange their names keep their identities.
func TestSwappedDirectories(t *testing.T) {
	b := newBed(t)
	b.late = true
	b.write("a/f", "one")
	b.write("b/f", "two")
	b.folder()
	a, f := b.entry("a"), b.entry("a/f")
	b.rename("a", "x")
	b.rename("b", "a")
	b.rename("x", "b")
	b.want(b.folder(), "moved a", "moved b")
	b.agree()
	if b.entry("b") != a || b.entry("b/f") != f {
		t.Error("the directory stayed with its name")
	}
}

func TestTwinsAreOneDirectory(t *testing.T) {
	b := newBed(t)
	b.write("d/a", "one")
	b.write("d/b", "two")
	b.folder()
	// Another replica's directory of the same name, which half of the files are in.
	twin := b.rows[b.entry("d")]
	twin.Entry[15] = 77
	b.rows[twin.Entry] = twin
	file := b.rows[b.at("d/b")[0]]
	file.Parent = twin.Entry
	b.rows[file.Entry] = file
	b.want(b.folder())
	b.rename("d", "e")
	b.want(b.folder(), "moved e")
}
