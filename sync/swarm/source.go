package swarm

import (
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
)

const (
	// nearMax is how many peers a folder exchanges pieces with. Ten by chance join any
	// number of devices into one swarm in which nobody is far from anybody; what it costs a
	// device does not grow with the folder's members.
	nearMax = 10
	// queueTime is how much of a peer's own work is asked of it ahead: enough that its
	// link never rests, little enough that what it holds is not waited for.
	queueTime = 400 * time.Millisecond
	// windowLeast is where the window of a peer begins. However slow it is, it keeps
	// windowBase, and windowFloor pieces: one on its way and one waiting.
	windowLeast = 1 << 20
	windowBase  = 64 << 10
	windowFloor = 2
	// measureTime is over how long a peer's rate is measured.
	measureTime = 250 * time.Millisecond
	// stallLeast is how long a peer is waited for at least. Its host tells every second
	// that parts of a piece are coming.
	stallLeast = 4 * time.Second
	// overdueLeast is how long one ask is waited for at least while others are answered.
	overdueLeast = 10 * time.Second
	// stallDoublings is how often the pause of a peer that stalls again and again doubles.
	stallDoublings = 3
	// stallTimes is how many times as long as usual an answer may take.
	stallTimes = 8
)

// source is a peer that may be asked.
type source struct {
	peer      ident.DeviceID
	lan       bool              // it is on this device's own network
	brought   step.Instant      // when it told last of a piece that nobody else here has
	idle      bool              // on this network, and has brought nothing for long
	near      bool              // pieces are exchanged with it
	holds     [classes]pieceSet // slots of the pickers that it holds
	bytes     int64             // asked and not yet come
	pieces    int
	asks      []*ask // on their way, oldest first; those over are taken out late
	lastCame  step.Instant
	pause     step.Instant // not to be asked before
	bad       int
	trouble   trouble
	banned    bool
	banEnds   step.Instant // when it is tried again, while it is banned
	checks    int          // questions of this peer that the index is being asked
	awaits    int          // pieces that others were asked to leave to it
	yields    int          // pieces that it was asked to leave to others
	delivered int64        // bytes that came and were right
	overdue   step.Instant // no ask of it is overdue before; kept, because asks are many
	dry       bool         // it was found to hold nothing to be asked for, and no news came since

	curious   int               // of how many contents it wants to hear
	interests []ident.ContentID // those it asked about first before others, and some that were

	avoid    map[avoided]step.Instant // pieces that it gives to others first
	avoidDue step.Instant

	window  int64         // how many bytes may be on their way
	rate    float64       // bytes a second it has delivered of late
	latency time.Duration // from ask to answer, smoothed; zero until the first
	counted int64         // bytes that came since
	since   step.Instant
}

// avoided is a piece of a picker.
type avoided struct{ class, slot int }

func (c *Core) source(peer ident.DeviceID) *source {
	for _, s := range c.peers {
		if s.peer == peer {
			return s
		}
	}
	return nil
}

func (c *Core) peerJoined(peer ident.DeviceID) {
	if c.source(peer) != nil {
		return
	}
	s := &source{peer: peer, lan: c.lan[peer], lastCame: c.now, since: c.now, brought: c.now, window: windowLeast}
	c.recallLies(s)
	c.peers = append(c.peers, s)
	slices.SortFunc(c.peers, func(a, b *source) int { return slices.Compare(a.peer[:], b.peer[:]) })
	c.seat(s)
}

func (c *Core) nearCount() (n int) {
	for _, s := range c.peers {
		if s.near {
			n++
		}
	}
	return n
}

// approach begins to exchange pieces with a peer: it is asked what it holds of everything
// that is wanted.
func (c *Core) approach(s *source) {
	s.near, s.dry = true, false
	c.tellProspects(s)
	for _, w := range c.sortedWants() {
		if h := w.holders[s.peer]; h != nil && w.placed {
			c.spread(s, w, h, true)
		}
		c.wantHave[s.peer] = append(c.wantHave[s.peer], w.content)
		w.since = c.now
	}
}

// widen takes in peers by chance while there are fewer near than there may be.
func (c *Core) widen() {
	for c.nearCount() < c.nearMost {
		fars := 0
		for _, s := range c.peers {
			if s.near && !s.lan {
				fars++
			}
		}
		free := func(s *source) bool { return !s.near && !s.banned }
		next := c.someone(func(s *source) bool { return free(s) && s.lan == (fars >= farKept) })
		if next == nil {
			next = c.someone(free)
		}
		if next == nil {
			return
		}
		c.approach(next)
	}
}

func (c *Core) peersLeft(peers []ident.DeviceID) {
	for _, peer := range peers {
		c.peerLeft(peer)
	}
}

func (c *Core) peerLeft(peer ident.DeviceID) {
	s := c.source(peer)
	if s == nil {
		return
	}
	c.noteLies(s)
	c.takeBack(s)
	c.asksLeave(peer)
	delete(c.wantHave, peer)
	delete(c.wantRecipe, peer)
	for _, w := range c.sortedWants() {
		c.lose(w, peer)
		c.noMoreOf(w, peer)
	}
	c.peers = slices.DeleteFunc(c.peers, func(o *source) bool { return o == s })
	c.stirFar()
	c.interestLeaves(peer)
	for content, peers := range c.hints {
		c.hints[content] = slices.DeleteFunc(peers, func(p ident.DeviceID) bool { return p == peer })
	}
	if s.near {
		c.widen()
	}
}

// lone reports whether there is one peer to ask at most. It is asked in order, which its
// disk likes, and as much as a link can carry: there is nobody to leave anything to.
func (c *Core) lone() bool { return len(c.peers) < 2 }

func (c *Core) hasRoom(s *source) bool {
	if !s.near || s.banned || s.pause > c.now || c.limit.Due() > c.now || s.pieces >= windowPieces {
		return false
	}
	if c.lone() {
		return s.bytes < windowBytes
	}
	if !s.lan && c.farFull() {
		return false
	}
	return s.pieces < windowFloor || s.bytes < s.window && !(s.latency == 0 && c.anyProven())
}

// anyProven reports whether some peer has ever answered. Beside such ones a peer that has
// not is asked for little: it may claim all and give nothing.
func (c *Core) anyProven() bool {
	for _, s := range c.peers {
		if s.latency > 0 {
			return true
		}
	}
	return false
}

// measure notes a piece that came: how fast the peer is, and from that its window. What a
// peer delivers in queueTime grows as long as its answers take less than that.
func (c *Core) measure(s *source, a *ask) {
	took := c.now.Since(a.at)
	if s.latency == 0 {
		s.latency = took
	}
	s.latency += (took - s.latency) / 8
	if s.lan && s.latency > lanSlow {
		c.stirFar()
	}
	s.counted += a.size
	passed := c.now.Since(s.since)
	if passed < measureTime {
		return
	}
	rate := float64(s.counted) / passed.Seconds()
	s.counted, s.since = 0, c.now
	if s.rate == 0 {
		s.rate = rate
	}
	s.rate += (rate - s.rate) / 2
	s.window = min(windowBytes, max(windowBase, int64(s.rate*queueTime.Seconds())))
}

// stallOf is how long a peer may leave everything unanswered: by what it took so far, or,
// of one that has never answered, by what others take.
func (c *Core) stallOf(s *source) time.Duration {
	usual := s.latency
	if usual == 0 {
		for _, o := range c.peers {
			usual = max(usual, o.latency)
		}
	}
	if usual == 0 {
		return stallAfter
	}
	return min(stallAfter, max(stallLeast, stallTimes*usual))
}

// overdueAt is when the oldest ask of a peer has waited so long that others are asked for
// the piece, if they hold it.
func (c *Core) overdueAt(s *source) step.Instant {
	if len(s.asks) == 0 || s.latency == 0 {
		return step.Never
	}
	a := s.asks[0]
	return a.at.Add(max(c.stallOf(s), overdueLeast) << a.spared)
}

// releaseStalled asks others for what a peer has left unanswered too long.
func (c *Core) releaseStalled() {
	for _, s := range c.peers {
		if s.pieces > 0 && s.lastCame.Add(c.stallOf(s)) <= c.now {
			c.takeBack(s)
			s.pause = c.now.Add(c.stallPause(s))
			c.stirFar()
		}
		for s.overdue <= c.now && c.overdueAt(s) <= c.now {
			a := s.asks[0]
			if slot := a.want.first + int(a.index); c.open[a.want.class].count[slot] < 2 {
				a.spared++ // nobody else holds it
				continue
			}
			c.cancel(s, func(o *ask) bool { return o == a })
			c.shun(s, a, c.now.Add(stallAfter))
		}
		if s.overdue <= c.now {
			s.overdue = min(c.now.Add(overdueLeast), c.overdueAt(s))
		}
		if s.avoidDue <= c.now {
			c.forgetAvoided(s)
		}
	}
}

// stallPause is how long a peer that has left everything unanswered is not asked: longer
// each time, where there are others. An answer ends that.
func (c *Core) stallPause(s *source) time.Duration {
	if c.lone() {
		return stallAfter
	}
	s.trouble.stalls++
	return stallAfter << min(s.trouble.stalls-1, stallDoublings)
}

// shun leaves a piece to other peers for a while.
func (c *Core) shun(s *source, a *ask, until step.Instant) {
	if s.avoid == nil {
		s.avoid = map[avoided]step.Instant{}
	}
	if len(s.avoid) == 0 || until < s.avoidDue {
		s.avoidDue = until
	}
	s.avoid[avoided{a.want.class, a.want.first + int(a.index)}] = until
	if s.lan {
		c.stirFar()
	}
}

func (c *Core) forgetAvoided(s *source) {
	if len(s.avoid) == 0 {
		return
	}
	s.avoidDue = step.Never
	for piece, until := range s.avoid {
		if until <= c.now {
			delete(s.avoid, piece)
			s.dry = false
		} else {
			s.avoidDue = min(s.avoidDue, until)
		}
	}
}
