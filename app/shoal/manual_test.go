package main

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("update", false, "write docs/cli.md anew")

func ourManual() manual {
	s := &session{out: io.Discard, errs: io.Discard}
	return newManual(s.root())
}

// TestManual: the page about the command line says what the program does.
func TestManual(t *testing.T) {
	const name = "../../docs/cli.md"
	want := ourManual().markdown()
	if *rewrite {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || strings.ReplaceAll(string(got), "\r\n", "\n") != want {
		t.Errorf("docs/cli.md is not what the program does (%v): run go test ./app/shoal -run TestManual -update", err)
	}
}

// TestManualPage: the manual page holds every command, and formatters understand it.
func TestManualPage(t *testing.T) {
	r := shoal(t, filepath.Join(t.TempDir(), "h"), "help", "--man")
	if r.code != 0 || !strings.HasPrefix(r.out, ".TH SHOAL 1") {
		t.Fatalf("got %+v", r)
	}
	for _, p := range ourManual().commands {
		if !strings.Contains(r.out, ".SS "+rough(p.line)+"\n") {
			t.Errorf("%s is missing", p.line)
		}
		if p.short == "" || strings.HasSuffix(p.short, ".") && !strings.Contains(p.line, "completion") {
			t.Errorf("%s: the sentence about it is %q", p.line, p.short)
		}
	}
	if groff, err := exec.LookPath("groff"); err == nil {
		format := exec.Command(groff, "-man", "-ww", "-z", "-Tutf8")
		format.Stdin = strings.NewReader(r.out)
		if out, err := format.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("groff: %v\n%s", err, out)
		}
	}
	if r := shoal(t, "h", "help", "--man", "status"); r.code != 2 {
		t.Errorf("the manual page of one command: %+v", r)
	}
}

// TestCompletion: shells are offered what exists, and are not kept waiting.
func TestCompletion(t *testing.T) {
	home := filepath.Join(t.TempDir(), "h")
	complete := func(words ...string) string {
		t.Helper()
		return shoal(t, home, append([]string{"__complete"}, words...)...).out
	}
	for _, c := range []struct{ line, want string }{
		{"config get l", "limit_up\t"}, {"fold", "folder\t"}, {"folder sh", "share\t"},
	} {
		if got := complete(strings.Fields(c.line)...); !strings.Contains(got, c.want) {
			t.Errorf("%s: offered %q", c.line, got)
		}
	}
	if got := complete("folder", "share", ""); got != ":4\n" {
		t.Errorf("without an agent there are folders: %q", got)
	}
	home = startAgent(t)
	at := t.TempDir()
	if r := shoal(t, home, "folder", "add", at, "--name", "photos"); r.code != 0 {
		t.Fatalf("got %+v", r)
	}
	if got := complete("folder", "share", ""); !strings.Contains(got, "photos\twaiting at "+at) {
		t.Errorf("offered %q", got)
	}
	if got := complete("pause", ""); !strings.Contains(got, "photos\t") {
		t.Errorf("offered %q", got)
	}
	if got := complete("wait", "--folder", ""); !strings.Contains(got, "photos\t") {
		t.Errorf("offered %q", got)
	}
	if got := complete("folder", "share", "photos", "x", ""); got != ":4\n" {
		t.Errorf("beyond the last argument: %q", got)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := shoal(t, home, "completion", shell); r.code != 0 || !strings.Contains(r.out, "__complete") {
			t.Errorf("%s: exit %d, %.200s", shell, r.code, r.out)
		}
	}
	script := shoal(t, home, "completion", "bash").out
	if bash, err := exec.LookPath("bash"); err == nil {
		check := exec.Command(bash, "-n")
		check.Stdin = strings.NewReader(script)
		if text, err := check.CombinedOutput(); err != nil {
			t.Errorf("bash: %v\n%s", err, text)
		}
	}
}
