package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// publicKey is how one stands in a file: 32 bytes in base64.
var publicKey = regexp.MustCompile(`^[A-Za-z0-9+/]{43}=$`)

// publicKeys reads files of one public key each, separated by commas, and returns the
// text that is built into programs.
func publicKeys(paths string) (string, error) {
	var keys []string
	for path := range strings.SplitSeq(paths, ",") {
		if path == "" {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		key := strings.TrimSpace(string(content))
		if !publicKey.MatchString(key) {
			return "", fmt.Errorf("%s holds no public key", path)
		}
		keys = append(keys, key)
	}
	return strings.Join(keys, ","), nil
}

// newKey makes a key. Whoever has the file can make releases.
func (r *release) newKey(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	_, err = r.goFed(nil, "run", "-trimpath", "./internal/seal", "-new-key", path)
	return err
}

// listName is the signed list among the files of a release.
const listName = "RELEASE"

// listed is one file of the list, in the words of app/release.
type listed struct {
	Name   string `json:"name"`
	System string `json:"system,omitempty"`
	Arch   string `json:"arch,omitempty"`
	Window bool   `json:"window,omitempty"`
	Kind   string `json:"kind"`
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
}

// noFile tells what is about the files of a release and none of them: its lists, and what
// was signed of them before.
func noFile(name string) bool {
	return strings.HasPrefix(name, listName) || strings.HasPrefix(name, sumsName)
}

// archiveName tells the archives that programs update themselves from.
var archiveName = regexp.MustCompile(`-(linux|darwin|windows)-(amd64|arm64)(-desktop)?\.tar\.gz$`)

// signAlone signs files that were made before, some of them perhaps elsewhere.
func (r *release) signAlone(key string) error {
	if key == "" {
		return errors.New("say with which -key")
	}
	if err := r.prepare(); err != nil {
		return err
	}
	if err := r.checksums(); err != nil {
		return err
	}
	return r.sign(key)
}

// sign writes the signed list of all files of the release. The source tree holds what
// signs.
func (r *release) sign(key string) error {
	key, err := filepath.Abs(key)
	if err != nil {
		return err
	}
	made, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	list := struct {
		Version string   `json:"version"`
		Made    string   `json:"made"`
		Files   []listed `json:"files"`
	}{Version: r.version, Made: r.when.Format(time.RFC3339)}
	for _, file := range made {
		if noFile(file.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(r.out, file.Name()))
		if err != nil {
			return err
		}
		list.Files = append(list.Files, listing(file.Name(), content))
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	sealed, err := r.goFed(bytes.NewReader(text), "run", "-trimpath", "./internal/seal", "-key", key)
	if err != nil {
		return err
	}
	return r.write(listName, sealed)
}

func listing(name string, content []byte) listed {
	f := listed{Name: name, Kind: "other", Size: len(content), SHA256: fmt.Sprintf("%x", sha256.Sum256(content))}
	switch filepath.Ext(name) {
	case ".deb", ".rpm":
		f.Kind = "package"
	case ".exe":
		f.Kind = "installer"
	}
	if m := archiveName.FindStringSubmatch(name); m != nil {
		f.Kind, f.System, f.Arch, f.Window = "archive", m[1], m[2], m[3] != ""
	}
	return f
}
