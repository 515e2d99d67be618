package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/fault"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// Stage is content on its way in. Its methods may be called from many goroutines.
type Stage struct {
	folder  *Folder
	content ident.ContentID
	size    int64
	class   chunker.Class
	chunks  []recipe.Chunk
	offsets []int64 // where each chunk begins

	begin  sync.Once // opens the file
	failed error     // why that failed

	mu      sync.Mutex
	have    []uint64 // one bit a chunk that is on disk and verified
	missing int
	used    time.Time

	// handle is held for reading by whoever uses file, and for writing to close it.
	handle sync.RWMutex
	file   *os.File // nil once complete
}

// Begin prepares to stage content of a recipe, which must be valid and the content's own.
// What an earlier run left is taken over chunk by chunk after hashing it. It fails with
// ErrNoSpace when the volume would become too full.
func (f *Folder) Begin(content ident.ContentID, r recipe.Recipe) (*Stage, error) {
	f.mu.Lock()
	s, ok := f.stages[content]
	if !ok {
		s = newStage(f, content, r)
		f.stages[content] = s
	}
	f.mu.Unlock()
	if err := s.ready(); err != nil {
		f.forget(content, s)
		return nil, errors.Join(fmt.Errorf("stage %v: %w", content, err), s.shut())
	}
	return s, s.closeComplete()
}

// ready opens the stage's file, or waits until somebody else has.
func (s *Stage) ready() error {
	s.begin.Do(func() { s.failed = s.open() })
	return s.failed
}

func newStage(f *Folder, content ident.ContentID, r recipe.Recipe) *Stage {
	s := &Stage{folder: f, content: content, class: r.Class, chunks: r.Chunks, missing: len(r.Chunks),
		offsets: make([]int64, len(r.Chunks)), have: make([]uint64, (len(r.Chunks)+63)/64)}
	for i, c := range r.Chunks {
		s.offsets[i] = s.size
		s.size += int64(c.Size)
	}
	// Until it is open, it must not look complete even if it has no chunks.
	s.missing++
	s.touch()
	return s
}

// forget drops what is known of a stage, unless another has taken its place.
func (f *Folder) forget(content ident.ContentID, s *Stage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stages[content] == s {
		delete(f.stages, content)
	}
}

func (s *Stage) open() (err error) {
	stage, name := s.folder.stage, s.content.String()
	left, err := stage.look(name)
	found := err == nil && left.Kind == tree.File
	switch {
	case found && !s.folder.modeless:
		// It may have been given its final permissions before its install was refused.
		err = stage.chmodPrivate(name, privateMode)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return err
	}
	if s.file, err = stage.open(name, os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	if found && left.Size == s.size {
		if err := s.takeOver(everyChunk); err != nil {
			return err
		}
		return s.claim()
	}
	if err := s.file.Truncate(0); err != nil {
		return err
	}
	if err := s.lengthen(); err != nil {
		return err
	}
	return s.takeOver(everyChunk)
}

// everyChunk has all of what a file holds taken over, unlike recipe.Chunk.IsHole.
func everyChunk(recipe.Chunk) bool { return true }

// takeOver marks the chunks that the file holds already, of those that may be there: those
// that an earlier run wrote whole, and those that a hole holds.
func (s *Stage) takeOver(mayBe func(recipe.Chunk) bool) error {
	var buf []byte
	next := int64(-1) // where the next written range begins, once that is known
	for i, c := range s.chunks {
		if s.Has(i) || !mayBe(c) {
			continue // a prospect brought it, or would have
		}
		at := s.offsets[i]
		if next < at {
			next = nextWritten(s.file, at, s.size)
		}
		if next >= at+int64(c.Size) {
			if c.IsHole() {
				s.mark(i)
			}
			continue
		}
		buf = sized(buf, int(c.Size))
		if _, err := s.file.ReadAt(buf, at); err != nil {
			return err
		}
		if recipe.HashChunk(buf) == c.ID {
			s.mark(i)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing-- // The one that newStage added.
	return nil
}

// Has reports whether chunk i is staged and verified.
func (s *Stage) Has(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.have[i/64]&(1<<(i%64)) != 0
}

// Missing returns how many chunks are not staged yet.
func (s *Stage) Missing() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.missing
}

// Present returns the staged chunks as a bitmap: chunk i is bit i%64 of word i/64.
func (s *Stage) Present() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]uint64(nil), s.have...)
}

func (s *Stage) mark(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.have[i/64]&(1<<(i%64)) == 0 {
		s.have[i/64] |= 1 << (i % 64)
		s.missing--
	}
}

func (s *Stage) touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = s.folder.limits.Now()
}

// Put stages chunk i. It fails with ErrBadChunk, and writes nothing, when the bytes are not
// that chunk. A chunk that is there already is not written again.
func (s *Stage) Put(i int, chunk []byte) error {
	if i < 0 || i >= len(s.chunks) {
		return fmt.Errorf("stage %v: there is no chunk %d of %d", s.content, i, len(s.chunks))
	}
	if s.Has(i) {
		return nil
	}
	if len(chunk) != int(s.chunks[i].Size) || recipe.HashChunk(chunk) != s.chunks[i].ID {
		return fmt.Errorf("stage chunk %d of %v: %w", i, s.content, ErrBadChunk)
	}
	s.handle.RLock()
	err := s.write(i, chunk)
	s.handle.RUnlock()
	if refusalOf(err) == tree.NoSpace {
		err = fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	if err != nil {
		return fmt.Errorf("stage chunk %d of %v: %w", i, s.content, err)
	}
	return s.closeComplete()
}

// write puts a verified chunk in place; the handle is held.
func (s *Stage) write(i int, chunk []byte) (err error) {
	switch at := s.offsets[i]; {
	case s.file == nil && s.Has(i):
		return nil // Somebody else brought the last chunk just now.
	case s.file == nil:
		return ErrNotStaged
	case allZero(chunk):
		err = writeZeros(s.file, chunk, at)
	default:
		if _, err = s.file.WriteAt(chunk, at); err == nil {
			startWriting(s.file, at, int64(len(chunk)))
			fault.At("disk.staged")
		}
	}
	if err == nil {
		s.mark(i)
	}
	return err
}

// closeComplete gives the handle back once nothing more is to be written, so that any
// number of complete contents may wait for their install.
func (s *Stage) closeComplete() error {
	s.touch()
	if s.Missing() > 0 {
		return nil
	}
	return s.shut()
}

func (s *Stage) shut() error {
	s.handle.Lock()
	defer s.handle.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// CopyFrom takes over the chunks that an old version of a file still holds. Want is what
// the file must look like, old is its recipe; where that was cut in another class the file
// is cut once more. It returns how many chunks it staged.
func (s *Stage) CopyFrom(path string, want tree.Stat, old recipe.Recipe) (int, error) {
	wanted := map[ident.ChunkID][]int{}
	for i, c := range s.chunks {
		if !s.Has(i) {
			wanted[c.ID] = append(wanted[c.ID], i)
		}
	}
	if len(wanted) == 0 {
		return 0, nil
	}
	file, err := s.folder.openWanted(path, want)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if old.Class != s.class {
		n, err := s.recut(file, wanted)
		if err != nil {
			return n, fmt.Errorf("take chunks from %q: %w", path, err)
		}
		return n, nil
	}
	var buf []byte
	var at int64
	copied := 0
	for _, c := range old.Chunks {
		places := wanted[c.ID]
		delete(wanted, c.ID)
		if len(places) > 0 {
			buf = sized(buf, int(c.Size))
			if _, err := file.ReadAt(buf, at); err != nil {
				return copied, fmt.Errorf("take chunks from %q: %w", path, err)
			}
		}
		for _, i := range places {
			err := s.Put(i, buf)
			if errors.Is(err, ErrBadChunk) {
				return copied, fmt.Errorf("take chunks from %q: %w", path, ErrChanged)
			}
			if err != nil {
				return copied, err
			}
			copied++
		}
		at += int64(c.Size)
	}
	return copied, nil
}

// ReadChunk appends a staged chunk to buf[:0], so that it can be served before the file is
// complete. It fails with ErrNotStaged when it is not there, or was installed meanwhile.
func (f *Folder) ReadChunk(content ident.ContentID, i int, buf []byte) ([]byte, error) {
	f.mu.Lock()
	s := f.stages[content]
	f.mu.Unlock()
	if s == nil || i < 0 || i >= len(s.chunks) || !s.Has(i) {
		return nil, fmt.Errorf("read chunk %d of %v: %w", i, content, ErrNotStaged)
	}
	s.touch()
	buf = sized(buf, int(s.chunks[i].Size))
	if err := s.read(buf, s.offsets[i]); err != nil {
		return nil, fmt.Errorf("read chunk %d of %v: %w", i, content, err)
	}
	return buf, nil
}

func (s *Stage) read(buf []byte, at int64) error {
	s.handle.RLock()
	defer s.handle.RUnlock()
	file := s.file
	if file == nil {
		var err error
		file, err = s.folder.stage.open(s.content.String(), os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return ErrNotStaged
		}
		if err != nil {
			return err
		}
		defer file.Close()
	}
	_, err := file.ReadAt(buf, at)
	if errors.Is(err, io.EOF) && len(buf) == 0 {
		return nil
	}
	return err
}

// PutWhole stages a file of at most one chunk in one call: the quick way for small files.
// It fails with ErrBadChunk when the bytes are not that content.
func (f *Folder) PutWhole(content ident.ContentID, whole []byte) error {
	if ident.ContentID(recipe.HashChunk(whole)) != content {
		return fmt.Errorf("stage %v: %w", content, ErrBadChunk)
	}
	s := &Stage{folder: f, content: content, size: int64(len(whole)), used: f.limits.Now()}
	if len(whole) > 0 {
		s.chunks = []recipe.Chunk{{ID: ident.ChunkID(content), Size: uint32(len(whole))}}
		s.offsets, s.have = []int64{0}, []uint64{1}
	}
	s.begin.Do(func() {}) // nothing is left to be opened
	f.mu.Lock()
	known := f.stages[content]
	due := f.unpaid == 0 || f.unpaid > freeCheckEvery
	if due {
		f.unpaid = 0
	}
	f.unpaid += int64(len(whole)) + 1
	f.mu.Unlock()
	if known != nil && len(whole) > 0 {
		if err := known.ready(); err != nil {
			return fmt.Errorf("stage %v: %w", content, err)
		}
		return known.Put(0, whole)
	}
	if due {
		if err := f.checkFree(freeCheckEvery); err != nil {
			return fmt.Errorf("stage %v: %w", content, err)
		}
	}
	if err := f.writeWhole(content.String(), whole); err != nil {
		return fmt.Errorf("stage %v: %w", content, err)
	}
	fault.At("disk.whole")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stages[content] = s
	return nil
}

// writeWhole writes under a name of its own first, so that two who bring the same content
// at once do not meet.
func (f *Folder) writeWhole(name string, whole []byte) error {
	err := f.stage.writeNew(name, whole)
	if errors.Is(err, fs.ErrExist) {
		// Left by an earlier run, or being written by somebody who brings the same.
		fresh := fmt.Sprintf("%s.%d", name, f.nextSerial())
		if err = f.stage.writeNew(fresh, whole); err == nil {
			err = moveOver(f.stage, fresh, f.stage, name)
		}
	}
	if refusalOf(err) == tree.NoSpace {
		err = fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// Complete reports whether all of the content is staged.
func (f *Folder) Complete(content ident.ContentID) bool {
	f.mu.Lock()
	s := f.stages[content]
	f.mu.Unlock()
	return s != nil && s.Missing() == 0
}

func (f *Folder) nextSerial() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serial++
	return f.serial
}

const (
	// freeCheckEvery is how many bytes of small files are staged between two looks at the
	// free space, far less than what is always kept free.
	freeCheckEvery = 16 << 20
	// keepFreeMin is what a small volume keeps free: room for the index and for the person
	// to save what they are working on.
	keepFreeMin = 64 << 20
)

// checkFree fails with ErrNoSpace unless size more bytes leave enough of the volume free.
func (f *Folder) checkFree(size int64) error {
	free, volume, err := f.private.volume()
	if err != nil {
		return err
	}
	keep := f.limits.KeepFree
	if keep == 0 {
		keep = max(volume/100, keepFreeMin)
	}
	if free-size < keep {
		return fmt.Errorf("%w: %d MiB wanted, %d MiB free, of which %d MiB are kept; free some "+
			"space on the volume of %q", ErrNoSpace, size>>20, free>>20, keep>>20, f.path)
	}
	return nil
}

func allZero(chunk []byte) bool {
	for len(chunk) >= 8 {
		if chunk[0]|chunk[1]|chunk[2]|chunk[3]|chunk[4]|chunk[5]|chunk[6]|chunk[7] != 0 {
			return false
		}
		chunk = chunk[8:]
	}
	for _, b := range chunk {
		if b != 0 {
			return false
		}
	}
	return true
}

// stageAge is how long staged content that nobody wants is kept for a second thought.
const stageAge = 24 * time.Hour

// Sweep drops staged content that was not used for a day and that keep does not name.
func (f *Folder) Sweep(keep func(ident.ContentID) bool) error {
	f.executing.Lock() // No batch may be about to install what is dropped.
	defer f.executing.Unlock()
	names, err := f.stage.names()
	if err != nil {
		return fmt.Errorf("sweep staged content: %w", err)
	}
	now := f.limits.Now()
	var errs []error
	for _, name := range names {
		content, err := ident.ParseContent(name)
		if err == nil && keep(content) {
			continue
		}
		errs = append(errs, f.sweepOne(name, content, now))
	}
	return errors.Join(errs...)
}

func (f *Folder) sweepOne(name string, content ident.ContentID, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var used time.Time
	s := f.stages[content] // Nil for what has another name: nobody uses that between batches.
	if s != nil {
		s.mu.Lock()
		used = s.used
		s.mu.Unlock()
	} else if left, err := f.stage.look(name); err == nil {
		used = time.Unix(0, left.Mtime)
	}
	if now.Sub(used) < stageAge {
		return nil
	}
	var err error
	if s != nil {
		err = s.shut()
		delete(f.stages, content)
	}
	return errors.Join(err, f.stage.unlink(name))
}
