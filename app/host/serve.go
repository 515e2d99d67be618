package host

import (
	"errors"
	"sync"
	"time"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/chunker"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/nat/direct"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/index"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// server answers one link's asks for pieces: it reads them and puts them on the bulk
// lane, which holds it back when the link is slower than the disk.
type server struct {
	agent *agent
	link  *link

	mu       sync.Mutex
	changed  sync.Cond
	jobs     []job
	canceled map[uint64]bool
	ended    bool
	gone     chan struct{} // closed when ended

	trash allowance // lists of the trash, of run alone
}

// allowance lets things happen now and then: some at once, and one more every second.
type allowance struct {
	left float64
	at   time.Time
}

// trashBurst is how many lists of the trash a device may ask for at once: people do so by
// hand. Each looks at every file of it.
const trashBurst = 8

// take reports whether one more may happen.
func (a *allowance) take(now time.Time) bool {
	if a.at.IsZero() {
		a.left = trashBurst
	} else {
		a.left = min(trashBurst, a.left+now.Sub(a.at).Seconds())
	}
	a.at = now
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

// job is a piece to be served, or, when run.serveRecipes is meant, a recipe.
type job struct {
	run    *folderRun
	ask    wire.PieceAsk
	recipe bool           // Content of ask names the recipe wanted
	trash  bool           // what the trash holds is wanted; Ticket of ask is to be repeated
	names  *wire.AskNames // names with these words are wanted
	at     index.File     // where the content was just now, when that is known
	by     *disk.Reader   // of that; closed with the batch
}

func (j *job) isPiece() bool { return !j.recipe && !j.trash && j.names == nil }

// drainTo is a fraction of a millisecond of a fast link, and less than a piece of most
// files.
const drainTo = 128 << 10

// serveBatch is how many pieces are found together.
const serveBatch = 64

func newServer(a *agent, l *link) *server {
	s := &server{agent: a, link: l, canceled: map[uint64]bool{}, gone: make(chan struct{})}
	s.changed.L = &s.mu
	return s
}

func (s *server) add(jobs []job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = append(s.jobs, jobs...)
	s.changed.Signal()
}

// cancel takes jobs back that have not been begun. Tickets nobody asked are not
// remembered: only waiting jobs can be taken back.
func (s *server) cancel(tickets []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := make(map[uint64]bool, len(s.jobs))
	for _, j := range s.jobs {
		if j.isPiece() {
			waiting[j.ask.Ticket] = true
		}
	}
	for _, t := range tickets {
		if waiting[t] {
			s.canceled[t] = true
		}
	}
}

func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		close(s.gone)
	}
	s.changed.Signal()
}

// run serves until stop. A peer's asks are bounded by the peer core.
func (s *server) run() {
	for {
		jobs, ok := s.take()
		if !ok {
			return
		}
		served := map[*folderRun]node.PiecesServed{}
		found := findTogether(jobs)
		for _, j := range jobs {
			n := served[j.run]
			if n.Count++; j.isPiece() {
				n.Pieces++
			}
			served[j.run] = n
			if j.run.restsWith(s.link.Device()) {
				continue // the asker has been told
			}
			if !j.run.sharedWith(s.link.Device()) {
				continue // since it asked, its membership has ended, and it was told
			}
			if j.trash {
				if s.trash.take(time.Now()) { // else the asker leaves this device out
					s.serveTrash(j.run, j.ask.Ticket)
				}
				continue
			}
			if j.names != nil {
				s.serveNames(j.run, j.names)
				continue
			}
			if j.recipe {
				s.serveRecipe(j.run, j.ask.Content)
				continue
			}
			if !s.isCanceled(j.ask.Ticket) {
				s.servePiece(j)
			}
		}
		for _, by := range found {
			by.Close()
		}
		// What waits in the link can no longer be overtaken: the next pieces are chosen when
		// little does, and while there still is some, so that the link never rests. Behind a
		// full batch there are more, which nobody chooses any more.
		if len(jobs) < serveBatch {
			s.link.DrainBulk(drainTo)
		}
		for r, n := range served {
			n.Device = s.link.Device()
			r.post(n)
		}
	}
}

func (s *server) take() ([]job, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.jobs) == 0 && !s.ended {
		s.changed.Wait()
	}
	if s.ended {
		return nil, false
	}
	n := min(serveBatch, len(s.jobs))
	jobs := s.jobs[:n:n]
	if s.jobs = s.jobs[n:]; len(s.jobs) == 0 {
		s.jobs = nil
	}
	return jobs, true
}

func (s *server) isCanceled(ticket uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	canceled := s.canceled[ticket]
	delete(s.canceled, ticket)
	return canceled
}

// servePiece reads one piece and sends it in slices.
func (s *server) servePiece(j job) {
	buf := takeBuffer(int(min(j.ask.Size, uint32(chunker.Class(2).Max()))))
	data, err := j.run.readOpen(j, buf)
	if err != nil {
		giveBuffer(buf)
		s.agent.log.Debug("piece not served", "content", j.ask.Content.String(), "piece", j.ask.Index,
			"reason", err)
		reason := wire.Unreadable
		if errors.Is(err, errNotHere) || errors.Is(err, disk.ErrNotStaged) || errors.Is(err, disk.ErrChanged) {
			reason = wire.Gone
		}
		s.agent.sendOn(s.link, wire.NoPiece{Ticket: j.ask.Ticket, Reason: reason})
		return
	}
	frame := takeBuffer(wire.SliceMax + 64)
	for offset := 0; offset < len(data); {
		size := sliceSize(s.link.out, &j.run.up)
		body := data[offset:min(offset+size, len(data))]
		j.run.up.Wait(len(body), s.gone)
		frame = wire.Append(frame[:0], wire.Slice{Ticket: j.ask.Ticket, Offset: uint32(offset), Body: body})
		if err := s.link.Send(direct.Bulk, frame); err != nil {
			break // the link has ended; its receiver says so
		}
		offset += len(body)
	}
	giveBuffer(frame)
	giveBuffer(data)
}

// serveRecipe sends a recipe in parts, or says that it is not here.
func (s *server) serveRecipe(r *folderRun, content ident.ContentID) {
	const partMax = 256 << 10
	var body []byte
	if found, ok := r.findOpen(content); ok {
		body = found.Append(nil)
	}
	total := uint64(len(body))
	for offset := 0; ; {
		part := body[offset:min(offset+partMax, len(body))]
		m := wire.Recipes{Folder: r.id, Parts: []wire.RecipePart{{
			Content: content, Total: total, Offset: uint64(offset), Body: part,
		}}}
		if err := s.link.Send(direct.Bulk, wire.Append(nil, m)); err != nil {
			return
		}
		if offset += len(part); offset >= len(body) {
			return
		}
	}
}

var errNotHere = errors.New("the content is not on this device")

// readOpen reads a piece, unless the folder is closed.
func (r *folderRun) readOpen(j job, buf []byte) ([]byte, error) {
	r.serving.RLock()
	defer r.serving.RUnlock()
	if r.ctx.Err() != nil {
		return nil, errNotHere
	}
	if j.at.Path != "" {
		whole := disk.Range{Size: int64(j.ask.Size)}
		if data, err := j.by.ReadChunkAt(j.at.Path, j.at.Stat, whole, buf); err == nil {
			return data, nil
		}
	}
	return r.readPiece(j.ask, buf)
}

// findOpen finds a recipe, unless the folder is closed.
func (r *folderRun) findOpen(content ident.ContentID) (recipe.Recipe, bool) {
	r.serving.RLock()
	defer r.serving.RUnlock()
	if r.ctx.Err() != nil {
		return recipe.Recipe{}, false
	}
	return r.findRecipe(content)
}

// readPiece reads a piece from the stage, or from the file that holds the content.
func (r *folderRun) readPiece(ask wire.PieceAsk, buf []byte) ([]byte, error) {
	if data, known, err := r.readPart(ask, buf); known {
		return data, err
	}
	at, err := r.held.find(r, ask.Content)
	if errors.Is(err, errNotHere) {
		return r.disk.ReadChunk(ask.Content, int(ask.Index), buf)
	}
	if err != nil {
		return nil, err
	}
	part, ok := at.part(ask)
	if !ok {
		return nil, errNotHere
	}
	data, err := r.disk.ReadChunkAt(at.path, at.base.Stat, part, buf)
	if err != nil {
		r.held.forget(ask.Content)
		if !at.trashed {
			r.lookSoon(at.path)
		}
	}
	return data, err
}

// holding is where a content lies on disk, and how it is cut.
type holding struct {
	path    string
	base    tree.Base
	chunks  []recipe.Chunk
	offsets []int64
	trashed bool
}

// inTrash finds a content among what was taken away: members may have it back.
func (r *folderRun) inTrash(content ident.ContentID, at *holding) error {
	t, ok, err := r.disk.Kept(content)
	if err == nil && !ok {
		err = errNotHere
	}
	at.path, at.base, at.trashed = t.Private, tree.Base{Content: content, Stat: t.Stat}, true
	return err
}

// part returns where in the file a piece lies. False: the asker has another recipe.
func (h *holding) part(ask wire.PieceAsk) (disk.Range, bool) {
	i := int(ask.Index)
	if i >= len(h.chunks) || h.chunks[i].ID != ask.Chunk || h.chunks[i].Size != ask.Size {
		return disk.Range{}, false
	}
	return disk.Range{Offset: h.offsets[i], Size: int64(ask.Size)}, true
}

// holdings remembers where contents of several pieces lie, so that not every piece costs
// a look at the index.
type holdings struct {
	mu    sync.Mutex
	known map[ident.ContentID]*holding
}

// holdingsMax bounds the memory: a recipe of 10,000 pieces takes half a megabyte.
const holdingsMax = 32

func (h *holdings) find(r *folderRun, content ident.ContentID) (*holding, error) {
	h.mu.Lock()
	at := h.known[content]
	h.mu.Unlock()
	if at != nil {
		return at, nil
	}
	at, err := r.findHolding(content)
	if err == nil && len(at.chunks) > 1 {
		h.mu.Lock()
		if len(h.known) >= holdingsMax || h.known == nil {
			h.known = map[ident.ContentID]*holding{}
		}
		h.known[content] = at
		h.mu.Unlock()
	}
	return at, err
}

func (h *holdings) forget(content ident.ContentID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.known, content)
}

// isThere reports whether a file is on disk as the index says. One whose delete is held is
// not, and may be all that a content was in: who is told that it is here asks for ever. It
// is looked at again otherwise.
func (r *folderRun) isThere(path string, b *tree.Base) bool {
	now, there, err := r.disk.Look(path)
	if err == nil && there && now.SameContent(b.Stat) {
		return true
	}
	r.lookSoon(path)
	return false
}

// lookAfter is how soon a name is looked at that turned out not to be as the index says.
const lookAfter = time.Second

// lookSoon has a name looked at that turned out not to be as the index says. It is not
// told as touched: who asks for what was there asks every second, and a name that is touched
// every second is waited for until it rests.
func (r *folderRun) lookSoon(path string) {
	r.post(settle.LookAsked{Paths: []string{path}, After: lookAfter})
}

func (r *folderRun) findHolding(content ident.ContentID) (*holding, error) {
	at := &holding{}
	err := r.look(func(v *index.View) error {
		path, base, ok, err := v.HoldingPath(content, r.isThere)
		if err != nil {
			return err
		}
		if !ok {
			return errNotHere
		}
		at.path, at.base = path, base
		return nil
	})
	if errors.Is(err, errNotHere) {
		err = r.inTrash(content, at)
	}
	if err != nil {
		return nil, err
	}
	found, ok := r.recipeOf(content, at.base.Stat.Size)
	if !ok && at.trashed {
		found, err = r.disk.RecipeOf(at.path, at.base.Stat)
		ok = err == nil && found.Verify(content) == nil
	}
	if !ok {
		return nil, errNotHere
	}
	at.chunks, at.offsets = found.Chunks, make([]int64, len(found.Chunks))
	var offset int64
	for i, c := range found.Chunks {
		at.offsets[i] = offset
		offset += int64(c.Size)
	}
	return at, nil
}

// recipeOf returns the recipe of a content held here: as recorded, or a single piece.
// Recipes of contents that are one piece are not recorded: the piece's id says it all.
func (r *folderRun) recipeOf(content ident.ContentID, size int64) (recipe.Recipe, bool) {
	if implied, ok := recipe.Implied(content, size); ok {
		return implied, true
	}
	var encoded []byte
	err := r.look(func(v *index.View) (err error) {
		encoded, _, err = v.Recipe(content)
		return err
	})
	if err != nil {
		r.log.Error("cannot read a recipe", "content", content.String(), "error", err)
		return recipe.Recipe{}, false
	}
	if encoded != nil {
		found, err := recipe.Parse(encoded)
		if err != nil || found.Verify(content) != nil {
			r.log.Error("a recorded recipe is damaged", "content", content.String(), "error", err)
			return recipe.Recipe{}, false
		}
		return found, true
	}
	class := chunker.ClassOf(size)
	if size > int64(class.Max()) {
		return recipe.Recipe{}, false
	}
	one := recipe.Chunk{ID: ident.ChunkID(content), Size: uint32(size)}
	return recipe.Recipe{Class: class, Chunks: []recipe.Chunk{one}}, true
}

// findRecipe returns the recipe of a content that this device holds or is fetching.
func (r *folderRun) findRecipe(content ident.ContentID) (recipe.Recipe, bool) {
	if at, err := r.held.find(r, content); err == nil {
		return recipe.Recipe{Class: chunker.ClassOf(at.base.Stat.Size), Chunks: at.chunks}, true
	}
	var encoded []byte
	err := r.look(func(v *index.View) (err error) {
		encoded, _, err = v.Recipe(content)
		return err
	})
	if err != nil || encoded == nil {
		return recipe.Recipe{}, false
	}
	found, err := recipe.Parse(encoded)
	return found, err == nil
}
