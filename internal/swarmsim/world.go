// Package swarmsim runs the swarm core of thousands of devices in one virtual time: one
// device holds a file, all others want it, and links have capacities and delays. What is
// simulated is the world only. Who asks whom for what, and who is given what first, is
// decided by sync/swarm, the very code that runs in a device.
//
// A piece occupies the uplink of its sender for its size over that rate, travels, and then
// occupies the downlink of its receiver. Pieces hold no bytes; messages take the link's
// delay and are counted. The program app/shoalsim shows the outcome.
package swarmsim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Options is a world.
type Options struct {
	Nodes  int // that want the file, besides the source
	Degree int // links of a node, about
	Pieces int
	Seed   uint64

	PieceSize int64         // bytes
	Rate      int64         // bytes a second, up and down, of every node
	Delay     time.Duration // of a link, one way, at most; half of it at least

	Churn       float64 // part of the nodes that goes in a minute; each is back after AwayTime
	NATed       float64 // part that cannot be linked to one another
	Freeloaders float64 // part that gives nothing
	Hoarders    float64 // part that gives nothing and tells nobody what it has
	Liars       float64 // part that sends wrong bytes and claims to hold all
	Stallers    float64 // part that claims to hold all and never answers
	LastStall   float64 // part that never sends a device its last pieces
	TitForTat   bool
	InOrder     bool
	Small       bool    // each piece is a file of its own
	Spread      float64 // rates differ by up to this factor
	Shape       Shape
	Thin        int64         // bytes a second each way between two LANs; for shape Lans
	Limit       time.Duration // of virtual time
}

// Check says what is wrong with a world, if anything.
func (o *Options) Check() error {
	part := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case o.Nodes < 1 || o.Nodes > 100_000:
		return fmt.Errorf("%d devices: want 1 to 100000", o.Nodes)
	case o.Pieces < 2 || o.Pieces > 100_000:
		return fmt.Errorf("%d pieces: want 2 to 100000", o.Pieces)
	case o.Degree < 2 || o.Degree > 100:
		return fmt.Errorf("%d links of a device: want 2 to 100", o.Degree)
	case o.PieceSize < 1 || o.PieceSize > 64<<20:
		return fmt.Errorf("pieces of %d bytes: want 1 to 64 MiB", o.PieceSize)
	case o.Small && o.PieceSize > smallest:
		return fmt.Errorf("small files of %d bytes: want 1 to %d", o.PieceSize, smallest)
	case o.Rate < 1000:
		return fmt.Errorf("%d bytes a second: want at least 1000", o.Rate)
	case o.Delay < time.Microsecond || o.Delay > time.Minute:
		return fmt.Errorf("a delay of %s: want 1us to 1m", o.Delay)
	case o.Limit <= 0 || o.Limit > 1000*time.Hour:
		return fmt.Errorf("%s of virtual time: want up to 1000h", o.Limit)
	case o.Shape == Lans && o.Thin < 1000:
		return fmt.Errorf("%d bytes a second between two networks: want at least 1000", o.Thin)
	case o.Spread < 1 || o.Spread > 1000:
		return fmt.Errorf("rates that differ by a factor of %g: want 1 to 1000", o.Spread)
	case !part(o.Churn) || !part(o.NATed) || !part(o.Freeloaders) || !part(o.Liars) || !part(o.Stallers) ||
		!part(o.LastStall) || !part(o.Hoarders):
		return errors.New("parts of the devices: want 0 to 1")
	}
	switch o.Shape {
	case Random, Star, Line, Cliques, Lans, Door:
		return nil
	}
	return fmt.Errorf("shape %q: want random, star, line, cliques, lans or door", o.Shape)
}

// lastPieces is how many of a device's pieces are its last ones; see Options.LastStall.
const lastPieces = 3

// AwayTime is how long a node that goes stays away.
const AwayTime = 30 * time.Second

// world is one run.
type world struct {
	o       Options
	chance  *rand.Rand
	now     step.Instant
	seq     uint64
	queue   heap
	nodes   []*node         // nodes[0] is the source
	content ident.ContentID // not of small files
	recipe  recipe.Recipe
	files   map[ident.ContentID]uint32 // number of each small file
	thin    [2]step.Instant            // until when the way to each of two LANs is taken
	left    int                        // nodes that stay and have not finished
	total   Result
}

// node is one device of the world.
type node struct {
	number int
	core   *swarm.Core
	links  []link
	up     int64 // bytes a second
	down   int64
	nat    bool
	free   bool // gives nothing
	lies   bool // sends wrong bytes
	stalls bool // never answers
	spoils bool // never sends a device its last pieces
	hoards bool // tells nobody what it has
	gone   bool
	away   bool // was, at any time
	life   int32

	uplink   []shipment // the first is being sent
	sending  bool
	downFree step.Instant
	due      step.Instant // of the next tick that is arranged
	done     step.Instant
	have     []bool
	asks     map[uint64]uint32 // piece of a ticket
	bytesOut int64
	got      int
}

type link struct {
	to    *node
	delay time.Duration
}

func deviceOf(number int) (id ident.DeviceID) {
	binary.BigEndian.PutUint32(id[:], uint32(number))
	return id
}

func (w *world) nodeOf(id ident.DeviceID) *node { return w.nodes[binary.BigEndian.Uint32(id[:])] }

func (n *node) linkTo(to *node) *link {
	for i := range n.links {
		if n.links[i].to == to {
			return &n.links[i]
		}
	}
	return nil
}

// Run lets a world run until every node that did not leave has the file.
func Run(o Options) Result {
	w := &world{o: o, chance: rand.New(rand.NewPCG(o.Seed, 77))}
	w.recipe = fileOf(o.Pieces, o.PieceSize)
	w.content = w.recipe.ID()
	if o.Small {
		w.cutUp()
	}
	w.people()
	w.connect()
	for _, n := range w.nodes[1:] {
		if n.lies || n.stalls {
			continue
		}
		w.wantAll(n)
	}
	w.arrangeChurn()
	for len(w.queue) > 0 && w.left > 0 {
		m := w.queue.pop()
		if m.at > step.Instant(o.Limit) {
			break
		}
		w.now = m.at
		w.total.Moments++
		w.do(&m)
	}
	return w.result()
}

// fileOf returns the recipe of a file that nobody has seen before.
func fileOf(pieces int, size int64) recipe.Recipe {
	r := recipe.Recipe{}
	for i := range pieces {
		id := recipe.HashChunk(binary.BigEndian.AppendUint64([]byte("swarm"), uint64(i)))
		r.Chunks = append(r.Chunks, recipe.Chunk{ID: id, Size: uint32(size)})
	}
	return r
}

// people makes the nodes.
func (w *world) people() {
	w.left = w.o.Nodes
	for i := range w.o.Nodes + 1 {
		n := &node{
			number: i, have: make([]bool, w.o.Pieces), asks: map[uint64]uint32{}, due: step.Never,
			core: swarm.New(ident.FolderID{1}, deviceOf(i), rand.New(rand.NewPCG(w.o.Seed, uint64(i)))),
		}
		rate := w.o.Rate
		if w.o.Spread > 1 && i > 0 {
			rate = int64(float64(rate) / (1 + w.chance.Float64()*(w.o.Spread-1)))
		}
		n.up, n.down = rate, rate
		if i > 0 {
			n.nat = w.chance.Float64() < w.o.NATed
			n.free = w.chance.Float64() < w.o.Freeloaders
			n.lies = w.chance.Float64() < w.o.Liars
			n.stalls = !n.lies && w.chance.Float64() < w.o.Stallers
			n.hoards = w.o.Hoarders > 0 && w.chance.Float64() < w.o.Hoarders
			n.free = n.free || n.hoards
			n.spoils = w.o.LastStall > 0 && w.chance.Float64() < w.o.LastStall
		}
		if i == 0 || n.lies || n.stalls {
			for p := range n.have {
				n.have[p] = true
			}
			n.got = w.o.Pieces
		}
		if n.lies || n.stalls {
			w.left-- // it wants nothing
		}
		if w.o.TitForTat {
			n.core.Handle(0, swarm.PolicyChosen{Policy: swarm.TitForTat})
		}
		n.core.Handle(0, swarm.DegreeChosen{Most: w.o.Degree + 2})
		if w.o.InOrder {
			n.core.Handle(0, swarm.OrderChosen{InOrder: true})
		}
		w.nodes = append(w.nodes, n)
	}
}

func (w *world) after(d time.Duration, m moment) {
	m.at, m.seq = w.now.Add(d), w.seq
	w.seq++
	w.queue.push(m)
}

// feed hands a core an event and does what it orders.
func (w *world) feed(n *node, e swarm.Event) {
	w.carry(n, n.core.Handle(w.now, e))
	w.arrangeTick(n)
}

func (w *world) arrangeTick(n *node) {
	if at := n.core.Deadline(); at < n.due {
		n.due = max(at, w.now)
		w.after(n.due.Since(w.now), moment{kind: tick, node: int32(n.number), life: n.life})
	}
}

func (w *world) do(m *moment) {
	n := w.nodes[m.node]
	switch m.kind {
	case leave:
		w.goAway(n)
		return
	case enter:
		w.comeBack(n)
		return
	case sent:
		w.sent(n, m)
		return
	}
	if n.gone || n.life != m.life {
		return
	}
	switch m.kind {
	case hear:
		if l := n.linkTo(w.nodes[m.peer]); l != nil {
			if e, ok := m.what.(swarm.AsksCanceled); ok {
				w.revoke(n, e)
			}
			w.feed(n, m.what.(swarm.Event))
		}
	case tick:
		if n.due == w.now {
			n.due = step.Never
			w.carry(n, n.core.Tick(w.now))
			w.arrangeTick(n)
		}
	case arrive:
		w.arrived(n, m)
	}
}

// carry does what a core ordered, as a host does.
func (w *world) carry(n *node, effects []swarm.Effect) {
	if len(effects) == 0 {
		return
	}
	var answers []swarm.Event
	for _, effect := range effects {
		switch f := effect.(type) {
		case swarm.Send:
			if _, tells := f.Message.(wire.Have); tells && n.hoards {
				continue
			}
			w.total.ControlBytes += int64(wire.Size(f.Message))
			w.tell(n, f.Peer, swarm.Heard{Peer: deviceOf(n.number), Message: f.Message})
		case swarm.AskPieces:
			w.total.ControlBytes += int64(wire.Size(wire.AskPieces{Items: f.Items}))
			for _, item := range f.Items {
				n.asks[item.Ticket] = w.pieceOf(item.Content, item.Index)
			}
			w.tell(n, f.Peer, swarm.PiecesAsked{Peer: deviceOf(n.number), Items: f.Items})
		case swarm.CancelPieces:
			for _, t := range f.Tickets {
				delete(n.asks, t)
			}
			w.tell(n, f.Peer, swarm.AsksCanceled{Peer: deviceOf(n.number), Tickets: f.Tickets})
		case swarm.YieldPieces:
			m := wire.YieldPieces{Tickets: f.Tickets}
			w.total.ControlBytes += int64(wire.Size(m))
			w.tell(n, f.Peer, swarm.Heard{Peer: deviceOf(n.number), Message: m})
		case swarm.Serve:
			w.serve(n, f)
		case swarm.FindRecipe:
			answers = append(answers, swarm.RecipeFound{Content: f.Content, Recipe: w.recipe})
		case swarm.OpenStage:
			answers = append(answers, swarm.StageOpened{Content: f.Content, Present: append([]bool(nil), n.have...)})
		case swarm.CheckHaves:
			answers = append(answers, swarm.HavesChecked{Peer: f.Peer, Contents: f.Contents, Here: w.here(n, f.Contents)})
		case swarm.ContentReady:
			if n.got == w.o.Pieces {
				w.finished(n)
			}
			answers = append(answers, swarm.ContentsHere(f))
		case swarm.ContentFailed: // nobody had it for a while; a folder wants it again
			answers = append(answers, swarm.ContentWanted{Content: f.Content, Size: w.sizeOf(f.Content)})
		case swarm.PeerBanned:
			w.total.Bans++
		case swarm.AsksEnded:
		}
	}
	for _, e := range answers {
		w.feed(n, e)
	}
}

// tell lets a node that is linked to hear of something after the delay of the link.
func (w *world) tell(n *node, peer ident.DeviceID, e swarm.Event) {
	to := w.nodeOf(peer)
	if l := n.linkTo(to); l != nil && !to.gone {
		w.after(l.delay, moment{kind: hear, node: int32(to.number), peer: int32(n.number), life: to.life, what: e})
	}
}

// shipment is a piece on the uplink of a node.
type shipment struct {
	item wire.PieceAsk
	to   *node
}

// serve puts pieces on the uplink, behind those that are there. A freeloader lets whoever
// asks wait.
func (w *world) serve(n *node, f swarm.Serve) {
	if n.free || n.stalls {
		return
	}
	to := w.nodeOf(f.Peer)
	for _, item := range f.Items {
		if !n.spoils || to.got < w.o.Pieces-lastPieces {
			n.uplink = append(n.uplink, shipment{item, to})
		}
	}
	w.sendNext(n)
}

// sendNext begins to send what is first on the uplink.
func (w *world) sendNext(n *node) {
	if n.sending || len(n.uplink) == 0 {
		return
	}
	n.sending = true
	w.after(time.Duration(int64(n.uplink[0].item.Size)*int64(time.Second)/n.up),
		moment{kind: sent, node: int32(n.number), life: n.life})
}

// revoke takes what a peer no longer wants off the uplink, unless it is being sent.
func (w *world) revoke(n *node, e swarm.AsksCanceled) {
	first := min(1, len(n.uplink))
	rest := n.uplink[:first]
	dropped := 0
	for _, s := range n.uplink[first:] {
		if deviceOf(s.to.number) == e.Peer && slices.Contains(e.Tickets, s.item.Ticket) {
			dropped++
		} else {
			rest = append(rest, s)
		}
	}
	n.uplink = rest
	if dropped > 0 {
		w.feed(n, swarm.PiecesServed{Peer: e.Peer, Count: dropped})
	}
}

func (w *world) sent(n *node, m *moment) {
	if n.gone || n.life != m.life {
		return
	}
	item, to := n.uplink[0].item, n.uplink[0].to
	n.uplink, n.sending = n.uplink[1:], false
	w.sendNext(n)
	n.bytesOut += int64(item.Size)
	w.total.Bytes += int64(item.Size)
	came := w.passThin(n, to, int64(item.Size))
	served := swarm.PiecesServed{Peer: deviceOf(to.number), Count: 1}
	if l := n.linkTo(to); l != nil && !to.gone {
		spent := time.Duration(int64(item.Size) * int64(time.Second) / to.down)
		// The first byte came when the last one was still being sent.
		there := max(came.Add(l.delay), to.downFree.Add(spent))
		if came == w.now {
			to.downFree = there // what waits between two networks leaves room for others
		}
		w.after(there.Since(w.now), moment{
			kind: arrive, node: int32(to.number), peer: int32(n.number), life: to.life, what: item,
		})
	} else {
		w.total.Wasted += int64(item.Size)
	}
	if came == w.now {
		w.feed(n, served)
		return
	}
	w.after(came.Since(w.now), moment{kind: hear, node: int32(n.number), peer: int32(to.number), life: n.life, what: served})
	part := swarm.PartCame{Peer: deviceOf(n.number)} // what is under way at once shares the way
	for at := w.now.Add(time.Second); at < came; at = at.Add(time.Second) {
		w.after(at.Since(w.now), moment{kind: hear, node: int32(to.number), peer: int32(n.number), life: to.life, what: part})
	}
}

func (w *world) arrived(n *node, m *moment) {
	item := m.what.(wire.PieceAsk)
	_, open := n.asks[item.Ticket]
	piece := w.pieceOf(item.Content, item.Index)
	delete(n.asks, item.Ticket)
	switch {
	case w.nodes[m.peer].lies:
		w.total.Wasted += int64(item.Size)
		if open {
			w.feed(n, swarm.PieceBad{Ticket: item.Ticket})
		}
		return
	case n.have[piece]:
		w.total.Wasted += int64(item.Size)
	default:
		n.have[piece] = true
		n.got++
	}
	if open {
		w.feed(n, swarm.PiecesStored{Tickets: []uint64{item.Ticket}})
	}
}

func (w *world) finished(n *node) {
	if n.done != 0 {
		return
	}
	n.done = w.now
	if !n.away {
		w.left--
	}
}

// digest of a run: the same seed gives the same one.
func (w *world) digest() uint64 {
	h := fnv.New64a()
	var b [8]byte
	put := func(v int64) {
		binary.BigEndian.PutUint64(b[:], uint64(v))
		h.Write(b[:])
	}
	for _, n := range w.nodes {
		put(int64(n.done))
		put(n.bytesOut)
	}
	put(w.total.Bytes)
	put(w.total.Wasted)
	put(int64(w.total.Moments))
	return h.Sum64()
}
