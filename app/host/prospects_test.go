package host

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/tree"
)

// A file that is written in any order is told of once at most: it would travel again after
// each look. One that grows at its end is told of as it grows.
func TestAFileFilledInNoOrderIsNotTold(t *testing.T) {
	part := func(first int, n byte) recipe.Part {
		chunk := recipe.Chunk{ID: ident.ChunkID{n}, Size: 64 << 10}
		return recipe.Part{First: first, Offset: int64(first) * 64 << 10, Chunks: []recipe.Chunk{chunk}}
	}
	empty := part(0, 0)
	empty.Chunks[0] = recipe.Chunk{ID: recipe.HashChunk(make([]byte, empty.Class.Max())), Size: uint32(empty.Class.Max())}
	for _, c := range []struct {
		name  string
		read  []recipe.Part
		ended bool
		told  int
	}{
		{"it grows", []recipe.Part{part(0, 1), part(1, 2), part(0, 1), part(1, 3), part(2, 4)}, false, 4},
		{"it changes in front", []recipe.Part{part(0, 1), part(1, 2), part(0, 3), part(1, 4), part(0, 5), part(1, 6)}, false, 2},
		{"it has a hole", []recipe.Part{empty, part(1, 2)}, false, 0},
		{"it is edited once it is known", []recipe.Part{part(0, 1), part(1, 2), part(0, 3), part(1, 4)}, true, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reading(t)
			r.who.Store(&roster.Standing{Own: members.Writer})
			for i, p := range c.read {
				if c.ended && i == 2 {
					r.prospectRead("film", ident.ContentID{1})
				}
				r.partRead("film", tree.Stat{}, nil, p)
			}
			if n := len(r.prospects.own[0].parts); n != c.told {
				t.Errorf("%d parts are told of, want %d", n, c.told)
			}
		})
	}
}

// A peer may tell of ever other beginnings of a file: only the last takes memory.
func TestReplacedPartsAreForgotten(t *testing.T) {
	r := reading(t)
	onDisk(t, r)
	r.scans.ends = 1
	film := recipe.ProspectID{1}
	open := func(first int, n byte) {
		chunk := recipe.Chunk{ID: ident.ChunkID{n}, Size: 64 << 10}
		part := recipe.Part{First: first, Offset: int64(first) * 64 << 10, Chunks: []recipe.Chunk{chunk}}
		if _, err := r.readyPart(swarm.OpenPart{Content: part.ID(), Prospect: film, Part: part}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range byte(9) {
		open(0, 2*n)
		open(1, 2*n+1)
	}
	open(0, 16) // it was lost; what is behind it stays
	if n := len(r.prospects.coming); n != 2 {
		t.Errorf("%d parts of a prospect of two are remembered", n)
	}
	r.dropProspect(film)
	r.work.Wait()
	if n := len(r.prospects.coming); n != 0 {
		t.Errorf("%d parts of what was dropped are remembered", n)
	}
}
