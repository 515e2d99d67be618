package folder

import (
	"testing"
	"time"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/version"
)

// Whoever lets a reader believe that it alone remembers something does not make it begin
// anew, or complain, again and again.
func TestARarelyRepeatedReasonToBeginAnew(t *testing.T) {
	author := ident.DeviceID{1}
	c := &Core{
		reader: true, horizon: newHorizon(), due: step.Never,
		names:    map[ident.ReplicaID]tree.Replica{7: {ID: 7, Device: author}},
		standing: map[ident.DeviceID]PeerStands{author: {}},
	}
	c.state.Knowledge = version.Vector{{Replica: 7, Counter: 3}}
	c.horizon.members[author], c.horizon.heard[author] = true, nil
	begun := step.Instant(time.Hour)
	for c.now = begun; c.now < begun.Add(3*time.Hour); c.now = c.now.Add(10 * time.Second) {
		c.judgeAlone()
		if c.now < begun.Add(aloneWait) && len(c.out) > 0 {
			t.Fatal("it did not wait")
		}
	}
	if len(c.out) != 3 {
		t.Errorf("told %d times within three hours", len(c.out))
	}
}
