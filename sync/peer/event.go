package peer

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Event is something that happened to the conversation.
type Event interface{ event() }

// Opened: a link to the peer is there. Cursor is how much of the peer's log we have.
type Opened struct {
	Standing Standing
	Cursor   tree.Cursor
	Replicas []tree.Replica
	Checked  []tree.Range // all writes known to be meant
}

// CheckedLearnt: more writes are known to be meant.
type CheckedLearnt struct{ Ranges []tree.Range }

// Closed: the link is gone, or the peer is no member any more.
type Closed struct{}

// Heard: the peer said something about this folder. Told is the highest number of our own
// writes that it can have heard of before this conversation: what this replica had written
// when it was started, or has told to others since.
type Heard struct {
	Message wire.Message
	Told    uint64
}

// Stood: our replica stands differently now.
type Stood struct{ Standing Standing }

// RowsLoaded answers LoadRows: rows with After < number <= Upto. Has[i] is set when the
// content of Rows[i] is on disk here.
type RowsLoaded struct {
	After uint64
	Upto  uint64
	Rows  []tree.Row
	Has   []bool
}

// RowsRecorded: rows of the peer's log are durable here up to a number.
type RowsRecorded struct {
	Log  ident.LogID
	Upto uint64
}

// ReplicasLearnt: we have heard of replicas that the peer may not know.
type ReplicasLearnt struct{ Replicas []tree.Replica }

// PiecesServed: so many of the peer's asks have been answered, one way or another.
type PiecesServed struct{ Count int }

// Rested: a person here paused the exchange with the peer, or let it go on.
type Rested struct{ Rests bool }

// Cast: what this device and the peer may do. What a reader tells of the tree is not
// believed, and a reader does not tell of it.
type Cast struct{ WeRead, TheyRead bool }

func (Rested) event()         {}
func (Cast) event()           {}
func (Opened) event()         {}
func (Closed) event()         {}
func (Heard) event()          {}
func (Stood) event()          {}
func (RowsLoaded) event()     {}
func (RowsRecorded) event()   {}
func (ReplicasLearnt) event() {}
func (CheckedLearnt) event()  {}
func (PiecesServed) event()   {}

// Effect is an order to the world.
type Effect interface{ effect() }

// Send says something to the peer.
type Send struct{ Message wire.Message }

// LoadRows asks for up to Limit durable rows of our log after a number.
type LoadRows struct {
	After uint64
	Limit int
}

// TakeRows hands the peer's rows to the folder.
type TakeRows struct{ Rows wire.Rows }

// TakeKnowledge hands what the peer knows to the folder; see folder.KnowledgeHeard.
type TakeKnowledge struct {
	Log       ident.LogID
	Head      uint64
	Knowledge version.Vector
}

// TakeHeard tells what a reader says it has heard of. It is not ours to rely on, but deletes
// are kept until it has heard of them.
type TakeHeard struct{ Knowledge version.Vector }

// TakeStanding hands the peer's log and root to the folder, which knows whether it can go
// on with that log.
type TakeStanding struct {
	Log  ident.LogID
	Head uint64
	Root [32]byte
}

// Repair hands a question or an answer of a repair to the folder.
type Repair struct{ Message wire.Message }

// Audit asks the folder to find out why the peer and we differ, though both have told all.
type Audit struct{}

// TakeReplicas hands the replicas the peer told of to the folder.
type TakeReplicas struct{ Replicas []tree.Replica }

// TakeChecked hands the writes that the peer knows to be meant to the folder.
type TakeChecked struct{ Ranges []tree.Range }

// TakeSigned hands a writer's signed word on how it stood to the folder, for it to verify.
type TakeSigned struct{ Signed wire.SignedRoot }

// WantSigned asks for a signature on how this device stands, for a reader.
type WantSigned struct{}

// PeerJoined lets the swarm ask this peer.
type PeerJoined struct{}

// PeerLeft ends that.
type PeerLeft struct{}

// Reopen: the exchange goes on, and is to be opened anew while there is a link.
type Reopen struct{}

// Content hands a message about content to the swarm: Have, WantHave, Recipes, NoPiece.
type Content struct{ Message wire.Message }

// ServePieces lets the peer's asks be answered. PiecesServed counts them back.
type ServePieces struct{ Items []wire.PieceAsk }

// ServeRecipes lets the peer's question for recipes be answered; PiecesServed counts them
// back like pieces.
type ServeRecipes struct{ Contents []ident.ContentID }

// ServeTrash lets the peer be told what the trash holds; PiecesServed counts it back.
type ServeTrash struct{ Ticket uint64 }

// TrashTold: the peer told what its trash holds.
type TrashTold struct{ Trash wire.TrashHeld }

// ServeNames lets the peer be told which names have its words; PiecesServed counts it back.
type ServeNames struct{ Asked wire.AskNames }

// NamesTold: the peer told which of its names have our words.
type NamesTold struct{ Found wire.NamesFound }

// Renew asks the node to open the conversation anew, and then to let this Join be heard:
// the peer began anew.
type Renew struct{ Join wire.Join }

// TakeHorizon hands the peer's life, and what it has forgotten, to the folder.
type TakeHorizon struct {
	Life      uint64
	Collected version.Vector
}

// RolledBack: the peer remembers writes of this replica that it does not remember itself.
// The folder must begin anew: it would give numbers out twice.
type RolledBack struct{}

// AwayTooLong: the peer has forgotten deletes that this replica has not heard of. The
// folder must begin anew: it would bring deleted files back as if they were new.
type AwayTooLong struct{}

// Drop ends the link: the peer broke the rules.
type Drop struct{ Reason string }

func (Send) effect()          {}
func (LoadRows) effect()      {}
func (TakeRows) effect()      {}
func (TakeKnowledge) effect() {}
func (TakeStanding) effect()  {}
func (Repair) effect()        {}
func (Audit) effect()         {}
func (TakeReplicas) effect()  {}
func (TakeChecked) effect()   {}
func (TakeSigned) effect()    {}
func (WantSigned) effect()    {}
func (PeerJoined) effect()    {}
func (PeerLeft) effect()      {}
func (Content) effect()       {}
func (ServePieces) effect()   {}
func (ServeRecipes) effect()  {}
func (ServeTrash) effect()    {}
func (TrashTold) effect()     {}
func (ServeNames) effect()    {}
func (NamesTold) effect()     {}
func (Renew) effect()         {}
func (Reopen) effect()        {}
func (TakeHorizon) effect()   {}
func (TakeHeard) effect()     {}
func (RolledBack) effect()    {}
func (AwayTooLong) effect()   {}
func (Drop) effect()          {}
