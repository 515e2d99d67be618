package swarm

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/wire"
)

// A prospect is a large file that some device is still reading. Its parts are fetched like
// contents, after everything that is wanted for certain. They are hints: nobody counts
// them, nothing waits for them, and when the file turns out to be what they said, the
// fetch of its content begins with what they brought.

const (
	// prospectsMax is of how many files at once parts are taken, and told. A scanner reads
	// one large file at a time; the others are those that changed meanwhile.
	prospectsMax = 4
	// partsMax bounds the parts of one prospect: 64 GiB of a file.
	partsMax = 4096
	// partChunksMax bounds their chunks: as many as 64 GiB have when each is as small as its
	// class allows; 10 MB of memory.
	partChunksMax = 256 << 10
	// partsAhead is how many parts are fetched at once: so much is asked for out of the
	// order in which the file is read that several peers can pass pieces on.
	partsAhead = 8
	// prospectBytesMax is how much may be staged on mere prospects in one folder.
	prospectBytesMax = 64 << 30
	// prospectAge is how long nothing need be heard of a prospect before it is dropped: a
	// file that is being written is read again after some seconds, a very large one after
	// twice the time that reading it takes.
	prospectAge = 10 * time.Minute
)

// PartRead: the scanner has read a part of a large file on this device.
type PartRead struct {
	Prospect recipe.ProspectID
	Part     recipe.Part
}

// ProspectRead: it has read the file to its end. Content is zero when that was not one state
// of it.
type ProspectRead struct {
	Prospect recipe.ProspectID
	Content  ident.ContentID
}

// OpenPart makes ready to stage the pieces of a part of a prospect, in the file for that
// prospect, which it opens if need be; what is in that file behind the beginning of the part
// is dropped when it is not the same. Answered by PartOpened or StageFailed; Content is the
// part's id.
type OpenPart struct {
	Content  ident.ContentID
	Prospect recipe.ProspectID
	Part     recipe.Part
}

// PartOpened answers OpenPart. Present[i] is set when piece i is there already, or is in
// another file on this device and need not be fetched for now. Elsewhere tells that there
// are such; nobody else is told what is here of the part then.
type PartOpened struct {
	Content   ident.ContentID
	Present   []bool
	Elsewhere bool
}

// DropProspect removes what is staged of a prospect.
type DropProspect struct{ Prospect recipe.ProspectID }

func (PartRead) event()      {}
func (ProspectRead) event()  {}
func (PartOpened) event()    {}
func (OpenPart) effect()     {}
func (DropProspect) effect() {}

// prospects are the files that this device is reading, and those that others are.
type prospects struct {
	told  []*prospect // by this device
	heard []*prospect
	bytes int64  // of heard parts that were opened
	last  uint64 // number of the newest heard one
	// late counts, by part, the asks for its pieces that were taken over by a content. What
	// comes is staged where the part was last opened, so until then it is not opened again.
	late map[ident.ContentID]int
}

// came notes that an ask which a content had taken over is answered or taken back.
func (p *prospects) came(a *ask) {
	if a.late == (ident.ContentID{}) {
		return
	}
	if p.late[a.late]--; p.late[a.late] == 0 {
		delete(p.late, a.late)
	}
}

type prospect struct {
	// id is ours of this run, so that an order about one never means another: who reads the
	// file might give two files one name, or a file the name that another device gave.
	id      recipe.ProspectID
	from    ident.DeviceID    // who reads it; not of told ones
	name    recipe.ProspectID // what they call it
	parts   []part
	content ident.ContentID // what it turned out to be; zero until then
	due     step.Instant    // when it is dropped
	heir    *want           // the content whose stage is being opened with what it brought
}

// rests reports whether no piece of a part is asked for now: the stage of a content that
// begins with it is being opened, and may hold the piece from an earlier run.
func (w *want) rests() bool { return w.of != nil && w.of.heir != nil }

type part struct {
	recipe.Part
	id    ident.ContentID
	state partState
}

type partState uint8

const (
	partWaiting partState = iota
	partOpen              // it is among the wants
	partDone
	partLost // nobody gave it
)

// put takes a part in where it belongs, unless it is there. What follows a part that is
// another one now belongs to an older state of the file, and is returned. A part that does
// not begin where the one before it ends is no part of one file with it.
func (p *prospect) put(of recipe.Part) (fits bool, old []part) {
	n := part{Part: of, id: of.ID()}
	for i := range p.parts {
		if p.parts[i].First != of.First {
			continue
		}
		if p.parts[i].id == n.id {
			return true, nil
		}
		if p.parts[i].Offset != of.Offset || i > 0 && p.parts[i].Class != of.Class {
			return false, nil
		}
		old = slices.Clone(p.parts[i:])
		p.parts = append(p.parts[:i], n)
		return true, old
	}
	first, offset := 0, int64(0)
	if len(p.parts) > 0 {
		last := &p.parts[len(p.parts)-1]
		if first, offset = last.End(); last.Class != of.Class {
			return false, nil
		}
	}
	if end, _ := of.End(); of.First != first || of.Offset != offset || len(p.parts) == partsMax || end > partChunksMax {
		return false, nil
	}
	p.parts = append(p.parts, n)
	return true, nil
}

// of returns what a peer calls so.
func (p *prospects) of(peer ident.DeviceID, name recipe.ProspectID) *prospect {
	for _, o := range p.heard {
		if o.from == peer && o.name == name {
			return o
		}
	}
	return nil
}

// least returns what gives way to a new one of a peer: the oldest of whoever has most. So
// nobody who tells of many takes the place of others.
func (p *prospects) least(peer ident.DeviceID) *prospect {
	count := func(of ident.DeviceID) (n int) {
		if of == peer {
			n++ // the new one
		}
		for _, o := range p.heard {
			if o.from == of {
				n++
			}
		}
		return n
	}
	return slices.MaxFunc(p.heard, func(a, b *prospect) int { return count(a.from) - count(b.from) })
}

func findProspect(list []*prospect, id recipe.ProspectID) *prospect {
	for _, p := range list {
		if p.id == id {
			return p
		}
	}
	return nil
}

// partRead tells whoever is near of a part that was read here.
func (c *Core) partRead(e PartRead) {
	p := findProspect(c.prospects.told, e.Prospect)
	if p == nil {
		if len(c.prospects.told) == prospectsMax {
			c.prospects.told = c.prospects.told[1:]
		}
		p = &prospect{id: e.Prospect}
		c.prospects.told = append(c.prospects.told, p)
	}
	p.due = c.now.Add(prospectAge)
	if fits, _ := p.put(e.Part); !fits {
		return // there are too many
	}
	// What was told when the file was read the last time is told again: whoever heard of it
	// may have given up on it.
	for _, s := range c.peers {
		if s.near {
			c.emit(Send{s.peer, wire.Prospect{Folder: c.folder, Prospect: p.id, Part: e.Part}})
		}
	}
}

func (c *Core) prospectRead(e ProspectRead) {
	if findProspect(c.prospects.told, e.Prospect) == nil {
		return
	}
	for _, s := range c.peers {
		if s.near {
			c.emit(Send{s.peer, wire.ProspectEnded{Folder: c.folder, Prospect: e.Prospect, Content: e.Content}})
		}
	}
	if e.Content != (ident.ContentID{}) {
		c.prospects.told = slices.DeleteFunc(c.prospects.told, func(p *prospect) bool { return p.id == e.Prospect })
	}
}

// tellProspects lets a peer that has come near know what is being read.
func (c *Core) tellProspects(s *source) {
	for _, p := range c.prospects.told {
		for i := range p.parts {
			c.emit(Send{s.peer, wire.Prospect{Folder: c.folder, Prospect: p.id, Part: p.parts[i].Part}})
		}
	}
}

// hearProspect takes in a part that a peer is reading.
func (c *Core) hearProspect(s *source, m wire.Prospect) {
	if s.banned {
		return
	}
	p := c.prospects.of(s.peer, m.Prospect)
	if p == nil {
		if m.Part.First != 0 {
			return // it was dropped
		}
		if len(c.prospects.heard) == prospectsMax {
			c.dropProspect(c.prospects.least(s.peer))
		}
		c.prospects.last++
		p = &prospect{from: s.peer, name: m.Prospect}
		binary.BigEndian.PutUint64(p.id[:], c.prospects.last)
		c.prospects.heard = append(c.prospects.heard, p)
	}
	p.due, p.content = c.now.Add(prospectAge), ident.ContentID{}
	fits, old := p.put(m.Part)
	for i := range old {
		c.closePart(p, &old[i])
	}
	if !fits {
		return
	}
	for i := range p.parts {
		if p.parts[i].First == m.Part.First && p.parts[i].state == partLost {
			p.parts[i].state = partWaiting
		}
	}
	c.openParts()
}

func (c *Core) hearProspectEnded(s *source, m wire.ProspectEnded) {
	if p := c.prospects.of(s.peer, m.Prospect); p != nil {
		p.due, p.content = c.now.Add(prospectAge), m.Content
	}
}

// openParts begins to fetch parts while few are being fetched.
func (c *Core) openParts() {
	open := 0
	for _, p := range c.prospects.heard {
		for i := range p.parts {
			if p.parts[i].state == partOpen {
				open++
			}
		}
	}
	for _, p := range c.prospects.heard {
		for i := range p.parts {
			if open >= partsAhead {
				return
			}
			if p.parts[i].state == partWaiting && c.openPart(p, &p.parts[i]) {
				open++
			}
		}
	}
}

// openPart makes a part a want like any other, but for its rank.
func (c *Core) openPart(p *prospect, of *part) bool {
	size := of.Size()
	s := c.source(p.from)
	if s == nil || c.wants[of.id] != nil || c.prospects.late[of.id] > 0 || c.prospects.bytes+size > prospectBytesMax {
		return false
	}
	of.state = partOpen
	c.prospects.bytes += size
	w := &want{
		content: of.id, size: size, of: p, state: staging, pieces: of.Chunks, since: c.now,
		again: step.Never, holders: map[ident.DeviceID]*holding{p.from: {all: true}}, class: prospectClass,
	}
	c.wants[of.id] = w
	for _, o := range c.peers {
		if o.near && o != s {
			c.wantHave[o.peer] = append(c.wantHave[o.peer], of.id)
		}
	}
	c.emit(OpenPart{Content: of.id, Prospect: p.id, Part: of.Part})
	return true
}

func (c *Core) partOpened(e PartOpened) {
	w := c.wants[e.Content]
	if w == nil || w.of == nil || w.state != staging || len(e.Present) != len(w.pieces) {
		return
	}
	w.silent = e.Elsewhere
	c.beginFetch(w, e.Present)
}

// closePart ends the fetch of a part that is no part of anything any more.
func (c *Core) closePart(p *prospect, of *part) {
	if of.state == partOpen || of.state == partDone {
		c.prospects.bytes -= of.Size()
	}
	of.state = partLost
	if w := c.wants[of.id]; w != nil && w.of == p {
		c.forget(of.id)
	}
}

// partEnded notes how the fetch of a part ended, and goes on with others.
func (c *Core) partEnded(w *want, state partState) {
	for i := range w.of.parts {
		of := &w.of.parts[i]
		if of.id != w.content || of.state != partOpen {
			continue
		}
		if of.state = state; state == partLost {
			c.prospects.bytes -= of.Size()
		}
	}
	c.openParts()
}

// dropProspect gives up a prospect with all that belongs to it.
func (c *Core) dropProspect(p *prospect) {
	c.forgetProspect(p)
	c.emit(DropProspect{p.id})
}

func (c *Core) forgetProspect(p *prospect) {
	c.prospects.heard = slices.DeleteFunc(c.prospects.heard, func(o *prospect) bool { return o == p })
	for i := range p.parts {
		c.closePart(p, &p.parts[i])
	}
}

// endProspects drops what nothing was heard of for long.
func (c *Core) endProspects() {
	for _, p := range slices.Clone(c.prospects.heard) {
		if p.due <= c.now {
			c.dropProspect(p)
		}
	}
	c.prospects.told = slices.DeleteFunc(c.prospects.told, func(p *prospect) bool { return p.due <= c.now })
}

// endProspectsOf drops what is not needed any more.
func (c *Core) endProspectsOf(contents []ident.ContentID) {
	for _, p := range slices.Clone(c.prospects.heard) {
		if slices.Contains(contents, p.content) {
			c.dropProspect(p)
		}
	}
}

func (c *Core) prospectsDue() step.Instant {
	at := step.Never
	for _, p := range c.prospects.heard {
		at = min(at, p.due)
	}
	for _, p := range c.prospects.told {
		at = min(at, p.due)
	}
	return at
}

// foreseen returns the recipe of a content of which all parts were told.
func (c *Core) foreseen(content ident.ContentID) (recipe.Recipe, bool) {
	for _, p := range c.prospects.heard {
		if p.content != content || len(p.parts) == 0 {
			continue
		}
		r := recipe.Recipe{Class: p.parts[0].Class}
		for i := range p.parts {
			r.Chunks = append(r.Chunks, p.parts[i].Chunks...)
		}
		if r.Validate() == nil && r.Verify(content) == nil {
			return r, true
		}
	}
	return recipe.Recipe{}, false
}

// prospectOf returns the prospect of which most parts are the beginning of a recipe, and
// how many chunks these have; nil when none has any.
func (c *Core) prospectOf(r recipe.Recipe) (best *prospect, most int) {
	for _, p := range c.prospects.heard {
		chunks := 0
		for i := range p.parts {
			if !p.parts[i].Begins(r) {
				break
			}
			chunks, _ = p.parts[i].End()
		}
		if chunks > most {
			best, most = p, chunks
		}
	}
	return best, most
}

// inherit lets a content go on with what is on its way for the parts of its prospect, and
// ends that. The stage has what they brought.
func (c *Core) inherit(w *want) {
	p := w.heirOf
	if p == nil {
		return
	}
	w.heirOf, p.heir = nil, nil
	for i := range p.parts {
		// The file may have been told to be another one since the stage was ordered.
		at := &p.parts[i]
		if at.First >= w.inherits || !at.Begins(recipe.Recipe{Class: at.Class, Chunks: w.pieces}) {
			break
		}
		if of := c.wants[at.id]; of != nil && of.of == p && of.placed && w.placed {
			c.takeAsks(w, of, at.First)
		}
	}
	c.dropProspect(p)
}

// disinherit lets the parts of a prospect be asked for again: the stage of the content that
// they would have been could not be opened, or is not wanted any more.
func (c *Core) disinherit(w *want) {
	p := w.heirOf
	if p == nil || p.heir != w {
		return
	}
	p.heir = nil
	for i := range p.parts {
		if of := c.wants[p.parts[i].id]; of != nil && of.of == p {
			c.stir(of)
		}
	}
}

// takeAsks makes the asks for pieces of a part asks for those of its content.
func (c *Core) takeAsks(w, of *want, first int) {
	for _, s := range c.peers {
		for _, a := range s.asks {
			index := first + int(a.index)
			if a.over || a.want != of || w.have[index] {
				continue
			}
			of.asking--
			of.asked[a.index]--
			a.want, a.index, a.late = w, uint32(index), of.content
			c.prospects.late[of.content]++
			w.asking++
			w.asked[index]++
			c.open[w.class].shut(w.first + index)
		}
	}
}
