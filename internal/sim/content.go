package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
)

// content is what a file may hold: a list of pieces that have names and sizes but no
// bytes. Two contents are the same when their recipes are, as with real files.
type content struct {
	id     ident.ContentID
	size   int64
	recipe recipe.Recipe
	// lineage is the content that a person first saved and that this one was edited from,
	// however many edits ago.
	lineage ident.ContentID
	// torn contents are passing states of a file that is being written. Nobody wants them
	// kept.
	torn bool
}

// library knows every content that was ever saved by a person of the world. What is not
// in it was invented by a device.
type library struct {
	chance *rand.Rand
	made   uint64
	all    map[ident.ContentID]*content
}

func newLibrary(chance *rand.Rand) *library {
	l := &library{chance: chance, all: map[ident.ContentID]*content{}}
	l.all[recipe.Empty] = &content{id: recipe.Empty, lineage: recipe.Empty, torn: true}
	return l
}

// chunk returns a piece that no content has had before.
func (l *library) chunk(size uint32) recipe.Chunk {
	l.made++
	id := recipe.HashChunk(binary.BigEndian.AppendUint64([]byte("sim"), l.made))
	return recipe.Chunk{ID: id, Size: size}
}

func (l *library) add(r recipe.Recipe) *content {
	if err := r.Validate(); err != nil {
		panic(fmt.Sprintf("bug: sim made a recipe that cannot be: %v", err))
	}
	c := &content{id: r.ID(), size: r.Size(), recipe: r}
	c.lineage = c.id
	if known := l.all[c.id]; known != nil {
		return known
	}
	l.all[c.id] = c
	return c
}

// small makes a content that is one piece, whose recipe follows from its id.
func (l *library) small(size uint32) *content {
	return l.add(recipe.Recipe{Chunks: []recipe.Chunk{l.chunk(size)}})
}

// large makes a content of the given number of pieces, each of the usual size.
func (l *library) large(pieces int) *content {
	var r recipe.Recipe
	for range pieces {
		r.Chunks = append(r.Chunks, l.chunk(uint32(r.Class.Average())))
	}
	return l.add(r)
}

// some makes a content of a size as people's files have: most are small.
func (l *library) some() *content {
	class := chunker.Class(0)
	switch n := l.chance.IntN(20); {
	case n == 0:
		return l.all[recipe.Empty]
	case n < 14:
		return l.small(1 + l.chance.Uint32N(uint32(class.Min())))
	case n < 16: // one piece, yet its recipe has to be asked for
		return l.small(uint32(class.Min()) + 1 + l.chance.Uint32N(uint32(class.Max()-class.Min())))
	default:
		return l.large(2 + l.chance.IntN(12))
	}
}

// edited makes a content that a person gets by changing another one: one piece differs,
// or one was added.
func (l *library) edited(was *content) *content {
	r := recipe.Recipe{Class: was.recipe.Class}
	r.Chunks = append(r.Chunks, was.recipe.Chunks...)
	switch n := len(r.Chunks); {
	case n > 1 && l.chance.IntN(2) == 0:
		i := l.chance.IntN(n)
		r.Chunks[i] = l.chunk(r.Chunks[i].Size)
	case n > 1 && n < 100:
		last := l.chunk(r.Chunks[n-1].Size)
		r.Chunks[n-1] = l.chunk(uint32(r.Class.Average()))
		r.Chunks = append(r.Chunks, last)
	case n == 1 && l.chance.IntN(2) == 0: // as long as before: only its time tells
		r.Chunks[0] = l.chunk(r.Chunks[0].Size)
	default:
		c := l.some()
		if was.size > 0 && c.size > 0 {
			c.lineage = was.lineage
		}
		return c
	}
	c := l.add(r)
	c.lineage = was.lineage
	return c
}

// torn makes a passing state of a file on its way to a content.
func (l *library) torn(final *content) *content {
	c := l.small(1 + l.chance.Uint32N(1000))
	c.lineage, c.torn = final.lineage, true
	return c
}
