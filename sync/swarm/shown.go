package swarm

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// cellsMax is in how many cells a piece map is drawn, however many pieces there are.
	cellsMax = 60
	// shownMax is of how many contents a person is told; of the others the number.
	shownMax = 100
)

// StandingAsked: a person wants to see who has what. Answered by StandingTold.
type StandingAsked struct{ Ticket step.Ticket }

// StandingTold shows the swarm of a folder as it is now.
type StandingTold struct {
	Ticket   step.Ticket
	Peers    []PeerStanding
	Contents []ContentStanding
	More     int // contents being fetched that are not listed
}

// PeerStanding is how a peer stands in the swarm.
type PeerStanding struct {
	Peer    ident.DeviceID
	Near    bool // pieces are exchanged with it
	Banned  bool
	Paused  bool          // it is not asked for a while: it is busy, or has stalled
	Rate    int64         // bytes a second it delivered of late
	Latency time.Duration // from ask to answer
	Asked   int           // pieces on their way from it
	Came    int64         // bytes that came from it
	Waiting int           // pieces it asked for that have not been sent
	Went    int64         // bytes that were sent to it
	Reason  string        // what is wrong with it, for people; empty for nothing
}

// ContentStanding is how far a content has come.
type ContentStanding struct {
	Content ident.ContentID
	Name    string // of a file that wants it
	Size    int64
	Pieces  int // zero while it is not known how it is cut
	Have    int
	Asked   int // pieces on their way
	Holders int // peers that hold some of it
	// Rarest is how many peers hold the piece that fewest do, of those lacking here.
	Rarest int
	// Cells says of parts of the file, in order, how many percent of their pieces are here.
	Cells []int
}

func (StandingAsked) event() {}
func (StandingTold) effect() {}

func (c *Core) tellStanding(e StandingAsked) {
	told := StandingTold{Ticket: e.Ticket}
	for _, s := range c.peers {
		told.Peers = append(told.Peers, c.peerStanding(s))
	}
	wants := slices.DeleteFunc(c.sortedWants(), func(w *want) bool { return w.of != nil })
	slices.SortStableFunc(wants, func(a, b *want) int { return int(min(1, max(-1, b.size-a.size))) })
	told.More = max(0, len(wants)-shownMax)
	for _, w := range wants[:len(wants)-told.More] {
		told.Contents = append(told.Contents, c.contentStanding(w))
	}
	c.emit(told)
}

func (c *Core) peerStanding(s *source) PeerStanding {
	p := PeerStanding{
		Peer: s.peer, Near: s.near, Banned: s.banned, Paused: s.pause > c.now,
		Latency: s.latency, Asked: s.pieces, Came: s.delivered, Reason: c.reason(s),
	}
	if c.now.Since(s.since) < 4*measureTime {
		p.Rate = int64(s.rate)
	}
	if a := c.uploads.of(s.peer); a != nil {
		p.Waiting, p.Went = len(a.queue)+len(a.hand), a.sent
	}
	return p
}

func (c *Core) contentStanding(w *want) ContentStanding {
	out := ContentStanding{
		Content: w.content, Name: w.name, Size: w.size, Pieces: len(w.pieces), Asked: w.asking,
		Holders: len(w.holders),
	}
	if !w.placed {
		return out
	}
	out.Have, out.Rarest = len(w.pieces)-w.left, -1
	p := &c.open[w.class]
	cells := min(cellsMax, len(w.pieces))
	out.Cells = make([]int, cells)
	for i := range cells {
		from, to := i*len(w.pieces)/cells, (i+1)*len(w.pieces)/cells
		have := 0
		for j := from; j < to; j++ {
			if w.have[j] {
				have++
			} else if n := int(p.count[w.first+j]); out.Rarest < 0 || n < out.Rarest {
				out.Rarest = n
			}
		}
		out.Cells[i] = 100 * have / (to - from)
	}
	out.Rarest = max(0, out.Rarest)
	return out
}
