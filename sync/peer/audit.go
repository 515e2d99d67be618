package peer

import (
	"time"

	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/wire"
)

const (
	// auditFirst is how long two replicas stand differently, having told each other all,
	// before the difference is looked for: news of one of them may still be on its way by
	// another peer.
	auditFirst = 3 * time.Second
	// auditMax bounds the wait after looks that found nothing to mend.
	auditMax = 10 * time.Minute
)

// wonder orders an audit when both have told all they have and stand differently all the
// same.
func (c *Core) wonder() {
	switch {
	case c.theirs.Root == c.ours.Root:
		c.audits, c.auditDue = 0, step.Never
	case c.cast.TheyRead || !c.toldAll(): // in a reader's tree nothing is looked for
		c.auditDue = step.Never
	case c.auditDue == step.Never:
		c.auditDue = c.now.Add(min(auditMax, auditFirst<<min(c.audits, 10)))
	case c.auditDue <= c.now:
		c.audits++
		c.auditDue = step.Never
		c.emit(Audit{})
		c.wonder()
	}
}

// noteFound remembers what an audit found: the peer holds it so, whatever it knows of.
func (c *Core) noteFound(m wire.Message) {
	if found, ok := m.(wire.Found); ok && c.audits > 0 {
		c.noteEcho(found.Entries)
	}
}

// toldAll reports whether nothing is on its way in either direction.
func (c *Core) toldAll() bool {
	return c.tookUs && c.mayTell() && !c.theirs.Scanning && !c.ours.Scanning &&
		c.took.Log == c.log && c.took.Seq >= c.theirs.Head &&
		c.sent == c.ours.Head && len(c.batches) == 0 && !c.stateOld
}
