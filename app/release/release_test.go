package release

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func newKey(seed byte) (ed25519.PrivateKey, ed25519.PublicKey) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return private, private.Public().(ed25519.PublicKey)
}

func example() List {
	hash := strings.Repeat("ab", 32)
	return List{Version: "1.2.3", Made: "2026-11-20T10:00:00Z", Files: []File{
		{Name: "shoal-headless_1.2.3_amd64.deb", System: "linux", Arch: "amd64", Kind: "package", Size: 10, SHA256: hash},
		{Name: "shoal-1.2.3-linux-amd64.tar.gz", System: "linux", Arch: "amd64", Kind: Archive, Size: 10, SHA256: hash},
		{Name: "shoal-1.2.3-linux-amd64-desktop.tar.gz", System: "linux", Arch: "amd64", Window: true, Kind: Archive, Size: 10, SHA256: hash},
	}}
}

func TestSealed(t *testing.T) {
	private, public := newKey(1)
	_, other := newKey(2)
	sealed, err := Seal(example(), private)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(sealed, []ed25519.PublicKey{other, public})
	if err != nil || l.Version != "1.2.3" || len(l.Files) != 3 {
		t.Fatalf("opened it is %+v, %v", l, err)
	}
	if f, ok := l.For("linux", "amd64", false); !ok || f.Name != "shoal-1.2.3-linux-amd64.tar.gz" || f.Hash()[0] != 0xab {
		t.Errorf("the file of this platform is %+v, %v", f, ok)
	}
	if f, ok := l.For("linux", "amd64", true); !ok || !f.Window {
		t.Errorf("the file with the window is %+v, %v", f, ok)
	}
	if f, ok := l.For("linux", "arm64", false); ok {
		t.Errorf("another platform gets %+v", f)
	}
	if _, err := Open(sealed, []ed25519.PublicKey{other}); !errors.Is(err, ErrStranger) {
		t.Errorf("a stranger's list is opened: %v", err)
	}
	if _, err := Open(sealed, nil); !errors.Is(err, ErrStranger) {
		t.Errorf("who knows no key opens a list: %v", err)
	}
	// Every single byte that is changed is noticed.
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if got, err := Open(changed, []ed25519.PublicKey{public}); err == nil {
			t.Fatalf("with byte %d changed it is opened: %+v", i, got)
		}
	}
	if _, err := Open(sealed[:len(sealed)-1], []ed25519.PublicKey{public}); !errors.Is(err, ErrForged) {
		t.Errorf("cut short it is opened: %v", err)
	}
}

// TestHostile: lists that were signed, and say what no list may say.
func TestHostile(t *testing.T) {
	private, public := newKey(1)
	for name, body := range map[string]string{
		"no JSON":         "hello",
		"no version":      `{"files":[]}`,
		"strange version": `{"version":"../../1.2.3"}`,
		"a way out":       `{"version":"1.2.3","files":[{"name":"../shoal","size":1,"sha256":"` + strings.Repeat("00", 32) + `"}]}`,
		"a drive":         `{"version":"1.2.3","files":[{"name":"c:shoal","size":1,"sha256":"` + strings.Repeat("00", 32) + `"}]}`,
		"hidden":          `{"version":"1.2.3","files":[{"name":".shoal","size":1,"sha256":"` + strings.Repeat("00", 32) + `"}]}`,
		"too large":       `{"version":"1.2.3","files":[{"name":"shoal","size":99999999999,"sha256":"` + strings.Repeat("00", 32) + `"}]}`,
		"less than none":  `{"version":"1.2.3","files":[{"name":"shoal","size":-1,"sha256":"` + strings.Repeat("00", 32) + `"}]}`,
		"no hash":         `{"version":"1.2.3","files":[{"name":"shoal","size":1,"sha256":"00"}]}`,
		"many files": `{"version":"1.2.3","files":[` + strings.TrimSuffix(strings.Repeat(`{"name":"a","size":1,"sha256":"`+
			strings.Repeat("00", 32)+`"},`, filesMax+1), ",") + `]}`,
	} {
		text := base64.StdEncoding.EncodeToString
		sealed := fmt.Sprintf("%s%s %s\n%s", first, text(public), text(ed25519.Sign(private, signed([]byte(body)))), body)
		if l, err := Open([]byte(sealed), []ed25519.PublicKey{public}); !errors.Is(err, ErrForm) {
			t.Errorf("%s: it is opened as %+v, %v", name, l, err)
		}
	}
	if _, err := Open(make([]byte, ListMax+1), []ed25519.PublicKey{public}); !errors.Is(err, ErrForm) {
		t.Errorf("a list that is too long: %v", err)
	}
}

func TestCompare(t *testing.T) {
	rising := []string{"0.9", "v1.2.3-beta2", "1.2.3-rc2", "1.2.3-rc10", "v1.2.3-rc10-3-gabcdef1", "1.2.3",
		"1.2.3-4-gabcdef1", "v1.2.3-14-gabcdef1-dirty", "1.2.4", "1.10.0", "2.0"}
	for i, a := range rising {
		for j, b := range rising {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got, err := Compare(a, b); got != want || err != nil {
				t.Errorf("%s against %s is %d, %v, want %d", a, b, got, err, want)
			}
		}
	}
	for _, text := range []string{"", "1", "devel", "5315b5d", "1.2.3.4", "1.2.x", "1.2.3-", "1.2.3-rc1-3", "1.2.3-4",
		"1.-2.3", "1.2.3-4-xabc", "1.2.99999999999", strings.Repeat("1", 99) + ".2"} {
		if _, err := Compare(text, "1.2.3"); err == nil {
			t.Errorf("%q is taken for a version", text)
		}
	}
}

func TestKeys(t *testing.T) {
	_, public := newKey(1)
	text := base64.StdEncoding.EncodeToString(public)
	if keys, err := ParseKeys(text + "," + text); err != nil || len(keys) != 2 {
		t.Errorf("two keys are %d, %v", len(keys), err)
	}
	for _, wrong := range []string{"x", text[1:], text + ",", strings.Repeat(text+",", keysMax) + text} {
		if _, err := ParseKeys(wrong); err == nil {
			t.Errorf("%q is taken for keys", wrong)
		}
	}
}

func FuzzOpen(f *testing.F) {
	private, public := newKey(1)
	sealed, err := Seal(example(), private)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte(first))
	f.Fuzz(func(t *testing.T, data []byte) {
		if l, err := Open(data, []ed25519.PublicKey{public}); err == nil {
			for _, file := range l.Files {
				_ = file.Hash() // it panics if the list was not checked
			}
		}
	})
}
