package update

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/shoal-sync/shoal/app/release"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// signer makes lists and the stores that believe it.
type signer struct {
	t   *testing.T
	key ed25519.PrivateKey
}

func newSigner(t *testing.T) signer {
	return signer{t, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
}

func (s signer) store() *Store {
	return NewStore(filepath.Join(s.t.TempDir(), "update"), []ed25519.PublicKey{s.key.Public().(ed25519.PublicKey)})
}

// list is a release of one file that holds content.
func (s signer) list(version string, content []byte) ([]byte, release.File) {
	s.t.Helper()
	f := release.File{Name: "shoal-" + version + ".tar.gz", System: "linux", Arch: "amd64", Kind: release.Archive,
		Size: int64(len(content)), SHA256: fmt.Sprintf("%x", sha256.Sum256(content))}
	sealed, err := release.Seal(release.List{Version: version, Files: []release.File{f}}, s.key)
	must(s.t, err)
	return sealed, f
}

// TestKept: a list is kept when it is signed and not older, and what it does not name goes.
func TestKept(t *testing.T) {
	s := newSigner(t)
	store := s.store()
	if _, _, err := store.Held(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty store holds a list: %v", err)
	}
	sealed, f := s.list("1.0.0", []byte("one"))
	_, err := store.Keep(sealed)
	must(t, err)
	if store.Offers("linux", "amd64", false) != nil {
		t.Error("it offers a file that is not here")
	}
	fill(t, store, f, "one")
	if !bytes.Equal(store.Offers("linux", "amd64", false), sealed) || store.Offers("linux", "arm64", false) != nil ||
		store.Offers("linux", "amd64", true) != nil {
		t.Error("it does not offer the file that is here, and that one only")
	}
	if got, err := store.Read(f.Hash(), 1, 10); string(got) != "ne" || err != nil {
		t.Errorf("behind the first byte it reads %q, %v", got, err)
	}
	if got, err := store.Read(f.Hash(), 99, 10); len(got) != 0 || err != nil {
		t.Errorf("behind its end it reads %q, %v", got, err)
	}
	newer, other := s.list("1.1.0", []byte("two"))
	_, err = store.Keep(newer)
	must(t, err)
	if got, err := store.Read(f.Hash(), 0, 10); len(got) != 0 || err != nil {
		t.Errorf("of a list that was replaced it reads %q, %v", got, err)
	}
	if _, err := store.Keep(sealed); !errors.Is(err, ErrOlder) {
		t.Errorf("an older list takes the place of a newer one: %v", err)
	}
	fill(t, store, other, "two")
	path, err := store.Whole(other)
	must(t, err)
	must(t, os.WriteFile(path, []byte("bad"), 0o600))
	if _, err := store.Whole(other); !errors.Is(err, ErrWrong) {
		t.Errorf("a file that has rotted is whole: %v", err)
	}
}

func fill(t *testing.T, store *Store, f release.File, content string) {
	t.Helper()
	part, err := store.Begin(f)
	must(t, err)
	_, err = part.Write([]byte(content))
	must(t, err)
	must(t, part.Close())
}

// TestPart: what has come stays, too much is refused, wrong bytes are forgotten.
func TestPart(t *testing.T) {
	s := newSigner(t)
	store := s.store()
	_, f := s.list("1.0.0", []byte("whole"))
	part, err := store.Begin(f)
	must(t, err)
	_, err = part.Write([]byte("who"))
	must(t, err)
	must(t, part.Close())
	if _, err := store.Whole(f); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a part is whole: %v", err)
	}
	part, err = store.Begin(f)
	must(t, err)
	if part.Have() != 3 {
		t.Errorf("of 3 bytes %d have come", part.Have())
	}
	if _, err := part.Write([]byte("le and more")); !errors.Is(err, ErrWrong) {
		t.Errorf("more bytes than signed are taken: %v", err)
	}
	_, err = part.Write([]byte("LE"))
	must(t, err)
	if err := part.Close(); !errors.Is(err, ErrWrong) {
		t.Errorf("wrong bytes are kept: %v", err)
	}
	part, err = store.Begin(f)
	must(t, err)
	if part.Have() != 0 {
		t.Errorf("wrong bytes are gone on with: %d", part.Have())
	}
	must(t, part.Close())
}

// TestServers: those that know no ranges, promise less or send more than was signed.
func TestServers(t *testing.T) {
	s := newSigner(t)
	content := bytes.Repeat([]byte("shoal"), 1000)
	for name, serve := range map[string]struct {
		answer func(http.ResponseWriter)
		wrong  error
	}{
		"without ranges": {answer: func(w http.ResponseWriter) { _, _ = w.Write(content) }},
		"another range": {answer: func(w http.ResponseWriter) {
			w.Header().Set("Content-Range", "bytes 0-9/5000")
			w.WriteHeader(http.StatusPartialContent)
		}, wrong: errors.New("206")},
		"endless": {answer: func(w http.ResponseWriter) {
			for range 100 {
				_, _ = w.Write(content)
			}
		}, wrong: ErrWrong},
		"nothing there": {answer: func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, wrong: errors.New("404")},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { serve.answer(w) }))
		store := s.store()
		_, f := s.list("1.0.0", content)
		part, err := store.Begin(f)
		must(t, err)
		_, err = part.Write(content[:10])
		must(t, err)
		must(t, part.Close())
		client, err := NewClient("none")
		must(t, err)
		err = NewPlace(server.URL+"/RELEASE", client).Fetch(t.Context(), store, f)
		switch {
		case serve.wrong == nil:
			must(t, err)
			_, err = store.Whole(f)
			must(t, err)
		case err == nil || !errors.Is(err, serve.wrong) && !strings.Contains(err.Error(), serve.wrong.Error()):
			t.Errorf("%s: %v, want %v", name, err, serve.wrong)
		}
		server.Close()
	}
}

// TestAllCame: what came whole and was not looked at, as the program was ended, is asked of
// nobody again: servers refuse to give what is behind the end.
func TestAllCame(t *testing.T) {
	s := newSigner(t)
	store := s.store()
	_, f := s.list("1.0.0", []byte("whole"))
	must(t, os.MkdirAll(store.dir, 0o700))
	must(t, os.WriteFile(filepath.Join(store.dir, f.SHA256+".part"), []byte("whole"), 0o600))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
	}))
	defer server.Close()
	client, err := NewClient("none")
	must(t, err)
	must(t, NewPlace(server.URL+"/RELEASE", client).Fetch(t.Context(), store, f))
	_, err = store.Whole(f)
	must(t, err)
}

// TestSilent: who stops to give in the middle is not waited for for ever, and what came
// stays.
func TestSilent(t *testing.T) {
	s := newSigner(t)
	store := s.store()
	_, f := s.list("1.0.0", []byte("whole"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("who"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	client, err := NewClient("none")
	must(t, err)
	place := NewPlace(server.URL+"/RELEASE", client)
	place.quiet = 100 * time.Millisecond
	for have, tries := int64(0), 0; have != 3; tries++ {
		if err := place.Fetch(t.Context(), store, f); !errors.Is(err, errSilent) || tries == 50 {
			t.Fatalf("it is %v, %d bytes stay, want 3", err, have)
		}
		part, err := store.Begin(f)
		must(t, err)
		have = part.Have() // none where even what was said came too late
		must(t, part.Close())
	}
}

// packed is an archive of files.
func packed(t *testing.T, files ...tar.Header) string {
	t.Helper()
	var out bytes.Buffer
	squeezed := gzip.NewWriter(&out)
	list := tar.NewWriter(squeezed)
	for _, head := range files {
		content := []byte(head.Linkname)
		head.Linkname, head.Mode, head.Size = "", 0o755, int64(len(content))
		if head.Typeflag == tar.TypeSymlink {
			head.Linkname, head.Size, content = string(content), 0, nil
		}
		must(t, list.WriteHeader(&head))
		_, err := list.Write(content)
		must(t, err)
	}
	must(t, list.Close())
	must(t, squeezed.Close())
	path := filepath.Join(t.TempDir(), "archive")
	must(t, os.WriteFile(path, out.Bytes(), 0o600))
	return path
}

// script is a program that says a version.
func script(version string) string { return "#!/bin/sh\necho '{\"version\":\"" + version + "\"}'\n" }

// TestSwapped: programs are exchanged and come back; what an archive holds besides them
// goes nowhere.
func TestSwapped(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs of this test are scripts")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "shoal")
	must(t, os.WriteFile(program, []byte(script("1.0.0")), 0o755))
	archive := packed(t, tar.Header{Name: "shoal-1.1.0/README.md", Linkname: "read me"},
		tar.Header{Name: "shoal-1.1.0/shoal", Linkname: script("1.1.0")},
		tar.Header{Name: "../shoal", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		tar.Header{Name: "deep/er/shoal", Linkname: "another"}, tar.Header{Name: "shoal", Linkname: "flat"})
	swap, err := Prepare(t.Context(), archive, program, "v1.1.0")
	must(t, err)
	expect := func(want string) {
		t.Helper()
		if got, err := VersionOf(t.Context(), program); got != want || err != nil {
			t.Errorf("in place is %q, %v, want %q", got, err, want)
		}
	}
	expect("1.0.0")
	must(t, swap.Do())
	expect("1.1.0")
	must(t, swap.Drop())
	must(t, swap.Back())
	expect("1.0.0")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
	if err := Back(program); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it goes back where nothing was replaced: %v", err)
	}
}

// TestNotSwapped: archives that are not put in place leave nothing behind.
func TestNotSwapped(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs of this test are scripts")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "shoal")
	must(t, os.WriteFile(program, []byte(script("1.0.0")), 0o755))
	rubbish := filepath.Join(t.TempDir(), "rubbish")
	must(t, os.WriteFile(rubbish, []byte("rubbish"), 0o600))
	many := make([]tar.Header, filesMax+1)
	for i := range many {
		many[i] = tar.Header{Name: fmt.Sprintf("shoal-1/%d", i)}
	}
	one := tar.Header{Name: "shoal-1/shoal", Linkname: script("1.1.0")}
	for name, archive := range map[string]string{
		"rubbish":      rubbish,
		"empty":        packed(t),
		"twice":        packed(t, one, one),
		"many":         packed(t, many...),
		"a lie":        packed(t, tar.Header{Name: "shoal-1/shoal", Linkname: script("1.2.0")}),
		"fails":        packed(t, tar.Header{Name: "shoal-1/shoal", Linkname: "#!/bin/sh\nexit 1\n"}),
		"a link":       packed(t, tar.Header{Name: "shoal-1/shoal", Typeflag: tar.TypeSymlink, Linkname: "/bin/true"}),
		"another name": packed(t, tar.Header{Name: "shoal-1/shoal.exe", Linkname: script("1.1.0")}),
	} {
		if _, err := Prepare(t.Context(), archive, program, "1.1.0"); err == nil {
			t.Errorf("%s is put in place", name)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("%s leaves %v, %v", name, left, err)
		}
	}
}

// TestOwned: what other systems look after is left to them.
func TestOwned(t *testing.T) {
	for _, program := range []string{"/usr/bin/shoal", "/app/bin/shoal", "/usr/local/Cellar/shoal/1/bin/shoal", "/Applications/Shoal.app/Contents/MacOS/shoal"} {
		if owned(program) == "" {
			t.Errorf("%s belongs to nobody", program)
		}
	}
	for _, program := range []string{"/usr/local/bin/shoal", "/home/anna/.local/bin/shoal", "/opt/shoal/shoal"} {
		if owner := owned(program); owner != "" {
			t.Errorf("%s belongs to %s", program, owner)
		}
	}
	program := filepath.Join(t.TempDir(), "shoal")
	claimed := func(program string) bool {
		release, err := Claim(program)
		if err == nil {
			must(t, release())
		}
		return err == nil
	}
	for range 2 {
		if !claimed(program) {
			t.Error("what belongs to nobody is not replaced")
		}
	}
	theirs := filepath.Join(t.TempDir(), "Cellar", "bin", "shoal")
	must(t, os.MkdirAll(filepath.Dir(theirs), 0o700))
	must(t, os.WriteFile(theirs, nil, 0o700))
	if err := os.Symlink(theirs, program); err == nil && claimed(program) {
		t.Error("a link to what belongs to somebody is replaced")
	}
	if claimed(filepath.Join(program, "nowhere", "shoal")) {
		t.Error("a directory that is not there can be written to")
	}
}
