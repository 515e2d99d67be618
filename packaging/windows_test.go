package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tc-hib/winres"
)

// forWindows is a version made for Windows, once for all tests.
var forWindows made

func madeForWindows(t *testing.T) string {
	t.Helper()
	forWindows.Do(func() {
		forWindows.dir = filepath.Join(scratch, "windows")
		r := release{out: forWindows.dir, version: "0.2.0-rc1", when: time.Unix(1_790_000_000, 0).UTC()}
		if r.source, forWindows.err = filepath.Abs(".."); forWindows.err == nil {
			forWindows.err = r.make("windows/amd64")
		}
	})
	must(t, forWindows.err)
	return forWindows.dir
}

// TestDressed: the program has a face, tells its version, and asks for no more rights than
// the person has.
func TestDressed(t *testing.T) {
	exe := unpacked(t, find(t, madeForWindows(t), "*-windows-amd64.tar.gz"), "shoal.exe")
	file, err := os.Open(exe)
	must(t, err)
	defer file.Close()
	set, err := winres.LoadFromEXE(file)
	must(t, err)
	if _, err := set.GetIcon(winres.Name("GLFW_ICON")); err != nil {
		t.Errorf("its icon: %v", err)
	}
	manifest := string(set.Get(winres.RT_MANIFEST, winres.ID(1), winres.LCIDNeutral))
	if manifest == "" {
		manifest = string(set.Get(winres.RT_MANIFEST, winres.ID(1), winres.LCIDDefault))
	}
	for _, part := range []string{`level="asInvoker"`, ">true</longPathAware>", "permonitorv2"} {
		if !strings.Contains(strings.ToLower(manifest), strings.ToLower(part)) {
			t.Errorf("the manifest lacks %s:\n%s", part, manifest)
		}
	}
	info := set.Get(winres.RT_VERSION, winres.ID(1), winres.LCIDDefault)
	if want := []byte("0\x00.\x002\x00.\x000\x00-\x00r\x00c\x001\x00"); !bytes.Contains(info, want) {
		t.Error("its properties do not tell the version")
	}
	if signed, err := isSigned(exe); signed || err != nil {
		t.Errorf("nobody signed it: %v, %v", signed, err)
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string][4]uint16{
		"1.2.3": {1, 2, 3}, "0.2.0~rc1": {0, 2}, "1.2": {1, 2}, "1.2.3+4.gab": {1, 2, 3}, "0~2026.x": {},
		"1.99999.2": {1}, "": {},
	} {
		if got := numbers(text); got != want {
			t.Errorf("%q has the numbers %v, want %v", text, got, want)
		}
	}
}

// TestSignedForWindows: what signs is called and has to have signed.
func TestSignedForWindows(t *testing.T) {
	exe := unpacked(t, find(t, madeForWindows(t), "*-windows-amd64.tar.gz"), "shoal.exe")
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte("#!/bin/sh\nset -e\n"+text), 0o755))
		return path
	}
	var r release
	t.Setenv("SHOAL_SIGN_WINDOWS", script("liar", "exit 0\n"))
	if err := r.signWindows(exe); err == nil || !strings.Contains(err.Error(), "no signature") {
		t.Errorf("a signer that does nothing is believed: %v", err)
	}
	t.Setenv("SHOAL_SIGN_WINDOWS", script("failing", "echo no key >&2\nexit 3\n"))
	if err := r.signWindows(exe); err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("what a signer complains of is not told: %v", err)
	}
	for _, tool := range []string{"osslsigncode", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: nothing is signed for Windows: %v", err)
		}
	}
	must(t, exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shoal test",
		"-addext", "extendedKeyUsage=codeSigning", "-keyout", filepath.Join(dir, "key"), "-out", filepath.Join(dir, "cert")).Run())
	t.Setenv("SHOAL_SIGN_WINDOWS", script("signer", `cd "$(dirname "$0")"
osslsigncode sign -certs cert -key key -n Shoal -in "$1" -out "$1.signed"
mv "$1.signed" "$1"
`))
	must(t, r.signWindows(exe))
	if signed, err := isSigned(exe); !signed || err != nil {
		t.Errorf("signed, it holds no signature: %v", err)
	}
}

// TestSetup is the installer's life under Wine: installed without a question, asked for its
// version, installed again over itself, removed. What belongs to the person stays.
func TestSetup(t *testing.T) {
	if _, err := exec.LookPath("makensis"); err != nil {
		t.Skip("SKIPPED: no installer for Windows is made: no makensis here")
	}
	setup := find(t, madeForWindows(t), "*-setup.exe")
	w := startWine(t)
	w.do(setup, "/S")
	program := w.at(`AppData/Local/Programs/Shoal/shoal.exe`)
	if got := w.do(program, "version"); !strings.Contains(got, "shoal 0.2.0-rc1") {
		t.Fatalf("installed is %q", got)
	}
	menu := w.at(`AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Shoal.lnk`)
	state := w.at(`AppData/Roaming/shoal`)
	must(t, os.MkdirAll(filepath.Join(state, "keys"), 0o700)) // Wine 8 lacks what a real one is made with
	kept := filepath.Join(filepath.Dir(program), "mine.txt")
	must(t, os.WriteFile(kept, []byte("mine"), 0o600))
	w.do(setup, "/S")
	if got := w.do(program, "version"); !strings.Contains(got, "shoal 0.2.0-rc1") {
		t.Errorf("installed again it is %q", got)
	}
	for _, path := range []string{menu, state, filepath.Join(filepath.Dir(program), "THIRD-PARTY.txt")} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("installed: %v", err)
		}
	}
	w.do(filepath.Join(filepath.Dir(program), "uninstall.exe"), "/S")
	w.untilGone(program, menu, filepath.Join(filepath.Dir(program), "uninstall.exe"))
	for _, path := range []string{kept, filepath.Join(state, "keys")} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("removed, it took along what was not its own: %v", err)
		}
	}
	if left := w.do("reg", "query", `HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall`, "/s"); strings.Contains(left, "Shoal") {
		t.Errorf("removed, Windows still lists it: %s", left)
	}
}

// TestSetupSameTwice: the installer is the same when it is made again.
func TestSetupSameTwice(t *testing.T) {
	if _, err := exec.LookPath("makensis"); err != nil {
		t.Skip("SKIPPED: no installer for Windows is made: no makensis here")
	}
	first := find(t, madeForWindows(t), "*-setup.exe")
	r := release{out: t.TempDir(), version: "0.2.0-rc1", when: time.Unix(1_790_000_000, 0).UTC()}
	var err error
	r.source, err = filepath.Abs("..")
	must(t, err)
	archive := find(t, madeForWindows(t), "*-windows-amd64.tar.gz")
	third, err := os.ReadFile(unpacked(t, archive, "THIRD-PARTY"))
	must(t, err)
	must(t, r.installer(t.TempDir(), []program{{"windows", "amd64", unpacked(t, archive, "shoal.exe"), false}}, texts{licences: third}))
	a, err := os.ReadFile(first)
	must(t, err)
	b, err := os.ReadFile(find(t, r.out, "*-setup.exe"))
	must(t, err)
	if !bytes.Equal(a, b) {
		t.Error("two installers of the same program differ")
	}
}

// unpacked is one file of an archive.
func unpacked(t *testing.T, archive, name string) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("tar", "-xzf", archive, "-C", dir, "--strip-components=1", "--wildcards", "*/"+name).CombinedOutput()
	if err != nil {
		t.Fatalf("%s of %s: %v\n%s", name, archive, err, out)
	}
	return filepath.Join(dir, name)
}

// wine is a Windows of its own, in a directory.
type wine struct {
	t           *testing.T
	loader, dir string
}

// chance is what Go asks of Windows at its start and what Wine before 9 lacks.
const chance = `#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID into, ULONG count);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE into, SIZE_T count) { return SystemFunction036(into, count); }
`

func startWine(t *testing.T) *wine {
	t.Helper()
	w := &wine{t: t, dir: t.TempDir()}
	for _, name := range []string{"wine64", "/usr/lib/wine/wine64", "wine"} {
		if path, err := exec.LookPath(name); err == nil && w.loader == "" {
			w.loader = path
		}
	}
	if w.loader == "" {
		t.Skip("SKIPPED: nothing is installed on Windows: no Wine here")
	}
	w.do("wineboot", "--init")
	t.Cleanup(func() {
		server := exec.Command(filepath.Join(filepath.Dir(w.loader), "wineserver"), "--kill", "--wait")
		server.Env = append(os.Environ(), "WINEPREFIX="+w.dir)
		if out, err := server.CombinedOutput(); err != nil {
			t.Logf("this Windows does not end: %v %s", err, out)
		}
	})
	lacking := filepath.Join(w.dir, "drive_c/windows/system32/bcryptprimitives.dll")
	if _, err := os.Stat(lacking); err == nil {
		return w
	}
	source := filepath.Join(t.TempDir(), "chance.c")
	must(t, os.WriteFile(source, []byte(chance), 0o600))
	if out, err := exec.Command(windowsCompiler, "-shared", "-o", lacking, source, "-ladvapi32").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: nothing is installed on Windows: this Wine runs no programs of Go (Wine 9 does), "+
			"and what it lacks cannot be compiled: %v %s", err, out)
	}
	return w
}

func (w *wine) try(args ...string) (string, error) {
	cmd := exec.Command(w.loader, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SHOAL_") }),
		"WINEPREFIX="+w.dir, "WINEDEBUG=-all", "DISPLAY=", "WINEDLLOVERRIDES=mscoree,mshtml=")
	said, err := os.CreateTemp(w.dir, "said") // no pipe, which what it leaves running would hold
	must(w.t, err)
	defer said.Close()
	cmd.Stdout, cmd.Stderr = said, said
	failed := cmd.Run()
	out, err := os.ReadFile(said.Name())
	return strings.TrimSpace(strings.ReplaceAll(string(out), "\r", "")), errors.Join(failed, err)
}

func (w *wine) do(args ...string) string {
	w.t.Helper()
	out, err := w.try(args...)
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// at is a path below the person's profile.
func (w *wine) at(path string) string {
	w.t.Helper()
	profiles, err := filepath.Glob(filepath.Join(w.dir, "drive_c/users/*/AppData"))
	must(w.t, err)
	if len(profiles) != 1 {
		w.t.Fatalf("there are the profiles %v", profiles)
	}
	return filepath.Join(filepath.Dir(profiles[0]), filepath.FromSlash(path))
}

// untilGone waits: an uninstaller goes on in a copy of itself.
func (w *wine) untilGone(paths ...string) {
	w.t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, path := range paths {
		for {
			if _, err := os.Stat(path); os.IsNotExist(err) {
				break
			}
			select {
			case <-tick.C:
			case <-deadline:
				w.t.Fatalf("removed, %s is still there", path)
			}
		}
	}
}
