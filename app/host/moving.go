package host

import (
	"sync"
	"sync/atomic"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/swarm"
)

// movingTicket is on questions about the swarm that the host asks by itself.
const movingTicket = 0

// progressLeast is from which size on events tell of the parts of a file that have come:
// smaller ones are there before anybody has read it.
const progressLeast = 8 << 20

// moving is what the swarm of a folder said last of what is on its way.
type moving struct {
	asked atomic.Bool // there is no answer yet
	told  atomic.Pointer[swarm.StandingTold]

	mu     sync.Mutex
	tenths map[ident.ContentID]int // of large files, how much events have told of
}

// askMoving asks the swarm how far it is, while something is to come.
func (r *folderRun) askMoving() {
	r.agent.view.mu.Lock()
	s := r.agent.view.folders[r.id]
	r.agent.view.mu.Unlock()
	if s == nil || s.Folder.Totals.NeedFiles == 0 {
		r.moving.told.Store(nil)
		return
	}
	if r.moving.asked.CompareAndSwap(false, true) {
		r.agent.start(func() { r.post(swarm.StandingAsked{Ticket: movingTicket}) })
	}
}

// movingTold keeps what the swarm said, and lets events tell of each tenth of a large file.
func (r *folderRun) movingTold(told swarm.StandingTold) {
	m := &r.moving
	m.asked.Store(false)
	if len(told.Contents) == 0 {
		m.told.Store(nil)
	} else {
		m.told.Store(&told)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.tenths
	m.tenths = map[ident.ContentID]int{}
	for i := range told.Contents {
		c := &told.Contents[i]
		if c.Size < progressLeast || c.Pieces == 0 {
			continue
		}
		tenth := 10 * c.Have / c.Pieces
		if was, known := old[c.Content]; known && was < tenth {
			shown := showMoving(&told, r.agent.personName)
			item := showItem(c)
			shown.Items, shown.More = []status.Item{item}, 0
			r.agent.events.add(status.Event{Kind: status.ItemProgress, Folder: r.id, Path: c.Name, Moving: shown})
		}
		m.tenths[c.Content] = tenth
	}
}

// shownMoving is what the status of a folder says of what comes to it.
func (r *folderRun) shownMoving(settings *config.Config) *status.Moving {
	told := r.moving.told.Load()
	if told == nil {
		return nil
	}
	return showMoving(told, func(d ident.DeviceID) string { return nameOf(settings, d) })
}

func showMoving(told *swarm.StandingTold, name func(ident.DeviceID) string) *status.Moving {
	out := &status.Moving{Items: []status.Item{}, Peers: []status.Sender{}, More: told.More}
	for i := range told.Contents {
		if i == status.ItemsShown {
			out.More += len(told.Contents) - i
			break
		}
		out.Items = append(out.Items, showItem(&told.Contents[i]))
	}
	for _, p := range told.Peers {
		if len(out.Peers) < status.SendersShown && (p.Near || p.Waiting > 0) {
			out.Peers = append(out.Peers, status.Sender{
				Device: p.Peer, Name: name(p.Peer), RateIn: p.Rate, Asked: p.Asked, Waiting: p.Waiting,
			})
		}
	}
	return out
}

func showItem(c *swarm.ContentStanding) status.Item {
	out := status.Item{Name: c.Name, Size: c.Size, Pieces: c.Pieces, Have: c.Have, Holders: c.Holders, Map: c.Cells}
	if out.Map == nil {
		out.Map = []int{}
	}
	return out
}
