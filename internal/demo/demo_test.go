package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "demo")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "shoal.exe")
	build := exec.Command("go", "build", "-o", program, "../../app/shoal")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build shoal: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// played runs a small demo with a directory of its own for everything temporary, and
// returns what it printed and what it left in that directory.
func played(t *testing.T, ctx context.Context, see func(text string)) (int, string, []fs.DirEntry) {
	t.Helper()
	// Not t.TempDir: its names are too long for a socket on some systems.
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("TMPDIR", dir)
	t.Setenv("KEEP", "")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	printed := make(chan string)
	go func() {
		var all strings.Builder
		chunk := make([]byte, 4096)
		for {
			n, err := read.Read(chunk)
			all.Write(chunk[:n])
			see(all.String())
			if err != nil {
				printed <- all.String()
				return
			}
		}
	}()
	var errs bytes.Buffer
	code := run(ctx, []string{
		"-program", program, "-invent", "-files", "80", "-big", "3", "-patience", "1m",
	}, write, &errs)
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	text := <-printed + errs.String()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return code, text, left
}

func TestDemo(t *testing.T) {
	code, text, left := played(t, t.Context(), func(string) {})
	if code != exitVerified || !strings.Contains(text, "Verified.") {
		t.Fatalf("the demo ended with %d:\n%s", code, text)
	}
	if strings.Contains(text, "\x1b") {
		t.Errorf("a pipe was given terminal codes:\n%q", text)
	}
	if len(left) > 0 {
		t.Errorf("the demo left %v behind", left)
	}
}

func TestInterruptedDemoCleansUp(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	code, text, left := played(t, ctx, func(text string) {
		if strings.Contains(text, "linked") {
			interrupt()
		}
	})
	if code != exitInterrupted || len(left) > 0 {
		t.Errorf("the demo ended with %d and left %v:\n%s", code, left, text)
	}
}

func TestLostAgentIsTold(t *testing.T) {
	s, err := newStage(t.Context(), options{program: program, patience: time.Minute}, newScreen(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.clear(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.startDevices(); err != nil {
		t.Fatal(err)
	}
	if err := s.server().agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.ctx.Done()
	err = s.outcome(s.connected(s.laptop()))
	if err == nil || !strings.Contains(err.Error(), "the agent of server ended by itself") {
		t.Errorf("the demo says: %v", err)
	}
}

func TestLedgerSeesEveryDifference(t *testing.T) {
	root := t.TempDir()
	g := &grower{root: root}
	g.oddities()
	if g.err != nil {
		t.Fatal(g.err)
	}
	file := filepath.Join(root, "odd names", "one byte")
	link := filepath.Join(root, filepath.FromSlash(aLink))
	then := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		what   string
		change func() error
	}{
		{"a time", func() error { return os.Chtimes(file, then, then) }},
		{"a content", func() error {
			return errors.Join(os.WriteFile(file, []byte("2"), 0o644), os.Chtimes(file, then, then))
		}},
		{"a mode", func() error { return os.Chmod(file, 0o600) }},
		{"a new name", func() error { return os.WriteFile(file+"2", nil, 0o644) }},
		{"a name that is gone", func() error { return os.Remove(file) }},
		{"a new directory", func() error { return os.Mkdir(file, 0o755) }},
		{"a file that is a directory now", func() error {
			return errors.Join(os.Remove(file+"2"), os.Mkdir(file+"2", 0o755))
		}},
		{"the target of a link", func() error {
			return errors.Join(os.Remove(link), os.Symlink("elsewhere", link))
		}},
	} {
		before := surveyed(t, root)
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		if d := surveyed(t, root).differences(before, "now", "before"); len(d) != 1 {
			t.Errorf("%s: want one difference, got %q", c.what, d)
		}
	}
	if err := os.Mkdir(filepath.Join(root, private), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, seen := surveyed(t, root)[private]; seen {
		t.Error("what is shoal's own was compared")
	}
}

func surveyed(t *testing.T, root string) ledger {
	t.Helper()
	found, err := survey(root)
	if err != nil {
		t.Fatal(err)
	}
	return found[0]
}

func TestLedgerFollowsMoves(t *testing.T) {
	l := ledger{"a": {mode: fs.ModeDir}, "a/b": {size: 1}, "ab": {size: 2}}
	l.move("a", "c/d")
	want := ledger{"c/d": {mode: fs.ModeDir}, "c/d/b": {size: 1}, "ab": {size: 2}}
	if d := l.differences(want, "now", "wanted"); d != nil {
		t.Error(d)
	}
	l.remove("c/d")
	if len(l) != 1 {
		t.Errorf("after the removal: %v", l)
	}
}
