// Package swarm decides which piece to ask from whom, how many at once, and when to give
// up and ask another: for all contents one folder is fetching, from all peers that share
// it. Every device that holds a piece serves it, long before it holds the whole.
//
// A content goes through these states; one that is a single piece needs no recipe:
//
//	wanted ──▶ finding its recipe ──▶ opening its stage ──▶ fetching ──▶ complete
//
// Choice of piece: the one fewest peers hold, ties by chance; in order when there is but
// one peer, whom nobody else asks. It knows ids and sizes; bytes pass from the link to the
// stage without it. The node hands it events and carries its effects on.
package swarm

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// windowBytes is how much may be asked of one peer and not yet have come: the
	// bandwidth-delay product of 1 Gbit/s at 100 ms, rounded up.
	windowBytes = 16 << 20
	// windowPieces bounds the same by number, for small files.
	windowPieces = 2048
	// stallAfter is how long a peer may leave all asks unanswered before they are asked
	// of others; it is then asked again only when it has answered something.
	stallAfter = 30 * time.Second
	// patience is how long a content without any holder is looked for before the folder
	// is told, which tries again later.
	patience = 10 * time.Second
	// gonePause is how long a content that a peer turned out not to hold is not asked about
	// again; askEvery is how often it is while nobody holds it.
	gonePause = time.Second
	askEvery  = 3 * time.Second
	// havePause gathers pieces that became available into one message.
	havePause = 100 * time.Millisecond
	// busyPause is how long a peer that answered Busy is left alone.
	busyPause = 500 * time.Millisecond
	// hintsMax and interestMax bound what is remembered of contents not being fetched.
	hintsMax    = 65536
	interestMax = 65536
	// checksMax is how many questions of one peer the index may be asked at once. More are
	// dropped: a peer that floods has no answer, one that does not never gets there.
	checksMax = 64
	// badMax is how many wrong pieces a peer may send before it is not asked again: one
	// may be a bit that flipped, two are a lie or a dying disk.
	badMax = 2
)

// Core fetches the contents of one folder. It is not safe for concurrent use.
type Core struct {
	folder ident.FolderID
	rand   *rand.Rand
	now    step.Instant
	out    []Effect
	ticket uint64

	wants map[ident.ContentID]*want
	ready []*want // wants with pieces to ask for, oldest first
	peers []*source
	asks  map[uint64]*ask

	hints     map[ident.ContentID][]ident.DeviceID // who said to hold contents not yet wanted
	hintOrder []ident.ContentID
	interest  map[ident.ContentID][]ident.DeviceID // who wants to hear of a content
	fresh     map[ident.ContentID][]uint32         // pieces not yet told of
	freshDue  step.Instant
	// orphanDue is when something is due for a content without a holder. It is kept,
	// because looking at all contents at every event would cost too much.
	orphanDue step.Instant
	recipeDue step.Instant // when a peer has owed an answer about a recipe for too long

	wantHave   map[ident.DeviceID][]ident.ContentID
	wantRecipe map[ident.DeviceID][]ident.ContentID

	limit pace.Bucket // what may be asked for, when a person limits it
}

// want is one content being fetched.
type want struct {
	content ident.ContentID
	size    int64
	old     *Old
	state   wantState
	since   step.Instant // when it last had a holder, or was wanted
	owed    step.Instant // when the peer asked for the recipe has had its time
	again   step.Instant // when everybody is asked again, without a holder
	pieces  []recipe.Chunk
	have    []bool
	open    []uint32 // pieces neither had nor asked for, in the order to ask
	left    int      // pieces not yet stored
	asking  int      // pieces asked for and not yet come
	holders map[ident.DeviceID]*holding
	parts   []byte // of the recipe, while it arrives
	asked   ident.DeviceID
	queued  bool
}

type wantState uint8

const (
	findingRecipe wantState = iota
	askingRecipe
	staging
	fetching
)

// holding is what a peer has of a content.
type holding struct {
	all    bool
	pieces map[uint32]bool
}

func (h *holding) has(i uint32) bool { return h.all || h.pieces[i] }

// source is a peer that may be asked.
type source struct {
	peer      ident.DeviceID
	bytes     int64 // asked and not yet come
	pieces    int
	lastCame  step.Instant
	pause     step.Instant // not to be asked before
	bad       int
	banned    bool
	checks    int   // questions of this peer that the index is being asked
	delivered int64 // bytes that came and were right
}

// ask is a piece on its way.
type ask struct {
	want  *want
	index uint32
	from  *source
	size  int64
}

// New returns the swarm core of a folder. Chance decides between equally rare pieces.
func New(folder ident.FolderID, chance *rand.Rand) *Core {
	return &Core{
		folder: folder, rand: chance, freshDue: step.Never, orphanDue: step.Never,
		recipeDue:  step.Never,
		wants:      map[ident.ContentID]*want{},
		asks:       map[uint64]*ask{},
		hints:      map[ident.ContentID][]ident.DeviceID{},
		interest:   map[ident.ContentID][]ident.DeviceID{},
		fresh:      map[ident.ContentID][]uint32{},
		wantHave:   map[ident.DeviceID][]ident.ContentID{},
		wantRecipe: map[ident.DeviceID][]ident.ContentID{},
	}
}

// Handle takes in what happened and returns what is to be done, in order.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	c.now, c.out = now, c.out[:0]
	switch e := event.(type) {
	case ContentWanted:
		c.wanted(e)
	case ContentDropped:
		c.forget(e.Content)
	case ContentsHere:
		for _, content := range e.Contents {
			c.tellAll(content)
			delete(c.interest, content)
		}
	case PeerJoined:
		c.peerJoined(e.Peer)
	case PeerLeft:
		c.peerLeft(e.Peer)
	case PeerHas:
		for _, content := range e.Contents {
			c.peerHas(e.Peer, wire.HaveItem{Content: content, All: true})
		}
	case Heard:
		c.hear(e.Peer, e.Message)
	case RecipeFound:
		c.recipeFound(e)
	case StageOpened:
		c.stageOpened(e)
	case StageFailed:
		c.fail(e.Content, diskCause(e.Full), e.Reason)
	case PiecesStored:
		for _, t := range e.Tickets {
			c.pieceStored(t)
		}
	case PieceBad:
		c.pieceBad(e)
	case PartCame:
		if s := c.source(e.Peer); s != nil {
			s.lastCame = now
		}
	case RateLimited:
		c.limit.SetRate(now, e.Rate)
	case HavesChecked:
		c.havesChecked(e)
	default:
		panic("bug: swarm core was handed an event it does not know")
	}
	return c.finish()
}

// Tick does what is due.
func (c *Core) Tick(now step.Instant) []Effect {
	c.now, c.out = now, c.out[:0]
	c.releaseStalled()
	if c.recipeDue <= now {
		c.askOthers()
	}
	if c.orphanDue <= now {
		c.giveUp()
		c.askAgain()
		c.findOrphanDue()
	}
	return c.finish()
}

func (c *Core) findOrphanDue() {
	c.orphanDue = step.Never
	if w := c.oldestOrphan(); w != nil {
		c.orphanDue = min(w.since.Add(patience), c.againDue())
	}
}

// orphanDueOf is when something is due for a content as long as nobody holds it.
func orphanDueOf(w *want) step.Instant { return min(w.again, w.since.Add(patience)) }

// Deadline is when something is due.
func (c *Core) Deadline() step.Instant {
	at := min(c.freshDue, c.orphanDue, c.recipeDue)
	for _, s := range c.peers {
		if s.pieces > 0 {
			at = min(at, s.lastCame.Add(stallAfter))
		}
		if s.pause > c.now && len(c.ready) > 0 {
			at = min(at, s.pause)
		}
	}
	if due := c.limit.Due(); due > c.now && len(c.ready) > 0 {
		at = min(at, due)
	}
	return at
}

func (c *Core) finish() []Effect {
	if c.freshDue <= c.now {
		c.tellFresh()
	}
	c.askPieces()
	c.flushQuestions()
	return c.out
}

func (c *Core) emit(f Effect) { c.out = append(c.out, f) }

func (c *Core) source(peer ident.DeviceID) *source {
	for _, s := range c.peers {
		if s.peer == peer {
			return s
		}
	}
	return nil
}

func (c *Core) peerJoined(peer ident.DeviceID) {
	if c.source(peer) != nil {
		return
	}
	c.peers = append(c.peers, &source{peer: peer, lastCame: c.now})
	slices.SortFunc(c.peers, func(a, b *source) int { return slices.Compare(a.peer[:], b.peer[:]) })
	for _, w := range c.sortedWants() {
		c.wantHave[peer] = append(c.wantHave[peer], w.content)
		w.since = c.now
	}
}

func (c *Core) peerLeft(peer ident.DeviceID) {
	s := c.source(peer)
	if s == nil {
		return
	}
	c.takeBack(s)
	c.peers = slices.DeleteFunc(c.peers, func(o *source) bool { return o == s })
	delete(c.wantHave, peer)
	delete(c.wantRecipe, peer)
	for _, w := range c.sortedWants() {
		c.lose(w, peer)
		if w.state == askingRecipe && w.asked == peer {
			w.state, w.parts = findingRecipe, nil
			c.askRecipe(w)
		}
	}
	for content, peers := range c.interest {
		c.interest[content] = slices.DeleteFunc(peers, func(p ident.DeviceID) bool { return p == peer })
		if len(c.interest[content]) == 0 {
			delete(c.interest, content)
		}
	}
	for content, peers := range c.hints {
		c.hints[content] = slices.DeleteFunc(peers, func(p ident.DeviceID) bool { return p == peer })
	}
}

// sortedWants returns the wants in an order that does not depend on the map.
func (c *Core) sortedWants() []*want {
	out := make([]*want, 0, len(c.wants))
	for _, w := range c.wants {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b *want) int { return slices.Compare(a.content[:], b.content[:]) })
	return out
}

// oldestOrphan returns the want that has been without a holder longest, nil when none is.
func (c *Core) oldestOrphan() *want {
	var oldest *want
	for _, w := range c.wants {
		if c.alone(w) && (oldest == nil || w.since < oldest.since) {
			oldest = w
		}
	}
	return oldest
}

// againDue is when contents without a holder are asked about next.
func (c *Core) againDue() step.Instant {
	at := step.Never
	for _, w := range c.wants {
		if c.alone(w) {
			at = min(at, w.again)
		}
	}
	return at
}

// askAgain asks everybody about contents that nobody is known to hold: they may have got
// them, or may have looked at their disk again.
func (c *Core) askAgain() {
	if c.againDue() > c.now {
		return
	}
	for _, w := range c.sortedWants() {
		if !c.alone(w) || w.again > c.now {
			continue
		}
		w.again = c.now.Add(askEvery)
		for _, s := range c.peers {
			if !s.banned && !slices.Contains(c.wantHave[s.peer], w.content) {
				c.wantHave[s.peer] = append(c.wantHave[s.peer], w.content)
			}
		}
	}
}

// giveUp tells the folder of contents that nobody reachable holds.
func (c *Core) giveUp() {
	for _, w := range c.sortedWants() {
		if c.alone(w) && w.since.Add(patience) <= c.now {
			c.fail(w.content, NoHolder, "no connected device has this content")
		}
	}
}

// releaseStalled asks others for what a peer has left unanswered too long.
func (c *Core) releaseStalled() {
	for _, s := range c.peers {
		if s.pieces > 0 && s.lastCame.Add(stallAfter) <= c.now {
			c.takeBack(s)
			s.pause = c.now.Add(stallAfter)
		}
	}
}

// askOthers asks somebody else for the recipes that a peer has not sent in time.
func (c *Core) askOthers() {
	c.recipeDue = step.Never
	for _, w := range c.sortedWants() {
		if w.state != askingRecipe {
			continue
		}
		if w.owed <= c.now {
			c.lose(w, w.asked)
			c.askRecipe(w)
		}
		if w.state == askingRecipe {
			c.recipeDue = min(c.recipeDue, w.owed)
		}
	}
}

// takeBack puts all pieces asked of a peer back among those to ask for.
func (c *Core) takeBack(s *source) {
	var tickets []uint64
	for t, a := range c.asks {
		if a.from == s {
			tickets = append(tickets, t)
		}
	}
	if len(tickets) == 0 {
		return
	}
	slices.Sort(tickets)
	for _, t := range tickets {
		a := c.endAsk(t)
		c.reopen(a.want, a.index)
	}
	c.emit(CancelPieces{Peer: s.peer, Tickets: tickets})
}

func (c *Core) endAsk(ticket uint64) *ask {
	a := c.asks[ticket]
	delete(c.asks, ticket)
	a.from.bytes -= a.size
	a.from.pieces--
	a.want.asking--
	return a
}

func (c *Core) reopen(w *want, index uint32) {
	if c.wants[w.content] != w || w.have[index] {
		return
	}
	w.open = append(w.open, index)
	c.enqueue(w)
	c.noteAlone(w)
}

// alone reports whether nobody is known to hold anything that a want still lacks. Devices
// that hold only what it has already do not help it.
func (c *Core) alone(w *want) bool {
	if len(w.holders) == 0 {
		return true
	}
	if w.state != fetching || w.asking > 0 {
		return false
	}
	for _, index := range w.open {
		for _, h := range w.holders {
			if h.has(index) {
				return false
			}
		}
	}
	return true
}

// noteAlone lets patience count from now on when a want is alone among its holders.
func (c *Core) noteAlone(w *want) {
	if w.left > 0 && len(w.holders) > 0 && c.alone(w) {
		w.since, w.again = c.now, c.now.Add(gonePause)
		c.orphanDue = min(c.orphanDue, orphanDueOf(w))
	}
}

func (c *Core) enqueue(w *want) {
	if !w.queued {
		w.queued = true
		c.ready = append(c.ready, w)
	}
}
