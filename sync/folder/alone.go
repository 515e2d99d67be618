package folder

import (
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/version"
)

// A writer tells a reader what it wrote, and begins anew before a writer has heard of that:
// it was away for too long, or lost its index. What it wrote is on its disk still, and is
// found there, but the records are with the reader alone, whose word counts nothing, and
// who mostly holds what nobody has signed. So it would differ from all others for ever.
// It begins anew, too: what lies on its disk is taken for what the members have at that
// place where it is the same, and else it is a local change (docs/decisions/0085).

// RemembersAlone tells that this replica knows of writes that their author has forgotten and
// no writer has. Told is a writer.
type RemembersAlone struct{ Told ident.DeviceID }

func (RemembersAlone) effect() {}

// aloneWait is how long it has to be so. A writer that has begun anew hears again what the
// others knew of it, and that may take as long as a large folder takes.
const aloneWait = time.Minute

// aloneAgain is when it is said again, should nothing have come of it: a folder does not
// begin anew by what one device knows more than once an hour, and says so each time.
const aloneAgain = time.Hour

// judgeAlone ends this replica when what it remembers is nobody's any more.
func (c *Core) judgeAlone() {
	told, alone := c.remembersAlone()
	switch h := &c.horizon; {
	case !alone:
		h.alone = step.Never
	case h.alone == step.Never:
		h.alone = c.now
		c.dueAt(c.now.Add(aloneWait))
	case c.now.Since(h.alone) < aloneWait:
		c.dueAt(h.alone.Add(aloneWait))
	default:
		h.alone = c.now.Add(aloneAgain - aloneWait)
		c.dueAt(c.now.Add(aloneAgain))
		c.emit(RemembersAlone{Told: told})
	}
}

// remembersAlone looks for a write that was forgotten by all others. What stands as a writer
// has signed can be told to the others, and is no secret.
func (c *Core) remembersAlone() (told ident.DeviceID, alone bool) {
	if !c.reader || c.signed.held != nil || len(c.repairs) > 0 {
		return told, false
	}
	for _, dot := range c.state.Knowledge {
		if told, alone = c.forgottenBy(dot); alone {
			return told, true
		}
	}
	return told, false
}

// forgottenBy reports whether the author of a write is there and does not know of it, nor
// any writer that was met. A writer that is away and knew of it last will bring it back.
func (c *Core) forgottenBy(dot version.Dot) (author ident.DeviceID, forgotten bool) {
	if dot.Replica == c.state.Replica {
		return author, false
	}
	author = c.names[dot.Replica].Device
	_, stands := c.standing[author]
	if _, heard := c.horizon.heard[author]; !stands || !heard || c.horizon.readers[author] {
		return author, false
	}
	for member := range c.horizon.members {
		if !c.horizon.readers[member] && c.horizon.heard[member].Covers(dot) {
			return author, false
		}
	}
	return author, true
}
