package swarm

import (
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// lotLeast is how many pieces must have been promised of late for those that were given
	// once to be left to whoever got them. A few go to everybody from here: at once.
	lotLeast = 32
	// wholeTime is how long a content of one piece that was given to one peer is left to
	// that one: it has to arrive, to be put in place, and to be told of, on a machine that
	// is busy. pieceTime is the same for a piece of a larger content, which is passed on
	// from the stage.
	wholeTime = 10 * time.Second
	pieceTime = 3 * time.Second
	// lateTime is how long that is remembered: longer, so that after those ten seconds all
	// get it who could not have it from the first one, and not the next one alone.
	lateTime = 2 * wholeTime
	// manyTime is how long it is left at most while many others go out for the first
	// time, and wholeTime after: those help everybody, and whoever was given much on a
	// slow machine takes long to pass it on.
	manyTime = time.Minute
	// manyPace is how lately lotLeast must have gone out for the first time for that.
	manyPace = 2 * time.Second
	// keptAfter is how long after a content of one piece was given to a peer it is judged
	// whether that one passed it on: it did not when another one asked for it after
	// wholeTime. A peer of whose last ones a part of keptMost was asked for, smoothed over
	// keptOver, keeps what it gets; then pieceTime is for wholeTime and manyTime.
	keptAfter = wholeTime * 3 / 2
	keptMost  = 0.9
	keptOver  = 16
	// latelyMax bounds how many pieces are remembered: what a fast link carries in that
	// time.
	latelyMax = 1 << 16
)

// lately remembers to whom pieces were promised within lateTime, and manyTime longer while
// many go out for the first time, by devices that have all of their content.
type lately struct {
	to    map[latePiece]late
	order []latePiece  // oldest first; the first of some has left since, or keeps it
	known int          // of how many at the beginning of order it is judged who passed them on
	many  step.Instant // when the last of many went out for the first time
}

type latePiece struct {
	content ident.ContentID
	index   uint32
	whole   bool // it is all of its content
}

func latePieceOf(item *wire.PieceAsk) latePiece {
	return latePiece{item.Content, item.Index, ident.ContentID(item.Chunk) == item.Content}
}

type late struct {
	peer  ident.DeviceID
	at    step.Instant
	again bool // another one asked for it after wholeTime
	next  bool // peer is not the first who got it
}

// among reports whether many pieces go out for the first time, or did so just now.
func (l *lately) among(now step.Instant) bool {
	return l.many != 0 && l.many.Add(wholeTime) > now
}

func (l *lately) forget(now step.Instant) {
	n, kept := 0, lateTime
	if l.among(now) {
		kept += manyTime
	}
	for ; n < len(l.order); n++ {
		if at := l.to[l.order[n]].at; at.Add(kept) > now && n+latelyMax >= len(l.order) {
			break
		}
		delete(l.to, l.order[n])
	}
	l.order, l.known = l.order[n:], max(0, l.known-n)
}

// judge notes who has passed on what was given to it keptAfter ago.
func (c *Core) judge() {
	l := &c.uploads.lately
	for ; l.known < len(l.order); l.known++ {
		given := l.to[l.order[l.known]]
		if given.next {
			continue // judged when it was taken from the first one
		}
		if given.at.Add(keptAfter) > c.now {
			return
		}
		if a := c.uploads.of(given.peer); a != nil && l.order[l.known].whole {
			a.noteKept(given.again)
		}
	}
}

// noteKept takes in whether a peer has kept something to itself.
func (a *asker) noteKept(kept bool) {
	a.kept -= a.kept / keptOver
	if kept {
		a.kept += 1. / keptOver
	}
}

// keeps reports whether a peer passes on next to nothing of what it is given.
func (u *uploads) keeps(peer ident.DeviceID) bool {
	a := u.of(peer)
	return a != nil && a.kept > keptMost
}

// noteGiven remembers to whom a piece was promised first of late. A content that came from
// others is everybody's to give.
func (c *Core) noteGiven(item *wire.PieceAsk, peer ident.DeviceID) {
	l := &c.uploads.lately
	if c.wants[item.Content] != nil || c.uploads.givenOf(item.Content).passed {
		return
	}
	l.forget(c.now)
	if l.to == nil {
		l.to = map[latePiece]late{}
	}
	piece := latePieceOf(item)
	given, known := l.to[piece]
	kept := known && piece.whole && c.uploads.keeps(given.peer) && !c.uploads.keeps(peer)
	if known && c.source(given.peer) != nil && !kept {
		return // who cannot have it from that one must not wait for the next one as well
	}
	if !known {
		l.order = append(l.order, piece)
	}
	if kept {
		c.uploads.of(given.peer).noteKept(true)
		c.uploads.givenOf(item.Content).times[item.Index] = 1
	}
	l.to[piece] = late{peer: peer, at: c.now, next: kept}
	if n := len(l.order); !known && n >= lotLeast && l.to[l.order[n-lotLeast]].at.Add(manyPace) > c.now {
		l.many = c.now
	}
}

// leftToOthers reports whether a piece is to be had from another peer soon, to whom it was
// given just now as one of many. A device with nothing else to send gives it all the same,
// if it is a piece of a larger content: it costs nobody anything.
func (c *Core) leftToOthers(item *wire.PieceAsk, peer ident.DeviceID) bool {
	u := &c.uploads
	u.lately.forget(c.now)
	c.judge()
	piece := latePieceOf(item)
	given, known := u.lately.to[piece]
	if !known || given.peer == peer || len(u.lately.order) < lotLeast || u.givenOf(item.Content).of(item.Index) == 0 {
		return false
	}
	if !given.again && given.at.Add(wholeTime) <= c.now {
		given.again = true
		u.lately.to[piece] = given
	}
	left := wholeTime
	switch {
	case !piece.whole:
		if left = pieceTime; u.pieces == 0 {
			return false
		}
	case given.next || u.keeps(given.peer):
		left = pieceTime
	case u.lately.among(c.now):
		left = manyTime
	}
	return given.at.Add(left) > c.now && c.source(given.peer) != nil
}
