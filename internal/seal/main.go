// Command seal signs lists of releases, and makes the keys for it.
//
//	seal -new-key FILE                    a key in FILE, its public half in FILE.pub
//	seal -key FILE <LIST >RELEASE         LIST is JSON, as app/release has it
//
// It knows key files and leaves what is in a list to the packaging program, which runs it,
// and the form of what it writes to app/release. It is a program of this module, so that
// what signs and what believes are one code, and the packaging program, a module of its
// own, needs no version of this one.
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/shoal-sync/shoal/app/release"
)

func main() {
	fresh := flag.String("new-key", "", "make a new key in `FILE`, and FILE.pub")
	key := flag.String("key", "", "sign the list on standard input with the key in `FILE`")
	flag.Parse()
	if err := run(*fresh, *key, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "seal:", err)
		os.Exit(1)
	}
}

func run(fresh, key string, in io.Reader, out io.Writer) error {
	switch {
	case (fresh == "") == (key == ""):
		return errors.New("say either -new-key FILE or -key FILE")
	case fresh != "":
		return makeKey(fresh)
	}
	return sign(key, in, out)
}

// sign reads a list, signs it, and writes it when a program that knows the key believes it.
func sign(path string, in io.Reader, out io.Writer) error {
	key, err := readKey(path)
	if err != nil {
		return err
	}
	var list release.List
	d := json.NewDecoder(io.LimitReader(in, release.ListMax))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return fmt.Errorf("the list: %w", err)
	}
	sealed, err := release.Seal(list, key)
	if err != nil {
		return err
	}
	if _, err := release.Open(sealed, []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}); err != nil {
		return err
	}
	_, err = out.Write(sealed)
	return err
}

// A key file holds one line: the seed of an Ed25519 key in base64, behind this word. The
// public key stands beside it, in a file that ends in .pub.
const keyWord = "shoal release key "

// makeKey writes a new key to a file that is not there yet, for its owner only, and its
// public half to another one.
func makeKey(path string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	text := base64.StdEncoding.EncodeToString
	for _, one := range []struct {
		path, text string
		mode       fs.FileMode
	}{
		{path, keyWord + text(private.Seed()) + "\n", 0o600}, {path + ".pub", text(public) + "\n", 0o644},
	} {
		file, err := os.OpenFile(one.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, one.mode)
		if err != nil {
			return err
		}
		_, err = file.WriteString(one.text)
		if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// readKey reads a key that nobody else can read.
func readKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("others can read the key %s (%v): chmod 600 it, and think about who did", path, mode)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text, found := strings.CutPrefix(strings.TrimSpace(string(content)), keyWord)
	seed, err := base64.StdEncoding.Strict().DecodeString(text)
	if !found || err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s holds no key of a release", path)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
