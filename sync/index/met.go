package index

import (
	"encoding/binary"

	"github.com/shoal-sync/shoal/internal/ident"
)

// met tells of most ids that were never given a number that they were not, so that nobody
// need ask SQLite: a first scan, and a folder that comes in for the first time, ask of every
// entry two or three times before there is anything. It begins with a new index and lasts
// as long as that is open; what was there before is not read for it.
//
// It is a row of Bloom filters, each eight times as large as the one before. Ids are random
// already, so their bytes serve as hashes; somebody who makes up ids that meet makes us ask.
type met struct {
	whole  bool // every id with a number is in it
	ids    int  // in the last filter
	layers [][]uint64
}

const (
	// metFirst is how many ids the first filter takes, at metBits each: 1 % of the ids that
	// were not met look as if they were.
	metFirst = 8192
	metBits  = 10
	// metLayers bounds the memory to 6 MiB, of which the ids of 600,000 entries take one.
	metLayers = 4
)

// places are the bits of an id in a filter.
func places(id ident.EntryID, bits uint64) (at [4]uint64) {
	for i := range at {
		at[i] = uint64(binary.LittleEndian.Uint32(id[4*i:])) * bits >> 32
	}
	return at
}

// add notes that an id has a number from now on.
func (m *met) add(id ident.EntryID) {
	if !m.whole {
		return
	}
	room := metFirst << (3 * max(len(m.layers)-1, 0))
	if len(m.layers) == 0 || m.ids >= room {
		if len(m.layers) == metLayers {
			*m = met{}
			return
		}
		next := metFirst << (3 * len(m.layers))
		m.layers = append(m.layers, make([]uint64, next*metBits/64))
		m.ids = 0
	}
	last := m.layers[len(m.layers)-1]
	for _, at := range places(id, uint64(len(last))*64) {
		last[at/64] |= 1 << (at % 64)
	}
	m.ids++
}

// never reports whether an id is known to have no number.
func (m *met) never(id ident.EntryID) bool {
	for _, layer := range m.layers {
		there := true
		for _, at := range places(id, uint64(len(layer))*64) {
			there = there && layer[at/64]&(1<<(at%64)) != 0
		}
		if there {
			return false
		}
	}
	return m.whole
}
