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
	// latelyMax bounds how many pieces are remembered: what a fast link carries in that
	// time.
	latelyMax = 1 << 16
)

// lately remembers to whom pieces were promised within lateTime, and manyTime longer while
// many go out for the first time, by devices that have all of their content.
type lately struct {
	to    map[latePiece]late
	order []latePiece  // oldest first; the first of some has left since
	many  step.Instant // when the last of many went out for the first time
}

type latePiece struct {
	content ident.ContentID
	index   uint32
}

type late struct {
	peer ident.DeviceID
	at   step.Instant
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
	l.order = l.order[n:]
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
	piece := latePiece{item.Content, item.Index}
	given, known := l.to[piece]
	if known && c.source(given.peer) != nil {
		return // who cannot have it from that one must not wait for the next one as well
	}
	if !known {
		l.order = append(l.order, piece)
	}
	l.to[piece] = late{peer, c.now}
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
	given, known := u.lately.to[latePiece{item.Content, item.Index}]
	if !known || given.peer == peer || len(u.lately.order) < lotLeast || u.givenOf(item.Content).of(item.Index) == 0 {
		return false
	}
	left := wholeTime
	switch {
	case ident.ContentID(item.Chunk) != item.Content:
		if left = pieceTime; u.pieces == 0 {
			return false
		}
	case u.lately.among(c.now):
		left = manyTime
	}
	return given.at.Add(left) > c.now && c.source(given.peer) != nil
}
