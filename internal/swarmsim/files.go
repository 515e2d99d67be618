package swarmsim

import (
	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/swarm"
)

// smallest is up to which size a file is one piece, however large others are.
var smallest = int64(chunker.ClassOf(0).Min())

// cutUp makes each piece of the file a file.
func (w *world) cutUp() {
	w.files = make(map[ident.ContentID]uint32, len(w.recipe.Chunks))
	for i, chunk := range w.recipe.Chunks {
		w.files[ident.ContentID(chunk.ID)] = uint32(i)
	}
}

// pieceOf returns the number that the world gives to a piece of a content.
func (w *world) pieceOf(content ident.ContentID, index uint32) uint32 {
	if w.o.Small {
		return w.files[content]
	}
	return index
}

func (w *world) sizeOf(content ident.ContentID) int64 {
	if w.o.Small {
		return int64(w.recipe.Chunks[w.files[content]].Size)
	}
	return w.recipe.Size()
}

// here tells which contents a node holds whole.
func (w *world) here(n *node, contents []ident.ContentID) []bool {
	out := make([]bool, len(contents))
	for i, content := range contents {
		if out[i] = n.got == w.o.Pieces; w.o.Small {
			out[i] = n.have[w.files[content]]
		}
	}
	return out
}

// wantAll lets a node want what the source has. Who is linked with the source has been told
// by its rows which small files it has.
func (w *world) wantAll(n *node) {
	if !w.o.Small {
		w.feed(n, swarm.ContentWanted{Content: w.content, Size: w.recipe.Size()})
		return
	}
	var files []ident.ContentID
	for _, chunk := range w.recipe.Chunks {
		files = append(files, ident.ContentID(chunk.ID))
	}
	if n.linkTo(w.nodes[0]) != nil {
		w.feed(n, swarm.PeerHas{Peer: deviceOf(0), Contents: files})
	}
	for _, file := range files {
		w.feed(n, swarm.ContentWanted{Content: file, Size: w.sizeOf(file)})
	}
}
