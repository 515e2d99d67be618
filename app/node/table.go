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
		case folder.FetchContent:
			n.toSwarm(swarm.ContentWanted{Content: f.Content, Size: f.Size, Old: old(f.Old)})
		case folder.DropContent:
			n.toSwarm(swarm.ContentDropped{Content: f.Content})
			n.out = append(n.out, f)
		case folder.ContentsHeld:
			n.toSwarm(swarm.ContentsHere{Contents: f.Contents})
		case folder.RowsTaken:
			n.toPeer(f.From, peer.RowsRecorded{Log: f.Log, Upto: f.Upto})
		case folder.Tell:
			n.out = append(n.out, SendTo{f.To, f.Message})
		case folder.DropPeer:
			n.out = append(n.out, DropPeer{f.Peer, f.Reason})
		case swarm.Send:
			n.out = append(n.out, SendTo{f.Peer, f.Message})
		case swarm.ContentReady:
			n.toFolder(folder.ContentStaged{Content: f.Content})
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

// routePeer is the part of the table for conversations.
func (n *Folder) routePeer(d ident.DeviceID, effect peer.Effect) {
	switch f := effect.(type) {
	case peer.Send:
		n.out = append(n.out, SendTo{d, f.Message})
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
		n.toFolder(folder.CheckedHeard{Ranges: f.Ranges})
	case peer.TakeReplicas:
		n.toFolder(folder.ReplicasHeard{Replicas: f.Replicas})
	case peer.PeerJoined:
		n.toSwarm(swarm.PeerJoined{Peer: d})
		n.toFolder(folder.PeerArrived{})
	case peer.PeerLeft:
		n.left(d)
	case peer.Content:
		n.toSwarm(swarm.Heard{Peer: d, Message: f.Message})
	case peer.ServePieces:
		n.out = append(n.out, ServePieces{d, f.Items})
	case peer.ServeRecipes:
		n.out = append(n.out, ServeRecipes{d, f.Contents})
	case peer.ServeTrash:
		n.out = append(n.out, ServeTrash{d, f.Ticket})
	case peer.TrashTold:
		n.out = append(n.out, TrashTold{d, f.Trash})
	case peer.Renew:
		n.open(d)
		n.toPeer(d, peer.Heard{Message: f.Join})
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
