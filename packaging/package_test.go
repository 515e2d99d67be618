package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// made are the packages of one version, built once for all tests.
type made struct {
	sync.Once
	dir string
	err error
}

var (
	older, newer made
	scratch      string
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "shoal-packages")
	if err != nil {
		panic(err)
	}
	scratch = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// packages returns the directory with a version made for this machine's processor.
func (p *made) packages(t *testing.T, version string) string {
	t.Helper()
	p.Do(func() {
		p.dir = filepath.Join(scratch, version)
		p.err = packageTree("..", p.dir, version)
	})
	must(t, p.err)
	return p.dir
}

func packageTree(source, out, version string) error {
	r := release{source: source, out: out, version: version}
	// A time of its own: a tree that was copied has no commit.
	r.when = time.Unix(1_790_000_000, 0).UTC()
	var err error
	if r.source, err = filepath.Abs(source); err != nil {
		return err
	}
	return r.make("linux/" + runtime.GOARCH)
}

func find(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("%s in %s: %v", pattern, dir, found)
	}
	return found[0]
}

// TestSameTwice: the same tree at another place, with other rights, on a machine set up
// for another time zone and temporary directory, makes the same files byte for byte.
func TestSameTwice(t *testing.T) {
	first := newer.packages(t, "0.2.0")
	copied, second := filepath.Join(t.TempDir(), "elsewhere"), t.TempDir()
	copyTree(t, "..", copied)
	for name, value := range map[string]string{
		"TZ": "Pacific/Auckland", "TMPDIR": t.TempDir(), "LC_ALL": "C.UTF-8", "USER": "somebody",
		"GOFLAGS": "-ldflags=-w", "SHOAL_HOME": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	must(t, packageTree(copied, second, "0.2.0"))
	files, err := os.ReadDir(first)
	must(t, err)
	if len(files) < 5 {
		t.Fatalf("only %v were made", files)
	}
	for _, file := range files {
		a, err := os.ReadFile(filepath.Join(first, file.Name()))
		must(t, err)
		b, err := os.ReadFile(filepath.Join(second, file.Name()))
		must(t, err)
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs between two builds of the same tree", file.Name())
		}
	}
}

// TestVersions: packages of later commits count as newer, by dpkg's own word where it is.
func TestVersions(t *testing.T) {
	early, late := time.Unix(1_700_000_000, 0).UTC(), time.Unix(1_790_000_000, 0).UTC()
	var in []string
	for _, v := range []struct {
		git  string
		when time.Time
		want string
	}{
		{"5315b5d", early, "0~20231114221320.5315b5d"},
		{"0c5315b-dirty", late, "0~20260921141320.0c5315b.dirty"},
		{"v0.1.0", late, "0.1.0"},
		{"v0.2.0-rc1", late, "0.2.0~rc1"},
		{"v0.2.0-rc1-3-gabcdef1", late, "0.2.0~rc1+3.gabcdef1"},
		{"v0.2.0", late, "0.2.0"},
		{"v0.2.0-4-gabcdef1", late, "0.2.0+4.gabcdef1"},
		{"v0.2.0-14-gabcdef1-dirty", late, "0.2.0+14.gabcdef1+dirty"},
		{"0.10", late, "0.10"},
	} {
		got := packageVersion(v.git, v.when)
		if got != v.want {
			t.Errorf("%s is packaged as %s, want %s", v.git, got, v.want)
		}
		in = append(in, got)
	}
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("SKIPPED: dpkg is not here to compare versions")
	}
	for i := range in[1:] {
		if err := exec.Command("dpkg", "--compare-versions", in[i], "lt", in[i+1]).Run(); err != nil {
			t.Errorf("dpkg does not take %s for older than %s", in[i], in[i+1])
		}
	}
}

// TestLinters: Debian's checks find nothing, and rpm can read what was made.
func TestLinters(t *testing.T) {
	dir := newer.packages(t, "0.2.0")
	checked := false
	for _, check := range [][]string{
		{"lintian", "--fail-on", "error,warning,info", "--suppress-tags", "initial-upload-closes-no-bugs",
			"--allow-root", find(t, dir, "*.deb")},
		{"rpm", "-K", "--nosignature", find(t, dir, "*.rpm")},
	} {
		if _, err := exec.LookPath(check[0]); err != nil {
			t.Logf("SKIPPED: %v", err)
			continue
		}
		checked = true
		if out, err := exec.Command(check[0], check[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", check[0], err, out)
		}
	}
	if !checked {
		t.Skip("SKIPPED: no linter of packages is here")
	}
	sums := exec.Command("sha256sum", "-c", "--quiet", "SHA256SUMS")
	sums.Dir = dir
	if out, err := sums.CombinedOutput(); err != nil {
		t.Errorf("checksums: %v\n%s", err, out)
	}
}

// TestLicences: nothing is shipped without the licences of what is in it.
func TestLicences(t *testing.T) {
	out, err := exec.Command("tar", "-xzOf", find(t, newer.packages(t, "0.2.0"), "*.tar.gz"),
		"--wildcards", "*/THIRD-PARTY").Output()
	must(t, err)
	for _, part := range []string{"==== github.com/pion/webrtc/v4 v4", "==== golang.org/x/sys v",
		"==== The Go standard library (LICENSE)", "Redistribution and use in source and binary forms"} {
		if !strings.Contains(string(out), part) {
			t.Errorf("THIRD-PARTY lacks %q", part)
		}
	}
}
