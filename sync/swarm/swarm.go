// Package swarm decides which piece to ask from whom, how many at once, and when to give
// up and ask another: for all contents one folder is fetching, from all peers that share
// it. Every device that holds a piece serves it, long before it holds the whole.
//
// A content goes through these states; one that is a single piece needs no recipe:
//
//	wanted ──▶ finding its recipe ──▶ opening its stage ──▶ fetching ──▶ complete
//
// Choice of piece: the one fewest peers hold, ties by chance; in order when there is but
// one peer, whom nobody else asks. Choice of peer: whoever's window is emptiest, and each
// window is as large as what its peer delivers in a short time. What peers ask of this
// device waits in uploads, which decides whom to give what first. It knows ids and sizes;
// bytes pass from the link to the stage without it. The node hands it events and carries
// its effects on.
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
	// havePause is the least time between two messages about pieces that became available.
	// One alone is told of at once. While fewer than fewWait pieces wait to be sent it is
	// haveSoon.
	havePause = 30 * time.Millisecond
	haveSoon  = 5 * time.Millisecond
	fewWait   = 8
	// busyPause is how long a peer that answered Busy is left alone.
	busyPause = 500 * time.Millisecond
	// hintsMax bounds what is remembered of who has contents not being fetched. For each of
	// them few holders are: whoever wants it asks those that are near anyway.
	hintsMax     = 65536
	hintPeersMax = 32
	// checksMax is how many questions of one peer the index may be asked at once. More are
	// dropped: a peer that floods has no answer, one that does not never gets there.
	checksMax = 64
	// badMax is how many wrong pieces a peer may send before it is not asked for long: one
	// may be a bit that flipped, two are a lie or a dying disk.
	badMax = 2
)

// Core fetches the contents of one folder. It is not safe for concurrent use.
type Core struct {
	folder ident.FolderID
	self   ident.DeviceID
	rand   *rand.Rand
	now    step.Instant
	out    []Effect
	ticket uint64

	wants map[ident.ContentID]*want
	peers []*source
	asks  map[uint64]*ask
	// open holds the pieces to ask for of small contents, those of the others, and those of
	// prospects.
	open    [classes]picker
	queue   [classes][]*want // with open pieces, oldest first; some may have none any more
	inOrder bool
	lan     map[ident.DeviceID]bool // who is on this network, joined or not
	// cameAt is when a piece came last, farAsked when far peers were asked for want of that,
	// impatient is set while they are.
	cameAt    step.Instant
	lackSince step.Instant // since when there is something to ask for
	farAsked  step.Instant
	impatient bool
	// nearMost is with how many peers pieces are exchanged.
	nearMost int
	uploads  uploads

	hints     map[ident.ContentID][]ident.DeviceID // who said to hold contents not yet wanted
	hintOrder []ident.ContentID
	liars     map[ident.DeviceID]liar
	interest  map[ident.ContentID][]ident.DeviceID // who wants to hear of a content
	fresh     map[ident.ContentID][]uint32         // pieces not yet told of
	freshDue  step.Instant
	freshTold step.Instant
	// orphanDue is when something is due for a content without a holder. It is kept,
	// because looking at all contents at every event would cost too much.
	orphanDue step.Instant
	endGameAt step.Instant // when the last pieces are looked at again
	recipeDue step.Instant // when to look whether recipes that were asked for come

	wantHave   map[ident.DeviceID][]ident.ContentID
	wantRecipe map[ident.DeviceID][]ident.ContentID

	limit pace.Bucket // what may be asked for, when a person limits it

	prospects prospects
}

// The classes of contents: those of a lower one are asked for first.
const (
	smallClass = iota
	largeClass
	prospectClass
	classes
)

// want is one content being fetched.
type want struct {
	content ident.ContentID
	name    string
	size    int64
	old     *Old
	state   wantState
	since   step.Instant // when it last had a holder, or was wanted
	again   step.Instant // when everybody is asked again, without a holder
	denied  bool         // since the last piece came, who held it turned out not to
	sought  bool         // it was looked for on this device itself
	pieces  []recipe.Chunk
	have    []bool
	asked   []uint8 // how many peers are asked for a piece now
	class   int     // which picker holds its pieces
	first   int     // slot of its first piece there
	placed  bool    // it has slots there
	queued  bool    // it is in the queue of its class
	cursor  int     // no piece before it is open
	left    int     // pieces not yet stored
	asking  int     // asks for its pieces that have not come
	holders map[ident.DeviceID]*holding
	tellers []*teller    // who is asked for its recipe
	beside  step.Instant // when another one is asked for it beside them

	of       *prospect // of which it is a part; nil for a content
	silent   bool      // nobody is told what is here of it
	heirOf   *prospect // whose parts the stage begins with, until it is open
	inherits int       // how many chunks of them are its own
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
	pieces pieceSet
}

func (h *holding) has(i uint32) bool { return h.all || h.pieces.has(int(i)) }

// New returns the swarm core of a folder on a device. Chance decides between equally rare
// pieces.
func New(folder ident.FolderID, self ident.DeviceID, chance *rand.Rand) *Core {
	return &Core{
		folder: folder, self: self, rand: chance, lan: map[ident.DeviceID]bool{}, freshDue: step.Never, orphanDue: step.Never,
		recipeDue: step.Never, freshTold: -step.Instant(havePause),
		open:       [classes]picker{{chance: chance}, {chance: chance}, {chance: chance}},
		nearMost:   nearMax,
		uploads:    uploads{given: map[ident.ContentID]*given{}},
		wants:      map[ident.ContentID]*want{},
		asks:       map[uint64]*ask{},
		prospects:  prospects{late: map[ident.ContentID]int{}},
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
		c.tellHere(e.Contents)
		c.endProspectsOf(e.Contents)
	case PeerJoined:
		c.peerJoined(e.Peer)
	case PeerPlaced:
		c.peerPlaced(e)
	case PeerLeft:
		c.peerLeft(e.Peer)
	case PeersLeft:
		c.peersLeft(e.Peers)
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
	case PartRead:
		c.partRead(e)
	case ProspectRead:
		c.prospectRead(e)
	case PartOpened:
		c.partOpened(e)
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
	case PiecesAsked:
		c.piecesAsked(e)
	case PiecesServed:
		c.piecesServed(e)
	case StandingAsked:
		c.tellStanding(e)
	case DegreeChosen:
		c.nearMost = max(2, e.Most)
	case OrderChosen:
		c.inOrder = e.InOrder
	case PolicyChosen:
		c.uploads.policy, c.uploads.stirred = e.Policy, true
	case AsksCanceled:
		c.asksCanceled(e)
	default:
		panic("bug: swarm core was handed an event it does not know")
	}
	return c.finish()
}

// Tick does what is due.
func (c *Core) Tick(now step.Instant) []Effect {
	c.now, c.out = now, c.out[:0]
	c.releaseStalled()
	c.endGame()
	c.askFar()
	c.noteSlow()
	c.choke()
	c.uploads.findLost(c.now)
	c.endProspects()
	c.pardon()
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
	at := min(c.freshDue, c.orphanDue, c.recipeDue, c.endGameDue(), c.uploads.slowDue(), c.uploads.chokeDue(),
		c.uploads.spread.lostDue(), c.prospectsDue(), c.farDue())
	waiting := len(c.open[smallClass].order)+len(c.open[largeClass].order)+len(c.open[prospectClass].order) > 0
	for _, s := range c.peers {
		if s.pieces > 0 {
			at = min(at, s.lastCame.Add(c.stallOf(s)), s.overdue)
		}
		if s.banned {
			at = min(at, s.banEnds)
		}
		if s.pause > c.now && waiting {
			at = min(at, s.pause)
		}
		if s.avoidDue > c.now && waiting {
			at = min(at, s.avoidDue)
		}
	}
	if due := c.limit.Due(); due > c.now && waiting {
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
	c.serveNext()
	return c.out
}

func (c *Core) emit(f Effect) { c.out = append(c.out, f) }

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
		c.seekHere(w)
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

// alone reports whether nobody is known to hold anything that a want still lacks. Devices
// that hold only what it has already do not help it.
func (c *Core) alone(w *want) bool {
	if len(w.holders) == 0 {
		return true
	}
	if w.state != fetching || w.asking > 0 {
		return false
	}
	p := &c.open[w.class]
	for i := w.cursor; i < len(w.pieces); i++ {
		if p.isOpen(w.first+i) && p.count[w.first+i] > 0 {
			return false
		}
	}
	return true
}

// noteAlone lets patience count from now on when a want is alone among its holders.
func (c *Core) noteAlone(w *want) {
	if w.left > 0 && len(w.holders) > 0 && c.alone(w) {
		c.startPatience(w)
	}
}

// startPatience lets patience count, unless it does already: a peer that says it holds a
// content, and that it does not when it is asked for it, must not keep it waiting for ever.
// For parts of prospects there is none: whoever reads the file tells of them again.
func (c *Core) startPatience(w *want) {
	if !w.denied {
		w.since = c.now
	}
	w.again = c.now.Add(gonePause)
	if w.of != nil {
		w.since, w.again = c.now.Add(-patience), step.Never
	}
	c.orphanDue = min(c.orphanDue, orphanDueOf(w))
}
