package host

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/disk"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/wire"
)

// asks are the pieces asked for on one link, by ticket of the link. Bytes are gathered
// here, as they arrive, and go to the stage when a piece is whole; no core sees them.
type asks struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*piece
	// byFolder finds the ticket of the link for a ticket of a folder, to take it back.
	byFolder map[folderTicket]uint64
}

type folderTicket struct {
	folder ident.FolderID
	ticket uint64
}

// piece is one piece on its way in.
type piece struct {
	run    *folderRun
	ticket uint64 // of the folder's swarm core
	ask    wire.PieceAsk
	data   []byte
}

// add notes asks of a folder and returns them with tickets of the link.
func (a *asks) add(r *folderRun, items []wire.PieceAsk) []wire.PieceAsk {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open, a.byFolder = map[uint64]*piece{}, map[folderTicket]uint64{}
	}
	out := make([]wire.PieceAsk, len(items))
	for i, item := range items {
		a.last++
		a.open[a.last] = &piece{run: r, ticket: item.Ticket, ask: item}
		a.byFolder[folderTicket{r.id, item.Ticket}] = a.last
		item.Ticket = a.last
		out[i] = item
	}
	return out
}

// take ends the asks of a folder and returns their tickets on the link.
func (a *asks) take(folder ident.FolderID, tickets []uint64) []uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []uint64
	for _, t := range tickets {
		key := folderTicket{folder, t}
		if on, ok := a.byFolder[key]; ok {
			delete(a.byFolder, key)
			delete(a.open, on)
			out = append(out, on)
		}
	}
	return out
}

// on returns the tickets on the link of asks of a folder that are open.
func (a *asks) on(folder ident.FolderID, tickets []uint64) []uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []uint64
	for _, t := range tickets {
		if on, ok := a.byFolder[folderTicket{folder, t}]; ok {
			out = append(out, on)
		}
	}
	return out
}

// end removes an ask, nil when it is not known: taken back, or never made.
func (a *asks) end(ticket uint64) *piece {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.endLocked(ticket)
}

func (a *asks) endLocked(ticket uint64) *piece {
	p := a.open[ticket]
	if p != nil {
		delete(a.open, ticket)
		delete(a.byFolder, folderTicket{p.run.id, p.ticket})
	}
	return p
}

func (a *asks) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open, a.byFolder = map[uint64]*piece{}, map[folderTicket]uint64{}
}

// slice takes bytes of a piece in, and returns the piece while more of it is to come. It
// returns an error, which ends the link, when they do not fit what was asked.
func (a *asks) slice(s wire.Slice) (*piece, error) {
	a.mu.Lock()
	p := a.open[s.Ticket]
	if p == nil {
		a.mu.Unlock()
		return nil, nil // taken back meanwhile
	}
	size := int(p.ask.Size)
	if int(s.Offset) != len(p.data) || len(s.Body) > size-len(p.data) {
		a.mu.Unlock()
		return nil, fmt.Errorf("it sent %d bytes at %d of a piece of %d bytes, of which %d had come",
			len(s.Body), s.Offset, size, len(p.data))
	}
	if p.data == nil {
		p.data = takeBuffer(size)
	}
	p.data = append(p.data, s.Body...)
	whole := len(p.data) == size
	if whole {
		a.endLocked(s.Ticket)
	}
	a.mu.Unlock()
	if whole {
		p.run.pieces.put(p)
		return nil, nil
	}
	return p, nil
}

// pieceQueue holds pieces that have arrived and wait to be verified and written. It is
// bounded by bytes: a link that is faster than the disk waits here.
type pieceQueue struct {
	mu      sync.Mutex
	changed sync.Cond
	pieces  []*piece
	bytes   int
	ended   bool
}

// queueBytes is how much may wait: what a fast link brings in ten milliseconds. More only
// costs memory, for the links hold as much again.
const queueBytes = 16 << 20

func newPieceQueue() *pieceQueue {
	q := &pieceQueue{}
	q.changed.L = &q.mu
	return q
}

func (q *pieceQueue) put(p *piece) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.bytes > queueBytes && !q.ended {
		q.changed.Wait()
	}
	q.pieces = append(q.pieces, p)
	q.bytes += len(p.data)
	q.changed.Broadcast()
}

// take returns the waiting pieces, at most a batch of them; false after the end.
func (q *pieceQueue) take() ([]*piece, bool) {
	const batch, batchBytes = 64, 1 << 20
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.pieces) == 0 && !q.ended {
		q.changed.Wait()
	}
	if q.ended {
		return nil, false
	}
	n, size := 0, 0
	for n < len(q.pieces) && n < batch && size < batchBytes {
		size += len(q.pieces[n].data)
		n++
	}
	taken := append([]*piece(nil), q.pieces[:n]...)
	q.pieces = q.pieces[n:]
	q.bytes -= size
	q.changed.Broadcast()
	return taken, true
}

func (q *pieceQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Broadcast()
}

// storePieces verifies and stages what arrives, until the folder ends.
func (r *folderRun) storePieces() {
	for {
		batch, ok := r.pieces.take()
		if !ok {
			return
		}
		var stored []uint64
		for _, p := range batch {
			if err := r.storePiece(p); err != nil {
				r.post(swarm.PieceBad{
					Ticket: p.ticket, Ours: !errors.Is(err, disk.ErrBadChunk),
					Full: r.noteFull(err), Reason: err.Error(),
				})
			} else {
				stored = append(stored, p.ticket)
				r.bytesIn.Add(int64(len(p.data)))
			}
			giveBuffer(p.data)
		}
		if len(stored) > 0 {
			r.post(swarm.PiecesStored{Tickets: stored})
		}
	}
}

func (r *folderRun) storePiece(p *piece) error {
	if s := r.stageOf(p.ask.Content); s != nil {
		return s.Put(int(p.ask.Index), p.data)
	}
	if of, err := r.putPart(p.ask, p.data); of {
		return err
	}
	if ident.ContentID(p.ask.Chunk) == p.ask.Content {
		return r.disk.PutWhole(p.ask.Content, p.data)
	}
	return fmt.Errorf("the stage of %v is closed", p.ask.Content)
}

// buffers are reused by size, rounded up by a quarter at most: a link brings thousands of
// pieces a second, of many sizes, and some megabytes of them wait to be written.
var buffers [32 * bufferSteps]sync.Pool

const (
	bufferSteps = 4       // between a power of two and the next
	bufferMin   = 4 << 10 // smaller ones are not told apart
)

// bufferClass returns the class of a size and how large its buffers are.
func bufferClass(size int) (class, room int) {
	size = max(size, bufferMin)
	power := bits.Len(uint(size - 1)) // the next power of two is not less than size
	step := 1 << (power - 1) / bufferSteps
	over := (size - 1<<(power-1) + step - 1) / step
	return power*bufferSteps + over - 1, 1<<(power-1) + over*step
}

func takeBuffer(size int) []byte {
	class, room := bufferClass(size)
	if b, ok := buffers[class].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, room)
}

func giveBuffer(b []byte) {
	if class, room := bufferClass(cap(b)); cap(b) == room {
		b = b[:0]
		buffers[class].Put(&b)
	}
}

func (r *folderRun) cancelPieces(f swarm.CancelPieces) {
	l := r.agent.links.to(f.Peer)
	if l == nil {
		return
	}
	for tickets := range slices.Chunk(l.asks.take(r.id, f.Tickets), wire.AskMax) {
		r.agent.sendOn(l, wire.CancelPieces{Tickets: tickets})
	}
}

func (r *folderRun) yieldPieces(f swarm.YieldPieces) {
	l := r.agent.links.to(f.Peer)
	if l == nil {
		return
	}
	if tickets := l.asks.on(r.id, f.Tickets); len(tickets) > 0 {
		r.agent.sendOn(l, wire.YieldPieces{Folder: r.id, Tickets: tickets})
	}
}

// asksCanceled lets folders know which asks a device takes back. Tickets are numbers of the
// link: those of another folder mean nothing to it.
func (a *agent) asksCanceled(l *link, tickets []uint64) {
	a.mu.Lock()
	var runs []*folderRun
	for _, r := range a.folders {
		if r.broken.Load() == nil && r.sharedWith(l.Device()) {
			runs = append(runs, r)
		}
	}
	a.mu.Unlock()
	for _, r := range runs {
		r.post(swarm.AsksCanceled{Peer: l.Device(), Tickets: tickets})
	}
}
