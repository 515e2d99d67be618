package swarm

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/sync/wire"
)

// A peer that says at once that it leaves to others what it is asked for, though nobody
// asked it to, is not asked for the same again while another one has it.
func TestAPeerThatYieldsUnasked(t *testing.T) {
	b := newBench(t, alice, bob)
	w := single(1)
	b.run(0, PeerHas{alice, []ident.ContentID{w.Content}})
	b.run(0, PeerHas{bob, []ident.ContentID{w.Content}})
	b.do(0, w, "ask a 0")
	b.do(ms, Heard{alice, wire.NoPiece{Ticket: b.asked[0].Ticket, Reason: wire.Yielded}}, "ask b 0")
}
