// Package recipe holds a file as a list of chunks: how the list is named, written down
// and checked.
//
// It knows ids and bounds. Where to cut it leaves to package chunker, where the bytes lie
// to the disk and the index. sync/scan builds recipes, sync/index and sync/wire store and
// carry them, sync/folder and sync/disk work through them. It is pure and starts no
// goroutine; chunks may be hashed anywhere and handed to a Builder in order.
//
// # Ids
//
// H is SHA-256, integers are big-endian, a comma stands for "followed by".
//
//	chunk id              H(0x00, bytes of the chunk)
//	content id of a file  with no chunks:  H(0x00)
//	                      with one chunk:  that chunk's id
//	                      with several:    H(0x01, encoded recipe)
//	content id of a link  H(0x02, bytes of the target)
//
// The first byte keeps the kinds apart: no file can be made whose chunk has the id of a
// recipe or of a link.
//
// # Encoding
//
//	0  1  hash id        1 = SHA-256
//	1  1  rule version   chunker.RuleVersion, 1
//	2  1  class          size class that the file was cut in: 0, 1 or 2
//	3  4  count          number of chunks n, at most MaxChunks
//	7  36 x n            for each chunk in file order:
//	                       4   size in bytes
//	                       32  chunk id
//
// Every length is fixed, so each recipe has exactly one encoding, chunk i lies at 7+36*i,
// and what is hashed is what is sent. A file of no chunks has class 0. A valid recipe has
// the class that chunker gives to its total size, no chunk above the largest of that
// class, none that is empty, and only the last below the smallest. Cutting with a folder
// key will be another rule version, and other hashes another hash id; this version
// refuses both.
package recipe

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
)

// MaxChunks is how many chunks a recipe may have. With it every file up to 1 TiB can be
// written down even if its bytes happen to be cut in the smallest chunks of the largest
// class (4 Mi x 256 KiB); with usual chunks that is 4 TiB. It bounds an encoding, and
// what Parse allocates for it, to 144 MiB.
const MaxChunks = 1 << 22

// MaxSize is the size of the largest file that could have a recipe, in bytes: MaxChunks
// chunks of the largest size of the last class, 16 TiB.
const MaxSize = MaxChunks * (4 << 20)

// hashSHA256 is the hash id of the only hash in use.
const hashSHA256 = 1

// The first byte of all that is hashed.
const (
	tagChunk  = 0x00
	tagRecipe = 0x01
	tagLink   = 0x02
)

const (
	headerSize = 7
	chunkSize  = 4 + len(ident.ChunkID{})
)

var (
	// ErrMalformed reports bytes or a list of chunks that is no valid recipe. Who sent it
	// is broken or lies.
	ErrMalformed = errors.New("malformed recipe")
	// ErrNewer reports a recipe that only a newer version of the program can read.
	ErrNewer = errors.New("recipe of a newer version")
	// ErrWrongID reports a recipe that is not the one named by the content id.
	ErrWrongID = errors.New("recipe does not match its content id")
)

// Chunk is one piece of a file.
type Chunk struct {
	ID   ident.ChunkID
	Size uint32 // in bytes, never 0
}

// Recipe is a file as a list of chunks. The zero value is the recipe of an empty file.
type Recipe struct {
	Class  chunker.Class // the size class it was cut in
	Chunks []Chunk       // in file order
}

// HashChunk returns the id of a chunk that holds the given bytes.
func HashChunk(chunk []byte) ident.ChunkID {
	h := sha256.New()
	h.Write([]byte{tagChunk})
	h.Write(chunk)
	var id ident.ChunkID
	h.Sum(id[:0])
	return id
}

// LinkID returns the content id of a symbolic link with the given target.
func LinkID(target string) ident.ContentID {
	h := sha256.New()
	h.Write([]byte{tagLink})
	h.Write([]byte(target))
	var id ident.ContentID
	h.Sum(id[:0])
	return id
}

// Empty is the content id of a file without bytes: H(0x00).
var Empty = ident.ContentID(HashChunk(nil))

// Implied returns the recipe of a file when its content id and size alone tell it: an
// empty file has no chunks, and one of at most the smallest chunk size cannot be cut. It
// reports false when the recipe has to be fetched, or when no file of that size has that
// id.
func Implied(id ident.ContentID, size int64) (Recipe, bool) {
	if size == 0 {
		return Recipe{}, id == Empty
	}
	class := chunker.ClassOf(size)
	if size < 0 || size > int64(class.Min()) {
		return Recipe{}, false
	}
	only := Chunk{ID: ident.ChunkID(id), Size: uint32(size)}
	return Recipe{Class: class, Chunks: []Chunk{only}}, true
}

// Size returns the size of the file, in bytes.
func (r Recipe) Size() int64 { return r.Offset(len(r.Chunks)) }

// Offset returns where chunk i begins in the file; with i the number of chunks, where the
// last one ends. It adds up i sizes: to walk all chunks, add along the way.
func (r Recipe) Offset(i int) int64 {
	var offset int64
	for _, c := range r.Chunks[:i] {
		offset += int64(c.Size)
	}
	return offset
}

// ID returns the content id of the file.
func (r Recipe) ID() ident.ContentID {
	switch len(r.Chunks) {
	case 0:
		return Empty
	case 1:
		return ident.ContentID(r.Chunks[0].ID)
	}
	// Hashed in small parts, so that naming a file of a million chunks needs no copy of
	// its list.
	part := make([]byte, 0, headerSize+64*chunkSize)
	h := sha256.New()
	h.Write([]byte{tagRecipe})
	part = r.appendHeader(part)
	for i, c := range r.Chunks {
		part = c.append(part)
		if len(part)+chunkSize > cap(part) || i == len(r.Chunks)-1 {
			h.Write(part)
			part = part[:0]
		}
	}
	var id ident.ContentID
	h.Sum(id[:0])
	return id
}

// Verify returns an error wrapping ErrWrongID unless r is the recipe that id names.
func (r Recipe) Verify(id ident.ContentID) error {
	if got := r.ID(); got != id {
		return fmt.Errorf("%w: wanted %v, got %v", ErrWrongID, id, got)
	}
	return nil
}

// Validate returns an error wrapping ErrMalformed unless r obeys all that the package
// comment asks of a valid recipe.
func (r Recipe) Validate() error {
	if !r.Class.Known() {
		return fmt.Errorf("%w: no size class %d", ErrMalformed, r.Class)
	}
	if len(r.Chunks) > MaxChunks {
		return fmt.Errorf("%w: %d chunks, at most %d allowed", ErrMalformed,
			len(r.Chunks), MaxChunks)
	}
	least, most := uint32(r.Class.Min()), uint32(r.Class.Max())
	var total int64
	for i, c := range r.Chunks {
		last := i == len(r.Chunks)-1
		if c.Size == 0 || c.Size > most || c.Size < least && !last {
			return fmt.Errorf("%w: chunk %d has %d bytes, class %d allows %d to %d",
				ErrMalformed, i, c.Size, r.Class, least, most)
		}
		total += int64(c.Size)
	}
	if fits := chunker.ClassOf(total); fits != r.Class {
		return fmt.Errorf("%w: class %d for a file of %d bytes, which is cut in class %d",
			ErrMalformed, r.Class, total, fits)
	}
	return nil
}

// Append appends the encoding of r, which must be valid, to into.
func (r Recipe) Append(into []byte) []byte {
	into = r.appendHeader(into)
	for _, c := range r.Chunks {
		into = c.append(into)
	}
	return into
}

// EncodedSize returns how many bytes Append appends.
func (r Recipe) EncodedSize() int { return headerSize + len(r.Chunks)*chunkSize }

func (r Recipe) appendHeader(into []byte) []byte {
	into = append(into, hashSHA256, chunker.RuleVersion, byte(r.Class))
	return binary.BigEndian.AppendUint32(into, uint32(len(r.Chunks)))
}

func (c Chunk) append(into []byte) []byte {
	into = binary.BigEndian.AppendUint32(into, c.Size)
	return append(into, c.ID[:]...)
}

// ChunksIn goes over the chunk ids of an encoded recipe without taking memory for it. Bytes
// that are no recipe have none, or some of no meaning: nothing is validated.
func ChunksIn(encoded []byte) iter.Seq[ident.ChunkID] {
	return func(yield func(ident.ChunkID) bool) {
		for at := headerSize + 4; at+len(ident.ChunkID{}) <= len(encoded); at += chunkSize {
			if !yield(ident.ChunkID(encoded[at:])) {
				return
			}
		}
	}
}

// Parse reads what Append wrote, all of data and no more, and validates it. It keeps no
// part of data. It returns an error wrapping ErrNewer for a hash or rule it does not
// have, else one wrapping ErrMalformed. Whether the recipe is the one asked for is
// Verify's to say.
func Parse(data []byte) (Recipe, error) {
	if len(data) < headerSize {
		return Recipe{}, fmt.Errorf("%w: %d bytes are too short", ErrMalformed, len(data))
	}
	if data[0] != hashSHA256 || data[1] != chunker.RuleVersion {
		return Recipe{}, fmt.Errorf("%w: hash %d, rule version %d", ErrNewer, data[0], data[1])
	}
	count := int64(binary.BigEndian.Uint32(data[3:]))
	body := data[headerSize:]
	// The second test bounds the allocation by bytes that have really come.
	if count > MaxChunks || count*int64(chunkSize) != int64(len(body)) {
		return Recipe{}, fmt.Errorf("%w: %d bytes for %d chunks",
			ErrMalformed, len(data), count)
	}
	r := Recipe{Class: chunker.Class(data[2])}
	if count > 0 {
		r.Chunks = make([]Chunk, count)
	}
	for i := range r.Chunks {
		at := body[i*chunkSize:]
		r.Chunks[i].Size = binary.BigEndian.Uint32(at)
		copy(r.Chunks[i].ID[:], at[4:])
	}
	if err := r.Validate(); err != nil {
		return Recipe{}, err
	}
	return r, nil
}
