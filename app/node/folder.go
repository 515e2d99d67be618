// Package node joins the cores of one device and decides nothing: an effect of one core
// becomes an event of another, or reaches the world. The same node runs in a person's
// laptop (app/host) and in the simulator (internal/sim).
//
// A device has one Device machine (where devices are, which link serves them) and one
// Folder machine for each folder (settle, folder, swarm, and a peer core for each member).
package node

import (
	"math/rand/v2"
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/wire"
)

// FolderEvent is an event of one of the cores of a folder (folder.Event, settle.Event,
// swarm.Event) or one of the structs of this package.
type FolderEvent any

// FolderEffect is what reaches the world: folder.Execute, RecallOrders, LoadNeeds,
// DropContent and Notice; settle.ScanNames and ScanFolder; swarm.AskPieces, YieldPieces,
// CancelPieces, Serve, FindRecipe, OpenStage, OpenPart, DropProspect, CheckHaves and
// PeerBanned; roster.Sign, Save, Changed, Answered, TellPlaces and PlacesHeard;
// folder.SignRoot; or one of the structs of this package.
type FolderEffect any

// ScanFinished: a look that settle ordered is over, after all its findings.
type ScanFinished struct {
	Full    bool
	Names   []string // looked at, when not of the whole folder
	Problem string
	Look    settle.LookFinished
}

// PeerConnected: a device is spoken with on a link now. Told again of the same link it is
// no news: two Joins on one link would be answered with two, and those again.
type PeerConnected struct {
	Device ident.DeviceID
	Link   uint64
}

// PeerLost: it is not any more.
type PeerLost struct{ Device ident.DeviceID }

// MessageHeard: a device said something about this folder. Wall is in unix milliseconds.
type MessageHeard struct {
	Device  ident.DeviceID
	Message wire.Message
	Wall    int64
}

// RowsLoaded answers LoadRows.
type RowsLoaded struct {
	Device ident.DeviceID
	Page   peer.RowsLoaded
}

// PiecesServed answers swarm.Serve, ServeRecipes and ServeTrash, possibly in parts: so many
// asks are over, so many of them for pieces.
type PiecesServed struct {
	Device ident.DeviceID
	Count  int
	Pieces int
}

// PauseChanged says with whom the folder rests from now on: with everybody, or with the
// given devices. Looking at the disk goes on.
type PauseChanged struct {
	All     bool
	Devices []ident.DeviceID
}

// Covers reports whether the folder rests with a device.
func (p PauseChanged) Covers(d ident.DeviceID) bool { return p.All || slices.Contains(p.Devices, d) }

// SendTo says something to a device.
type SendTo struct {
	Device  ident.DeviceID
	Message wire.Message
}

// LoadRows asks for durable rows of the folder's log.
type LoadRows struct {
	Device ident.DeviceID
	After  uint64
	Limit  int
}

// ServeRecipes lets recipes be read and sent to a device.
type ServeRecipes struct {
	Device   ident.DeviceID
	Contents []ident.ContentID
}

// AskMembers asks the members who share the folder now something, some excepted. It is
// answered by MembersAsked, which says who was asked.
type AskMembers struct {
	Ticket   uint64 // as in the question
	Question wire.Message
	Except   []ident.DeviceID
}

// MembersAsked answers AskMembers.
type MembersAsked struct {
	Ticket   uint64
	Question wire.Message
	Devices  []ident.DeviceID
}

// Question is about what people ask other devices: a device is to be answered, or has told
// a part of an answer. Effect is ServeTrash, TrashTold, ServeNames or NamesTold.
type Question struct {
	Device ident.DeviceID
	Effect peer.Effect
}

// DropPeer ends the link to a device that broke the rules.
type DropPeer struct {
	Device ident.DeviceID
	Reason string
}

// RenewReplica ends the folder's life and begins another one as a new replica: what is on
// disk is found as if for the first time, and nothing is taken for deleted.
type RenewReplica struct {
	Peer ident.DeviceID // who made it known
	Why  RenewReason
}

// RenewReason is why a replica cannot go on.
type RenewReason uint8

// The reasons.
const (
	IndexOld       RenewReason = iota + 1 // a peer remembers what this replica wrote, not its index
	AwayTooLong                           // peers have forgotten deletes that it has not heard of
	RemembersAlone                        // it may only read, and nobody else has what it was told
)

// Folder joins the cores of one folder.
type Folder struct {
	id     ident.FolderID
	self   ident.DeviceID
	settle *settle.Core
	folder *folder.Core
	swarm  *swarm.Core
	roster *roster.Core
	reads  bool // this device may only read
	peers  map[ident.DeviceID]*peer.Core
	order  []ident.DeviceID          // members, sorted
	up     map[ident.DeviceID]uint64 // links of connected devices, members or not
	rest   PauseChanged              // with whom nothing is exchanged
	told   peer.Told                 // of what this replica wrote
	now    step.Instant
	wall   int64
	queue  []any
	out    []FolderEffect
}

// NewFolder joins the cores of a folder that is shared as the second argument says. Chance
// is split between the cores. It fails when what the index holds cannot be understood.
func NewFolder(cfg folder.Config, who roster.Config, chance *rand.Rand) (*Folder, error) {
	split := func() *rand.Rand { return rand.New(rand.NewPCG(chance.Uint64(), chance.Uint64())) }
	cfg.Rand = split()
	who.Self = cfg.Device
	shared := roster.New(cfg.Folder, who)
	cfg.Reader = shared.Standing().Own == members.Reader
	core, err := folder.New(cfg)
	if err != nil {
		return nil, err
	}
	n := &Folder{
		id: cfg.Folder, self: cfg.Device, settle: settle.New(split(), cfg.Volume), folder: core,
		swarm: swarm.New(cfg.Folder, cfg.Device, split()), roster: shared, reads: cfg.Reader,
		told:  peer.NewTold(cfg.State.Counter),
		peers: map[ident.DeviceID]*peer.Core{}, up: map[ident.DeviceID]uint64{},
	}
	n.setMembers(n.roster.Standing())
	return n, nil
}

// Handle takes in what happened and returns what reaches the world, in order.
func (n *Folder) Handle(now step.Instant, event FolderEvent) []FolderEffect {
	n.now, n.out = now, n.out[:0]
	switch e := event.(type) {
	case folder.Event:
		n.toFolder(folder.Knowing(e, n.swarm.Coming))
	case settle.Event:
		n.toSettle(e)
	case swarm.Event:
		n.toSwarm(e)
	case roster.Event:
		n.toRoster(e)
	case ScanFinished:
		n.toFolder(folder.ScanEnded{Full: e.Full, Names: e.Names, Again: e.Look.Again, Problem: e.Problem})
		n.toSettle(e.Look)
		if n.folder.Durable() { // else Committed follows, and tells of what was found too
			n.tellStanding()
		}
	case PauseChanged:
		n.rest = e
		for _, d := range n.order {
			n.toPeer(d, peer.Rested{Rests: e.Covers(d)})
		}
	case PeerConnected:
		if link, up := n.up[e.Device]; !up || link != e.Link {
			n.up[e.Device] = e.Link
			n.toRoster(roster.Connected{Device: e.Device})
			n.open(e.Device)
		}
	case PeerLost:
		delete(n.up, e.Device)
		n.toRoster(roster.Lost{Device: e.Device})
		n.close(e.Device)
	case MessageHeard:
		n.wall = e.Wall
		n.hear(e)
	case RowsLoaded:
		n.toPeer(e.Device, e.Page)
	case Sync:
		n.out = append(n.out, Synced(e))
	case AskMembers:
		n.askMembers(e)
	case PiecesServed:
		n.toPeer(e.Device, peer.PiecesServed{Count: e.Count})
		n.toSwarm(swarm.PiecesServed{Peer: e.Device, Count: e.Pieces})
	default:
		panic("bug: folder node was handed an event it does not know")
	}
	n.route()
	if _, committed := event.(folder.Committed); committed {
		n.tellStanding()
	}
	return n.out
}

// Tick lets every core do what is due.
func (n *Folder) Tick(now step.Instant) []FolderEffect {
	n.now, n.out = now, n.out[:0]
	n.queue = collect(n.queue, n.settle.Tick(now))
	n.queue = collect(n.queue, n.folder.Tick(now))
	n.queue = collect(n.queue, n.swarm.Tick(now))
	n.queue = collect(n.queue, n.roster.Tick(now))
	for _, d := range n.order {
		if c := n.peers[d]; c.Deadline() <= now {
			n.queue = append(n.queue, from(d, c.Tick(now))...)
		}
	}
	n.route()
	return n.out
}

// Deadline is the earliest of all cores.
func (n *Folder) Deadline() step.Instant {
	at := step.Earliest(n.settle.Deadline(), n.folder.Deadline(), n.swarm.Deadline(), n.roster.Deadline())
	for _, d := range n.order {
		at = min(at, n.peers[d].Deadline())
	}
	return at
}

func (n *Folder) toFolder(e folder.Event) { n.queue = collect(n.queue, n.folder.Handle(n.now, e)) }
func (n *Folder) toSettle(e settle.Event) { n.queue = collect(n.queue, n.settle.Handle(n.now, e)) }
func (n *Folder) toSwarm(e swarm.Event)   { n.queue = collect(n.queue, n.swarm.Handle(n.now, e)) }

func (n *Folder) toPeer(d ident.DeviceID, e peer.Event) {
	if c := n.peers[d]; c != nil {
		n.queue = append(n.queue, from(d, c.Handle(n.now, e))...)
	}
}

// peerEffect is an effect of the conversation with one device.
type peerEffect struct {
	device ident.DeviceID
	effect peer.Effect
}

func from(d ident.DeviceID, effects []peer.Effect) []any {
	out := make([]any, len(effects))
	for i, f := range effects {
		out[i] = peerEffect{d, f}
	}
	return out
}

func collect[F any](queue []any, effects []F) []any {
	for _, f := range effects {
		queue = append(queue, f)
	}
	return queue
}

func (n *Folder) addMember(d ident.DeviceID) {
	if n.peers[d] != nil {
		return
	}
	n.peers[d] = peer.New(n.id, d)
	n.toPeer(d, peer.Rested{Rests: n.rest.Covers(d)})
	n.toPeer(d, n.cast(d))
	n.order = append(n.order, d)
	slices.SortFunc(n.order, func(a, b ident.DeviceID) int { return slices.Compare(a[:], b[:]) })
	n.toFolder(folder.MemberAdded{Device: d})
	n.open(d)
}

// open begins the conversation with a member that is connected.
func (n *Folder) open(d ident.DeviceID) {
	if _, up := n.up[d]; up && n.peers[d] != nil {
		n.toPeer(d, peer.Opened{
			Standing: n.standing(), Cursor: n.folder.Cursor(d), Replicas: n.folder.Replicas(), Checked: n.folder.Checked(),
		})
	}
}

func (n *Folder) close(d ident.DeviceID) {
	n.toPeer(d, peer.Closed{})
	n.left(d)
}

func (n *Folder) left(d ident.DeviceID) {
	n.toSwarm(swarm.PeerLeft{Peer: d})
	n.toFolder(folder.PeerLeft{From: d})
}

// hear lets members be heard; to others the folder does not exist. Who is a member is a
// matter between those it concerns, members already or not.
func (n *Folder) hear(e MessageHeard) {
	switch e.Message.(type) {
	case wire.Roster, wire.Records, wire.Whereabouts:
		n.toRoster(roster.Heard{Device: e.Device, Message: e.Message})
		return
	}
	if n.peers[e.Device] != nil {
		if _, join := e.Message.(wire.Join); join {
			n.told.Anew(e.Device)
		}
		n.toPeer(e.Device, peer.Heard{Message: e.Message, Told: n.told.ToOthers(e.Device)})
		return
	}
	if _, join := e.Message.(wire.Join); join {
		n.refuse(e.Device)
	}
}

// tellStanding lets every conversation know how the folder stands now.
func (n *Folder) tellStanding() {
	n.letStand()
	n.route()
}

func (n *Folder) letStand() {
	s := n.standing()
	for _, d := range n.order {
		n.toPeer(d, peer.Stood{Standing: s})
	}
}

func (n *Folder) standing() peer.Standing {
	s := n.folder.Snapshot()
	return peer.Standing{
		Replica: s.Replica, Log: s.Log, Head: s.Head, Counter: s.Counter, Root: s.Root,
		Knowledge: s.Knowledge, Collected: s.Collected, Lives: s.Lives, Scanning: s.Scanning || n.settle.Doubtful(),
		Needs: s.Totals.Needs + s.Held, Held: s.Held, NeedFiles: s.Totals.NeedFiles, NeedBytes: s.Totals.NeedBytes,
		Files: s.Totals.Files, Bytes: s.Totals.Bytes, Signed: s.Signed,
	}
}

func (n *Folder) askMembers(e AskMembers) {
	asked := MembersAsked{Ticket: e.Ticket, Question: e.Question}
	for _, d := range n.order {
		if n.peers[d].Connected() && !slices.Contains(e.Except, d) {
			n.out = append(n.out, SendTo{d, e.Question})
			asked.Devices = append(asked.Devices, d)
		}
	}
	n.out = append(n.out, asked)
}
