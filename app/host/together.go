package host

import (
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/swarm"
	"github.com/shoal-sync/shoal/sync/wire"
)

// together is the pieces that the folder's machine wants from other devices, until the loop
// has nothing more to handle or they fill a message. Small files are wanted one by one, and
// a message for each cost both sides more than what it asked for.
type together struct {
	peers []ident.DeviceID // in the order in which they are to be asked
	items map[ident.DeviceID][]wire.PieceAsk
	count int
}

func (w *together) add(f swarm.AskPieces) {
	if w.items == nil {
		w.items = map[ident.DeviceID][]wire.PieceAsk{}
	}
	if len(w.items[f.Peer]) == 0 {
		w.peers = append(w.peers, f.Peer)
	}
	w.items[f.Peer] = append(w.items[f.Peer], f.Items...)
	w.count += len(f.Items)
}

// askPieces asks for what is wanted. Whatever is said of pieces that were asked for, such as
// that they are wanted no more, comes after it.
func (r *folderRun) askPieces() {
	w := &r.together
	if w.count == 0 {
		return
	}
	for _, d := range w.peers {
		items := w.items[d]
		delete(w.items, d)
		l := r.agent.links.to(d)
		if l == nil {
			continue // the link is gone; the swarm hears of it next
		}
		for items = r.fromTrash(items); len(items) > 0; {
			n := min(len(items), wire.AskMax)
			r.agent.sendOn(l, wire.AskPieces{Folder: r.id, Items: l.asks.add(r, items[:n])})
			items = items[n:]
		}
	}
	w.peers, w.count = w.peers[:0], 0
}
