package node

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// route is the table: this effect of that core becomes that event of this core, or
// reaches the world. It runs until no core has anything more to say to another.
func (n *Folder) route() {
	for i := 0; i < len(n.queue); i++ {
		switch f := n.queue[i].(type) {
		case folder.LookAt:
			n.toSettle(settle.LookAsked{Paths: f.Paths, After: f.After})
		case folder.CheckedLearnt:
			for _, d := range n.order {
				n.toPeer(d, peer.CheckedLearnt{Ranges: f.Ranges})
			}
		case folder.ReplicasLearnt:
			for _, d := range n.order {
				n.toPeer(d, peer.ReplicasLearnt{Replicas: f.Replicas})
			}
		case folder.NameMoved:
			n.toSettle(settle.NameMoved{From: f.From, To: f.To})
		case folder.NamePlaced:
			n.toSettle(settle.NamePlaced{Path: f.Path})
		case folder.FetchContent:
			n.toSwarm(swarm.ContentWanted{Content: f.Content, Name: f.Name, Size: f.Size, Old: old(f.Old)})
		case folder.DropContent:
			n.toSwarm(swarm.ContentDropped{Content: f.Content})
			n.out = append(n.out, f)
		case folder.ContentsHeld:
			n.toSwarm(swarm.ContentsHere{Contents: f.Contents})
		case folder.RowsTaken:
			n.toPeer(f.From, peer.RowsRecorded{Log: f.Log, Upto: f.Upto})
		case folder.StandsSigned:
			n.letStand()
		case folder.RolledBack:
			n.out = append(n.out, RenewReplica{f.Told, IndexOld})
		case folder.AwayTooLong:
			n.out = append(n.out, RenewReplica{f.Told, AwayTooLong})
		case folder.RemembersAlone:
			n.out = append(n.out, RenewReplica{f.Told, RemembersAlone})
		case folder.Tell:
			n.tell(f.To, f.Message)
		case folder.DropPeer:
			n.out = append(n.out, DropPeer{f.Peer, f.Reason})
		case swarm.Send:
			n.tell(f.Peer, f.Message)
		case swarm.AsksEnded:
			n.toPeer(f.Peer, peer.PiecesServed{Count: f.Count})
		case swarm.ContentReady:
			n.toFolder(folder.ContentsStaged{Contents: f.Contents})
		case swarm.ContentFailed:
			n.toFolder(folder.ContentFailed{Content: f.Content, Kind: troubles[f.Cause], Reason: f.Reason})
		case peerEffect:
			n.routePeer(f.device, f.effect)
		default:
			if !n.routeRoster(f) {
				n.out = append(n.out, f)
			}
		}
	}
	clear(n.queue)
	n.queue = n.queue[:0]
}

// tell sends what a core has to say about the folder. Whom an answer is for may have stopped
// being a member since it asked: then there is nobody to tell.
func (n *Folder) tell(d ident.DeviceID, m wire.Message) {
	if n.peers[d] != nil {
		n.say(d, m)
	}
}

// say sends a message, and remembers who may know of the newest writes by it.
func (n *Folder) say(d ident.DeviceID, m wire.Message) {
	switch m.(type) {
	case wire.State, wire.Rows, wire.Found, wire.SignedRoot:
		n.told.To(d, n.folder.Snapshot().Counter)
	}
	n.out = append(n.out, SendTo{d, m})
}

// routePeer is the part of the table for conversations.
func (n *Folder) routePeer(d ident.DeviceID, effect peer.Effect) {
	switch f := effect.(type) {
	case peer.Send:
		n.say(d, f.Message)
	case peer.LoadRows:
		n.out = append(n.out, LoadRows{d, f.After, f.Limit})
	case peer.TakeRows:
		n.toSwarm(swarm.PeerHas{Peer: d, Contents: held(f.Rows.Entries, f.Rows.Has)})
		n.toFolder(folder.RowsReceived{
			From: d, Log: f.Rows.Log, After: f.Rows.After, Upto: f.Rows.Upto,
			Entries: f.Rows.Entries, Wall: n.wall,
		})
	case peer.TakeKnowledge:
		n.toFolder(folder.KnowledgeHeard{
			From: d, Log: f.Log, Head: f.Head, Knowledge: f.Knowledge, Wall: n.wall,
		})
	case peer.TakeStanding:
		n.toFolder(folder.PeerStands{From: d, Log: f.Log, Head: f.Head, Root: f.Root})
	case peer.Repair:
		if found, ok := f.Message.(wire.Found); ok {
			n.toSwarm(swarm.PeerHas{Peer: d, Contents: held(found.Entries, found.Has)})
		}
		n.toFolder(folder.RepairHeard{From: d, Message: f.Message, Wall: n.wall})
	case peer.Audit:
		n.toFolder(folder.AuditAsked{From: d})
	case peer.TakeChecked:
		n.toFolder(folder.CheckedHeard{From: d, Ranges: f.Ranges})
	case peer.WantSigned:
		n.toFolder(folder.SignedWanted{})
	case peer.TakeSigned:
		n.toFolder(folder.SignedHeard{From: d, Signed: f.Signed, Trusted: n.mayWrite(f.Signed.Signer()), Wall: n.wall})
	case peer.TakeReplicas:
		n.toFolder(folder.ReplicasHeard{From: d, Replicas: f.Replicas})
	case peer.PeerJoined:
		n.toSwarm(swarm.PeerJoined{Peer: d})
		n.toFolder(folder.PeerArrived{})
	case peer.PeerLeft:
		n.left(d)
	case peer.Content:
		n.toSwarm(swarm.Heard{Peer: d, Message: f.Message})
	case peer.ServePieces:
		n.toSwarm(swarm.PiecesAsked{Peer: d, Items: f.Items})
	case peer.ServeRecipes:
		n.out = append(n.out, ServeRecipes{d, f.Contents})
	case peer.ServeTrash, peer.TrashTold, peer.ServeNames, peer.NamesTold:
		n.out = append(n.out, Question{d, effect})
	case peer.Renew:
		n.open(d)
		n.toPeer(d, peer.Heard{Message: f.Join, Told: n.told.ToOthers(d)})
	case peer.Reopen:
		n.open(d)
	case peer.TakeHeard:
		n.toFolder(folder.ReaderHeard{Device: d, Knowledge: f.Knowledge})
	case peer.TakeHorizon:
		n.toFolder(folder.HorizonHeard{From: d, Life: f.Life, Collected: f.Collected})
	case peer.RolledBack:
		n.out = append(n.out, RenewReplica{d, IndexOld})
	case peer.AwayTooLong:
		n.out = append(n.out, RenewReplica{d, AwayTooLong})
	case peer.Drop:
		n.out = append(n.out, DropPeer{d, f.Reason})
	default:
		panic("bug: folder node met a peer effect it does not know")
	}
}

var troubles = map[swarm.Cause]folder.TroubleKind{
	swarm.NoHolder: folder.ContentMissing, swarm.DiskFailed: folder.DiskFailure, swarm.DiskFull: folder.VolumeFull,
}

func old(o *folder.OldContent) *swarm.Old {
	if o == nil {
		return nil
	}
	return &swarm.Old{Path: o.Path, Content: o.Content, Stat: o.Stat}
}

// held lists the contents that the sender of entries says it has.
func held(entries []tree.Entry, has []bool) []ident.ContentID {
	var out []ident.ContentID
	for i := range entries {
		if has[i] {
			out = append(out, entries[i].Content.ID)
		}
	}
	return out
}
