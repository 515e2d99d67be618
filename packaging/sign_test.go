package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSigned: all files of a release are listed under a key, those apart that programs
// update themselves from. What a list looks like to a program is tried beside app/release.
func TestSigned(t *testing.T) {
	source, err := filepath.Abs("..")
	must(t, err)
	r := release{source: source, out: t.TempDir(), version: "v1.2.3", when: time.Unix(1_790_000_000, 0).UTC()}
	key := filepath.Join(t.TempDir(), "key")
	must(t, r.newKey(key))
	public, err := publicKeys(key + ".pub")
	must(t, err)
	for _, name := range []string{"shoal-v1.2.3-linux-amd64.tar.gz", "shoal-v1.2.3-linux-amd64-desktop.tar.gz",
		"shoal-headless_1.2.3_amd64.deb", "SHA256SUMS", "SHA256SUMS.asc"} {
		must(t, r.write(name, []byte(name)))
	}
	must(t, r.sign(key))
	must(t, r.sign(key)) // its own list is not in it
	sealed, err := os.ReadFile(filepath.Join(r.out, listName))
	must(t, err)
	head, body, _ := strings.Cut(string(sealed), "\n")
	if !strings.HasPrefix(head, "shoal release 1 "+public+" ") {
		t.Errorf("it begins with %q", head)
	}
	if got := strings.Count(body, `"name"`); got != 3 {
		t.Errorf("%d files are listed, want 3: %s", got, body)
	}
	flat := strings.Join(strings.Fields(body), "")
	for _, part := range []string{
		`"name":"shoal-v1.2.3-linux-amd64.tar.gz","system":"linux","arch":"amd64","kind":"archive"`,
		`"system":"linux","arch":"amd64","window":true,"kind":"archive"`, `amd64.deb","kind":"package"`,
	} {
		if !strings.Contains(flat, part) {
			t.Errorf("the list lacks %s: %s", part, body)
		}
	}
	if _, err := publicKeys(key); err == nil {
		t.Error("a key was taken for a public one, and would be built into programs")
	}
	r.version = "5315b5d"
	if err := r.sign(key); err == nil {
		t.Error("a commit without a version was signed as a release")
	}
}
