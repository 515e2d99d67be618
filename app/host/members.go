package host

import (
	"maps"
	"slices"

	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/wire"
)

// setMember notes who is to be told when the folder ends, and tells the machine.
func (r *folderRun) setMember(d ident.DeviceID, member bool) {
	r.mu.Lock()
	if member {
		r.members[d] = true
	} else {
		delete(r.members, d)
	}
	r.mu.Unlock()
	if member {
		r.post(node.MemberAdded{Device: d})
	} else {
		r.post(node.MemberRemoved{Device: d})
	}
}

// tellMembers tells all connected members why this folder does not answer any more.
func (r *folderRun) tellMembers(reason wire.RefuseReason) {
	r.mu.Lock()
	members := slices.Collect(maps.Keys(r.members))
	r.mu.Unlock()
	for _, d := range members {
		if l := r.agent.links.to(d); l != nil {
			r.agent.sendOn(l, wire.Refuse{Folder: r.id, Reason: reason})
		}
	}
}
