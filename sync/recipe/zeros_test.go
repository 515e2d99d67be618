package recipe

import (
	"testing"

	"github.com/shoal-sync/shoal/chunker"
)

func TestHolesAreWhatZerosAreCutInto(t *testing.T) {
	for class := chunker.Class(0); class.Known(); class++ {
		p := chunker.Params{Class: class}
		content := make([]byte, 3*class.Max()+1)
		n := p.Next(content, true)
		if got := (Chunk{ID: HashChunk(content[:n]), Size: uint32(n)}); got != Hole(class) || !got.IsHole() {
			t.Errorf("class %d: zeros are cut into %v of %d bytes, not into %v", class, got.ID, got.Size, Hole(class).ID)
		}
		if (Chunk{ID: Hole(class).ID, Size: Hole(class).Size - 1}).IsHole() {
			t.Errorf("class %d: a chunk of another size is taken for a hole", class)
		}
	}
	if len(zeros) != int(lastClass())+1 {
		t.Errorf("there are %d classes and %d pinned ids", lastClass()+1, len(zeros))
	}
}

func lastClass() (last chunker.Class) {
	for (last + 1).Known() {
		last++
	}
	return last
}
