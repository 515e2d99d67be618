package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/release"
)

// TestSeal: a key is made once, for its owner's eyes, and what is signed with it is
// believed by who knows its public half.
func TestSeal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := run(path, "", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := run(path, "", nil, nil); err == nil {
		t.Error("a key was written over")
	}
	list := `{"version":"v1.2.3","files":[{"name":"a.tar.gz","kind":"archive","size":3,"sha256":"` + strings.Repeat("ab", 32) + `"}]}`
	var sealed bytes.Buffer
	if err := run("", path, strings.NewReader(list), &sealed); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := release.ParseKeys(strings.TrimSpace(string(public)))
	if err != nil {
		t.Fatal(err)
	}
	if l, err := release.Open(sealed.Bytes(), keys); err != nil || l.Version != "v1.2.3" || len(l.Files) != 1 {
		t.Errorf("what was signed is %+v, %v", l, err)
	}
	for _, wrong := range []string{"", `{"version":"5315b5d"}`, `{"version":"1.2.3","fils":[]}`} {
		if err := run("", path, strings.NewReader(wrong), &sealed); err == nil {
			t.Errorf("%q was signed", wrong)
		}
	}
	if err := run("", path+".pub", strings.NewReader(list), &sealed); err == nil {
		t.Error("a public key signs")
	}
	if err := run("", "", nil, nil); err == nil {
		t.Error("nothing was asked for, and nothing said")
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run("", path, strings.NewReader(list), &sealed); err == nil || !strings.Contains(err.Error(), "others can read") {
		t.Errorf("a key that others can read is used: %v", err)
	}
}
