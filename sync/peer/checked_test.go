package peer

import (
	"testing"

	"github.com/shoal-sync/shoal/sync/tree"
	"github.com/shoal-sync/shoal/sync/wire"
)

// What is known to be meant is told when the peer has joined, before any rows, and then
// what is new; to one who is away nothing is kept for later, because the next conversation
// begins with all of it.
func TestCheckedIsToldBeforeRows(t *testing.T) {
	b := newBench(t)
	some := []tree.Range{{Replica: ourReplica, From: 1, To: 3}}
	b.do(0, CheckedLearnt{some}, "")
	b.do(0, Opened{Standing: standing(3), Checked: some}, "join call=1 answers=0 took=0, horizon")
	b.do(0, CheckedLearnt{some}, "")
	b.hear(0, wire.Checked{Ranges: some}, "") // they have not joined
	b.hear(0, joins(1, 1, 0), "meet 0, stands 0, peerjoined, Checked, state 3")
	b.hear(0, wire.Horizon{Life: 1}, "takehorizon")
	b.hear(0, wire.State{}, "know 0, load 0")
	b.do(0, CheckedLearnt{some}, "Checked")
	b.hear(0, wire.Checked{Ranges: some}, "takechecked")
	b.do(0, Closed{}, "")
	b.do(0, CheckedLearnt{some}, "")
	if len(b.core.checked) != 0 {
		t.Error("ranges are kept for a peer that is away")
	}
}

// A reader has no say in what is deleted.
func TestReadersCheckNothing(t *testing.T) {
	b := newBench(t)
	b.do(0, Cast{TheyRead: true}, "")
	b.do(0, Opened{Standing: standing(0)}, "join call=1 answers=0 took=0, horizon")
	b.hear(0, joins(1, 1, 0), "meet 0, peerjoined, state 0, wantsigned")
	b.hear(0, wire.Checked{Ranges: []tree.Range{{Replica: theirReplica, From: 1, To: 3}}}, "")
}
