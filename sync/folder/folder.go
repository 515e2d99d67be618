// Package folder is the life of one folder on one device: it takes in what a scan found
// and what peers told, asks merge what the entries are now and how they appear, compares
// that with what is on disk, and orders what is missing.
//
//	findings ──▶ local writes ──┐
//	                            ├──▶ records ──▶ view ─┐
//	peers' rows ──▶ join ───────┘                      ├──▶ orders ──▶ outcomes ──▶ base
//	                              what is on disk ─────┘
//
// Three trees meet here: disk (as last scanned), base (what this replica last put there or
// read from there) and wanted (the view). The plan is a function of the three; an order
// that meets something else on disk is refused there, and the name is looked at again.
//
// It moves names, never bytes: contents are fetched by swarm and put in place by disk.
// The node hands it events and carries its effects on.
package folder

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/names"
	"github.com/shoal-sync/shoal/sync/summary"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// Config is what a folder core is made of.
type Config struct {
	Folder   ident.FolderID
	Device   ident.DeviceID
	Index    tree.Index
	State    tree.State
	Totals   tree.Totals
	Summary  *summary.Tree // of the live entries in Index
	Gone     *summary.Tree // of the deleted ones; nil stands for none
	Replicas []tree.Replica
	Cursors  []tree.Cursor
	Intents  []tree.Intent
	Notes    []tree.Note
	// Conflicts are the live entries that ShowsConflict.
	Conflicts []ident.EntryID
	Brake     Brake
	Carry     tree.Carry // which traits this device looks at and sets
	Patterns  ignore.Patterns
	Volume    names.Volume // that the folder is on
	Reader    bool         // this device may only read
	Rand      *rand.Rand   // for ids of new entries
	// Collect is how often it is looked for deleted entries that nobody needs to hear of any
	// more; 0 stands for ten minutes.
	Collect time.Duration
}

// Limits of what a core holds in memory; everything else waits in the index.
const (
	// actsMax bounds orders and fetches under way: enough to keep disks and links busy
	// with small files (a batch of installs is about 100), about 1 KB each.
	actsMax = 2048
	// fetchBytesMax bounds the sizes of the large contents being fetched; one larger
	// content alone is always allowed. Contents up to fetchSmall are bounded by their
	// number: they must not wait until a film has come.
	fetchBytesMax = 1 << 30
	fetchSmall    = 1 << 20
	// queueMax bounds entries waiting to be planned.
	queueMax = 16384
	// waitsMax bounds entries waiting for another entry.
	waitsMax = 8192
	// vanishMax bounds names that vanished and wait for their partner.
	vanishMax = 65536
	// needsPage is how many needy rows are loaded at a time.
	needsPage = 1000
)

// Core is the state machine of one folder. It is not safe for concurrent use.
type Core struct {
	cfg      Config
	index    tree.Index
	view     *merge.View
	fit      *merge.Fit
	alike    *alikes
	patterns ignore.Patterns
	former   []ignore.Patterns // in force before, since the last full scan
	gated    bool              // everything waits for the ignore patterns to arrive
	state    tree.State
	clock    version.Clock
	totals   tree.Totals
	names    map[ident.ReplicaID]tree.Replica

	now    step.Instant
	wall   int64 // unix milliseconds, as last told
	out    []Effect
	orders []tree.Order // given, their intent not recorded yet
	// intendedOrders wait until their intent is durable.
	intendedOrders []tree.Order
	intents        uint64 // number of the newest intent
	intentRoom     int    // bytes that an order of the last one took
	lent           lent
	intended       map[uint64]int // orders of an intent without an outcome
	recalled       []tree.Order   // of an earlier run, to be asked about
	// unsure are those that do not look done, by what they were to put in place.
	unsure   map[ident.ContentID][]*act
	ticket   step.Ticket
	stateNew bool // state differs from what is recorded

	scanning bool // no full scan has ended yet in this life
	// looks counts the scans that are over. A scan may tell of more names than it was to
	// look at, so what it told of is known by it, not by having been asked for.
	looks   uint64
	halfway halfway  // of whom only a part was taken in
	stood   Snapshot // when everything was last durable
	// uncommitted is set while the index holds changes that are not known to be durable.
	uncommitted bool
	due         step.Instant // when Tick has something to do
	waited      step.Instant // when those that wait for others are looked at again
	lookAt      step.Instant // when all that are needed are
	looked      time.Duration

	queue      []ident.EntryID
	marked     int // so many of the queue, from its head, are marked Need
	queued     map[ident.EntryID]bool
	acts       map[ident.EntryID]*act
	tickets    map[step.Ticket]*act
	installing map[ident.ContentID]ident.EntryID // contents being put in place, and by whom
	busy       map[string]int                    // paths with orders under way
	waits      map[ident.EntryID][]ident.EntryID
	waitsOn    map[ident.EntryID]ident.EntryID // the other way round: whom an entry waits for
	inVain     map[ident.EntryID]int           // questions about records that nobody has
	fetches    map[ident.ContentID]*fetch
	fetched    int64 // bytes of the large ones among fetches
	needs      needs

	reader   bool // what changes here is listed, and never written
	locals   map[string]*local
	reported []tree.Finding // being taken in now
	deferred []deferred
	doubts   map[string]bool // by path, of the look that goes on
	vanished map[ident.EntryID]vanish
	brake    braking
	held     holding
	clashes  conflicts
	checked  checked
	undone   map[ident.EntryID]bool // by the entry that would keep the content
	rejected map[ident.EntryID]bool // files that a person wanted back
	// lostDeletes are deletes of this replica whose copies are to end: see noteLostDelete.
	lostDeletes map[ident.EntryID]tree.Content
	troubles    map[ident.EntryID]*Trouble
	retry       []ident.EntryID
	unkept      map[ident.EntryID]attributes
	blocked     map[ident.EntryID]blocked
	inStage     map[ident.ContentID]bool        // after orders that were refused
	emptying    map[ident.EntryID]ident.EntryID // directories blocked by another one, not empty yet
	away        []ident.EntryID                 // shown where they are not placed: see noteAway
	// below counts the entries that are blocked because of a directory.
	below         map[ident.EntryID]int64
	blockedTotals tree.Totals        // what the blocked ones count as needed
	unread        map[string]Trouble // names a scan could not read, by path
	pending       map[ident.DeviceID][]heard
	cursors       map[ident.DeviceID]tree.Cursor
	strangers     map[ident.DeviceID]int        // replicas of no members, by who told of them
	standing      map[ident.DeviceID]PeerStands // of peers that have joined
	repairs       map[ident.DeviceID]*repair
	horizon       horizon
	signed        signing
	// repairNumber is that of the newest repair.
	repairNumber uint64
	answers      []answer
	taken        []RowsTaken       // to be told once durable
	placed       []ident.ContentID // likewise: put in place since the last commit
}

// New returns the core of a folder whose index holds what the rest of the configuration
// says. It fails when the intents cannot be read.
func New(cfg Config) (*Core, error) {
	c := &Core{
		cfg: cfg, index: cfg.Index, state: cfg.State, totals: cfg.Totals,
		clock:      version.Clock{Last: version.Hybrid(cfg.State.Clock)},
		names:      map[ident.ReplicaID]tree.Replica{},
		scanning:   true,
		reader:     cfg.Reader,
		locals:     map[string]*local{},
		doubts:     map[string]bool{},
		due:        step.Never,
		waited:     step.Never,
		lookAt:     step.Never,
		looked:     lookMin,
		queued:     map[ident.EntryID]bool{},
		acts:       map[ident.EntryID]*act{},
		tickets:    map[step.Ticket]*act{},
		busy:       map[string]int{},
		installing: map[ident.ContentID]ident.EntryID{},
		waits:      map[ident.EntryID][]ident.EntryID{},
		waitsOn:    map[ident.EntryID]ident.EntryID{},
		inVain:     map[ident.EntryID]int{},
		fetches:    map[ident.ContentID]*fetch{},
		vanished:   map[ident.EntryID]vanish{},
		brake:      newBraking(cfg.Brake),
		held:       holding{entries: map[ident.EntryID]*held{}},
		clashes:    newConflicts(cfg.Conflicts, cfg.Notes),
		troubles:   map[ident.EntryID]*Trouble{},
		unkept:     map[ident.EntryID]attributes{},
		blocked:    map[ident.EntryID]blocked{},
		inStage:    map[ident.ContentID]bool{},
		emptying:   map[ident.EntryID]ident.EntryID{},
		below:      map[ident.EntryID]int64{},
		unread:     map[string]Trouble{},
		pending:    map[ident.DeviceID][]heard{},
		intended:   map[uint64]int{},
		cursors:    map[ident.DeviceID]tree.Cursor{},
		strangers:  map[ident.DeviceID]int{},
		unsure:     map[ident.ContentID][]*act{},
		standing:   map[ident.DeviceID]PeerStands{},
		repairs:    map[ident.DeviceID]*repair{},
	}
	c.horizon, c.signed = newHorizon(), newSigning(cfg.Gone, cfg.Notes)
	for _, cursor := range cfg.Cursors {
		c.cursors[cursor.Device] = cursor
	}
	for _, r := range cfg.Replicas {
		c.names[r.ID] = r
	}
	c.view = merge.NewView(cfg.Index, func(r ident.ReplicaID) string { return c.names[r].Name })
	c.alike = newAlikes(&c.cfg.Volume, cfg.Index)
	c.fit = merge.NewFit(cfg.Index, c.view, &c.cfg.Volume, c.alikeRows)
	c.needs.rewind()
	c.stand()
	c.holdSigned()
	c.recallUndone(cfg.Notes)
	c.recallAway(cfg.Notes)
	if err := errors.Join(c.recallHeld(cfg.Notes), c.recallChecked(cfg.Notes), c.recallPatterns(cfg.Notes),
		c.recallHalfway(cfg.Notes), c.recallLostDeletes(cfg.Notes)); err != nil {
		return nil, err
	}
	return c, c.recall(cfg.Intents)
}

// Handle takes in what happened and returns what is to be done, in order.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	c.begin(now)
	switch e := event.(type) {
	case FindingsReported:
		c.wall, c.reported = e.Wall, e.Findings
		for i := range e.Findings {
			c.takeFinding(&e.Findings[i])
		}
		c.reported = nil
		c.judgeDeletes()
	case ScanEnded:
		c.scanEnded(e)
	case RowsReceived:
		c.wall = e.Wall
		c.takeRows(e)
	case KnowledgeHeard:
		c.takeKnowledge(e)
	case PeerStands, PeerLeft, AuditAsked, RepairHeard, FoundEntries:
		c.handleRepair(e)
	case SignedWanted, RootSigned, SignedHeard:
		c.handleSigned(e)
	case HorizonHeard, MemberAdded, MemberRemoved, ReaderHeard, DeadLoaded:
		c.handleHorizon(e)
	case ReplicasHeard:
		c.takeReplicas(e.From, e.Replicas)
	case OutcomesReported:
		for i := range e.Outcomes {
			c.takeOutcome(&e.Outcomes[i])
		}
	case ContentsStaged:
		for _, content := range e.Contents {
			c.contentStaged(content)
		}
	case ContentFailed:
		c.contentFailed(e)
	case PeerArrived:
		c.retryMissing()
		c.retryLost()
	case PatternsChanged:
		c.obey(e.Patterns)
	case NeedsLoaded:
		c.needsLoaded(e)
	case RotFound:
		c.takeRot(e)
	case PathAsked:
		c.tellPath(e)
	case ContentAsked:
		c.askContent(e)
	case ContentUsed:
		c.contentUsed(e.Content)
	case HeldAnswered:
		c.answerHeld(e)
	case GiveUpAsked:
		c.giveUp(e)
	case CheckedHeard:
		c.hearChecked(e.From, e.Ranges)
	case BrakeSet:
		c.setBrake(e.Brake)
	case MayWrite, RevertAsked:
		c.handleReader(e)
	case Committed:
		c.committed()
	default:
		panic("bug: folder core was handed an event it does not know")
	}
	return c.finish()
}

// Tick does what is due.
func (c *Core) Tick(now step.Instant) []Effect {
	c.begin(now)
	if len(c.recalled) > 0 {
		c.emit(RecallOrders{Orders: c.recalled})
		c.recalled = nil
	}
	if c.horizon.due <= now {
		c.beginCollecting()
	}
	if c.due <= now {
		c.due = step.Never
		c.forgetVanished()
		c.judgeDeletes()
		c.judgeUnchecked()
		c.judgeOffers()
		c.judgeAlone()
		c.signSoon()
		c.retryTroubles()
		c.meetWaiting()
		c.meetNeeds()
	}
	return c.finish()
}

// Deadline is when the next retry is due.
func (c *Core) Deadline() step.Instant {
	if len(c.queue) > 0 && len(c.acts) < actsMax && !c.scanning && !c.gated {
		return c.now
	}
	return min(c.due, c.horizon.due)
}

// dueAt notes that something is to be done at an instant.
func (c *Core) dueAt(t step.Instant) { c.due = min(c.due, t) }

func (c *Core) begin(now step.Instant) {
	c.now = now
	c.out = c.out[:0]
	if !c.uncommitted {
		c.stood.Locals = len(c.locals)
	}
}

// finish plans what is waiting to be planned, and records what it is about to order.
func (c *Core) finish() []Effect {
	c.planQueued()
	c.markQueued()
	c.checkOwn()
	c.intend()
	c.saveState()
	c.needSoon()
	if !c.uncommitted {
		c.tellTaken()
	}
	if after, ok := c.needs.more(len(c.queue), c.scanning); ok {
		c.out = append(c.out, LoadNeeds{After: after, Limit: needsPage, All: c.needs.sweep})
	}
	return c.out
}

func (c *Core) emit(f Effect) { c.out = append(c.out, f) }

// lookAgain orders a scan of names, after the given time.
func (c *Core) lookAgain(after time.Duration, paths ...string) {
	c.emit(LookAt{Paths: paths, After: after})
}
