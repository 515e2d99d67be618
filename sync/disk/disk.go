// Package disk changes a shared folder on disk: it stages content, builds files from it,
// swaps them in atomically, and never loses what was there before.
//
// It knows names, bytes and what the operating system promises about them. What should be
// on disk it leaves to sync/folder, which sends orders, and finding out what is on disk to
// sync/scan. The host calls it; any number of goroutines may stage at once, orders are
// carried out one batch after the other.
//
// # No way out of the folder
//
// Every name is reached by walking down from the open top directory without following a
// link, and used relative to the directory the walk ended in. A link that somebody swaps in
// on the way makes the walk fail; it cannot lead an operation elsewhere.
//
// # The private directory
//
//	.shoal/          0700
//	  root           the token that tells this folder from an empty mount point
//	  stage/         content on its way in, named by its content id
//	  victims/B/     batch B of orders, now: what they take away and put in its place
//	  trash/B/       the same after the batch: what was taken away, and its list
//
// The directories are the journal. A batch that takes anything away first writes
// victims/B/list: for each numbered slot the path, what lies ready to go there and what was
// to be there. List and staged content are made durable, then each order exchanges
// victims/B/N with its path in one step, and looks at what it got: if that is not what was
// decided about, it exchanges back. At the end the whole victims/B becomes trash/B.
//
// So whatever is found in victims/ at the next start tells its own story: slot N still
// holding the staged file means nothing happened, holding the listed victim means done, and
// anything else is a change nobody decided about, which goes back to its path or, when the
// path is taken, is kept in the trash and reported. A slot the list does not explain is kept
// in the trash too. Nothing but staged content is ever deleted by a repair.
//
// # Durability
//
// What Execute reports as done is on the medium: staged content before the exchange, the
// directories after it. A batch pays for that once, not once a file.
package disk

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

const (
	// privateMode is of files being staged: nobody else reads them before their time.
	privateMode = 0o600
	privateDir  = 0o700

	rootName    = "root"
	stageName   = "stage"
	victimsName = "victims"
	trashName   = "trash"
	parkedName  = "parked" // see tree.ParkingDir
)

// What callers decide on.
var (
	// ErrRootGone reports that the folder is not there, or has lost its token: unmounted,
	// emptied or moved away. It must never be taken for "all files were deleted".
	ErrRootGone = errors.New("the folder is gone")
	// ErrRootReplaced reports a folder with another token than the one expected.
	ErrRootReplaced = errors.New("another folder lies in this place")
	// ErrInUse reports that another running program has the folder open.
	ErrInUse = errors.New("the folder is in use by another program")
	// ErrNoSpace reports that the volume would become too full.
	ErrNoSpace = errors.New("not enough free space")
	// ErrChanged reports that a file is not the one it was expected to be.
	ErrChanged = errors.New("the file has changed")
	// ErrBadChunk reports bytes that do not hash to the id they were sent for. Whoever
	// sent them is broken or lies.
	ErrBadChunk = errors.New("the bytes do not match their id")
	// ErrNotStaged reports content, or a chunk of it, that is not staged (any more).
	ErrNotStaged = errors.New("the content is not staged")

	errNoSwap = errors.New("the file system cannot exchange two names")
)

// Token tells one folder on disk from all others, whatever path it has.
type Token [16]byte

// String returns 32 hexadecimal digits.
func (t Token) String() string { return hex.EncodeToString(t[:]) }

// ParseToken reads what String writes.
func ParseToken(text string) (t Token, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(t) {
		return t, fmt.Errorf("folder token %q: want %d hexadecimal digits", text, 2*len(t))
	}
	copy(t[:], raw)
	return t, nil
}

// Limits are what a person or a test may want otherwise. The zero value is usual.
type Limits struct {
	// KeepFree is how many bytes of the volume stay free; 0 means 1 % of the volume, and
	// at least 64 MiB.
	KeepFree int64
	Trash    TrashRules
	Carry    tree.Carry // which traits are looked at and set
	// Recipe, when set, lets content that is copied from a file of the folder be verified
	// chunk by chunk. Without it only files too small to be cut are.
	Recipe func(ident.ContentID) (recipe.Recipe, bool)
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
}

// Folder is an open folder on disk.
type Folder struct {
	path   string
	limits Limits
	token  Token
	// modeless is set once it is known that the volume keeps no permission bits.
	modeless bool
	lock     *os.File // holds the lock for as long as the folder is open

	top, private, stage, victims, trash *dir

	earlier   []string   // the batches that the trash held when it was opened, sorted
	executing sync.Mutex // one batch at a time

	mu     sync.Mutex
	stages map[ident.ContentID]*Stage
	unpaid int64    // bytes staged since the free space was last asked for
	recent []victim // to be looked at once more
	rules  TrashRules
	kept   map[ident.ContentID]Trashed // what the trash holds; nil until somebody asks
	serial uint64                      // number of the last batch

	prospects atomic.Uint64 // number of the last prospect

	seam func(point, path string) // set by tests: called at the named point of an order
}

// Create opens a folder for the first time: it makes the directory if need be, and gives it
// a new token. Whatever files are there stay.
func Create(root string, limits Limits) (*Folder, error) {
	if err := os.MkdirAll(root, 0o777); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	f, err := open(root, limits, func(f *Folder) error { return f.newToken() })
	if err != nil {
		return nil, fmt.Errorf("create folder %q: %w", root, err)
	}
	return f, nil
}

// Open opens a folder that Create made, and finishes or undoes what an earlier run left
// half done. It fails with ErrRootGone or ErrRootReplaced unless the folder holds the token.
func Open(root string, expected Token, limits Limits) (*Folder, error) {
	f, err := open(root, limits, func(f *Folder) error { return f.checkToken(expected) })
	if err != nil {
		return nil, fmt.Errorf("open folder %q: %w", root, err)
	}
	return f, nil
}

func open(root string, limits Limits, identify func(*Folder) error) (*Folder, error) {
	path, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if limits.Now == nil {
		limits.Now = time.Now
	}
	f := &Folder{path: path, limits: limits, rules: limits.Trash,
		stages: map[ident.ContentID]*Stage{}}
	for _, step := range []func() error{
		f.openTop, func() error { return identify(f) }, f.takeLock, f.openPrivate, f.repair, f.dropProspects,
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

func (f *Folder) openTop() (err error) {
	f.top, err = openTop(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return gone(err)
	}
	return err
}

func gone(err error) error {
	return fmt.Errorf("%w (%w): nothing is taken for deleted; mount or restore it and it goes "+
		"on by itself, tell where it is now with `shoal folder set FOLDER path PATH`, or remove it "+
		"from this device with `shoal folder remove FOLDER`", ErrRootGone, err)
}

// openPrivate makes what is missing of the private directory and opens it.
func (f *Folder) openPrivate() error {
	for _, sub := range []struct {
		name string
		into **dir
	}{{stageName, &f.stage}, {victimsName, &f.victims}, {trashName, &f.trash}} {
		d, err := f.private.makeSub(sub.name)
		if err != nil {
			return err
		}
		*sub.into = d
	}
	parked, err := f.private.makeSub(parkedName)
	if err != nil {
		return err
	}
	return parked.close()
}

// makeSub opens a private subdirectory, which is made first if need be.
func (d *dir) makeSub(name string) (*dir, error) {
	if err := d.mkdir(name, privateDir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return d.sub(name)
}

func (f *Folder) newToken() (err error) {
	if f.private, err = f.top.makeSub(tree.PrivateDir); err != nil {
		return err
	}
	if _, err := rand.Read(f.token[:]); err != nil {
		return err
	}
	const fresh = rootName + ".new"
	if err := f.private.unlink(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.private.writeNew(fresh, []byte(f.token.String()+"\n")); err != nil {
		return err
	}
	if err := f.private.syncFile(fresh); err != nil {
		return err
	}
	if err := moveOver(f.private, fresh, f.private, rootName); err != nil {
		return err
	}
	return errors.Join(f.private.sync(), f.top.sync())
}

func (f *Folder) checkToken(expected Token) (err error) {
	if f.private, err = f.top.sub(tree.PrivateDir); err != nil {
		return gone(err)
	}
	if f.token, err = f.private.readToken(); err != nil {
		return gone(err)
	}
	if f.token != expected {
		return fmt.Errorf("%w: it has token %v, expected %v; put the right folder back, or "+
			"remove the folder from this device and add it anew", ErrRootReplaced, f.token, expected)
	}
	return nil
}

func (d *dir) readToken() (Token, error) {
	file, err := d.open(rootName, os.O_RDONLY)
	if err != nil {
		return Token{}, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, 2*int64(len(Token{}))+2))
	if err != nil {
		return Token{}, err
	}
	return ParseToken(strings.TrimSpace(string(raw)))
}

func (f *Folder) takeLock() (err error) {
	if f.lock, err = f.private.open(rootName, os.O_RDONLY); err != nil {
		return err
	}
	return lockFile(f.lock)
}

// Identity returns the token of the folder, to be given to Open the next time.
func (f *Folder) Identity() Token { return f.token }

// CheckRoot fails with ErrRootGone or ErrRootReplaced unless the folder's path still leads
// to the directory that was opened, token and all.
func (f *Folder) CheckRoot() error {
	there, err := openTop(f.path)
	if err != nil {
		return gone(err)
	}
	defer there.release()
	now, err := there.lookSelf()
	if err != nil {
		return gone(err)
	}
	was, err := f.top.lookSelf()
	if err != nil {
		return gone(err)
	}
	if !now.SameContent(was) {
		return fmt.Errorf("%w: %q is not the directory that was opened; put the right folder "+
			"back and it goes on by itself", ErrRootReplaced, f.path)
	}
	private, err := there.sub(tree.PrivateDir)
	if err != nil {
		return gone(err)
	}
	defer private.release()
	token, err := private.readToken()
	if err != nil {
		return gone(err)
	}
	if token != f.token {
		return fmt.Errorf("%w: its token has changed to %v", ErrRootReplaced, token)
	}
	return nil
}

// Close gives back what the folder holds open. Staged content stays for the next run.
func (f *Folder) Close() error {
	f.executing.Lock()
	defer f.executing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, s := range f.stages {
		errs = append(errs, s.shut())
	}
	clear(f.stages)
	if f.lock != nil {
		errs = append(errs, f.lock.Close())
	}
	for _, d := range []**dir{&f.trash, &f.victims, &f.stage, &f.private, &f.top} {
		if *d != nil {
			errs = append(errs, (*d).close())
			*d = nil
		}
	}
	f.lock = nil
	return errors.Join(errs...)
}

// Look returns what is at a path now; false when nothing is.
func (f *Folder) Look(path string) (tree.Stat, bool, error) {
	parent, name, err := f.parentOf(path)
	if err == nil {
		defer parent.release()
		var s tree.Stat
		if s, err = parent.look(name); err == nil {
			return s, true, nil
		}
	}
	if refusalOf(err) == tree.Missing {
		return tree.Stat{}, false, nil
	}
	return tree.Stat{}, false, lookFailed(path, err)
}

func lookFailed(path string, err error) error { return fmt.Errorf("look at %q: %w", path, err) }

// parentOf opens the directory that holds a path, and returns the last name of the path.
func (f *Folder) parentOf(path string) (*dir, string, error) {
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	if err := checkName(name); err != nil {
		return nil, "", err
	}
	d, err := f.openDir(parent)
	return d, name, err
}

// openDir opens a directory of the folder; "" is its top.
func (f *Folder) openDir(path string) (*dir, error) {
	if path == "" {
		return f.top.again()
	}
	for part := range strings.SplitSeq(path, "/") {
		if err := checkName(part); err != nil {
			return nil, err
		}
	}
	return f.top.walk(path)
}

// checkName refuses what is no name, and what this system would take for something else
// than a name: a device, a stream, a path.
func checkName(name string) error {
	if err := tree.CheckName(name); err != nil {
		return err
	}
	if why := systemVolume.Refusal(name); why != "" {
		return fmt.Errorf("%w on this system: %q: %s", tree.ErrBadName, name, why)
	}
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%w on this system: %q", tree.ErrBadName, name)
	}
	return nil
}

// systemVolume is what is known of every volume of this system.
var systemVolume = names.Of(runtime.GOOS)

// release closes a directory that was only read or passed through; there is nothing such a
// close could lose.
func (d *dir) release() { _ = d.close() }

// again opens the same directory once more, so that every holder closes its own.
func (d *dir) again() (*dir, error) { return d.sub(".") }

// syncFile makes a file's bytes, size, time and permissions durable.
func (d *dir) syncFile(name string) error {
	file, err := d.open(name, openToSync)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// sized returns buf with a length of n, in new memory if it is too small.
func sized(buf []byte, n int) []byte {
	if cap(buf) < n {
		return make([]byte, n)
	}
	return buf[:n]
}
