package disk

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/shoal-sync/shoal/sync/tree"
)

// Content that is mostly zeros, such as the disk of a virtual machine, is kept as it was
// where it came from: as holes, which take no room. The chunks of a hole are known by their
// ids (recipe.Chunk.IsHole), so they are neither fetched nor written nor counted when it is
// asked whether there is room.

// lengthen gives the staged file its size and makes sure that there is room for what is
// still to be written, which it claims where the system can. What is longer than the file
// was becomes a hole, on volumes that know holes.
func (s *Stage) lengthen() error {
	toCome := s.toCome()
	if err := s.folder.checkFree(toCome); err != nil {
		return err
	}
	if s.size == 0 {
		return s.file.Truncate(0)
	}
	if err := s.tryHole(); err != nil {
		return err
	}
	// A file of full size is one with room for all of it: whoever finds it goes on with it.
	if err := s.reserveChunks(); err != nil {
		return err
	}
	return s.file.Truncate(s.size)
}

// claim is lengthen for a file of full size that an earlier attempt left: that may not have
// found room for all of it, or have ended before it claimed any.
func (s *Stage) claim() error {
	toCome, here := s.toCome(), int64(0)
	for i, c := range s.chunks {
		if !c.IsHole() && s.Has(i) {
			here += int64(c.Size)
		}
	}
	room, err := occupied(s.file)
	if err != nil {
		return err
	}
	if more := toCome - max(room-here, 0); more > 0 {
		if err := s.folder.checkFree(more); err != nil {
			return err
		}
	}
	return s.reserveChunks()
}

// toCome returns how many bytes are still to be written.
func (s *Stage) toCome() (size int64) {
	for i, c := range s.chunks {
		if !c.IsHole() && !s.Has(i) {
			size += int64(c.Size)
		}
	}
	return size
}

// tryHole makes the file a little longer and looks whether that takes room. Where it does,
// there has to be room for all of it.
func (s *Stage) tryHole() error {
	const little = 4 << 20
	is, err := s.file.Stat()
	if err != nil || is.Size() >= s.size {
		return err
	}
	before, err := occupied(s.file)
	if err != nil {
		return err
	}
	longer := min(is.Size()+little, s.size)
	if err := s.file.Truncate(longer); err != nil {
		return err
	}
	after, err := occupied(s.file)
	if err != nil || after-before < longer-is.Size() {
		return err
	}
	return s.folder.checkFree(s.size - longer)
}

// reserveChunks claims the blocks of what is still to be written, so that a full volume is
// found before the fetching and not in its middle.
func (s *Stage) reserveChunks() error {
	for i := 0; i < len(s.chunks); {
		from := i
		for i < len(s.chunks) && !s.chunks[i].IsHole() && !s.Has(i) {
			i++
		}
		if i == from {
			i++
			continue
		}
		end := s.size
		if i < len(s.chunks) {
			end = s.offsets[i]
		}
		offered, err := reserve(s.file, s.offsets[from], end-s.offsets[from])
		if refusalOf(err) == tree.NoSpace {
			err = fmt.Errorf("%w: %w", ErrNoSpace, err)
		}
		if err != nil || !offered {
			return err
		}
	}
	return nil
}

// copyRanges copies what was ever written of a file of that size into an empty one.
func copyRanges(to, from *os.File, size int64) error {
	for at := int64(0); at < size; {
		begin := nextWritten(from, at, size)
		if begin >= size {
			break
		}
		at = nextHole(from, begin, size)
		_, err := from.Seek(begin, io.SeekStart)
		if err == nil {
			_, err = to.Seek(begin, io.SeekStart)
		}
		if err == nil {
			_, err = io.CopyN(to, from, at-begin)
		}
		if err != nil && !errors.Is(err, io.EOF) { // that it shrank is seen afterwards
			return err
		}
	}
	return to.Truncate(size)
}
