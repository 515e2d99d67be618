package handover

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/sync/tree"
)

// stagingPrefix begins the name of the directory where things lie until all are there.
const stagingPrefix = ".shoal-receive-"

// errSpoilt reports a file whose hash is not the sender's.
type errSpoilt string

func (e errSpoilt) Error() string { return string(e) + " arrived otherwise than it was sent" }

// store is where things lie until all are there: a directory near their place, named after
// the list, so that a later try with the same list finds what has come. Of what an earlier
// try left nothing is believed before it has been hashed, on both sides.
type store struct {
	to, dir string
	list    *List
	root    *os.Root
	whole   []bool // it has come in this try, and its hash is the sender's
	told    []bool // why it is left out

	// The file that comes now.
	index  int
	file   *os.File
	sum    hash.Hash
	size   int64
	failed string // why it is thrown away while it comes
}

func openStore(to string, list *List, sum [32]byte) (*store, error) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return nil, err
	}
	dir := stagingDir(stagingBase(to), sum)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() { // a link would lead elsewhere
		return nil, errors.Join(fmt.Errorf("%s is in the way, and no directory: move it away", dir), err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &store{to: to, dir: dir, list: list, root: root, index: -1}
	s.whole, s.told = make([]bool, len(list.Items)), make([]bool, len(list.Items))
	for _, item := range list.Items {
		if item.Kind != kindDir {
			continue
		}
		if err := root.Mkdir(filepath.FromSlash(item.Path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, errors.Join(err, root.Close())
		}
	}
	return s, nil
}

// leftOf finds what an earlier try with the same list left, without making anything: nobody
// has said yes yet. Nil when there is nothing.
func leftOf(to string, list *List, sum [32]byte) *store {
	for _, base := range []string{to, privateOf(to)} {
		if base == "" {
			continue
		}
		s := &store{to: to, dir: stagingDir(base, sum), list: list, index: -1}
		if info, err := os.Lstat(s.dir); err != nil || !info.IsDir() {
			continue
		}
		var err error
		if s.root, err = os.OpenRoot(s.dir); err == nil {
			return s
		}
	}
	return nil
}

func stagingDir(base string, sum [32]byte) string {
	return filepath.Join(base, stagingPrefix+hex.EncodeToString(sum[:6]))
}

// stagingBase is where the staging directory is to be: in the place itself, but for one in a
// folder that is kept in sync. There it is Shoal's own directory, so that other devices get
// what comes only when all of it is there.
func stagingBase(to string) string {
	if own := privateOf(to); own != "" && leads(own, to) {
		return own
	}
	return to
}

// privateOf is Shoal's own directory of the folder that a place is in; "" when it is in
// none.
func privateOf(to string) string {
	for at := to; ; at = filepath.Dir(at) {
		own := filepath.Join(at, tree.PrivateDir)
		if info, err := os.Lstat(filepath.Join(own, "root")); err == nil && info.Mode().IsRegular() {
			return own
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}

// leads reports whether what lies in one directory can be moved to another one: they may be
// on different volumes.
func leads(from, to string) bool {
	try, err := os.MkdirTemp(from, stagingPrefix)
	if err != nil {
		return false
	}
	moved := filepath.Join(to, filepath.Base(try))
	if err := os.Rename(try, moved); err != nil {
		_ = os.Remove(try) // it is empty, and in nobody's way
		return false
	}
	return os.Remove(moved) == nil
}

func (s *store) close() {
	s.drop()
	_ = s.root.Close() // nothing is written through it
}

// drop closes the file that comes now; what has come of it stays.
func (s *store) drop() {
	if s.file != nil {
		_ = s.file.Close() // it is looked at again before it is used
		s.file = nil
	}
}

// discard removes everything.
func (s *store) discard() {
	s.drop()
	_ = os.RemoveAll(s.dir) // a person sees it when something is left
}

// here is how much of a file has come.
func (s *store) here(i int) int64 {
	if s.list.Items[i].Kind != kindFile {
		return 0
	}
	info, err := s.root.Lstat(filepath.FromSlash(s.list.Items[i].Path))
	if err != nil || !info.Mode().IsRegular() || info.Size() > s.list.Items[i].Size {
		return 0
	}
	return info.Size()
}

// have is how many bytes are here already.
func (s *store) have() (n int64) {
	for i := range s.list.Items {
		n += s.here(i)
	}
	return n
}

func (s *store) some() bool { return s.have() > 0 }

// tell lets the sender know what is here: of a whole file more than its size.
func (s *store) tell(l *line) error {
	clear(s.told)
	var body []byte
	for i, item := range s.list.Items {
		n := s.here(i)
		if s.whole[i] {
			n = item.Size + 1
		}
		if n > 0 {
			body = binary.AppendUvarint(binary.AppendUvarint(body, uint64(i)), uint64(n))
		}
		if len(body) > dataMax {
			if err := l.say(sayHave, body); err != nil {
				return err
			}
			body = nil
		}
	}
	if len(body) > 0 {
		if err := l.say(sayHave, body); err != nil {
			return err
		}
	}
	if err := l.say(sayReady); err != nil {
		return err
	}
	return l.flush()
}

// begin opens the file that the sender names, at the offset that was asked for.
func (s *store) begin(l *line, body []byte) (string, error) {
	index, n := binary.Uvarint(body)
	from, m := binary.Uvarint(body[max(n, 0):])
	if n <= 0 || m <= 0 || index >= uint64(len(s.list.Items)) || s.list.Items[index].Kind != kindFile {
		return "", errRules
	}
	s.drop()
	item := s.list.Items[index]
	s.index, s.sum, s.size, s.failed, s.whole[index] = int(index), sha256.New(), int64(from), "", false
	if s.size > s.here(s.index) {
		return "", errRules
	}
	path := filepath.FromSlash(item.Path)
	// What came whole in an earlier try may have been made unwritable, as it is to be.
	if err := s.root.Chmod(path, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	file, err := s.root.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		s.failed = err.Error() // a name that this system cannot hold; the others go on
		return item.Path, nil
	}
	s.file = file
	if err := file.Truncate(s.size); err != nil {
		return "", err
	}
	return item.Path, readAgain(s.sum, file, s.size, func() error {
		_ = l.still() // of what has come before a break, everything is taken
		return nil
	})
}

func (s *store) write(b []byte) error {
	switch {
	case s.index < 0:
		return errRules
	case s.failed != "":
		return nil
	}
	if s.size += int64(len(b)); s.size > s.list.Items[s.index].Size {
		return errRules
	}
	s.sum.Write(b)
	_, err := s.file.Write(b)
	return err
}

// end closes a file that is complete. It returns why a file was left out, for people.
func (s *store) end(body []byte) (problem string, err error) {
	if s.index < 0 || len(body) == 0 {
		return "", errRules
	}
	item := s.list.Items[s.index]
	path := filepath.FromSlash(item.Path)
	file := s.file
	s.file = nil
	defer func() { s.index = -1 }()
	s.told[s.index] = file == nil || body[0] == 1
	if file == nil {
		return item.Path + ": " + s.failed, nil
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	switch {
	case body[0] == 1:
		return string(body[1:min(len(body), 300)]), s.root.Remove(path)
	case s.size != item.Size || string(s.sum.Sum(nil)) != string(body[1:]):
		return "", errors.Join(errSpoilt(item.Path), s.root.Remove(path))
	}
	if err := s.root.Chmod(path, fs.FileMode(item.Mode).Perm()); err != nil {
		return "", err
	}
	at := time.Unix(0, item.Time)
	s.whole[s.index] = true
	return "", s.root.Chtimes(path, at, at)
}

// place makes links, gives directories what they are to have, and moves everything out of
// the staging directory to a name that is free.
func (s *store) place() (paths, problems []string, err error) {
	problems = s.leaveOut()
	for _, item := range s.list.Items {
		if item.Kind == kindLink {
			at := filepath.FromSlash(item.Path)
			if err := s.root.Symlink(item.Link, at); err != nil && !errors.Is(err, fs.ErrExist) {
				problems = append(problems, fmt.Sprintf("%s: %v", item.Path, err))
			}
		}
	}
	for _, item := range slices.Backward(s.list.Items) { // inner ones first: they change the outer
		if item.Kind == kindDir {
			at, t := filepath.FromSlash(item.Path), time.Unix(0, item.Time)
			err := errors.Join(s.root.Chmod(at, fs.FileMode(item.Mode).Perm()|0o700), s.root.Chtimes(at, t, t))
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", item.Path, err))
			}
		}
	}
	for _, item := range s.list.Items {
		if strings.Contains(item.Path, "/") {
			continue
		}
		from := filepath.Join(s.dir, item.Path)
		if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
			continue // left out, and told
		}
		to := free(filepath.Join(s.to, item.Path))
		if err := os.Rename(from, to); err != nil {
			return paths, problems, err
		}
		paths = append(paths, to)
	}
	return paths, problems, os.Remove(s.dir)
}

// leaveOut removes what came only in part: nobody is to take it for the file.
func (s *store) leaveOut() (problems []string) {
	for i, item := range s.list.Items {
		if item.Kind != kindFile || s.whole[i] {
			continue
		}
		if err := s.root.Remove(filepath.FromSlash(item.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Sprintf("%s: %v", item.Path, err))
		} else if !s.told[i] {
			problems = append(problems, item.Path+": it did not come whole")
		}
	}
	return problems
}

// arrived counts what is here whole.
func (s *store) arrived() (files int, bytes int64) {
	for i, whole := range s.whole {
		if whole {
			files++
			bytes += s.list.Items[i].Size
		}
	}
	return files, bytes
}

// free is the path, or one with a number in it, where nothing lies.
func free(path string) string {
	stem, ext := strings.TrimSuffix(path, filepath.Ext(path)), filepath.Ext(path)
	if strings.HasPrefix(filepath.Base(path), ".") && stem == filepath.Dir(path)+string(filepath.Separator) {
		stem, ext = path, ""
	}
	for n := 2; ; n++ {
		if _, err := os.Lstat(path); err != nil {
			return path // or the name grew too long: who puts something there is told
		}
		path = fmt.Sprintf("%s (%d)%s", stem, n, ext)
	}
}
