package disk

import (
	"errors"
	"fmt"
	"io"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
)

// recutChunks is how many of the largest chunks are read at a time. Less than one of them is
// moved to the front for it.
const recutChunks = 4

// recut takes over the chunks of an old version that was cut in another size class: it is
// cut and hashed once more in the class of the new one. That costs 1 second for some 2 GiB,
// and saves fetching what the two have in common, which is nearly all when a file that
// grows by appending crosses the border of a class.
func (s *Stage) recut(old io.Reader, wanted map[ident.ChunkID][]int) (copied int, err error) {
	params := chunker.Params{Class: s.class}
	buf := make([]byte, 0, recutChunks*params.Max())
	rest := buf // of what was read
	for last := false; len(wanted) > 0; {
		if !last && len(rest) < params.Max() {
			buf = buf[:copy(buf[:cap(buf)], rest)]
			n, err := io.ReadFull(old, buf[len(buf):cap(buf)])
			last = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
			if err != nil && !last {
				return copied, err
			}
			buf = buf[:len(buf)+n]
			rest = buf
		}
		n := params.Next(rest, last)
		if n == 0 {
			return copied, nil
		}
		id := recipe.HashChunk(rest[:n])
		for _, i := range wanted[id] {
			if err := s.Put(i, rest[:n]); err != nil {
				return copied, fmt.Errorf("take over chunk %d: %w", i, err)
			}
			copied++
		}
		delete(wanted, id)
		rest = rest[n:]
	}
	return copied, nil
}
