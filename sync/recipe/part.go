package recipe

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	// tagPart keeps the ids of parts apart from all others.
	tagPart = 0x03
	// PartBytes is how much of a file is in a Part: little enough that others begin soon,
	// and enough that telling of it costs nothing beside its bytes.
	PartBytes = 16 << 20
	// PartChunksMax is how many chunks one may have: PartBytes in the smallest chunks of the
	// class of files of more than 16 MiB, and some more.
	PartChunksMax = 1024
)

// ProspectID names a file that is being read for the first time, or once more, and whose
// recipe is not complete yet. It is drawn at random by the device that reads.
type ProspectID [16]byte

// Part is a run of chunks of such a file. The parts of one prospect follow one another.
type Part struct {
	Class  chunker.Class
	First  int   // the number of its first chunk in the file
	Offset int64 // where that begins
	Chunks []Chunk
}

// ID names the part by all that is in it: H(0x03, class in one byte, First in four,
// Offset in eight, and each chunk as in a recipe). Reading the same beginning of a file
// again gives the same parts.
func (p Part) ID() ident.ContentID {
	into := append(make([]byte, 0, 14+len(p.Chunks)*chunkSize), tagPart, byte(p.Class))
	into = binary.BigEndian.AppendUint32(into, uint32(p.First))
	into = binary.BigEndian.AppendUint64(into, uint64(p.Offset))
	for _, c := range p.Chunks {
		into = c.append(into)
	}
	return sha256.Sum256(into)
}

// Size returns how many bytes it stands for.
func (p Part) Size() int64 { return Recipe{Chunks: p.Chunks}.Size() }

// End returns the number and the offset of the chunk after the last.
func (p Part) End() (first int, offset int64) {
	return p.First + len(p.Chunks), p.Offset + p.Size()
}

// Validate returns an error wrapping ErrMalformed for what can be no part of a file: chunks
// of a size that its class does not have, or beyond what a recipe holds.
func (p Part) Validate() error {
	if !p.Class.Known() || len(p.Chunks) == 0 || len(p.Chunks) > PartChunksMax {
		return fmt.Errorf("%w: a part of class %d with %d chunks", ErrMalformed, p.Class, len(p.Chunks))
	}
	if p.First < 0 || p.First > MaxChunks-len(p.Chunks) || p.Offset < 0 || p.Offset > MaxSize {
		return fmt.Errorf("%w: a part from chunk %d at %d", ErrMalformed, p.First, p.Offset)
	}
	for i, c := range p.Chunks {
		last := i == len(p.Chunks)-1
		if c.Size == 0 || int64(c.Size) > int64(p.Class.Max()) || int64(c.Size) < int64(p.Class.Min()) && !last {
			return fmt.Errorf("%w: chunk %d of a part has %d bytes", ErrMalformed, i, c.Size)
		}
	}
	return nil
}

// Begins reports whether the chunks of r, where p has its own, are those of p.
func (p Part) Begins(r Recipe) bool {
	if p.Class != r.Class || p.First+len(p.Chunks) > len(r.Chunks) {
		return false
	}
	for i, c := range p.Chunks {
		if r.Chunks[p.First+i] != c {
			return false
		}
	}
	return true
}

// Parter makes parts of the chunks of one file, which it is given in order.
type Parter struct {
	part  Part
	bytes int64
}

// NewParter returns one for a file that is cut in a class.
func NewParter(class chunker.Class) *Parter { return &Parter{part: Part{Class: class}} }

// Add takes the next chunk and returns a part when that completes one.
func (p *Parter) Add(id ident.ChunkID, size int) (Part, bool) {
	p.part.Chunks = append(p.part.Chunks, Chunk{ID: id, Size: uint32(size)})
	if p.bytes += int64(size); p.bytes < PartBytes && len(p.part.Chunks) < PartChunksMax {
		return Part{}, false
	}
	return p.Rest()
}

// Rest returns what has not been returned yet, false when that is nothing.
func (p *Parter) Rest() (Part, bool) {
	done := p.part
	p.part = Part{Class: done.Class}
	p.part.First, p.part.Offset = done.End()
	p.bytes = 0
	return done, len(done.Chunks) > 0
}
