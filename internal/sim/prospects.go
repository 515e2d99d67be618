package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/wire"
)

// In worlds with prospects, devices tell of the parts of a file while they read it, which
// takes them long, and stage what others tell of. Everywhere else they read in no time.

const (
	// prospectChunks is how many chunks a part has, at most: the contents of a world are
	// small.
	prospectChunks = 3
	// prospectFrom is how many chunks a file has of which others are told.
	prospectFrom = 4
	// readQuickly is how many bytes a second are read where a world says nothing of that.
	readQuickly = 500 << 20
)

// hopes are the parts of files that are being read, here and elsewhere. A crash ends all.
type hopes struct {
	read   map[ident.ContentID]partRead
	staged map[ident.ContentID]*partStaged
}

// partRead is a part of a file of this device.
type partRead struct {
	path    string
	content *content
}

// partStaged is a part of a file of another one.
type partStaged struct {
	prospect recipe.ProspectID
	part     recipe.Part
	have     []bool
	heir     ident.ContentID // the content whose stage has it now
}

func newHopes() hopes {
	return hopes{map[ident.ContentID]partRead{}, map[ident.ContentID]*partStaged{}}
}

// partsOf cuts a content into parts, as a device does that reads it.
func partsOf(r recipe.Recipe) (parts []recipe.Part) {
	next := recipe.Part{Class: r.Class}
	for chunks := range slices.Chunk(r.Chunks, prospectChunks) {
		next.Chunks = chunks
		parts = append(parts, next)
		next.First, next.Offset = next.End()
	}
	return parts
}

func (d *device) prospectOf(path string) (id recipe.ProspectID) {
	of := hashOf(fmt.Sprintf("prospect %d of %q", d.life, path), uint64(d.number))
	copy(id[:], of[:])
	return id
}

// tellReading tells of the parts of a file that is being read, one after the other.
func (d *device) tellReading(path string, c *content) {
	if !d.world.options.Prospects || len(c.recipe.Chunks) < prospectFrom || !d.core.Standing().Own.MayWrite() {
		return
	}
	parts := partsOf(c.recipe)
	wait := d.readTime(c) / time.Duration(len(parts)+1)
	for i, part := range parts {
		d.after(wait*time.Duration(i+1), func() {
			d.hopes.read[part.ID()] = partRead{path, c}
			d.handle(swarm.PartRead{Prospect: d.prospectOf(path), Part: part})
		})
	}
}

func (d *device) tellRead(path string, c *content, whole bool) {
	if !d.world.options.Prospects || len(c.recipe.Chunks) < prospectFrom {
		return
	}
	e := swarm.ProspectRead{Prospect: d.prospectOf(path)}
	if whole {
		e.Content = c.id
	}
	d.handle(e)
}

// readTime is how long a device reads at a content.
func (d *device) readTime(c *content) time.Duration {
	rate := cmp.Or(d.world.options.Reading, readQuickly)
	return time.Duration(c.size * int64(time.Second) / rate)
}

// doProspect carries out what concerns prospects.
func (d *device) doProspect(effect any) bool {
	switch f := effect.(type) {
	case swarm.OpenPart:
		d.after(d.pause(), func() { d.openPart(f) })
	case swarm.DropProspect:
		for id, p := range d.hopes.staged {
			if p.prospect == f.Prospect && p.heir == (ident.ContentID{}) {
				delete(d.hopes.staged, id)
			}
		}
	default:
		return false
	}
	return true
}

func (d *device) openPart(f swarm.OpenPart) {
	if d.world.options.Crashes > 0 && d.world.likely(0.02) {
		d.handle(swarm.StageFailed{Content: f.Content, Reason: "the simulated disk has no room"})
		return
	}
	p := d.hopes.staged[f.Content]
	if p == nil || p.prospect != f.Prospect || p.heir != (ident.ContentID{}) {
		p = &partStaged{prospect: f.Prospect, part: f.Part, have: make([]bool, len(f.Part.Chunks))}
		d.hopes.staged[f.Content] = p
	}
	opened := swarm.PartOpened{Content: f.Content, Present: slices.Clone(p.have)}
	for i, c := range f.Part.Chunks {
		if !p.have[i] && d.hasChunk(c.ID) {
			opened.Present[i], opened.Elsewhere = true, true
		}
	}
	d.handle(opened)
}

// hasChunk reports whether some file that the index knows has a chunk. It is asked of every
// fifth chunk only: a host does not find all either.
func (d *device) hasChunk(id ident.ChunkID) bool {
	if id[0]%5 > 0 {
		return false
	}
	for _, b := range d.index.kept.bases {
		if c := d.world.contents.all[b.Content]; c != nil &&
			slices.ContainsFunc(c.recipe.Chunks, func(o recipe.Chunk) bool { return o.ID == id }) {
			return true
		}
	}
	return false
}

// putPart stages a piece of a part, in the stage of its content if it has one. False:
// it is of no part.
func (d *device) putPart(item wire.PieceAsk) bool {
	p := d.hopes.staged[item.Content]
	if p == nil {
		return false
	}
	i := int(item.Index)
	if s := d.disk.stages[p.heir]; s != nil && s.have != nil {
		if c := d.world.contents.all[p.heir]; c.recipe.Chunks[p.part.First+i].ID != item.Chunk {
			d.world.fail("a piece is staged where it belongs", "%s: piece %d of part %x", d.name, i, item.Content[:3])
		}
		s.have[p.part.First+i] = true
		s.whole = !slices.Contains(s.have, false)
	} else if p.heir == (ident.ContentID{}) {
		p.have[i] = true
		d.world.hoped++
	}
	return true
}

// inherit lets the stage of a content begin with what its prospect has.
func (d *device) inherit(f swarm.OpenStage, s *stage) {
	for _, p := range d.hopes.staged {
		if p.prospect != f.Prospect || p.heir != (ident.ContentID{}) || !p.part.Begins(f.Recipe) {
			continue
		}
		p.heir = f.Content
		for i, there := range p.have {
			if there && !s.have[p.part.First+i] {
				s.have[p.part.First+i] = true
				d.world.inherited++
			}
		}
	}
}

// hasPart reports whether a part is whole here; readPart whether a piece of it can be read:
// known tells that it is of a part at all.
func (d *device) hasPart(id ident.ContentID) bool {
	if _, own := d.hopes.read[id]; own {
		return true
	}
	p := d.hopes.staged[id]
	return p != nil && p.heir == (ident.ContentID{}) && !slices.Contains(p.have, false)
}

func (d *device) readPart(item wire.PieceAsk) (there, known bool) {
	if own, ok := d.hopes.read[item.Content]; ok {
		f := d.disk.at(own.path)
		if f == nil || f.content != own.content {
			delete(d.hopes.read, item.Content)
			return false, true
		}
		return true, true
	}
	p := d.hopes.staged[item.Content]
	if p == nil {
		return false, false
	}
	if s := d.disk.stages[p.heir]; s != nil {
		return s.whole || s.have != nil && s.have[p.part.First+int(item.Index)], true
	}
	return p.heir == (ident.ContentID{}) && p.have[item.Index], true
}
