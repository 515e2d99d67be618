package peer

import (
	"time"

	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// signedPause keeps what a reader passes on to one a second for each peer.
	signedPause = time.Second
	// relayWait is how long a reader waits before it passes one on: most peers hear the same
	// from the writer in the meantime, and need not be told.
	relayWait = 500 * time.Millisecond
)

// noteSigned plans to tell the peer of the signed root as which we stand now.
func (c *Core) noteSigned() {
	v := c.ours.Signed
	if c.stage != joined || v == nil || v.Sign == c.signedTold || !c.cast.WeRead && !c.cast.TheyRead {
		c.signedDue = step.Never
		return
	}
	due := max(c.now, c.signedSent.Add(statePause))
	if c.cast.WeRead {
		due = max(c.now.Add(relayWait), c.signedSent.Add(signedPause))
	}
	if c.signedDue == step.Never {
		c.signedDue = due
	}
}

// saySigned tells of it, unless the peer has come to the same by itself.
func (c *Core) saySigned() {
	c.signedDue = step.Never
	v := c.ours.Signed
	if v == nil || v.Sign == c.signedTold {
		return
	}
	c.signedTold = v.Sign
	if c.cast.WeRead && c.tookUs && c.theirs.Root == v.Root && c.theirs.Knowledge.CoversAll(v.Knowledge) {
		return
	}
	c.signedSent = c.now
	c.say(*v)
}

// wantSigned has a root signed for a reader that has just been told how we stand.
func (c *Core) wantSigned() {
	if c.cast.TheyRead && !c.cast.WeRead {
		c.emit(WantSigned{})
	}
}

// heardSigned hands on a writer's word, whoever brings it.
func (c *Core) heardSigned(m wire.SignedRoot) {
	if m.Sign == c.signedTold {
		return // it is our own telling that comes back
	}
	c.emit(TakeSigned{m})
}
