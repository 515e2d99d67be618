package config

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shoal-sync/shoal/internal/ident"
)

// keyFileMax bounds the key file: a PEM block of an Ed25519 key has about 120 bytes.
const keyFileMax = 4096

// pemType is the PEM label of PKCS #8.
const pemType = "PRIVATE KEY"

// Key is the identity of this device. It prints as dots, so that it ends in no log.
type Key struct{ private ed25519.PrivateKey }

// Device returns the id that belongs to the key.
func (k Key) Device() ident.DeviceID {
	return ident.DeviceFromKey(k.private.Public().(ed25519.PublicKey))
}

// Private returns the key itself.
func (k Key) Private() ed25519.PrivateKey { return k.private }

// Announce returns the secret that linked devices recognise this one by on local networks.
// It follows from the key, so there is nothing more to keep.
func (k Key) Announce() (key [32]byte) {
	mac := hmac.New(sha256.New, k.private.Seed())
	mac.Write([]byte("shoal announce secret 1"))
	copy(key[:], mac.Sum(nil))
	return key
}

// String returns dots.
func (k Key) String() string { return "…" }

// GoString returns dots.
func (k Key) GoString() string { return "…" }

// Key returns the key of this device, and makes one when there is none. Two programs may
// ask for the first key at once: both get the same.
func (h *Home) Key() (Key, error) {
	path := filepath.Join(h.dir, keysName, keyName)
	key, err := loadKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(path)
	}
	if err != nil {
		return Key{}, fmt.Errorf("key of this device, %s: %w", path, err)
	}
	return key, nil
}

func loadKey(path string) (Key, error) {
	file, err := os.Open(path)
	if err != nil {
		return Key{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Key{}, err
	}
	if err := checkKeyMode(info, path); err != nil {
		return Key{}, err
	}
	text, err := io.ReadAll(io.LimitReader(file, keyFileMax))
	if err != nil {
		return Key{}, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType {
		return Key{}, errors.New("it is damaged: put back a copy, " +
			"or remove it to become a new device")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("it is damaged: put back a copy, "+
			"or remove it to become a new device: %w", err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return Key{}, fmt.Errorf("it holds a key of another kind (%T), not Ed25519", parsed)
	}
	return Key{private}, nil
}

// makeKey writes a new key under a name of its own and then links it to path: a link
// fails where a file is, so of two programs that do this at once one sees the other's.
func makeKey(path string) (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Key{}, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Key{}, err
	}
	draft, err := os.MkdirTemp(dir, ".new-*")
	if err != nil {
		return Key{}, err
	}
	written := filepath.Join(draft, keyName)
	text := pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})
	err = writeDurably(written, text)
	if err == nil {
		err = os.Link(written, path)
	}
	err = errors.Join(err, os.RemoveAll(draft))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return Key{}, err
	}
	if err := syncDir(dir); err != nil {
		return Key{}, err
	}
	return loadKey(path)
}
