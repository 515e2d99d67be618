package recipe

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
)

// The id of a part is agreed on between devices, so it is pinned.
func TestPartIDsArePinned(t *testing.T) {
	p := Part{Class: 1, First: 2, Offset: 300_000, Chunks: []Chunk{{ID: ident.ChunkID{7}, Size: 70_000}, {ID: ident.ChunkID{8}, Size: 5}}}
	id := p.ID()
	if got := hex.EncodeToString(id[:8]); got != "e1d63c020de9a02e" {
		t.Errorf("got %s", got)
	}
	if first, offset := p.End(); first != 4 || offset != 370_005 || p.Validate() != nil {
		t.Errorf("ends at chunk %d, %d: %v", first, offset, p.Validate())
	}
	later := p
	later.Offset++
	if later.ID() == id {
		t.Error("the same chunks at another place have the same id")
	}
}

func TestPartsOfAFileFollowOneAnother(t *testing.T) {
	var r Recipe
	r.Class = 1
	p := NewParter(1)
	var parts []Part
	for i := range 5000 {
		c := Chunk{ID: ident.ChunkID{byte(i), byte(i >> 8)}, Size: uint32(64<<10 + rand.IntN(400<<10))}
		r.Chunks = append(r.Chunks, c)
		if part, ok := p.Add(c.ID, int(c.Size)); ok {
			parts = append(parts, part)
		}
	}
	if part, ok := p.Rest(); ok {
		parts = append(parts, part)
	}
	first, offset := 0, int64(0)
	for i, part := range parts {
		if part.First != first || part.Offset != offset || !part.Begins(r) || part.Validate() != nil {
			t.Fatalf("part %d begins at chunk %d, %d: %v", i, part.First, part.Offset, part.Validate())
		}
		if i < len(parts)-1 && (part.Size() < PartBytes || part.Size() > PartBytes+1<<20) {
			t.Errorf("part %d has %d bytes", i, part.Size())
		}
		first, offset = part.End()
	}
	if first != len(r.Chunks) || offset != r.Size() {
		t.Errorf("parts end at chunk %d of %d, byte %d of %d", first, len(r.Chunks), offset, r.Size())
	}
	r.Chunks[len(r.Chunks)-1].Size++
	if parts[len(parts)-1].Begins(r) || !parts[0].Begins(r) {
		t.Error("another last chunk is noticed where it is, and only there")
	}
}

func TestWhatCanBeNoPart(t *testing.T) {
	chunk := Chunk{Size: 100_000}
	for name, p := range map[string]Part{
		"class":        {Class: 9, Chunks: []Chunk{chunk}},
		"no chunks":    {Class: 1},
		"too many":     {Class: 1, Chunks: make([]Chunk, PartChunksMax+1)},
		"too large":    {Class: 1, Chunks: []Chunk{{Size: uint32(chunker.Class(1).Max()) + 1}}},
		"small inside": {Class: 1, Chunks: []Chunk{{Size: 5}, chunk}},
		"empty":        {Class: 1, Chunks: []Chunk{{}}},
		"far out":      {Class: 1, First: MaxChunks, Chunks: []Chunk{chunk}},
		"before":       {Class: 1, First: -1, Chunks: []Chunk{chunk}},
		"beyond":       {Class: 1, Offset: MaxSize + 1, Chunks: []Chunk{chunk}},
	} {
		if err := p.Validate(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
