// Package release says what a signed release is: a list of files, each with its size and
// hash, under one version, and a signature by one who may make releases.
//
//	shoal release 1 KEY SIGNATURE          (one line: both in base64)
//	{"version":"1.2.3","made":"2026-11-20T10:00:00Z","files":[
//	  {"name":"shoal-1.2.3-linux-amd64.tar.gz","system":"linux","arch":"amd64",
//	   "kind":"archive","size":14680064,"sha256":"…"}, …]}
//
// It knows the form, checks the signature and every bound, and orders versions. It leaves
// to others where lists and files come from (app/update, app/host) and who makes them (the
// packaging program). A list that Open returns was signed by one of the keys asked for;
// everything else about it is still the signer's word.
package release

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

const (
	// ListMax bounds a signed list, in bytes: a hundred files take 25 KiB.
	ListMax = 64 << 10
	// FileMax bounds one file of a release, in bytes: ten times the largest there is.
	FileMax = 512 << 20
	// filesMax bounds the files of one list, keysMax the keys one program knows.
	filesMax, keysMax = 200, 8

	first = "shoal release 1 "
)

// Archive is the kind of the files that a program updates itself from: a .tar.gz in which
// the programs lie one directory deep.
const Archive = "archive"

var (
	// ErrForm reports bytes that are no signed list.
	ErrForm = errors.New("not a signed list of a release")
	// ErrStranger reports a list signed by a key that is not among those asked for.
	ErrStranger = errors.New("signed by a key that this program does not know")
	// ErrForged reports a signature that does not belong to the list.
	ErrForged = errors.New("the signature does not belong to the list: it was changed on its way")
)

// File is one file of a release.
type File struct {
	Name   string `json:"name"` // without a directory
	System string `json:"system,omitempty"`
	Arch   string `json:"arch,omitempty"`
	Window bool   `json:"window,omitempty"`
	Kind   string `json:"kind"` // archive, package, installer or other
	Size   int64  `json:"size"` // bytes, at most FileMax
	SHA256 string `json:"sha256"`
}

// Hash returns the file's SHA-256.
func (f File) Hash() (h [sha256.Size]byte) {
	raw, err := hex.DecodeString(f.SHA256)
	if err != nil || len(raw) != len(h) {
		panic("bug: a list was not checked: " + f.SHA256)
	}
	copy(h[:], raw)
	return h
}

// List is what a release holds.
type List struct {
	Version string `json:"version"`
	Made    string `json:"made"` // RFC 3339, for people
	Files   []File `json:"files"`
}

// For returns the file that a program of a platform updates itself from.
func (l List) For(system, arch string, window bool) (File, bool) {
	for _, f := range l.Files {
		if f.Kind == Archive && f.System == system && f.Arch == arch && f.Window == window {
			return f, true
		}
	}
	return File{}, false
}

// Seal signs a list.
func Seal(l List, key ed25519.PrivateKey) ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	body, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	public := key.Public().(ed25519.PublicKey)
	text := base64.StdEncoding.EncodeToString
	sealed := append([]byte(first+text(public)+" "+text(ed25519.Sign(key, signed(body)))+"\n"), body...)
	if len(sealed) > ListMax {
		return nil, fmt.Errorf("the list has %d bytes, more than %d", len(sealed), ListMax)
	}
	return sealed, nil
}

// signed is what a signature is made of: nothing signed with the key for another purpose
// can be taken for a list.
func signed(body []byte) []byte { return append([]byte(first), body...) }

// Open checks a signed list against the keys that may sign one, and returns it.
func Open(sealed []byte, keys []ed25519.PublicKey) (List, error) {
	if len(sealed) > ListMax {
		return List{}, fmt.Errorf("%w: more than %d bytes", ErrForm, ListMax)
	}
	head, body, found := bytes.Cut(sealed, []byte("\n"))
	rest, begins := strings.CutPrefix(string(head), first)
	who, what, both := strings.Cut(rest, " ")
	if !found || !begins || !both {
		return List{}, ErrForm
	}
	key, err := ParseKey(who)
	if err != nil {
		return List{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(what)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return List{}, fmt.Errorf("%w: its signature is no signature", ErrForm)
	}
	known := false
	for _, k := range keys {
		known = known || k.Equal(key)
	}
	if !known {
		return List{}, ErrStranger
	}
	if !ed25519.Verify(key, signed(body), signature) {
		return List{}, ErrForged
	}
	var l List
	if err := json.Unmarshal(body, &l); err != nil {
		return List{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return l, l.check()
}

func (l List) check() error {
	if _, err := Compare(l.Version, l.Version); err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	if len(l.Files) > filesMax {
		return fmt.Errorf("%w: %d files, more than %d", ErrForm, len(l.Files), filesMax)
	}
	for _, f := range l.Files {
		raw, err := hex.DecodeString(f.SHA256)
		switch {
		case !plainName(f.Name):
			return fmt.Errorf("%w: a file is called %q", ErrForm, f.Name)
		case f.Size <= 0 || f.Size > FileMax:
			return fmt.Errorf("%w: %s has %d bytes, want 1 to %d", ErrForm, f.Name, f.Size, FileMax)
		case err != nil || len(raw) != sha256.Size:
			return fmt.Errorf("%w: the hash of %s is no SHA-256", ErrForm, f.Name)
		}
	}
	return nil
}

// plainName accepts what is a file's name on every system and cannot lead anywhere else.
func plainName(name string) bool {
	if name == "" || len(name) > 200 || name[0] == '.' || name[0] == '-' {
		return false
	}
	for _, c := range []byte(name) {
		if !letter(c) && !digit(c) && !strings.ContainsRune("._-+~@", rune(c)) {
			return false
		}
	}
	return true
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }

// ParseKey reads a public key: 32 bytes in base64.
func ParseKey(text string) (ed25519.PublicKey, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%q is no public key", text)
	}
	return raw, nil
}

// ParseKeys reads public keys separated by commas; no text is no key.
func ParseKeys(text string) (keys []ed25519.PublicKey, err error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) > keysMax {
		return nil, fmt.Errorf("%d keys, more than %d", len(parts), keysMax)
	}
	for _, part := range parts {
		key, err := ParseKey(part)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}
