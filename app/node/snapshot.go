package node

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/peer"
	"github.com/shoal-sync/shoal/sync/wire"
)

// Member is how one member of a folder stands, as far as we know.
type Member struct {
	Device ident.DeviceID
	// A link is up; the folder is shared with us on it; it is verified to be equal to us.
	Linked, Joined, Equal bool
	Refused               bool
	Reason                wire.RefuseReason
	Theirs                wire.State
	Holds                 uint64 // names whose deletes it holds until a person there has answered
}

// Snapshot is how a folder and its members stand now.
type Snapshot struct {
	Folder   folder.Snapshot
	Members  []Member // by device id
	Troubles []folder.Trouble
	Held     []folder.HeldBatch // oldest first
	// Conflicts are the entries that people see as conflict copies.
	Conflicts []ident.EntryID
}

// troublesShown is how many troubles a person is shown at once.
const troublesShown = 100

// Snapshot returns how the folder and its members stand now.
func (n *Folder) Snapshot() Snapshot {
	s := Snapshot{Folder: n.folder.Snapshot(), Troubles: n.folder.Troubles(troublesShown, n.swarm.Comes), Held: n.folder.Held(), Conflicts: n.folder.Conflicts()}
	s.Folder.Scanning = s.Folder.Scanning || n.settle.Doubtful()
	for _, d := range n.order {
		s.Members = append(s.Members, n.member(n.peers[d]))
	}
	return s
}

func (n *Folder) member(c *peer.Core) Member {
	_, up := n.up[c.Peer()]
	m := Member{
		Device: c.Peer(), Linked: up, Joined: c.Connected(), Equal: c.Equal(),
		Theirs: c.Theirs(), Holds: c.Holds(),
	}
	m.Reason, m.Refused = c.Refused()
	return m
}
