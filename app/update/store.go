// Package update keeps signed releases and files of them, fetches them, and puts the
// programs in them in the place of those that run.
//
// It knows how bytes come over from an address, a directory or, part by part, from whoever
// hands them in; it believes none before size and hash are those of a list that package
// release has opened. Who is asked, whether a version is wanted, and how an agent is
// started anew is left to app/host and app/shoal, which call it.
package update

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/shoal-sync/shoal/app/release"
)

// ErrWrong reports a file whose bytes are not those that its list promises.
var ErrWrong = errors.New("these are not the bytes that were signed")

// ErrOlder reports a list that is older than one that was there before: somebody may be
// holding back what is newer.
var ErrOlder = errors.New("it is older than a list that was seen before")

// Store is a directory with one signed list and the files of it that are here.
type Store struct {
	dir  string
	keys []ed25519.PublicKey
}

// listName is the signed list in a store, as well as where releases are published.
const listName = "RELEASE"

// NewStore returns the store in a directory, which is made when something is kept.
func NewStore(dir string, keys []ed25519.PublicKey) *Store { return &Store{dir, keys} }

// Open checks a signed list.
func (s *Store) Open(sealed []byte) (release.List, error) { return release.Open(sealed, s.keys) }

// Held returns the list that is kept; without one, or without one that can be trusted, the
// error wraps fs.ErrNotExist or says what is wrong with it.
func (s *Store) Held() (l release.List, sealed []byte, err error) {
	sealed, err = readBounded(filepath.Join(s.dir, listName))
	if err == nil {
		l, err = s.Open(sealed)
	}
	return l, sealed, err
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, release.ListMax+1))
}

// Keep checks a signed list and keeps it in the place of the one before, which may not be
// newer. Files that it does not name go.
func (s *Store) Keep(sealed []byte) (release.List, error) {
	l, err := s.Open(sealed)
	if err != nil {
		return l, err
	}
	if before, _, err := s.Held(); err == nil {
		if order, err := release.Compare(l.Version, before.Version); err == nil && order < 0 {
			return l, fmt.Errorf("%w: %s, and %s was", ErrOlder, l.Version, before.Version)
		}
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return l, err
	}
	if err := s.write(listName, sealed); err != nil {
		return l, err
	}
	return l, s.tidy(l)
}

func (s *Store) write(name string, content []byte) error {
	file, err := os.CreateTemp(s.dir, name+".new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(s.dir, name))
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}

// tidy removes what the list does not name.
func (s *Store) tidy(l release.List) (err error) {
	wanted := map[string]bool{}
	for _, f := range l.Files {
		wanted[f.SHA256] = true
	}
	all, err := os.ReadDir(s.dir)
	for _, file := range all {
		if name, _, _ := strings.Cut(file.Name(), "."); name != listName && !wanted[name] {
			err = errors.Join(err, os.Remove(filepath.Join(s.dir, file.Name())))
		}
	}
	return err
}

func (s *Store) whole(f release.File) string { return filepath.Join(s.dir, f.SHA256+".file") }

// Whole returns the path of a file of the list that is here and as it was signed.
func (s *Store) Whole(f release.File) (path string, err error) {
	path = s.whole(f)
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(file, f.Size+1))
	if err != nil {
		return "", err
	}
	if n != f.Size || !bytes.Equal(hash.Sum(nil), hashOf(f)) {
		return "", fmt.Errorf("%s: %w", f.Name, errors.Join(ErrWrong, os.Remove(path)))
	}
	return path, nil
}

func hashOf(f release.File) []byte { h := f.Hash(); return h[:] }

// Offers returns the signed list if it names a file for a platform that is here.
func (s *Store) Offers(system, arch string, window bool) []byte {
	l, sealed, err := s.Held()
	if err != nil {
		return nil
	}
	f, ok := l.For(system, arch, window)
	if !ok {
		return nil
	}
	if info, err := os.Stat(s.whole(f)); err != nil || info.Size() != f.Size {
		return nil
	}
	return sealed
}

// Read returns up to size bytes of a file that is here, from an offset on; none behind its
// end, or when it is not here.
func (s *Store) Read(hash [sha256.Size]byte, offset int64, size int) ([]byte, error) {
	file, err := os.Open(filepath.Join(s.dir, hex.EncodeToString(hash[:])+".file"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data := make([]byte, size)
	n, err := file.ReadAt(data, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data[:n], err
}

// Part is a file on its way. What has come stays over an interruption.
type Part struct {
	store *Store
	of    release.File
	file  *os.File
	have  int64
}

// Begin goes on with a file where it was left, or begins it.
func (s *Store) Begin(f release.File) (*Part, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(s.dir, f.SHA256+".part"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	p := &Part{store: s, of: f, file: file}
	if p.have, err = file.Seek(0, io.SeekEnd); err == nil && p.have > f.Size {
		err = p.Restart()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return p, nil
}

// Have returns how many bytes have come.
func (p *Part) Have() int64 { return p.have }

// Restart forgets what has come.
func (p *Part) Restart() error {
	p.have = 0
	_, err := p.file.Seek(0, io.SeekStart)
	return errors.Join(err, p.file.Truncate(0))
}

// Write takes the next bytes, and never more than the file has.
func (p *Part) Write(b []byte) (int, error) {
	if p.have+int64(len(b)) > p.of.Size {
		return 0, fmt.Errorf("%s has more than its %d bytes: %w", p.of.Name, p.of.Size, ErrWrong)
	}
	n, err := p.file.Write(b)
	p.have += int64(n)
	return n, err
}

// Close ends the taking in. A file that is whole and right is kept as such; a wrong one
// is forgotten; of one that is not whole what has come is kept for the next time.
func (p *Part) Close() error {
	name := p.file.Name()
	if p.have < p.of.Size {
		return errors.Join(p.file.Sync(), p.file.Close())
	}
	hash := sha256.New()
	_, err := io.Copy(hash, io.NewSectionReader(p.file, 0, p.of.Size))
	if err == nil && !bytes.Equal(hash.Sum(nil), hashOf(p.of)) {
		return errors.Join(fmt.Errorf("%s: %w", p.of.Name, ErrWrong), p.file.Close(), os.Remove(name))
	}
	if err = errors.Join(err, p.file.Sync(), p.file.Close()); err != nil {
		return err
	}
	return os.Rename(name, p.store.whole(p.of))
}
