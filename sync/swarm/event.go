package swarm

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/pace"
	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Event is something that happened.
type Event interface{ event() }

// Old is a file in the folder that may share pieces with a content.
type Old struct {
	Path    string
	Content ident.ContentID
	Stat    tree.Stat
}

// ContentWanted: the folder wants a content in the stage.
type ContentWanted struct {
	Content ident.ContentID
	Name    string // of a file that it is for, to be shown
	Size    int64
	Old     *Old
}

// ContentDropped: the folder does not want it any more.
type ContentDropped struct{ Content ident.ContentID }

// ContentsHere: contents are in place in the folder, and whoever looks there finds them.
type ContentsHere struct{ Contents []ident.ContentID }

// PeerJoined: a peer shares this folder on a link that is up.
type PeerJoined struct{ Peer ident.DeviceID }

// PeerLeft: it does not any more.
type PeerLeft struct{ Peer ident.DeviceID }

// PeersLeft: these share it no more, all at once: what was asked of one of them is not asked
// of another.
type PeersLeft struct{ Peers []ident.DeviceID }

// PeerHas: a peer's rows said that it holds these contents whole.
type PeerHas struct {
	Peer     ident.DeviceID
	Contents []ident.ContentID
}

// Heard: a peer said something about content.
type Heard struct {
	Peer    ident.DeviceID
	Message wire.Message
}

// RecipeFound answers FindRecipe; the zero Recipe says it is not on this device.
type RecipeFound struct {
	Content ident.ContentID
	Recipe  recipe.Recipe
}

// StageOpened answers OpenStage. Present[i] is set when piece i is there already.
type StageOpened struct {
	Content ident.ContentID
	Present []bool
}

// StageFailed: the stage of a content cannot be opened or written.
type StageFailed struct {
	Content ident.ContentID
	Full    bool // for want of space
	Reason  string
}

// PiecesStored: asked pieces came, are what they were asked to be, and are in the stage.
type PiecesStored struct{ Tickets []uint64 }

// PieceBad: what came for an ask is not what was asked for, or could not be stored.
type PieceBad struct {
	Ticket uint64
	// Ours is set when the disk, not the peer, is to blame; Reason says how.
	Ours   bool
	Full   bool // for want of space
	Reason string
}

// HavesChecked answers CheckHaves, content by content.
type HavesChecked struct {
	Peer     ident.DeviceID
	Contents []ident.ContentID
	Here     []bool
}

// PartCame: a part of an asked piece came. Pieces of a large file take long on a slow link,
// and a peer that is sending is not one that has stalled.
type PartCame struct{ Peer ident.DeviceID }

// RateLimited: from now on no more is asked for than comes in at a rate; zero lifts the
// limit.
type RateLimited struct{ Rate pace.Rate }

// PiecesAsked: a peer, which may have them, asks this device for pieces.
type PiecesAsked struct {
	Peer  ident.DeviceID
	Items []wire.PieceAsk
}

// PiecesServed answers Serve, possibly in parts: the link is done with so many more pieces,
// in the order in which they were handed to it.
type PiecesServed struct {
	Peer  ident.DeviceID
	Count int
}

// AsksCanceled: a peer takes asks back. Those that were served have no meaning any more.
type AsksCanceled struct {
	Peer    ident.DeviceID
	Tickets []uint64
}

// PolicyChosen says by which policy peers are given what they ask for.
type PolicyChosen struct{ Policy Policy }

// OrderChosen says whether pieces are asked for in order, as somebody who reads a file
// while it comes needs them, or, as ever else, the rarest first.
type OrderChosen struct{ InOrder bool }

// DegreeChosen says with how many peers pieces are exchanged at most, from the next peer on.
type DegreeChosen struct{ Most int }

func (DegreeChosen) event()   {}
func (OrderChosen) event()    {}
func (PolicyChosen) event()   {}
func (PiecesAsked) event()    {}
func (PiecesServed) event()   {}
func (AsksCanceled) event()   {}
func (PartCame) event()       {}
func (RateLimited) event()    {}
func (ContentWanted) event()  {}
func (ContentDropped) event() {}
func (ContentsHere) event()   {}
func (PeerJoined) event()     {}
func (PeerLeft) event()       {}
func (PeersLeft) event()      {}
func (PeerHas) event()        {}
func (Heard) event()          {}
func (RecipeFound) event()    {}
func (StageOpened) event()    {}
func (StageFailed) event()    {}
func (PiecesStored) event()   {}
func (PieceBad) event()       {}
func (HavesChecked) event()   {}

// Effect is an order to the world.
type Effect interface{ effect() }

// Send says something to a peer.
type Send struct {
	Peer    ident.DeviceID
	Message wire.Message
}

// AskPieces asks a peer for pieces. Each is answered by PiecesStored, PieceBad or a
// NoPiece that is Heard. Tickets are unique in this folder; the host makes them unique on
// the link.
type AskPieces struct {
	Peer  ident.DeviceID
	Items []wire.PieceAsk
}

// CancelPieces takes asks back; nothing answers them any more.
type CancelPieces struct {
	Peer    ident.DeviceID
	Tickets []uint64
}

// YieldPieces asks a peer to leave pieces to others, unless it has begun with them.
type YieldPieces struct {
	Peer    ident.DeviceID
	Tickets []uint64
}

// FindRecipe looks for a recipe on this device.
type FindRecipe struct{ Content ident.ContentID }

// OpenStage opens, or reopens, the stage of a content of several pieces and keeps its
// recipe. Pieces that Old holds are taken from there. What is staged of Prospect, when it is
// set, is what the stage begins with.
type OpenStage struct {
	Content  ident.ContentID
	Recipe   recipe.Recipe
	Old      *Old
	Prospect recipe.ProspectID
}

// CheckHaves asks which contents are whole on this device.
type CheckHaves struct {
	Peer     ident.DeviceID
	Contents []ident.ContentID
}

// ContentReady: every piece of these contents is in the stage.
type ContentReady struct{ Contents []ident.ContentID }

// ContentFailed: it cannot be had at the moment; it is not looked for any more.
type ContentFailed struct {
	Content ident.ContentID
	Cause   Cause
	Reason  string
}

// Cause is why a content cannot be had.
type Cause uint8

// The causes.
const (
	NoHolder Cause = iota
	DiskFailed
	DiskFull
)

// PeerBanned: a peer sent wrong pieces and is not asked again for an hour.
type PeerBanned struct {
	Peer   ident.DeviceID
	Reason string
}

// Serve lets pieces be read and sent to a peer, in this order.
type Serve struct {
	Peer  ident.DeviceID
	Items []wire.PieceAsk
}

// AsksEnded: so many asks of a peer ended without being served.
type AsksEnded struct {
	Peer  ident.DeviceID
	Count int
}

func (YieldPieces) effect()   {}
func (Serve) effect()         {}
func (AsksEnded) effect()     {}
func (Send) effect()          {}
func (AskPieces) effect()     {}
func (CancelPieces) effect()  {}
func (FindRecipe) effect()    {}
func (OpenStage) effect()     {}
func (CheckHaves) effect()    {}
func (ContentReady) effect()  {}
func (ContentFailed) effect() {}
func (PeerBanned) effect()    {}
