package merge

import (
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// Rank sets the stamps of a write by this replica that is about to be joined with the
// recorded entry: every local write passes here first. The order of stamps then never
// contradicts what writers had seen, which Join relies on (docs/decisions/0010).
//
// What was written is stamped above the recorded value, even where that one's clock is so
// far ahead that ours does not follow it. A delete is stamped just above the content it
// deletes, or like a newer one that its author had not seen: its stamp is a rank, not a
// time.
func Rank(write, recorded *tree.Entry) {
	registers := [3][2]*version.Version{
		{&write.Place.Version, &recorded.Place.Version},
		{&write.Content.Version, &recorded.Content.Version},
		{&write.Attrs.Version, &recorded.Attrs.Version},
	}
	var least version.Hybrid
	for _, r := range registers {
		if r[0].Dot != r[1].Dot {
			least = max(least, r[1].Stamp.Time+1)
		}
	}
	for _, r := range registers {
		if r[0].Dot != r[1].Dot && !r[0].IsNull() { // what a first scan finds stays null
			r[0].Stamp.Time = max(r[0].Stamp.Time, least)
		}
	}
	c, old := &write.Content, &recorded.Content
	if c.Deleted && c.Dot != old.Dot {
		c.Stamp.Time = old.Stamp.Time
		if c.After(old.Version) {
			c.Stamp.Time++
		}
	}
}
