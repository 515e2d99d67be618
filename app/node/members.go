package node

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/settle"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Standing returns who shares the folder now.
func (n *Folder) Standing() roster.Standing { return n.roster.Standing() }

func (n *Folder) toRoster(e roster.Event) { n.queue = collect(n.queue, n.roster.Handle(n.now, e)) }

// routeRoster is the part of the table for who shares the folder. False: it reaches the
// world as it is.
func (n *Folder) routeRoster(effect any) bool {
	switch f := effect.(type) {
	case roster.Send:
		n.out = append(n.out, SendTo{f.Device, f.Message})
	case roster.Drop:
		n.out = append(n.out, DropPeer{f.Device, f.Reason})
	case roster.Changed:
		n.setMembers(f.Standing)
		n.out = append(n.out, f)
	default:
		return false
	}
	return true
}

// setMembers opens a conversation with those who share the folder, and no others.
func (n *Folder) setMembers(s roster.Standing) {
	if n.reads && s.Own.MayWrite() {
		n.toFolder(folder.MayWrite{})
		n.toSettle(settle.RescanAsked{})
	}
	// With a folder that was a writer's the host begins anew: it knows that from Changed.
	n.reads = s.Own == members.Reader || n.reads && !s.Own.MayWrite()
	gone := slices.DeleteFunc(slices.Clone(n.order), func(d ident.DeviceID) bool { return s.Role(d) != members.None })
	n.toSwarm(swarm.PeersLeft{Peers: gone})
	for _, d := range gone {
		n.close(d)
		n.toFolder(folder.MemberRemoved{Device: d})
		delete(n.peers, d)
		n.order = slices.DeleteFunc(n.order, func(o ident.DeviceID) bool { return o == d })
		if _, up := n.up[d]; up {
			n.refuse(d)
		}
	}
	for _, p := range s.Partners {
		n.addMember(p.Device)
		n.toPeer(p.Device, n.cast(p.Device))
	}
}

// cast says what both may do.
func (n *Folder) cast(d ident.DeviceID) peer.Cast {
	s := n.roster.Standing()
	return peer.Cast{WeRead: n.reads, TheyRead: s.Role(d) == members.Reader}
}

// mayWrite reports whether a device, this one too, is one that writes to the folder.
func (n *Folder) mayWrite(d ident.DeviceID) bool {
	s := n.roster.Standing()
	return s.Role(d).MayWrite() || d == n.self && s.Own.MayWrite()
}

// refuse tells a device why it does not share the folder.
func (n *Folder) refuse(d ident.DeviceID) {
	n.out = append(n.out, SendTo{d, wire.Refuse{Folder: n.id, Reason: n.roster.Refusal(d)}})
}
