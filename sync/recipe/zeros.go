package recipe

import (
	"encoding/hex"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
)

// zeros are the ids of the largest chunk of each class when all its bytes are zero. The
// rule finds no cut in zeros, so holes of files consist of these chunks.
var zeros = [...]ident.ChunkID{
	pinned("b27a032984ea8a6bec700c3d6f63f8fcfbf8ff8ef87e972891feda4eea4aad0c"),
	pinned("2cb74edba754a81d121c9db6833704a8e7d417e5b13d1a19f4a52f007d644264"),
	pinned("95e441ca65cd41fa01b2a71799e79fd60db59ed34f13af32a91e85f90378676c"),
}

// Hole returns the chunk that a long run of zeros is cut into in a class, which must be a
// known one.
func Hole(class chunker.Class) Chunk {
	return Chunk{ID: zeros[class], Size: uint32(class.Max())}
}

// IsHole reports whether the chunk is that of its class, so that its bytes are known
// without reading them.
func (c Chunk) IsHole() bool {
	for class := range zeros {
		if c == Hole(chunker.Class(class)) {
			return true
		}
	}
	return false
}

func pinned(text string) (id ident.ChunkID) {
	if n, err := hex.Decode(id[:], []byte(text)); err != nil || n != len(id) {
		panic("bug: a pinned id is none: " + text)
	}
	return id
}
