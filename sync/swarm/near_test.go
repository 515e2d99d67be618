package swarm

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

// crowd returns a bench with so many peers, named by a number.
func crowd(t *testing.T, n int) *bench {
	b := &bench{t: t, core: New(ident.FolderID{7}, ident.DeviceID{'z'}, rand.New(rand.NewPCG(1, 2)))}
	for i := range n {
		b.run(0, PeerJoined{ident.DeviceID{byte('0' + i)}})
	}
	return b
}

// What a folder costs a device must not grow with its members.
func TestPiecesAreExchangedWithFewPeers(t *testing.T) {
	b := crowd(t, 40)
	if got := b.run(0, single(1)); strings.Count(got, "want") != nearMax {
		t.Fatalf("of 40 peers are asked: %s", got)
	}
	gone := b.core.peers[0]
	for _, s := range b.core.peers {
		if s.near {
			gone = s
		}
	}
	if got := b.run(1, PeerLeft{gone.peer}); strings.Count(got, "want") != 1 || b.core.nearCount() != nearMax {
		t.Fatalf("when one of them leaves: %s, %d are near", got, b.core.nearCount())
	}
}

// Who alone holds something is asked for it, however many are near.
func TestTheOnlyHolderIsApproached(t *testing.T) {
	b := crowd(t, 40)
	w := single(1)
	b.run(0, w)
	var far *source
	for _, s := range b.core.peers {
		if !s.near {
			far = s
		}
	}
	if got := b.show(b.core.Tick(3 * second)); strings.Count(got, "want") != 40 {
		t.Fatalf("when nobody near holds it, all are asked: %s", got)
	}
	if got := b.run(4*second, hasAll(far.peer, w.Content)); !strings.Contains(got, "ask ") {
		t.Fatalf("the only holder is not asked: %s", got)
	}
	b.came(5*second, 0, "ContentReady")
}
