package rendezvous

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/discovery/post"
)

// keys is the certificate of a server.
type keys struct {
	pin string // empty when systems trust the certificate

	mu       sync.Mutex
	cert     *tls.Certificate
	cf, kf   string
	modified time.Time
	looked   time.Time
}

// keyFile is where a key of the server's own is kept.
const keyFile = "rendezvous.key"

// certificateOf reads the certificate that the owner names, or makes one of a key that is
// kept: the pin in the URL stays the same as long as the key does.
func certificateOf(opts Options) (*keys, error) {
	if opts.CertFile != "" || opts.KeyFile != "" {
		k := &keys{cf: opts.CertFile, kf: opts.KeyFile}
		if err := k.load(); err != nil {
			return nil, fmt.Errorf("read the certificate: %w", err)
		}
		return k, nil
	}
	key, err := keptKey(filepath.Join(opts.KeyDir, keyFile))
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shoal rendezvous"},
		// Devices look at the key only: their clocks may be anywhere.
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:  time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames:  []string{"shoal.invalid"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return &keys{
		pin: post.PinOf(public), cert: &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
	}, nil
}

// keptKey reads the server's key, or makes it.
func keptKey(path string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return newKey(path)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key; remove it and a new one is made, with another URL", path)
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; remove it and a new key is made, with another URL", path, err)
	}
	return key, nil
}

func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep the server's key: %w", err)
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keep the server's key: %w", err), os.Remove(path))
	}
	return key, nil
}

func (k *keys) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.current(), nil },
	}
}

// lookEvery is how often is looked whether a certificate was renewed.
const lookEvery = time.Minute

// current returns the certificate, read again when its file has changed. While a new one
// cannot be read the old one stays.
func (k *keys) current() *tls.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cf != "" && time.Since(k.looked) >= lookEvery {
		k.looked = time.Now()
		if info, err := os.Stat(k.cf); err == nil && !info.ModTime().Equal(k.modified) {
			_ = k.load() // half written, most likely: the next look gets it
		}
	}
	return k.cert
}

func (k *keys) load() error {
	info, err := os.Stat(k.cf)
	if err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(k.cf, k.kf)
	if err != nil {
		return err
	}
	k.cert, k.modified = &cert, info.ModTime()
	return nil
}
