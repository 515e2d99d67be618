//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestGrowingLog appends to a file all the time. What arrives in between is always a
// beginning of it; at rest both sides have all of it.
func TestGrowingLog(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.put("log", "")
	settle(a, b)
	var all strings.Builder
	lines, torn := 0, ""
	_ = poll(2500*time.Millisecond, func() error {
		for range 20 {
			line := fmt.Sprintf("line %d says something\n", lines)
			appendTo(t, a.at("log"), line)
			all.WriteString(line)
			lines++
		}
		if body := b.read("log"); !strings.HasPrefix(all.String(), body) {
			torn = body
		}
		return errors.New("go on")
	})
	if torn != "" {
		t.Errorf("bert once had %d bytes that are no beginning of the log", len(torn))
	}
	settle(a, b)
	if b.read("log") != all.String() {
		t.Error("the log is not complete")
	}
	noConflicts(t, a, b)
}

// TestRewrittenWhileSent changes a large file while it is on its way, in place and by
// replacing it, and lets the receiver edit a file that is about to be replaced.
func TestRewrittenWhileSent(t *testing.T) {
	long(t)
	t.Parallel()
	a, b := pair(t)
	a.put("theirs", "first")
	settle(a, b)
	a.drop("film", 60<<20)
	b.underWay(a, 5<<20)
	f, err := os.OpenFile(a.at("film"), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(noise(5, 1<<20), 40<<20)
	must(t, err)
	must(t, f.Close())
	settle(a, b)
	a.drop("film", 40<<20)
	b.underWay(a, 70<<20)
	a.drop("film", 20<<20)
	a.remove("theirs")
	settle(a, b)
	noConflicts(t, a, b)
	if b.exists("theirs") {
		t.Error("a deleted file is still there")
	}
}

// TestOddKinds puts into the folder what is no file, directory or link, and changes kinds.
func TestOddKinds(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	must(t, syscall.Mkfifo(a.at("a pipe"), 0o644))
	a.put("dir/file", "x")
	must(t, os.Link(a.at("dir/file"), a.at("hard link")))
	must(t, os.Symlink("dir", a.at("to dir")))
	must(t, os.Symlink("a pipe", a.at("to pipe")))
	must(t, os.Symlink("/etc/passwd", a.at("to outside")))
	a.put("Case", "upper and lower")
	a.put(".shoal-like/file", "not private")
	a.put("dir/.shoal/file", "not private either")
	deep := strings.Repeat("d/", 60) + "end"
	a.put(deep, "deep")
	rescan(a)
	b.eventually(patience, "all but the pipe arrives", func() error {
		want := picture(t, a.root)
		delete(want, "a pipe")
		got, err := tryPicture(b.root)
		if diff := want.differs(got); err == nil && diff != "" {
			err = errors.New(diff)
		}
		return err
	})
	told := ""
	for _, p := range a.folder().Problems {
		told += p.Path + ": " + p.Reason
	}
	if !strings.Contains(told, "a pipe: it is not a file, directory or link") {
		t.Errorf("the problems are %q", told)
	}
	must(t, os.Remove(a.at("a pipe")))
	b.move("Case", "case")
	b.remove("to dir")
	b.put("to dir/file", "a directory now")
	appendTo(t, b.at("hard link"), "y")
	settle(a, b)
	if p := a.folder().Problems; len(p) != 0 {
		t.Errorf("problems remain: %+v", p)
	}
	a.remove("to dir")
	must(t, os.Symlink("dir", a.at("to dir")))
	a.remove("d")
	settle(a, b)
}

// TestTwoFolders keeps two folders between the same devices; the second has the name of
// the first on one side.
func TestTwoFolders(t *testing.T) {
	t.Parallel()
	a, b := newAgent(t, "anna"), newAgent(t, "bert")
	a.mkdir("one")
	a.mkdir("two")
	b.mkdir("one")
	b.mkdir("two")
	startAll(a, b)
	link(a, b)
	for _, name := range []string{"one", "two"} {
		id := a.command("folder", "add", a.at(name), "--name", name).done(t).text("id")
		b.command("folder", "add", b.at(name), "--name", "same", "--id", id).done(t)
		a.command("folder", "share", name, "bert").done(t)
		b.command("folder", "share", id, "anna").done(t)
	}
	b.command("folder", "rescan", "same").failed(t, 1, "named")
	a.put("one/file", "1")
	a.put("two/file", "2")
	b.put("two/other", "3")
	a.command("folder", "rescan", "one").done(t)
	a.command("folder", "rescan", "two").done(t)
	a.eventually(patience, "both folders are equal", func() error {
		for _, name := range []string{"one", "two"} { // beside what is private to each
			v, err := tryPicture(a.at(name))
			if err != nil {
				return err
			}
			w, err := tryPicture(b.at(name))
			if err != nil {
				return err
			}
			if diff := v.differs(w); diff != "" {
				return errors.New(diff)
			}
		}
		return nil
	})
	a.command("wait").done(t)
	if v := picture(t, a.at("one")); len(v) != 1 {
		t.Errorf("folder one holds %q", v.names())
	}
}
