package recipe

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
)

var (
	// ErrSizeChanged reports a file that had another size when it was read than when the
	// build began: it is being written to. Its class may be wrong, so the build begins
	// again with the new size.
	ErrSizeChanged = errors.New("the file changed its size while it was read")
	// ErrTooLarge reports a file that no recipe can hold.
	ErrTooLarge = errors.New("the file is larger than can be kept the same on all devices")
)

// Builder makes the recipe of one file, in one of two ways.
//
// One goroutine: give the file's blocks to Feed, in order and of any size. Feed cuts them
// and hashes the chunks as the bytes pass by; nothing is copied, no block is kept.
//
// Several goroutines: cut with a chunker.Cutter made from Params, hash the chunks with
// HashChunk wherever there is time, and give the results to Add in file order. The caller
// reads into buffers that have room for one largest chunk before the block, and moves the
// unfinished end of a block in front of the next: then every chunk is one slice.
//
// The two ways are not mixed in one build. Finish ends both.
type Builder struct {
	size   int64 // what the file is said to have
	added  int64 // bytes in chunks
	chunks []Chunk

	// Used by Feed only.
	cutter *chunker.Cutter
	fed    int64
	cuts   []int64
	open   hash.Hash // of the unfinished chunk
	begun  int64     // where the unfinished chunk begins
	sum    ident.ChunkID
}

// NewBuilder returns a builder for a file of size bytes, or an error wrapping
// ErrTooLarge.
func NewBuilder(size int64) (*Builder, error) {
	if size < 0 || size > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	// A sparse file may claim any size: the list grows with what is really read.
	const usual = 256
	likely := size/int64(chunker.ClassOf(size).Average()) + 1
	return &Builder{size: size, chunks: make([]Chunk, 0, min(likely, usual))}, nil
}

// Params returns what the file must be cut by.
func (b *Builder) Params() chunker.Params { return chunker.ForSize(b.size) }

// Feed takes the next block of the file. It returns an error wrapping ErrSizeChanged when
// the file has become longer than it was said to be, or ErrTooLarge; then the build is
// over.
func (b *Builder) Feed(block []byte) error {
	if b.fed+int64(len(block)) > b.size {
		return fmt.Errorf("%w: from %d bytes to more", ErrSizeChanged, b.size)
	}
	if b.cutter == nil {
		b.cutter = chunker.NewCutter(b.Params())
		b.open = sha256.New()
		b.open.Write([]byte{tagChunk})
	}
	b.cuts = b.cutter.Cuts(block, b.cuts[:0])
	for _, end := range b.cuts {
		n := end - b.fed
		b.open.Write(block[:n])
		block = block[n:]
		b.fed = end
		if err := b.closeChunk(); err != nil {
			return err
		}
	}
	b.open.Write(block)
	b.fed += int64(len(block))
	return nil
}

func (b *Builder) closeChunk() error {
	b.open.Sum(b.sum[:0])
	size := int(b.fed - b.begun)
	b.begun = b.fed
	b.open.Reset()
	b.open.Write([]byte{tagChunk})
	return b.Add(b.sum, size)
}

// Add takes the next chunk of the file, cut and hashed by the caller. Its errors are
// those of Feed.
func (b *Builder) Add(id ident.ChunkID, size int) error {
	b.added += int64(size)
	if b.added > b.size {
		return fmt.Errorf("%w: from %d bytes to more", ErrSizeChanged, b.size)
	}
	if len(b.chunks) == MaxChunks {
		return fmt.Errorf("%w: more than %d chunks in %d bytes", ErrTooLarge, MaxChunks, b.size)
	}
	b.chunks = append(b.chunks, Chunk{ID: id, Size: uint32(size)})
	return nil
}

// Finish returns the recipe. It returns an error wrapping ErrSizeChanged when the file
// ended early, and one wrapping ErrMalformed when chunks given to Add were not cut by
// Params.
func (b *Builder) Finish() (Recipe, error) {
	if b.fed > b.begun {
		if err := b.closeChunk(); err != nil {
			return Recipe{}, err
		}
	}
	if b.added != b.size {
		return Recipe{}, fmt.Errorf("%w: from %d bytes to %d", ErrSizeChanged, b.size, b.added)
	}
	r := Recipe{Class: chunker.ClassOf(b.size), Chunks: b.chunks}
	if len(b.chunks) == 0 {
		r.Chunks = nil
	}
	return r, r.Validate()
}

// Of returns the recipe of a file whose bytes are all in memory.
func Of(content []byte) Recipe {
	p := chunker.ForSize(int64(len(content)))
	r := Recipe{Class: p.Class}
	for len(content) > 0 {
		n := p.Next(content, true)
		r.Chunks = append(r.Chunks, Chunk{ID: HashChunk(content[:n]), Size: uint32(n)})
		content = content[n:]
	}
	return r
}
