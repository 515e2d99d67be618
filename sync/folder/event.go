package folder

import (
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/ignore"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Event is something that happened to the folder.
type Event interface{ event() }

// FindingsReported: a scan has something to say about names. Parents come before what is
// in them. Wall is the wall clock in unix milliseconds.
type FindingsReported struct {
	Findings []tree.Finding
	Wall     int64
}

// ScanEnded: a scan is over; all of its findings were reported before.
type ScanEnded struct {
	Full    bool     // of the whole folder
	Names   []string // looked at one by one, when not of the whole folder
	Again   []string // changed while they were read: nothing was told of what is there
	Problem string   // why it could not be done; empty when it was
}

// RowsReceived: a peer's log brought entries: everything with After < number <= Upto.
type RowsReceived struct {
	From    ident.DeviceID
	Log     ident.LogID
	After   uint64
	Upto    uint64
	Entries []tree.Entry
	Wall    int64
}

// KnowledgeHeard: a peer whose log stands at Head knows this much. It becomes our
// knowledge once we have taken in that log up to Head.
type KnowledgeHeard struct {
	From      ident.DeviceID
	Log       ident.LogID
	Head      uint64
	Knowledge version.Vector
	Wall      int64
}

// PeerStands: a peer has joined; this is its log, how far that goes, and its root.
type PeerStands struct {
	From ident.DeviceID
	Log  ident.LogID
	Head uint64
	Root [32]byte
}

// HorizonHeard: a peer has forgotten deletes that these writes cover.
type HorizonHeard struct {
	From      ident.DeviceID
	Life      uint64 // of the peer
	Collected version.Vector
}

// MemberAdded: a device shares the folder.
type MemberAdded struct{ Device ident.DeviceID }

// MemberRemoved: it does not any more.
type MemberRemoved struct{ Device ident.DeviceID }

// ReaderHeard: a reader has heard of this much.
type ReaderHeard struct {
	Device    ident.DeviceID
	Knowledge version.Vector
}

// DeadLoaded answers LoadDead.
type DeadLoaded struct {
	Rows []tree.Row
	End  bool // there are no more after these
	Wall int64
}

// PeerLeft: the conversation with a peer is over.
type PeerLeft struct{ From ident.DeviceID }

// AuditAsked: a peer and we have told each other everything, and stand differently.
type AuditAsked struct{ From ident.DeviceID }

// RepairHeard: a peer asked, or answered, what is said in a repair.
type RepairHeard struct {
	From    ident.DeviceID
	Message wire.Message
	Wall    int64
}

// FoundEntries answers LoadDeleted. After is where to ask on, 0 when that was all.
type FoundEntries struct {
	To      ident.DeviceID
	Repair  uint64
	Entries []tree.Entry
	Has     []bool // as long as Entries
	After   uint64
}

// ReplicasHeard: a peer told which replicas share the folder.
type ReplicasHeard struct {
	From     ident.DeviceID
	Replicas []tree.Replica
}

// OutcomesReported: orders were carried out or refused.
type OutcomesReported struct{ Outcomes []tree.Outcome }

// ContentsStaged: fetched contents are complete and verified in the stage. Those that came
// together are told together: the orders that follow share one intent.
type ContentsStaged struct{ Contents []ident.ContentID }

// ContentFailed: a content cannot be had at the moment.
type ContentFailed struct {
	Content ident.ContentID
	Kind    TroubleKind // ContentMissing, VolumeFull or DiskFailure
	Reason  string
}

// PeerArrived: a peer shares the folder now; what nobody had may be had.
type PeerArrived struct{}

// PatternsChanged: other names are ignored from now on.
type PatternsChanged struct{ Patterns ignore.Patterns }

// NeedsLoaded answers LoadNeeds.
type NeedsLoaded struct {
	Rows []tree.Row
	End  bool // there are no more after these
}

// MayWrite: this device is a reader no more. Everything is to be looked at anew. A device
// that becomes a reader begins with a new index instead, and a new core.
type MayWrite struct{}

// RevertAsked: a person wants the members' version wherever there are local changes.
type RevertAsked struct{ Ticket step.Ticket }

// Committed: everything applied to the index so far is durable.
type Committed struct{}

func (FindingsReported) event() {}
func (ScanEnded) event()        {}
func (RowsReceived) event()     {}
func (KnowledgeHeard) event()   {}
func (PeerStands) event()       {}
func (HorizonHeard) event()     {}
func (MemberAdded) event()      {}
func (MemberRemoved) event()    {}
func (ReaderHeard) event()      {}
func (DeadLoaded) event()       {}
func (PeerLeft) event()         {}
func (AuditAsked) event()       {}
func (RepairHeard) event()      {}
func (FoundEntries) event()     {}
func (ReplicasHeard) event()    {}
func (OutcomesReported) event() {}
func (ContentsStaged) event()   {}
func (ContentFailed) event()    {}
func (PeerArrived) event()      {}
func (PatternsChanged) event()  {}
func (NeedsLoaded) event()      {}
func (MayWrite) event()         {}
func (RevertAsked) event()      {}
func (Committed) event()        {}

// Effect is an order to the world.
type Effect interface{ effect() }

// Execute changes the disk. Each order is answered in an OutcomesReported.
type Execute struct{ Orders []tree.Order }

// RecallOrders asks how orders ended that were given before a crash. Nothing is changed:
// each is answered by what the disk shows, in an OutcomesReported.
type RecallOrders struct{ Orders []tree.Order }

// LoadNeeds asks for rows marked Need, or with All for all rows, whose number is above
// After, in order of number.
type LoadNeeds struct {
	After uint64
	Limit int
	All   bool
}

// LookAt asks for a scan of names, not before the given time has passed.
type LookAt struct {
	Paths []string
	After time.Duration
}

// ReplicasLearnt tells of replicas that were not known before: peers are to hear of them
// before they hear of what these wrote.
type ReplicasLearnt struct{ Replicas []tree.Replica }

// NameMoved tells that an order has moved a name, so that looks at it go to the new place.
type NameMoved struct{ From, To string }

// NamePlaced tells that what an order has put under a name is recorded now.
type NamePlaced struct{ Path string }

// RowsTaken tells that a peer's log has been taken in, durably, up to a number.
type RowsTaken struct {
	From ident.DeviceID
	Log  ident.LogID
	Upto uint64
}

// Tell says something to a peer.
type Tell struct {
	To      ident.DeviceID
	Message wire.Message
}

// LoadDeleted asks for up to FoundMax durable entries, in order of number, that are deleted,
// whose number is above After, and that the knowledge does not cover (tree.Entry.KnownBy).
type LoadDeleted struct {
	To        ident.DeviceID
	Repair    uint64
	After     uint64
	Knowledge version.Vector
}

// LoadDead asks for up to Limit rows of deleted entries whose number is above After, in
// order of number, as the core itself would read them.
type LoadDead struct {
	After uint64
	Limit int
}

// FoundMax is how many entries answer one LoadDeleted.
const FoundMax = wire.RowsMax

// DropPeer ends the link to a peer that broke the rules.
type DropPeer struct {
	Peer   ident.DeviceID
	Reason string
}

// FetchContent asks for a content to be staged. Old, when set, is what the entry holds on
// disk now: pieces found there need not be fetched.
type FetchContent struct {
	Content ident.ContentID
	Name    string // of the file, to be shown
	Size    int64
	Old     *OldContent
}

// OldContent is a file in the folder that may share pieces with a content.
type OldContent struct {
	Path    string
	Content ident.ContentID
	Stat    tree.Stat
}

// ContentsHeld tells that contents were put in place, durably: peers can be served them.
type ContentsHeld struct{ Contents []ident.ContentID }

// DropContent takes a FetchContent back.
type DropContent struct{ Content ident.ContentID }

// Reverting answers RevertAsked: so many local changes are being put back.
type Reverting struct {
	Ticket  step.Ticket
	Changes int
}

// Notice tells people what happened to a name.
type Notice struct {
	Kind   NoticeKind
	Path   string
	Detail string
}

// NoticeKind is what a Notice is about.
type NoticeKind uint8

// The kinds of notices.
const (
	ItemStarted NoticeKind = iota + 1
	ItemFinished
	LocalChange
	RemoteChange
	ConflictKept
	ProblemFound
	DeletesHeld
)

func (Execute) effect()        {}
func (RecallOrders) effect()   {}
func (LoadNeeds) effect()      {}
func (LookAt) effect()         {}
func (ReplicasLearnt) effect() {}
func (NameMoved) effect()      {}
func (NamePlaced) effect()     {}
func (Tell) effect()           {}
func (LoadDeleted) effect()    {}
func (LoadDead) effect()       {}
func (DropPeer) effect()       {}
func (FetchContent) effect()   {}
func (ContentsHeld) effect()   {}
func (DropContent) effect()    {}
func (RowsTaken) effect()      {}
func (Reverting) effect()      {}
func (Notice) effect()         {}
