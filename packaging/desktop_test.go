package main

import (
	"bytes"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestShown: what desktops read about shoal passes their own checks.
func TestShown(t *testing.T) {
	source, err := filepath.Abs("..")
	must(t, err)
	r := release{source: source, version: "0.2.0", when: time.Unix(1_790_000_000, 0).UTC()}
	items, err := r.shown()
	must(t, err)
	top := t.TempDir()
	_, err = r.stage(top, desktop, items)
	must(t, err)
	checked := false
	for _, check := range [][]string{
		{"desktop-file-validate", filepath.Join(top, "usr/share/applications", appID+".desktop")},
		{"appstreamcli", "validate-tree", "--no-net", "--strict", top},
	} {
		if _, err := exec.LookPath(check[0]); err != nil {
			t.Logf("SKIPPED: %v", err)
			continue
		}
		checked = true
		out, err := exec.Command(check[0], check[1:]...).CombinedOutput()
		if err != nil || check[0] == "desktop-file-validate" && len(out) > 0 {
			t.Errorf("%s: %v\n%s", check[0], err, out)
		}
	}
	if !checked {
		t.Log("SKIPPED: neither desktop-file-validate nor appstreamcli is here")
	}
	for _, i := range items {
		if filepath.Ext(i.path) != ".png" {
			continue
		}
		picture, err := png.Decode(bytes.NewReader(i.content))
		must(t, err)
		size := picture.Bounds().Dx()
		_, _, _, corner := picture.At(0, 0).RGBA()
		_, _, _, middle := picture.At(size/2, size/2).RGBA()
		if corner > 0x8000 || middle != 0xffff {
			t.Errorf("%s: its corner is not clear (%x) or its middle is (%x)", i.path, corner, middle)
		}
	}
}

// TestWindowed: the program with the window is packaged with what shows it and with the
// libraries it needs, and Debian's checks find nothing. It needs what compiles a window.
func TestWindowed(t *testing.T) {
	if os.Getenv("SHOAL_RELEASE") == "" {
		t.Skip("SKIPPED: the window is compiled and packaged by make release-check")
	}
	source, err := filepath.Abs("..")
	must(t, err)
	r := release{source: source, out: t.TempDir(), version: "0.2.0", window: true, when: time.Unix(1_790_000_000, 0).UTC()}
	must(t, r.make(runtime.GOOS+"/"+runtime.GOARCH))
	again := r
	again.out = t.TempDir()
	copied := filepath.Join(t.TempDir(), "elsewhere")
	copyTree(t, "..", copied)
	again.source = copied
	must(t, again.make(runtime.GOOS+"/"+runtime.GOARCH))
	one, err := os.ReadFile(filepath.Join(r.out, "SHA256SUMS"))
	must(t, err)
	two, err := os.ReadFile(filepath.Join(again.out, "SHA256SUMS"))
	must(t, err)
	if !bytes.Equal(one, two) {
		t.Errorf("two builds differ:\n%s\n%s", one, two)
	}
	if _, err := exec.LookPath("lintian"); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	made := find(t, r.out, "shoal_*.deb")
	out, err := exec.Command("lintian", "--fail-on", "error,warning,info", "--allow-root", made).CombinedOutput()
	if err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
	needs, err := exec.Command("dpkg-deb", "-f", made, "Depends").Output()
	must(t, err)
	for _, library := range []string{"libgl1", "libx11-6", "libxkbcommon0"} {
		if !slices.Contains(strings.Split(strings.TrimSpace(string(needs)), ", "), library) {
			t.Errorf("it does not ask for %s: %s", library, needs)
		}
	}
}
