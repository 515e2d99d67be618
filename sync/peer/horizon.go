package peer

import (
	"slices"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/version"
	"github.com/shoal-sync/shoal/sync/wire"
)

// livesMax is how many lives of a peer are remembered: enough to see one come back, though
// two copies of it be started over and over again.
const livesMax = 8

// lives is what is remembered of a peer over its links: a program that was started again
// has a new life, so one that comes back lived on while another did.
type lives struct {
	now  uint64
	past []uint64
}

// begins reports whether a life is possible: it goes on, or is new.
func (l *lives) begins(life uint64) bool {
	if life == l.now {
		return true
	}
	if l.now != 0 {
		l.past = append(l.past, l.now)
		l.past = l.past[max(0, len(l.past)-livesMax):]
	}
	l.now = life
	return !slices.Contains(l.past, life)
}

// heardHorizon lets the conversation go on where it is safe to.
func (c *Core) heardHorizon(m wire.Horizon) {
	if c.cast.TheyRead {
		m.Collected, m.TookLife = nil, 0 // a reader's word moves nobody
	}
	switch {
	case !c.lives.begins(m.Life):
		// Two programs run with one key, and write with one replica's numbers.
		c.refuse(wire.CloneFound)
		c.say(wire.Refuse{Folder: c.folder, Reason: wire.CloneFound})
	case m.TookLife != 0 && c.theyTook.Log == c.ours.Log && !c.ours.Lives.Gave(m.TookLife, c.theyTook.Seq):
		c.rolledBack()
	case !c.ours.Knowledge.CoversAll(m.Collected) && heardOthers(c.ours.Knowledge, c.ours.Replica):
		c.refuse(wire.CloneFound)
		c.emit(AwayTooLong{})
	default:
		c.metHorizon, c.collected = true, m.Collected
		c.emit(TakeHorizon{m.Life, m.Collected})
	}
}

// heardOthers reports whether a replica has ever heard of the writes of another one. One
// that has not cannot hold what others have deleted.
func heardOthers(knowledge version.Vector, own ident.ReplicaID) bool {
	return slices.ContainsFunc(knowledge, func(d version.Dot) bool { return d.Replica != own })
}

// mayTell reports whether the peer may be told of our log: nothing in it is what the peer
// has deleted and forgotten, and what the peer knows of it already has been compared.
func (c *Core) mayTell() bool {
	return c.metHorizon && c.tookUs && !c.repairing && c.ours.Knowledge.CoversAll(c.collected)
}

// refuse ends the conversation from our side, until the peer joins anew.
func (c *Core) refuse(reason wire.RefuseReason) {
	if c.stage == joined {
		c.emit(PeerLeft{})
	}
	c.stage, c.reason = refused, reason
}
