// Package wire is every message two devices say to each other, as values and byte by
// byte. It decides nothing: the peer core and the device core send and receive these
// values, the host turns them into frames and back, the simulator asks for their sizes.
//
// A frame is one message: a type byte, then the fields of the message in the order
// declared here. Lengths and numbers are unsigned varints unless said otherwise, ids are
// raw bytes. A decoder refuses a frame that is longer than FrameMax, that ends early, or
// whose counts exceed the limits named here, before it allocates for them. Bytes after
// the last known field belong to a newer program and are ignored; unknown message types
// are skipped. docs/wire.md shows the layout.
package wire

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// ProtocolVersion is spoken by this program. Devices with another major version refuse
// each other with a clear reason; additions that old programs can skip do not raise it.
// Version 1 cut the trees of summaries into other branches, so that it never finds itself
// equal to this one.
const ProtocolVersion = 2

// Limits of a message. A frame beyond one of them ends the link.
const (
	FrameMax     = 1 << 20   // bytes of a frame: a slice and its header, or a batch of rows
	SliceMax     = 256 << 10 // bytes of content in one frame, so metadata is never far behind
	RowsMax      = 1000      // entries in one Rows
	AskMax       = 1024      // pieces or recipes asked for in one message
	HaveMax      = 1024      // contents told of in one Have
	PiecesMax    = 1 << 22   // pieces of one content, as many as a recipe may have
	NameMax      = 255       // bytes of a device name
	ReasonMax    = 1024      // bytes of a reason
	ReplicasMax  = 3500      // replicas of one folder, so that a Join with the longest names fits
	FoldersMax   = 4096      // folders two devices share
	RecipeMax    = 900 << 10 // bytes of recipes in one Recipes; a longer one comes in parts
	KnowledgeMax = 10000     // replicas in a knowledge vector
)

// Message is one of the structs below.
type Message interface{ message() }

// Hello is the first message on a link, from both sides.
type Hello struct {
	Version uint64
	Name    string // the sender's device name
	Client  string // program and version, for people
}

// Ping asks for a Pong with the same number; together they measure the round trip and
// show that the other side lives.
type Ping struct{ Nonce uint64 }

// Pong answers a Ping.
type Pong struct{ Nonce uint64 }

// Goodbye says why the sender is about to close the link.
type Goodbye struct{ Reason string }

// Join opens the conversation about one folder. Nothing else about that folder is
// answered before a device has joined it, and only members may.
type Join struct {
	Folder   ident.FolderID
	Replica  ident.ReplicaID
	Log      ident.LogID // the sender's change log
	Head     uint64      // number of its newest row
	TookLog  ident.LogID // the receiver's log as the sender knows it, zero if it never met it
	TookSeq  uint64      // rows of that log the sender has taken in
	Root     [32]byte    // state summary
	Counter  uint64      // the sender's last own write
	Call     uint64      // how often the sender has opened this conversation
	Answers  uint64      // the receiver's last Call that the sender has heard, 0 for none
	Replicas []tree.Replica
}

// Replicas tells of replicas that the sender has learnt of since its Join. It comes before
// the first rows they wrote, so that whoever shows these can say who wrote them.
type Replicas struct {
	Folder   ident.FolderID
	Replicas []tree.Replica
}

// Refuse answers a Join that will not be served.
type Refuse struct {
	Folder ident.FolderID
	Reason RefuseReason
}

// RefuseReason says why a folder is not served.
type RefuseReason uint8

// The reasons. Unknown numbers are shown as "refused".
const (
	NotMember    RefuseReason = iota + 1 // the sender does not share this folder with you
	FolderPaused                         // a person paused it
	FolderBroken                         // the folder has a problem at the sender's side
	CloneFound                           // two replicas with one identity
)

// Reasons about membership.
const (
	Removed  RefuseReason = 20 // an owner ended the receiver's membership
	LeftHere RefuseReason = 21 // an owner ended the sender's own membership
)

// State tells how the sender's replica stands. It is sent after Join and whenever it
// changed, at most a few times a second.
type State struct {
	Folder    ident.FolderID
	Head      uint64
	Root      [32]byte
	Knowledge version.Vector
	Scanning  bool
	NeedFiles uint64 // 0 and the same root: verified equal
	NeedBytes uint64
	Files     uint64
	Bytes     uint64
}

// Rows carries entries of the sender's log: everything with After < number <= Upto.
// Has[i] is set when the content of Entries[i] is complete at the sender.
type Rows struct {
	Folder  ident.FolderID
	Log     ident.LogID
	After   uint64
	Upto    uint64
	Entries []tree.Entry
	Has     []bool // as long as Entries
}

// RowsTaken tells that rows up to this number are recorded; it opens the window for more.
type RowsTaken struct {
	Folder ident.FolderID
	Log    ident.LogID
	Upto   uint64
}

// WantHave asks which pieces of these contents the receiver has, now and whenever it gets
// more, until the link ends or the content is complete at both.
type WantHave struct {
	Folder   ident.FolderID
	Contents []ident.ContentID
}

// Have tells which pieces of some contents the sender has.
type Have struct {
	Folder ident.FolderID
	Items  []HaveItem
}

// HaveItem is one content of a Have: all of it, or the listed pieces in addition to those
// told before. Neither: none of it.
type HaveItem struct {
	Content ident.ContentID
	All     bool
	Pieces  []uint32 // increasing
}

// AskRecipes asks for recipes.
type AskRecipes struct {
	Folder   ident.FolderID
	Contents []ident.ContentID
}

// RecipePart is bytes of an encoded recipe. A recipe that is not there has Total 0.
type RecipePart struct {
	Content ident.ContentID
	Total   uint64 // bytes of the whole encoding
	Offset  uint64
	Body    []byte
}

// Recipes answers AskRecipes, in one message or several.
type Recipes struct {
	Folder ident.FolderID
	Parts  []RecipePart
}

// AskPieces asks for pieces. Tickets are the asker's and unique on the link.
type AskPieces struct {
	Folder ident.FolderID
	Items  []PieceAsk
}

// PieceAsk names one piece: which content, which piece of it, and the chunk expected.
type PieceAsk struct {
	Ticket  uint64
	Content ident.ContentID
	Index   uint32
	Chunk   ident.ChunkID
	Size    uint32
}

// CancelPieces takes back asks that are no longer needed.
type CancelPieces struct{ Tickets []uint64 }

// Slice carries bytes of an asked piece, in order of offset.
type Slice struct {
	Ticket uint64
	Offset uint32
	Body   []byte
}

// NoPiece answers an ask that cannot be served.
type NoPiece struct {
	Ticket uint64
	Reason NoReason
}

// NoReason says why a piece is not served.
type NoReason uint8

// The reasons. Unknown numbers are treated as Gone.
const (
	Gone       NoReason = iota + 1 // it is not, or no longer, here
	Busy                           // too much asked at once; ask again after a while
	NotAllowed                     // not a member, or not of this folder
	Unreadable                     // the disk cannot read it at the moment
	Given                          // others get it first; they will have it soon
	Yielded                        // left to others, as was asked for
)

func (Hello) message()        {}
func (Ping) message()         {}
func (Pong) message()         {}
func (Goodbye) message()      {}
func (Join) message()         {}
func (Refuse) message()       {}
func (Replicas) message()     {}
func (State) message()        {}
func (Rows) message()         {}
func (RowsTaken) message()    {}
func (WantHave) message()     {}
func (Have) message()         {}
func (AskRecipes) message()   {}
func (Recipes) message()      {}
func (AskPieces) message()    {}
func (CancelPieces) message() {}
func (Slice) message()        {}
func (NoPiece) message()      {}
