package sim

import (
	"github.com/shoal-sync/shoal/app/node"
	"github.com/shoal-sync/shoal/sync/folder"
	"github.com/shoal-sync/shoal/sync/members"
	"github.com/shoal-sync/shoal/sync/roster"
	"github.com/shoal-sync/shoal/sync/wire"
)

// who says with whom a device shares the folder when it starts: by hand with everybody it
// is linked to, and by what it has kept of what owners said.
func (d *device) who() roster.Config {
	cfg := roster.Config{Self: d.id, Map: members.NewMap(d.world.folder)}
	for _, e := range d.order {
		cfg.Hand = append(cfg.Hand, e.other.device.id)
	}
	return cfg
}

// unanswerable is the question who founded the folder, in worlds where nobody did. It is
// left out, so that these worlds go on as they did before there were founders.
func unanswerable(m wire.Message) bool {
	r, ok := m.(wire.Roster)
	return ok && r.Founding.IsZero()
}

// doMembers carries out what the node orders about members. False: it is something else.
func (d *device) doMembers(effect node.FolderEffect) bool {
	switch effect.(type) {
	case roster.Changed, roster.Answered, roster.TellPlaces, roster.PlacesHeard, folder.Reverting:
	default:
		return false
	}
	return true
}
