package host

import (
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/scan"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// ownProspectsMax is how many files that are being read here are served while they are: one
// is, the others are being written and will be read again.
const ownProspectsMax = 4

// waitingMax is how many parts may wait to be opened: eight of each prospect are at once.
const waitingMax = 64

var (
	errScanning     = errors.New("it is not known yet what this device has")
	errMayBeIgnored = errors.New("this device has ignore patterns of its own, and the file has no name yet")
	errTooManyParts = errors.New("parts are told of faster than they can be looked up")
)

// prospects are the large files that are being read here, and what is staged of those that
// other devices are reading.
type prospects struct {
	// reading is held while a part that was read is judged: a file may be read ahead and be
	// looked at in one moment.
	reading sync.Mutex

	mu     sync.Mutex
	own    []*ownProspect // read last at the end
	staged map[recipe.ProspectID]*disk.Prospect
	coming map[ident.ContentID]comingPart // by the id of the part

	waiting []func() // to be done one after the other; the first is being done
}

// ownProspect is a file that is being read here.
type ownProspect struct {
	id    recipe.ProspectID
	path  string
	stat  tree.Stat      // when it was read last
	old   *recipe.Recipe // of what the file held before, while it is not known to differ
	held  []recipe.Part  // parts that are as they were before, and nobody was told of
	parts map[ident.ContentID]recipe.Part

	// Since the file was last read as one state: the parts told of by their first chunk, the
	// last of these chunks, and whether no more is told: the file is filled in no order.
	told map[int]ident.ContentID
	last int
	off  bool
}

// fills reports whether a part shows that the file is written in any order, as downloads
// and machines' disks are: a hole in it, or other bytes than before ahead of the last part.
// Told of at each look, most of such a file would travel many times.
func (p *ownProspect) fills(part recipe.Part, id ident.ContentID) bool {
	was, known := p.told[part.First]
	return known && was != id && part.First < p.last || slices.ContainsFunc(part.Chunks, func(c recipe.Chunk) bool {
		return int(c.Size) == part.Class.Max() && c.ID == hole(part.Class)
	})
}

// holes are what the chunks of holes are called, by class.
var holes sync.Map

func hole(class chunker.Class) ident.ChunkID {
	id, known := holes.Load(class)
	if !known {
		id, _ = holes.LoadOrStore(class, recipe.HashChunk(make([]byte, class.Max())))
	}
	return id.(ident.ChunkID)
}

// comingPart is a part that is being staged.
type comingPart struct {
	of    *disk.Prospect
	part  recipe.Part
	until time.Time // when it is forgotten; zero as long as its prospect is not
}

// listenToReading returns what the scanner tells while it reads a large file.
func (r *folderRun) listenToReading() scan.Prospects {
	return scan.Prospects{Read: r.partRead, Ended: r.prospectRead}
}

// partRead tells the members of a part of a file, unless the file still looks as they know
// it: one that was only touched is not worth a word. What a reader reads is its own.
func (r *folderRun) partRead(path string, s tree.Stat, row *tree.Base, part recipe.Part) {
	if r.who.Load().Own == members.Reader {
		return
	}
	r.prospects.reading.Lock()
	defer r.prospects.reading.Unlock()
	p := r.ownProspect(path, row, part)
	if p == nil {
		return
	}
	r.prospects.mu.Lock()
	p.stat = s
	r.prospects.mu.Unlock()
	if p.held = append(p.held, part); p.old != nil && part.Begins(*p.old) {
		return
	}
	p.old = nil
	r.tellHeld(p)
}

func (r *folderRun) tellHeld(p *ownProspect) {
	r.prospects.mu.Lock()
	var held []recipe.Part
	for _, part := range p.held {
		id := part.ID()
		if p.off = p.off || p.fills(part, id); !p.off {
			p.parts[id], p.told[part.First], p.last = part, id, max(p.last, part.First)
			held = append(held, part)
		}
	}
	p.held = nil
	r.prospects.mu.Unlock()
	for _, part := range held {
		r.post(swarm.PartRead{Prospect: p.id, Part: part})
	}
}

// ownProspect returns the prospect of a file, a new one when it is read from its beginning.
// One that was read before, or has another name by now, stays the same: its parts do.
func (r *folderRun) ownProspect(path string, row *tree.Base, part recipe.Part) *ownProspect {
	begins := part.First == 0
	var old *recipe.Recipe
	if begins && row != nil && row.Stat.Kind == tree.File {
		if was, ok := r.recipeOf(row.Content, row.Stat.Size); ok {
			old = &was
		}
	}
	q := &r.prospects
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.own, func(p *ownProspect) bool { return p.path == path })
	if i < 0 && begins {
		first := part.ID()
		i = slices.IndexFunc(q.own, func(p *ownProspect) bool { _, ok := p.parts[first]; return ok })
	}
	switch {
	case i >= 0 && begins:
		p := q.own[i]
		q.own = append(slices.Delete(q.own, i, i+1), p)
		p.path, p.old, p.held = path, old, nil
		return p
	case i >= 0:
		return q.own[i]
	case !begins:
		return nil // others pushed it out
	}
	p := &ownProspect{path: path, old: old, parts: map[ident.ContentID]recipe.Part{}, told: map[int]ident.ContentID{}}
	rand.Read(p.id[:]) // never fails
	if len(q.own) == ownProspectsMax {
		q.own = slices.Delete(q.own, 0, 1)
	}
	q.own = append(q.own, p)
	return p
}

// prospectRead tells what a file has turned out to be. Its parts are served for longer.
func (r *folderRun) prospectRead(path string, content ident.ContentID) {
	r.prospects.mu.Lock()
	i := slices.IndexFunc(r.prospects.own, func(p *ownProspect) bool { return p.path == path })
	if i < 0 {
		r.prospects.mu.Unlock()
		return
	}
	p := r.prospects.own[i]
	if !content.IsZero() {
		clear(p.told)
		p.last, p.off = 0, false
	}
	r.prospects.mu.Unlock()
	r.post(swarm.ProspectRead{Prospect: p.id, Content: content})
}

// openPart makes ready for the pieces of a part. The loop calls it; it does not wait.
func (r *folderRun) openPart(f swarm.OpenPart) {
	if r.prospects.busy() {
		r.own = append(r.own, swarm.StageFailed{Content: f.Content, Reason: errTooManyParts.Error()})
		return
	}
	r.withProspects(func() {
		opened, err := r.readyPart(f)
		if err != nil {
			r.log.Debug("a prospect is not staged", "reason", err)
			r.post(swarm.StageFailed{Content: f.Content, Full: r.noteFull(err), Reason: err.Error()})
			return
		}
		r.post(opened)
	})
}

// busy reports whether so much is to be done that a part more had better be refused: a peer
// can tell of parts faster than the index can be asked about them.
func (q *prospects) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) >= waitingMax
}

// withProspects has something done after all that was to be done before.
func (r *folderRun) withProspects(do func()) {
	q := &r.prospects
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, do)
	if len(q.waiting) > 1 {
		return
	}
	r.start(func() {
		for do := do; do != nil && r.ctx.Err() == nil; do = q.next() {
			do()
		}
	})
}

// next takes what was done off the list and returns what follows; nil at its end.
func (q *prospects) next() func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting = q.waiting[1:]; len(q.waiting) == 0 {
		return nil
	}
	return q.waiting[0]
}

func (r *folderRun) readyPart(f swarm.OpenPart) (swarm.PartOpened, error) {
	done := swarm.PartOpened{Content: f.Content}
	if !r.scans.haveEnded() {
		return done, errScanning
	}
	if r.ignoresByItself() {
		return done, errMayBeIgnored
	}
	var err error
	if done.Present, err = r.chunksHere(f.Part.Chunks); err != nil {
		return done, err
	}
	done.Elsewhere = inOtherFiles(f.Part.Chunks, done.Present)
	q := &r.prospects
	q.mu.Lock()
	p := q.staged[f.Prospect]
	if p == nil {
		if q.staged == nil {
			q.staged, q.coming = map[recipe.ProspectID]*disk.Prospect{}, map[ident.ContentID]comingPart{}
		}
		p = r.disk.NewProspect(f.Prospect)
		q.staged[f.Prospect] = p
	}
	if !p.Knows(f.Part) { // what it and those behind it stood for is an older state
		maps.DeleteFunc(q.coming, func(_ ident.ContentID, c comingPart) bool {
			return c.of == p && c.part.First >= f.Part.First
		})
	}
	q.coming[f.Content] = comingPart{of: p, part: f.Part}
	q.mu.Unlock()
	staged, err := p.Extend(f.Part, slices.Contains(done.Present, false))
	for i := range staged {
		done.Present[i] = done.Present[i] || staged[i]
	}
	return done, err
}

// inOtherFiles reports whether files of this folder have some of the chunks.
func inOtherFiles(chunks []recipe.Chunk, here []bool) bool {
	for i, c := range chunks {
		if here[i] && !c.IsHole() {
			return true
		}
	}
	return false
}

// chunksHere tells which chunks files of this folder have, as far as the index knows, and
// which are of a hole, so that nobody need have them.
func (r *folderRun) chunksHere(chunks []recipe.Chunk) ([]bool, error) {
	here := make([]bool, len(chunks))
	return here, r.look(func(v *index.View) error {
		for i, c := range chunks {
			if here[i] = c.IsHole(); here[i] {
				continue
			}
			files, err := v.FilesWith(c.ID, 1)
			if err != nil {
				return err
			}
			here[i] = len(files) > 0
		}
		return nil
	})
}

// dropProspect removes what is staged of a prospect.
func (r *folderRun) dropProspect(id recipe.ProspectID) {
	r.withProspects(func() {
		p := r.endProspect(id)
		if p == nil {
			return
		}
		r.prospects.mu.Lock()
		maps.DeleteFunc(r.prospects.coming, func(_ ident.ContentID, c comingPart) bool { return c.of == p })
		r.prospects.mu.Unlock()
		if err := p.Drop(); err != nil {
			r.log.Warn("what is staged of a file that is not wanted cannot be removed", "reason", err)
		}
	})
}

// lateFor is how long a piece of a part may be on its way when its file has become known.
const lateFor = 10 * time.Minute

// endProspect forgets a prospect and returns it. Pieces of its parts that still come find
// what it has become.
func (r *folderRun) endProspect(id recipe.ProspectID) *disk.Prospect {
	q := &r.prospects
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.staged[id]
	delete(q.staged, id)
	now := time.Now()
	for part, c := range q.coming {
		switch {
		case p != nil && c.of == p:
			c.until = now.Add(lateFor)
			q.coming[part] = c
		case !c.until.IsZero() && now.After(c.until):
			delete(q.coming, part)
		}
	}
	return p
}

// beginStage opens the stage of a content, with what is staged of its prospect.
func (r *folderRun) beginStage(f swarm.OpenStage) (*disk.Stage, error) {
	if p := r.endProspect(f.Prospect); p != nil {
		return r.disk.BeginWith(p, f.Content, f.Recipe)
	}
	return r.disk.Begin(f.Content, f.Recipe)
}

// putPart stages a piece of a part. False: it is none.
func (r *folderRun) putPart(ask wire.PieceAsk, body []byte) (bool, error) {
	r.prospects.mu.Lock()
	c, ok := r.prospects.coming[ask.Content]
	r.prospects.mu.Unlock()
	if !ok {
		return false, nil
	}
	if recipe.HashChunk(body) != ask.Chunk {
		return true, disk.ErrBadChunk
	}
	return true, c.of.Put(c.part.First+int(ask.Index), body)
}

// holdsPart reports whether all of a part is here, read or staged.
func (r *folderRun) holdsPart(id ident.ContentID) bool {
	if _, _, own := r.ownPart(id); own {
		return true
	}
	r.prospects.mu.Lock()
	c, ok := r.prospects.coming[id]
	r.prospects.mu.Unlock()
	return ok && c.of.Has(c.part)
}

// ownPart returns the part with an id of the files being read here, and that file.
func (r *folderRun) ownPart(id ident.ContentID) (at index.File, part recipe.Part, ok bool) {
	r.prospects.mu.Lock()
	defer r.prospects.mu.Unlock()
	for _, p := range r.prospects.own {
		if part, ok := p.parts[id]; ok {
			at.Path, at.Stat = p.path, p.stat
			return at, part, true
		}
	}
	return at, recipe.Part{}, false
}

// forgetOwn lets nobody be told any more that a part is here: its file has changed.
func (r *folderRun) forgetOwn(id ident.ContentID) {
	r.prospects.mu.Lock()
	defer r.prospects.mu.Unlock()
	for _, p := range r.prospects.own {
		delete(p.parts, id)
	}
}

// readOwn reads a piece of a file that is being read here. While the file looks as it did
// then its bytes need not be hashed again, unless it may be written to without its time
// showing it: system clocks that count in seconds do not show more.
func (r *folderRun) readOwn(at index.File, place disk.Range, c recipe.Chunk, buf []byte) ([]byte, error) {
	tick := 100 * time.Millisecond
	if at.Stat.Mtime%int64(time.Second) == 0 {
		tick = 2 * time.Second
	}
	if time.Since(time.Unix(0, at.Stat.Mtime)) > tick {
		if body, err := r.disk.ReadChunkAt(at.Path, at.Stat, place, buf); err == nil {
			return body, nil
		}
	}
	return r.disk.ReadHashed(at.Path, place.Offset, c, buf)
}

// readPart reads a piece of a part: from the file that is being read here, or from what is
// staged. False: it is of no part that is known.
func (r *folderRun) readPart(ask wire.PieceAsk, buf []byte) (body []byte, known bool, err error) {
	i, c := int(ask.Index), recipe.Chunk{ID: ask.Chunk, Size: ask.Size}
	if file, part, own := r.ownPart(ask.Content); own {
		if i >= len(part.Chunks) || part.Chunks[i] != c {
			return nil, true, errNotHere
		}
		place := disk.Range{Offset: part.Offset + recipe.Recipe{Chunks: part.Chunks}.Offset(i), Size: int64(c.Size)}
		if body, err = r.readOwn(file, place, c, buf); err != nil {
			r.forgetOwn(ask.Content)
		}
		return body, true, err
	}
	r.prospects.mu.Lock()
	at, ok := r.prospects.coming[ask.Content]
	r.prospects.mu.Unlock()
	if !ok {
		return nil, false, nil
	}
	if i >= len(at.part.Chunks) || at.part.Chunks[i] != c {
		return nil, true, errNotHere
	}
	body, err = at.of.Read(at.part.First+i, c, buf)
	return body, true, err
}
