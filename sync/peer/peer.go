// Package peer is the conversation with one device about one folder: joining, telling how
// we stand, streaming our change log as fast as the other side takes it in, and letting
// its questions about content through within limits.
//
//	           Opened                 Join heard
//	closed ──────────▶ joining ─────────────────▶ joined
//	  ▲                   │  ▲                       │
//	  │ Closed            ▼  │ Join heard            │ Refuse heard
//	  └──────────────── refused ◀────────────────────┘
//
// While a person here pauses the exchange, every stage but closed is paused instead: the
// peer is told so, and nothing else is said or heard.
//
// It decides what to say and when; the folder core decides what rows mean, the swarm core
// what to ask for. The node joins them.
package peer

import (
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Standing is how our replica stands, as peers are told.
type Standing struct {
	Replica   ident.ReplicaID
	Log       ident.LogID
	Head      uint64 // newest durable row
	Counter   uint64
	Root      [32]byte
	Knowledge version.Vector
	Collected version.Vector // deletes that were forgotten
	Lives     tree.Lives     // of this replica; the last one goes on
	Scanning  bool
	Needs     int64 // rows of any kind that are not yet as they should be
	Held      int64 // among them: names whose deletes wait for a person
	NeedFiles int64
	NeedBytes int64
	Files     int64
	Bytes     int64
	Signed    *wire.SignedRoot // as which it stands, nil for none
}

const (
	// batchesMax is how many Rows messages may be on their way unrecorded: enough to keep
	// a peer busy over a 100 ms round trip, little enough to stop quickly.
	batchesMax = 4
	// frameBytes is where a batch of rows is closed, well below wire.FrameMax.
	frameBytes = 512 << 10
	// statePause keeps State messages to ten a second, however fast the folder changes.
	statePause = 100 * time.Millisecond
	// echoMax bounds the rows remembered so as not to send them back to where they came
	// from. Forgetting one costs a needless row on the wire.
	echoMax = 32 << 10
	// asksMax bounds the pieces one peer may have asked for and not yet got.
	asksMax = 4096
)

type stage uint8

const (
	closed stage = iota
	joining
	joined
	refused
	paused
)

// Core is the conversation with one peer about one folder.
type Core struct {
	folder ident.FolderID
	peer   ident.DeviceID
	ours   Standing
	now    step.Instant
	out    []Effect

	call   uint64 // how often we opened the conversation
	heard  uint64 // the peer's last Call
	stage  stage
	rests  bool // a person paused the exchange
	cast   Cast
	reason wire.RefuseReason
	theirs wire.State
	log    ident.LogID // the peer's change log
	tookUs bool        // theirs holds a State of this link
	holds  uint64      // names whose deletes the peer holds, of this conversation
	held   uint64      // names whose deletes we hold, as the peer was last told
	took   tree.Cursor // how much of the peer's log is recorded here

	sent    uint64  // rows up to this number were sent, or need not be
	told    uint64  // number up to which the peer was last told
	batches []batch // sent, not yet recorded there
	loading bool
	// repairing is set until the peer has told from where our log goes on for it.
	repairing  bool
	metHorizon bool           // the peer's Horizon was heard
	collected  version.Vector // what it said
	theyTook   tree.Cursor    // of our log, as its Join said
	lives      lives
	echo       map[ident.EntryID][32]byte
	foundAs    map[uint64]ident.EntryID // what the peer told that a first scan found, by hashed name

	stateDue  step.Instant
	stateSent step.Instant
	stateOld  bool   // the peer has not been told how we stand now
	stated    uint64 // the Head of the last State
	asks      int
	scratch   []byte

	signedDue  step.Instant // when the peer is told of a signed root
	signedSent step.Instant
	signedTold [64]byte // the last one it was told of

	auditDue step.Instant
	audits   int // that did not make both equal

	toldUs     []tree.Replica // by the peer, last
	checked    []tree.Range   // writes known to be meant that the peer has not been told of
	learnt     []tree.Replica // the peer may not know them yet
	learntDue  step.Instant   // when it is told of them; in the meantime there may be more
	learntSent step.Instant
}

// batch is one Rows message on its way.
type batch struct{ after, upto uint64 }

// New returns the conversation with a peer that is not connected yet.
func New(folder ident.FolderID, peer ident.DeviceID) *Core {
	return &Core{folder: folder, peer: peer, stateDue: step.Never, learntDue: step.Never, auditDue: step.Never, signedDue: step.Never}
}

// Handle takes in what happened and returns what is to be done, in order.
func (c *Core) Handle(now step.Instant, event Event) []Effect {
	c.now, c.out = now, c.out[:0]
	switch e := event.(type) {
	case Opened:
		c.open(e)
	case Closed:
		c.stage, c.asks, c.loading = closed, 0, false
	case Rested:
		c.rest(e.Rests)
	case Cast:
		c.recast(e)
	case Heard:
		c.hear(e.Message, e.Told)
	case Stood:
		c.stand(e.Standing)
	case RowsLoaded:
		c.rowsLoaded(e)
	case RowsRecorded:
		c.took.Log, c.took.Seq = e.Log, e.Upto
		if c.stage == joined {
			c.say(wire.RowsTaken{Folder: c.folder, Log: e.Log, Upto: e.Upto})
		}
	case CheckedLearnt:
		c.learnChecked(e.Ranges)
	case ReplicasLearnt:
		c.learn(e.Replicas)
	case PiecesServed:
		c.asks = max(0, c.asks-e.Count)
	default:
		panic("bug: peer core was handed an event it does not know")
	}
	c.pump()
	return c.out
}

// Tick says how we stand when that has waited long enough.
func (c *Core) Tick(now step.Instant) []Effect {
	c.now, c.out = now, c.out[:0]
	c.pump()
	return c.out
}

// Deadline is when a State, Replicas, a signed root, or an audit are due.
func (c *Core) Deadline() step.Instant {
	return min(c.stateDue, c.learntDue, c.auditDue, c.signedDue)
}

func (c *Core) emit(f Effect)      { c.out = append(c.out, f) }
func (c *Core) say(m wire.Message) { c.emit(Send{m}) }
func (c *Core) drop(reason string) { c.emit(Drop{Reason: reason}) }

func (c *Core) open(e Opened) {
	*c = Core{
		folder: c.folder, peer: c.peer, out: c.out, now: c.now, ours: e.Standing,
		call: c.call + 1, heard: c.heard, rests: c.rests, cast: c.cast, lives: c.lives,
		stage: joining, took: e.Cursor,
		stateDue: step.Never, learntDue: step.Never, auditDue: step.Never, learntSent: c.now.Add(-statePause),
		signedDue: step.Never, signedSent: c.now.Add(-signedPause),
		echo: map[ident.EntryID][32]byte{}, foundAs: map[uint64]ident.EntryID{}, checked: e.Checked,
	}
	if c.rests {
		c.stage = paused
		return
	}
	c.join(e.Cursor, e.Replicas)
}

// recast begins the conversation anew when somebody's role has changed.
func (c *Core) recast(e Cast) {
	if c.cast == e {
		return
	}
	c.cast = e
	if c.stage == joined || c.stage == joining {
		if c.stage == joined {
			c.emit(PeerLeft{})
		}
		c.stage, c.heard = closed, 0
		c.emit(Reopen{})
	}
}

// rest pauses the exchange, or lets it go on from the beginning.
func (c *Core) rest(rests bool) {
	if c.rests == rests {
		return
	}
	c.rests = rests
	switch {
	case c.stage == closed:
	case rests:
		if c.stage == joined {
			c.emit(PeerLeft{})
		}
		c.stage, c.asks, c.loading, c.batches = paused, 0, false, nil
		c.say(wire.Refuse{Folder: c.folder, Reason: wire.FolderPaused})
	default:
		// The peer has given up the conversation: our Join begins a new one.
		c.stage, c.heard = closed, 0
		c.emit(Reopen{})
	}
}

func (c *Core) join(cursor tree.Cursor, replicas []tree.Replica) {
	c.say(wire.Join{
		Folder: c.folder, Replica: c.ours.Replica, Log: c.ours.Log, Head: c.ours.Head,
		TookLog: cursor.Log, TookSeq: cursor.Seq, Root: c.ours.Root, Counter: c.ours.Counter,
		Call: c.call, Answers: c.heard,
		Replicas: replicas[:min(len(replicas), wire.ReplicasMax)],
	})
	c.say(wire.Horizon{Folder: c.folder, Life: c.ours.Lives.Now(), TookLife: cursor.Life, Collected: c.ours.Collected})
}
