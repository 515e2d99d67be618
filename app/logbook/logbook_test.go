package logbook

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func say(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

func texts(lines []Line) (out []string) {
	for _, l := range lines {
		out = append(out, l.Text)
	}
	return out
}

func TestLinesAreKeptAndHandedOn(t *testing.T) {
	var out bytes.Buffer
	b := New(&out)
	lines, more := b.After(0)
	if len(lines) != 0 {
		t.Fatalf("an empty book holds %v", lines)
	}
	say(t, b, "one\n")
	<-more
	say(t, b, "two\nthree\n")
	lines, _ = b.After(1)
	if got := texts(lines); !slices.Equal(got, []string{"two", "three"}) || lines[1].Number != 3 {
		t.Errorf("after the first: %v", lines)
	}
	if out.String() != "one\ntwo\nthree\n" {
		t.Errorf("handed on was %q", out.String())
	}
	if lines, _ := b.After(3); len(lines) != 0 {
		t.Errorf("after the last: %v", lines)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	b := New(io.Discard)
	for i := range linesMax + 10 {
		say(t, b, fmt.Sprintln(i))
	}
	if lines, _ := b.After(0); len(lines) != linesMax || lines[0].Number != 11 {
		t.Errorf("%d lines are kept, from %d", len(lines), lines[0].Number)
	}
	say(t, b, strings.Repeat("x", bytesMax-10)+"\n")
	lines, _ := b.After(0)
	if n := len(lines); n > 10 || len(lines[n-1].Text) != bytesMax-10 {
		t.Errorf("beside one long line %d are kept", n)
	}
}

func TestFilesTurn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shoal.log")
	f, err := openFile(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	line := func(n int) string { return fmt.Sprintf("%-48d\n", n) }
	for n := range 12 {
		say(t, f, line(n))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		path: line(10) + line(11), path + ".1": line(8) + line(9), path + ".3": line(4) + line(5),
	} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	if _, err := os.Stat(path + ".4"); err == nil {
		t.Error("more old files are kept than there should be")
	}
	if f, err = openFile(path, 1000); err != nil {
		t.Fatal(err)
	}
	say(t, f, "behind it\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := Tail(path, 2); err != nil || !slices.Equal(got, []string{strings.TrimSuffix(line(11), "\n"), "behind it"}) {
		t.Errorf("the tail is %q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others can read the log: %v, %v", info.Mode(), err)
	}
	if _, err := openFile(t.TempDir(), 10); err == nil {
		t.Error("a directory was opened as a log file")
	}
	if _, err := Tail(path+" gone", 2); err == nil {
		t.Error("a file that is not there has a tail")
	}
}

// When the old files cannot be moved away, the log goes on.
func TestALogThatCannotTurnGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.MkdirAll(filepath.Join(path+".3", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path + ".1", path + ".2"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := openFile(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		say(t, f, "0123456\n")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || len(got) != 40 {
		t.Errorf("the log holds %q, %v", got, err)
	}
}
