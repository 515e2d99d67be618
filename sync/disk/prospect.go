package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

// prospectPrefix begins the names of files for prospects, in the directory of the stages.
const prospectPrefix = "prospect-"

// Prospect is a file on its way in whose recipe is not known to its end: what another device
// is still reading. It becomes the stage of a content (BeginWith) or is dropped. What is
// left of it when the program ends is removed at the next start. Its methods may be called
// from many goroutines, but Extend by one after the other.
type Prospect struct {
	folder *Folder
	name   string

	// handle is held for reading by whoever uses file, and for writing to close or cut it.
	handle sync.RWMutex
	file   *os.File // nil before the first part and after the end
	heir   *Stage   // what it has become

	mu      sync.Mutex
	chunks  []recipe.Chunk
	offsets []int64
	have    []bool
}

// NewProspect returns an empty one. Nothing is on disk before its first part. Each has a
// file of its own: one may begin anew while what it was before is becoming a stage.
func (f *Folder) NewProspect(id recipe.ProspectID) *Prospect {
	return &Prospect{folder: f, name: fmt.Sprintf("%s%x-%d", prospectPrefix, id, f.prospects.Add(1))}
}

// Extend makes room for a part, which begins in the file where a chunk before it ends. One
// that claims another place is refused: its bytes would lie over others that were hashed.
// Where it is not what was there before, all that is behind it is dropped. It tells which
// chunks of the part are staged already; those of a hole always are. Some are to come unless
// none is said to.
func (p *Prospect) Extend(part recipe.Part, some bool) ([]bool, error) {
	p.handle.Lock()
	defer p.handle.Unlock()
	if p.heir != nil {
		return nil, fmt.Errorf("stage part of %s: %w", p.name, ErrNotStaged)
	}
	if some {
		if err := p.open(part.Size()); err != nil {
			return nil, fmt.Errorf("stage part of %s: %w", p.name, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if part.First > len(p.chunks) {
		return nil, fmt.Errorf("stage part of %s: it begins at chunk %d, known are %d", p.name, part.First, len(p.chunks))
	}
	end := int64(0)
	if part.First > 0 {
		end = p.offsets[part.First-1] + int64(p.chunks[part.First-1].Size)
	}
	if part.Offset != end {
		return nil, fmt.Errorf("stage part of %s: it begins at %d, what is before it ends at %d", p.name, part.Offset, end)
	}
	if !p.holds(part) {
		p.chunks, p.offsets, p.have = p.chunks[:part.First], p.offsets[:part.First], p.have[:part.First]
		if p.file != nil {
			if err := p.file.Truncate(part.Offset); err != nil {
				return nil, fmt.Errorf("stage part of %s: %w", p.name, err)
			}
		}
		at := part.Offset
		for _, c := range part.Chunks {
			p.chunks, p.offsets, p.have = append(p.chunks, c), append(p.offsets, at), append(p.have, c.IsHole())
			at += int64(c.Size)
		}
	}
	return append([]bool(nil), p.have[part.First:part.First+len(part.Chunks)]...), nil
}

// Knows reports whether a part is what was told of last, staged or not.
func (p *Prospect) Knows(part recipe.Part) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holds(part)
}

// holds reports whether a part is what is there already.
func (p *Prospect) holds(part recipe.Part) bool {
	end, _ := part.End()
	if end > len(p.chunks) || p.offsets[part.First] != part.Offset {
		return false
	}
	for i, c := range part.Chunks {
		if p.chunks[part.First+i] != c {
			return false
		}
	}
	return true
}

func (p *Prospect) open(size int64) (err error) {
	if err = p.folder.checkFree(size); err != nil || p.file != nil {
		return err
	}
	p.file, err = p.folder.stage.open(p.name, os.O_RDWR|os.O_CREATE)
	return err
}

// Put stages chunk i, like Stage.Put. It fails with ErrNotStaged when another chunk is
// expected there by now.
func (p *Prospect) Put(i int, chunk []byte) error {
	c := recipe.Chunk{ID: recipe.HashChunk(chunk), Size: uint32(len(chunk))}
	p.handle.RLock()
	defer p.handle.RUnlock()
	if p.heir != nil && p.heir.is(i, c) {
		return p.heir.Put(i, chunk)
	}
	at, ok := p.at(i, c, false)
	if ok && c.IsHole() {
		return nil
	}
	if p.file == nil || !ok {
		return fmt.Errorf("stage chunk %d of %s: %w", i, p.name, ErrNotStaged)
	}
	_, err := p.file.WriteAt(chunk, at)
	if refusalOf(err) == tree.NoSpace {
		err = fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	if err != nil {
		return fmt.Errorf("stage chunk %d of %s: %w", i, p.name, err)
	}
	startWriting(p.file, at, int64(len(chunk)))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.have[i] = true
	return nil
}

// at returns where chunk i begins, if it is that one, and is staged if it has to be.
func (p *Prospect) at(i int, c recipe.Chunk, staged bool) (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i < 0 || i >= len(p.chunks) || p.chunks[i] != c || staged && !p.have[i] {
		return 0, false
	}
	return p.offsets[i], true
}

// Read appends chunk i, which must have that id and size, to buf[:0]. It fails with
// ErrNotStaged when it is not there.
func (p *Prospect) Read(i int, c recipe.Chunk, buf []byte) ([]byte, error) {
	p.handle.RLock()
	defer p.handle.RUnlock()
	if p.heir != nil && p.heir.is(i, c) {
		return p.folder.ReadChunk(p.heir.content, i, buf)
	}
	at, ok := p.at(i, c, true)
	if ok && c.IsHole() {
		buf = sized(buf, int(c.Size))
		clear(buf)
		return buf, nil
	}
	if p.file == nil || !ok {
		return nil, fmt.Errorf("read chunk %d of %s: %w", i, p.name, ErrNotStaged)
	}
	buf = sized(buf, int(c.Size))
	if _, err := p.file.ReadAt(buf, at); err != nil {
		return nil, fmt.Errorf("read chunk %d of %s: %w", i, p.name, err)
	}
	return buf, nil
}

// Has reports whether all chunks of a part are staged.
func (p *Prospect) Has(part recipe.Part) bool {
	p.handle.RLock()
	defer p.handle.RUnlock()
	if p.heir != nil {
		return p.heir.hasPart(part)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.holds(part) {
		return false
	}
	for i := range part.Chunks {
		if !p.have[part.First+i] {
			return false
		}
	}
	return true
}

// is reports whether chunk i of the content is that chunk. A prospect that became its stage
// may have been another one from some chunk on.
func (s *Stage) is(i int, c recipe.Chunk) bool {
	return i >= 0 && i < len(s.chunks) && s.chunks[i] == c
}

func (s *Stage) hasPart(part recipe.Part) bool {
	for i, c := range part.Chunks {
		if at := part.First + i; !s.is(at, c) || !s.Has(at) {
			return false
		}
	}
	return true
}

// Drop removes what is staged. It does nothing to what has become a stage.
func (p *Prospect) Drop() error {
	p.handle.Lock()
	defer p.handle.Unlock()
	return p.dropLocked()
}

func (p *Prospect) dropLocked() error {
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.file = nil
	return errors.Join(err, p.folder.stage.unlink(p.name))
}

// BeginWith is Begin for content of which a prospect has staged something: the file of the
// prospect becomes that of the stage. No byte is copied, and none hashed again, unless an
// earlier run has left something of the content as well.
func (f *Folder) BeginWith(p *Prospect, content ident.ContentID, r recipe.Recipe) (*Stage, error) {
	p.handle.Lock()
	defer p.handle.Unlock()
	f.mu.Lock()
	known := f.stages[content] != nil
	f.mu.Unlock()
	if _, err := f.stage.look(content.String()); p.file == nil || known || !errors.Is(err, fs.ErrNotExist) {
		s, err := f.Begin(content, r)
		if err == nil {
			err = s.takeFrom(p)
		}
		if err != nil { // nobody knows the prospect any more, and the volume may be full
			return nil, errors.Join(fmt.Errorf("stage %v: %w", content, err), p.dropLocked())
		}
		p.heir = s
		if err := p.dropLocked(); err != nil {
			return nil, fmt.Errorf("drop %s: %w", p.name, err)
		}
		return s, s.closeComplete()
	}
	s := newStage(f, content, r)
	f.mu.Lock()
	f.stages[content] = s
	f.mu.Unlock()
	s.begin.Do(func() { s.failed = s.openFrom(p) })
	if s.failed != nil {
		f.forget(content, s)
		return nil, errors.Join(fmt.Errorf("stage %v: %w", content, s.failed), s.shut())
	}
	p.heir = s
	return s, s.closeComplete()
}

// takeFrom takes over what a prospect holds and the stage does not; the prospect is held.
func (s *Stage) takeFrom(p *Prospect) error {
	if p.file == nil {
		return nil
	}
	var buf []byte
	for i := range min(len(s.chunks), len(p.chunks)) {
		// The file of a prospect may end before a hole at its end.
		if !p.have[i] || p.chunks[i].IsHole() || p.chunks[i] != s.chunks[i] || s.Has(i) {
			continue
		}
		buf = sized(buf, int(p.chunks[i].Size))
		if _, err := p.file.ReadAt(buf, p.offsets[i]); err != nil {
			return fmt.Errorf("read chunk %d of %s: %w", i, p.name, err)
		}
		if err := s.Put(i, buf); err != nil {
			return err
		}
	}
	return nil
}

// openFrom is open for the file of a prospect, which some systems rename only while it is
// closed.
func (s *Stage) openFrom(p *Prospect) error {
	err := p.file.Close()
	p.file = nil
	if err == nil {
		err = moveOver(s.folder.stage, p.name, s.folder.stage, s.content.String())
	}
	if err != nil {
		return err
	}
	if s.file, err = s.folder.stage.open(s.content.String(), os.O_RDWR); err != nil {
		return err
	}
	for i := range min(len(s.chunks), len(p.chunks)) {
		if p.have[i] && p.chunks[i] == s.chunks[i] && p.offsets[i] == s.offsets[i] {
			s.mark(i)
		}
	}
	// Nothing that belongs to another state of the file may be left behind its end.
	if err := s.lengthen(); err != nil {
		return errors.Join(err, s.file.Truncate(s.size)) // what is there is kept for the next attempt
	}
	// What it has not brought whole is not there. To hash all that lies around what it has
	// kept eight devices from fetching for seconds.
	return s.takeOver(recipe.Chunk.IsHole)
}

// ReadHashed appends the bytes of a file at a place to buf[:0], whatever has become of the
// rest of the file meanwhile. It fails with ErrChanged when they are not that chunk.
func (f *Folder) ReadHashed(path string, offset int64, c recipe.Chunk, buf []byte) ([]byte, error) {
	parent, name, err := f.parentOf(path)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w (%w)", path, ErrChanged, err)
	}
	defer parent.release()
	file, err := parent.open(name, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w (%w)", path, ErrChanged, err)
	}
	defer file.Close() // opened for reading, so closing has nothing to say
	buf = sized(buf, int(c.Size))
	if _, err := file.ReadAt(buf, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	if recipe.HashChunk(buf) != c.ID {
		return nil, fmt.Errorf("read %q: %w", path, ErrChanged)
	}
	return buf, nil
}

// dropProspects removes what an earlier run left of prospects.
func (f *Folder) dropProspects() error {
	names, err := f.stage.names()
	for _, name := range names {
		if strings.HasPrefix(name, prospectPrefix) {
			err = errors.Join(err, f.stage.unlink(name))
		}
	}
	if err != nil {
		return fmt.Errorf("remove what is left of prospects: %w", err)
	}
	return nil
}
