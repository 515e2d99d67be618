//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// TestIgnoreCommand: patterns can be tried before they are written, and are written only
// over what the person has seen.
func TestIgnoreCommand(t *testing.T) {
	t.Parallel()
	a := newAgent(t, "anna")
	a.put("main.c", "int main;")
	a.put("main.o", "object")
	a.put("build/out/program", "program")
	a.start()
	keep(a)
	name := a.folder().Name
	file := filepath.Join(t.TempDir(), "patterns")
	must(t, os.WriteFile(file, []byte("*.o\nbuild/\n"), 0o644))
	var found struct {
		Names, All int
		Bytes      int64
		Paths      []string
	}
	a.command("folder", "ignore", name, "--preview", "--set", file).done(t).into(t, &found)
	if found.Names != 2 || found.All != 3 || found.Bytes != 6 || found.Paths[0] != "build/" || found.Paths[1] != "main.o" {
		t.Errorf("the patterns would leave alone: %+v", found)
	}
	if _, err := os.Stat(filepath.Join(a.root, ".shoalignore")); err == nil {
		t.Error("a preview has written the patterns")
	}
	a.command("folder", "ignore", name, "--set", file).done(t)
	if got := a.read(".shoalignore"); got != "*.o\nbuild/\n" {
		t.Errorf("the patterns are %q", got)
	}
	a.command("why", filepath.Join(a.root, "main.o")).done(t)
	must(t, os.WriteFile(file, []byte("!main.o\n"), 0o644))
	a.command("folder", "ignore", name, "--own", "--set", file).done(t)
	var texts struct{ Shared, Own string }
	a.command("folder", "ignore", name).done(t).into(t, &texts)
	if texts.Own != "!main.o\n" || texts.Shared != "*.o\nbuild/\n" {
		t.Errorf("written are %+v", texts)
	}
	a.command("folder", "ignore", name, "--preview").done(t).into(t, &found)
	if found.Names != 1 {
		t.Errorf("this device's own patterns do not win: %+v", found)
	}
}
