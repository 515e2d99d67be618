package folder

import (
	"github.com/shoal-sync/shoal/sync/merge"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// Every record a peer sends keeps the limits of a record, but what several of them say of
// one entry may not, joined: each could name thousands of replicas that never were. Such a
// join is not taken in, or the index could not hold it and the folder would stop.

const (
	// fewDots is how many dots a record's contexts have at most to fit whatever else is in
	// it: each dot takes up to 20 bytes, in a context and in what its author had seen.
	fewDots = 1000
	// roomLeft is what a write of this device may add to a record: names, a target and
	// ancestors.
	roomLeft = 8 << 10
)

// fits reports whether an entry can be recorded, and still can once this device has
// written to it, too.
func (c *Core) fits(e *tree.Entry) bool {
	p, n, a, saw := e.Place.Context, e.Content.Context, e.Attrs.Context, e.Content.SawPlace
	if len(p)+len(n)+len(a)+len(saw) < fewDots {
		return true
	}
	own := version.Dot{Replica: c.state.Replica, Counter: 1<<64 - 1}
	last := *e
	last.Place.Context, last.Content.Context, last.Attrs.Context = p.With(own), n.With(own), a.With(own)
	last.Content.SawPlace = saw.Join(p).With(own)
	for _, v := range []struct {
		version *version.Version
		context version.Vector
	}{
		{&last.Place.Version, last.Place.Context},
		{&last.Content.Version, last.Content.Context},
		{&last.Attrs.Version, last.Attrs.Context},
	} {
		if !v.version.IsNull() {
			v.version.Seen = v.context
		}
	}
	return last.Check() == nil && len(tree.AppendEntry(nil, &last)) <= tree.RecordMax-roomLeft
}

// allFit reports whether all can be recorded that a join makes: the merged entry, and what
// lost, joined with what is recorded of it.
func (c *Core) allFit(merged *tree.Entry, losers []tree.Entry) bool {
	if !c.fits(merged) {
		return false
	}
	for i := range losers {
		old, known := c.index.Entry(losers[i].ID)
		if !known {
			if !c.fits(&losers[i]) {
				return false
			}
			continue
		}
		kept, further, err := merge.Join(old.Entry, losers[i])
		if err == nil && !c.allFit(&kept, further) {
			return false
		}
	}
	return true
}

func (c *Core) noteTooLong(e *tree.Entry) {
	c.note(e.ID, Trouble{Kind: Forged, Reason: "peers sent an entry with more writers than can be"})
}
